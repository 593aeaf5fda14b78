//! Handlers: functions that take the guard's proof and typed inputs, and answer with data.

use std::future::Future;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::request::Parts;
use serde_json::Value;

use super::contract::{Answer, Failure};
use super::guard::{Allowed, Visitor};
use super::route::Row;
use super::schema::InputSchema;
use crate::error::Error;

/// A request on its way through a route.
pub struct Call {
    /// The route.
    pub row: Arc<Row>,
    /// The request without its body.
    pub parts: Parts,
    body: Option<Body>,
}

impl Call {
    /// Takes a request apart.
    pub fn new(row: Arc<Row>, request: Request) -> Self {
        let (parts, body) = request.into_parts();
        Self { row, parts, body: Some(body) }
    }

    /// The body, once.
    pub fn take_body(&mut self) -> Body {
        self.body.take().unwrap_or_default()
    }
}

/// Reads encoded input that a schema is held against, as a type of its own, and drops it.
pub type Judge = fn(Option<&InputSchema>, &[u8]) -> Result<(), Error>;

/// What a route takes and gives, by the types of its handler.
#[derive(Default)]
pub struct Description {
    /// The query's parameters.
    pub query: Option<InputSchema>,
    /// The body.
    pub body: Option<InputSchema>,
    /// Tells whether the handler can read a query.
    pub judge_query: Option<Judge>,
    /// Tells whether the handler can read a body.
    pub judge_body: Option<Judge>,
    /// Headers besides the usual ones, with what each is for.
    pub headers: Vec<(&'static str, &'static str)>,
    /// The data of a success.
    pub answer: Option<InputSchema>,
    /// Whether a success may come with its place in a list.
    pub is_list: bool,
    /// Whether a person's browser gets a page.
    pub has_pages: bool,
    /// Whether the body is a form's.
    pub is_form: bool,
}

impl Description {
    /// The schema of the data of a success; anything where it is not known.
    #[must_use]
    pub fn answer_schema(&self) -> Value {
        self.answer.as_ref().map_or(Value::Bool(true), |answer| answer.schema().as_value().clone())
    }
}

/// A part of the request that a handler takes as an argument.
pub trait Extract: Sized + Send {
    /// Reads it.
    fn extract(call: &mut Call) -> impl Future<Output = Result<Self, Failure>> + Send;

    /// Tells the row what it takes.
    fn describe(description: &mut Description);
}

/// A part that the handler judges itself where it is not as it should be.
impl<T: Extract> Extract for Result<T, Failure> {
    async fn extract(call: &mut Call) -> Result<Self, Failure> {
        Ok(T::extract(call).await)
    }

    fn describe(description: &mut Description) {
        T::describe(description);
    }
}

/// Proof that the guard let a request pass. The guard alone makes one.
pub trait Proof: Clone + Send + Sync + 'static {}

impl Proof for Allowed {}
impl Proof for Visitor {}

/// A function that answers a route: it takes a proof `P`, then up to three arguments.
pub trait Handler<P, Args>: Clone + Send + Sync + 'static {
    /// What it answers with.
    type Answer: Answer;

    /// Reads the arguments and runs the function.
    fn call(&self, proof: P, call: &mut Call) -> impl Future<Output = Result<Self::Answer, Failure>> + Send;

    /// What the row is to know of it.
    fn describe() -> Description;
}

fn answering<T: Answer>(mut description: Description) -> Description {
    description.answer = Some(InputSchema::of::<T::Data>());
    description.is_list = T::IS_LIST;
    description.has_pages = T::HAS_PAGES;
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
                answering::<T>(description)
            }
        }
    )*};
}
handlers! { () (a: A) (a: A, b: B) (a: A, b: B, c: C) }
