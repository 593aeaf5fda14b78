//! A product of a test's own, which answers as it is told and remembers what it was asked; the names by
//! which it is found; and a client for it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, Response, header};
use futures_util::future::BoxFuture;
use serde_json::Value;
use ttscm::integration::{AuthType, Client, Credentials, Given, Kind, Product};
use ttscm::outgoing::{Bounds, Guard, Lookup};

use super::microsoft::serve;
use super::time::TestClock;

/// What no finding may ever show.
pub const MARKER: &str = "marker-of-the-upstream-Kq3";

/// This machine, as an address of a network that the operator allows.
pub const HERE: &str = "127.0.0.0/8";

/// What a product was asked.
pub struct Asked {
    pub method: String,
    /// The path and the query.
    pub target: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Asked {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }
}

#[derive(Clone)]
pub struct TestProduct {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl TestProduct {
    pub async fn start(answer: impl Fn(&Asked) -> Response<Body> + Clone + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let product = Self { address: listener.local_addr().expect("an address"), asked: Arc::default() };
        let shared = product.clone();
        let router = axum::Router::new().fallback(move |request: Request| {
            let (shared, answer) = (shared.clone(), answer.clone());
            async move {
                let (parts, body) = request.into_parts();
                let asked = Asked {
                    method: parts.method.to_string(),
                    target: parts.uri.to_string(),
                    headers: parts.headers,
                    body: axum::body::to_bytes(body, 1_000_000).await.expect("a body"),
                };
                let response = answer(&asked);
                shared.asked.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
                response
            }
        });
        tokio::spawn(serve(listener, router));
        product
    }

    /// One that gives the same answer to everything.
    pub async fn that_answers(status: u16, body: &str) -> Self {
        let body = body.to_owned();
        Self::start(move |_| answer(status, &body)).await
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its address by a name, which a lookup of the test's knows.
    pub fn url_by(&self, name: &str) -> String {
        format!("http://{name}:{}", self.address.port())
    }

    /// What it was asked since this was last asked.
    pub fn take_asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// An answer; where its body begins with `<` it is a page, else it says that it is JSON.
pub fn answer(status: u16, body: &str) -> Response<Body> {
    let kind = if body.trim_start().starts_with('<') { "text/html" } else { "application/json" };
    let response = Response::builder().status(status).header(header::CONTENT_TYPE, kind);
    response.header("x-marker", MARKER).body(Body::from(body.to_owned())).expect("an answer")
}

/// The same with one more header.
pub fn answer_with(status: u16, name: &'static str, value: &'static str, body: &str) -> Response<Body> {
    let mut response = answer(status, body);
    response.headers_mut().insert(name, value.parse().expect("a value"));
    response
}

/// Finds all names where the test says, and counts how often it is asked. `found` is told how often before.
pub struct TestLookup<F> {
    found: F,
    asked: AtomicUsize,
}

impl<F: Fn(&str, usize) -> Vec<IpAddr> + Send + Sync + 'static> TestLookup<F> {
    pub fn new(found: F) -> Arc<Self> {
        Arc::new(Self { found, asked: AtomicUsize::new(0) })
    }

    pub fn times_asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl<F: Fn(&str, usize) -> Vec<IpAddr> + Send + Sync + 'static> Lookup for TestLookup<F> {
    fn addresses(&self, name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let before = self.asked.fetch_add(1, Ordering::SeqCst);
        let found = (self.found)(&name, before);
        Box::pin(async move { Ok(found) })
    }
}

/// A guard that finds every name on this machine.
pub fn guard(allowed: &[&str], bounds: Bounds) -> Guard {
    let here: Arc<dyn Lookup> = TestLookup::new(|_, _| vec![Ipv4Addr::LOCALHOST.into()]);
    guard_with(allowed, bounds, &here)
}

pub fn guard_with(allowed: &[&str], bounds: Bounds, lookup: &Arc<dyn Lookup>) -> Guard {
    let allowed = allowed.iter().map(|network| network.parse().expect("a network")).collect();
    Guard::new(allowed, bounds, lookup).expect("a guard")
}

/// A client of products on this machine.
pub fn client() -> Client {
    Client::new(guard(&[HERE], Bounds::default()), TestClock::new().shared())
}

/// Credentials of these parts, which must keep every rule.
pub fn credentials(client: &Client, auth_type: AuthType, parts: &[(&str, &str)]) -> Credentials {
    let checked = Credentials::check(auth_type, given(parts), &client.guard, &[]);
    checked.unwrap_or_else(|violations| panic!("{violations:?}"))
}

pub fn given(parts: &[(&str, &str)]) -> Given {
    parts.iter().map(|(name, value)| ((*name).to_owned(), Some((*value).into()))).collect()
}

/// A product of a kind, with credentials of a type.
pub fn product(
    client: &Client,
    kind: Kind,
    url: &str,
    auth_type: AuthType,
    parts: &[(&str, &str)],
) -> Product {
    Product {
        id: ttscm::id::new(),
        kind,
        base_url: client.check_base_url(url).unwrap_or_else(|violation| panic!("{violation:?}")),
        auth_type,
        credentials: Some(credentials(client, auth_type, parts)),
        first_get: None,
    }
}

/// The JSON that was asked with.
pub fn sent_json(asked: &Asked) -> Value {
    serde_json::from_slice(&asked.body).expect("JSON")
}
