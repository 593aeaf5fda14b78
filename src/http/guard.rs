//! The guard: the tower layer in front of every route, the one place where a request is authenticated and
//! its permission checked. It leaves a proof in the request, without which no handler can run.

use std::convert::Infallible;
use std::marker::PhantomData;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use futures_util::future::BoxFuture;
use tower::{Layer, Service};
use tracing::Instrument;

use super::client;
use super::contract::{Contract, Failure};
use super::route::{Access, Row};
use crate::access::{self, Caller, Origin, Permission};
use crate::app::App;
use crate::database::Pool;
use crate::error::Error;

/// How long a request may take, its check included.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How long it may take where the database is silent, or connections to it were lost.
const PATIENCE: Duration = Duration::from_secs(4);

/// Somebody at a public route.
#[derive(Clone)]
pub struct Visitor {
    /// The program's parts.
    pub app: Arc<App>,
    /// Where the request comes from.
    pub origin: Origin,
}

/// Somebody who is signed in and holds the nodes of the route's row, if only in some company or for some
/// credential type. How far they reach is the noun's to judge.
#[derive(Clone)]
pub struct Allowed {
    /// The program's parts.
    pub app: Arc<App>,
    /// Who it is.
    pub caller: Caller,
    row: Arc<Row>,
}

impl Allowed {
    /// The nodes of the row, all of which a thing must be within reach of.
    pub fn needed(&self) -> &[Permission] {
        self.row.needed()
    }
}

/// Puts the guard in front of a route, which refuses in the bytes of contract `C`.
pub struct GuardLayer<C> {
    app: Arc<App>,
    row: Arc<Row>,
    contract: PhantomData<fn() -> C>,
}

impl<C> GuardLayer<C> {
    /// The guard of this row.
    pub fn new(app: Arc<App>, row: Arc<Row>) -> Self {
        Self { app, row, contract: PhantomData }
    }
}

impl<C> Clone for GuardLayer<C> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.app), Arc::clone(&self.row))
    }
}

impl<S, C> Layer<S> for GuardLayer<C> {
    type Service = Guard<S, C>;

    fn layer(&self, inner: S) -> Guard<S, C> {
        Guard { inner, layer: self.clone() }
    }
}

/// A route behind its guard.
pub struct Guard<S, C> {
    inner: S,
    layer: GuardLayer<C>,
}

impl<S: Clone, C> Clone for Guard<S, C> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), layer: self.layer.clone() }
    }
}

impl<S, C> Service<Request> for Guard<S, C>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    C: Contract,
{
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        // the service that was made ready is the one to call
        let waiting = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, waiting);
        let (app, row) = (Arc::clone(&self.layer.app), Arc::clone(&self.layer.row));
        Box::pin(async move {
            let pool = app.pool.clone();
            let work = async {
                let (mut parts, body) = request.into_parts();
                match admit(app, row, &mut parts).await {
                    Ok(()) => inner.call(Request::from_parts(parts, body)).await,
                    Err(failure) => Ok(failure.answer::<C>()),
                }
            };
            in_time(&pool, work).await.unwrap_or_else(|failure| Ok(failure.answer::<C>()))
        })
    }
}

/// Does the work of a request, unless it takes too long, or waits for a database that does not answer.
async fn in_time<T>(pool: &Pool, work: impl Future<Output = T>) -> Result<T, Failure> {
    let began = Instant::now();
    let mut work = pin!(tokio::time::timeout(TIMEOUT, work));
    let done = if let Ok(done) = tokio::time::timeout(PATIENCE, &mut work).await {
        done
    } else {
        tokio::select! {
            done = work => done,
            () = pool.loss(began) => return Err(Error::from(sqlx::Error::PoolTimedOut).into()),
        }
    };
    done.map_err(|_| Failure::Http(StatusCode::SERVICE_UNAVAILABLE, "The request took too long"))
}

/// Lets a request pass, with the proof of it, or says why not.
async fn admit(app: Arc<App>, row: Arc<Row>, parts: &mut Parts) -> Result<(), Failure> {
    let origin = client::origin(parts, &app.settings.trusted_proxies);
    if let Access::Public(_) = row.access {
        parts.extensions.insert(Visitor { app, origin });
        return Ok(());
    }
    let token =
        parts.headers.get(header::AUTHORIZATION).and_then(bearer).ok_or_else(Error::unauthenticated)?;
    let asked = access::authenticate(&app, token, origin);
    let caller = asked.instrument(tracing::debug_span!("authenticate")).await?;
    if row.of_oneself {
        caller.refuse_key()?;
    }
    caller.require_somewhere(row.needed())?;
    parts.extensions.insert(Allowed { app, caller, row });
    Ok(())
}

/// The token of an `Authorization` header (RFC 6750 section 2.1).
#[must_use]
pub fn bearer(value: &HeaderValue) -> Option<&str> {
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
