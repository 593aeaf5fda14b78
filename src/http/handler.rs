//! Handlers: functions that take the guard's proof and typed inputs, and answer with data.

use std::future::Future;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::request::Parts;
use schemars::JsonSchema;

use super::contract::{Answer, Failure};
use super::route::Row;
use super::schema::InputSchema;
use crate::app::App;

/// A request on its way through a route.
pub struct Call {
    /// The program's parts.
    pub app: Arc<App>,
    /// The route.
    pub row: Arc<Row>,
    /// The request without its body.
    pub parts: Parts,
    body: Option<Body>,
}

impl Call {
    /// Takes a request apart.
    pub fn new(row: Arc<Row>, app: Arc<App>, request: Request) -> Self {
        let (parts, body) = request.into_parts();
        Self { app, row, parts, body: Some(body) }
    }

    /// The body, once.
    pub fn take_body(&mut self) -> Body {
        self.body.take().unwrap_or_default()
    }
}

/// What a route takes and gives, by the types of its handler.
#[derive(Default)]
pub struct Description {
    /// The query's parameters.
    pub query: Option<InputSchema>,
    /// The body.
    pub body: Option<InputSchema>,
    /// Headers besides the usual ones, with what each is for.
    pub headers: Vec<(&'static str, &'static str)>,
    /// The data of a success.
    pub answer: Option<InputSchema>,
}

/// A part of the request that a handler takes as an argument.
pub trait Extract: Sized + Send {
    /// Reads it.
    fn extract(call: &mut Call) -> impl Future<Output = Result<Self, Failure>> + Send;

    /// Tells the row what it takes.
    fn describe(description: &mut Description);
}

/// Proof that the guard let a request pass. Nothing else can make one.
pub trait Proof: Sized + Send + 'static {
    /// The guard.
    fn prove(call: &mut Call) -> impl Future<Output = Result<Self, Failure>> + Send;
}

/// A function that answers a route: it takes a proof `P`, then up to three arguments.
pub trait Handler<P, Args>: Clone + Send + Sync + 'static {
    /// What it answers with.
    type Answer: Answer;

    /// Reads the arguments and runs the function.
    fn call(&self, proof: P, call: &mut Call) -> impl Future<Output = Result<Self::Answer, Failure>> + Send;

    /// What the row is to know of it.
    fn describe() -> Description;
}

fn answering<T: JsonSchema>(mut description: Description) -> Description {
    description.answer = Some(InputSchema::of::<T>());
    description
}

macro_rules! handlers {
    ($(($($name:ident: $argument:ident),*))*) => {$(
        impl<F, Fut, T, E, P, $($argument),*> Handler<P, ($($argument,)*)> for F
        where
            F: Fn(P, $($argument),*) -> Fut + Clone + Send + Sync + 'static,
            Fut: Future<Output = Result<T, E>> + Send,
            T: Answer,
            E: Into<Failure>,
            P: Proof,
            $($argument: Extract,)*
        {
            type Answer = T;

            async fn call(&self, proof: P, call: &mut Call) -> Result<T, Failure> {
                // a handler without arguments takes nothing from it
                let _ = &call;
                $(let $name = $argument::extract(call).await?;)*
                self(proof, $($name),*).await.map_err(Into::into)
            }

            fn describe() -> Description {
                let mut description = Description::default();
                let arguments: &[fn(&mut Description)] = &[$($argument::describe),*];
                for describe in arguments {
                    describe(&mut description);
                }
                answering::<T::Data>(description)
            }
        }
    )*};
}
handlers! { () (a: A) (a: A, b: B) (a: A, b: B, c: C) }
