//! The route table. One row says everything about a route: its address, who may call it, what it takes
//! and what it answers. The guard, the documents and the tests all read the row.
//!
//! A row begins with the method, must say who may call it, and ends with what it answers:
//!
//! ```text
//! post("/credential/credentials", "Create Credential", create)
//!     .needs([CredentialCreate])
//!     .answers(201, "Credential Created Successfully!")
//! ```

use std::panic::Location;
use std::sync::Arc;

use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use axum::routing::{MethodFilter, MethodRouter, on};
use serde_json::Value;

use super::contract::{Answer, Contract};
use super::guard::{Allowed, Visitor};
use super::handler::{Call, Description, Handler, Proof};
use crate::access::Permission;
use crate::app::App;
use crate::error::Error;

/// Who may call a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// Anybody, for the reason given.
    Public(&'static str),
    /// Whoever is signed in.
    SignedIn,
    /// Who holds all of these.
    Needs(Vec<Permission>),
}

/// What is known of a route.
pub struct Row {
    /// The method.
    pub method: Method,
    /// The path below the contract's prefix.
    pub path: &'static str,
    /// The route's name.
    pub title: &'static str,
    /// Who may call it.
    pub access: Access,
    /// Nodes that it asks for besides, depending on what is sent.
    pub sometimes: Vec<Permission>,
    /// Whether it is about a person's own account, so that no API key may call it.
    pub of_oneself: bool,
    /// Whether it asks another server, which may not answer.
    pub asks_another_server: bool,
    /// Older paths at which it still answers, with a `Deprecation` header.
    pub aliases: Vec<&'static str>,
    /// The status of its success.
    pub status: StatusCode,
    /// The message of its success.
    pub message: &'static str,
    /// The source file that declares it.
    pub source: &'static str,
    /// What it takes and gives.
    pub description: Description,
    /// How its contract writes a success.
    pub envelope: Envelope,
}

/// How a contract writes a success: the schema of the body, and an example of it around one of its data.
pub struct Envelope {
    /// The schema.
    pub schema: fn(&Row) -> Value,
    /// The example.
    pub example: fn(&Row, Value) -> Value,
}

impl Row {
    /// The nodes that every request needs.
    #[must_use]
    pub fn needed(&self) -> &[Permission] {
        match &self.access {
            Access::Needs(permissions) => permissions,
            Access::Public(_) | Access::SignedIn => &[],
        }
    }

    /// Whether its handler can read this body; none where it takes none, or sees to that itself.
    #[must_use]
    pub fn judge_body(&self, body: &[u8]) -> Option<Result<(), Error>> {
        let judge = self.description.judge_body?;
        Some(judge(self.description.body.as_ref(), body))
    }

    /// Whether its handler can read this query; none where it takes none.
    #[must_use]
    pub fn judge_query(&self, query: &[u8]) -> Option<Result<(), Error>> {
        let judge = self.description.judge_query?;
        Some(judge(self.description.query.as_ref(), query))
    }
}

/// A row with the service that answers it, behind its guard.
pub struct Route {
    /// What is known of it.
    pub row: Arc<Row>,
    /// What answers it.
    pub service: MethodRouter<Arc<App>>,
}

/// A row that does not say yet who may call it.
pub struct Unguarded<H> {
    method: Method,
    path: &'static str,
    title: &'static str,
    source: &'static str,
    handler: H,
}

/// A row that does not say yet what it answers. The handler gets a proof `P` that the guard let it pass.
pub struct Guarded<P, H, A> {
    draft: Unguarded<H>,
    access: Access,
    sometimes: Vec<Permission>,
    of_oneself: bool,
    asks_another_server: bool,
    aliases: Vec<&'static str>,
    proof: std::marker::PhantomData<fn(P) -> A>,
}

macro_rules! methods {
    ($($name:ident $method:ident),*) => {$(
        #[doc = concat!("Begins a row for `", stringify!($method), "`.")]
        #[track_caller]
        pub fn $name<H>(path: &'static str, title: &'static str, handler: H) -> Unguarded<H> {
            Unguarded { method: Method::$method, path, title, source: Location::caller().file(), handler }
        }
    )*};
}
methods!(get GET, post POST, put PUT, patch PATCH, delete DELETE);

impl<H> Unguarded<H> {
    /// Only who holds all of `permissions` may call it.
    pub fn needs<A, const N: usize>(self, permissions: [Permission; N]) -> Guarded<Allowed, H, A>
    where
        H: Handler<Allowed, A>,
    {
        self.guarded(Access::Needs(permissions.into()))
    }

    /// Whoever is signed in may call it.
    pub fn signed_in<A>(self) -> Guarded<Allowed, H, A>
    where
        H: Handler<Allowed, A>,
    {
        self.guarded(Access::SignedIn)
    }

    /// Anybody may call it, for this reason.
    pub fn public<A>(self, reason: &'static str) -> Guarded<Visitor, H, A>
    where
        H: Handler<Visitor, A>,
    {
        self.guarded(Access::Public(reason))
    }

    fn guarded<P, A>(self, access: Access) -> Guarded<P, H, A> {
        let (sometimes, aliases) = (Vec::new(), Vec::new());
        let proof = std::marker::PhantomData;
        let (of_oneself, asks_another_server) = (false, false);
        Guarded { draft: self, access, sometimes, of_oneself, asks_another_server, aliases, proof }
    }
}

impl<P: Proof, H: Handler<P, A>, A: 'static> Guarded<P, H, A> {
    /// Depending on what is sent, the noun asks for these nodes besides.
    #[must_use]
    pub fn sometimes<const N: usize>(self, permissions: [Permission; N]) -> Self {
        Self { sometimes: permissions.into(), ..self }
    }

    /// It is about the caller's own account, sessions or keys: for people only, not for API keys.
    #[must_use]
    pub fn of_oneself(self) -> Self {
        Self { of_oneself: true, ..self }
    }

    /// It asks another server, and answers 502 or 504 where that one does not answer.
    #[must_use]
    pub fn asks_another_server(self) -> Self {
        Self { asks_another_server: true, ..self }
    }

    /// It still answers at an older path, with a `Deprecation` header.
    #[must_use]
    pub fn formerly_at(mut self, path: &'static str) -> Self {
        self.aliases.push(path);
        self
    }

    /// Ends the row: a success has this status and message, in the bytes of contract `C`.
    pub fn answers<C: Contract>(self, status: StatusCode, message: &'static str) -> Route {
        let Self { draft, access, sometimes, of_oneself, asks_another_server, aliases, .. } = self;
        let Unguarded { method, path, title, source, handler } = draft;
        let filter = MethodFilter::try_from(method.clone()).unwrap_or(MethodFilter::GET);
        let description = H::describe();
        let envelope = Envelope { schema: C::success_schema, example: C::success_example };
        let row = Row {
            method,
            path,
            title,
            access,
            sometimes,
            of_oneself,
            asks_another_server,
            aliases,
            status,
            message,
            source,
            description,
            envelope,
        };
        let row = Arc::new(row);
        let of_service = Arc::clone(&row);
        let service = on(filter, move |request: Request| {
            run::<C, P, H, A>(handler.clone(), Arc::clone(&of_service), request)
        });
        Route { row, service }
    }
}

/// One request that the guard let pass.
async fn run<C: Contract, P: Proof, H: Handler<P, A>, A>(
    handler: H,
    row: Arc<Row>,
    request: Request,
) -> Response {
    let (status, message) = (row.status, row.message);
    let mut call = Call::new(row, request);
    let outcome = match call.parts.extensions.remove::<P>() {
        // in a box: it is large, and would be moved about with all that is around it
        Some(proof) => Box::pin(handler.call(proof, &mut call)).await,
        None => Err(Error::Internal(anyhow::anyhow!("a route without its guard")).into()),
    };
    match outcome {
        Ok(answer) => answer.write::<C>(status, message),
        Err(failure) => failure.answer::<C>(),
    }
}
