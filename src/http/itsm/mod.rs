//! The ITSM Integration API: `{success, data}` at `/itsm/api`, one more face of the same people. It only
//! translates: every rule is the core's.

mod auth;
mod error;
mod integrations;
mod list;
mod users;

use std::marker::PhantomData;

use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use serde_json::{Value, json};

use super::contract::{Contract, Failure, Pagination, json};
use super::route::{Route, Row};

/// Every route of the contract.
#[must_use]
pub fn routes() -> Vec<Route> {
    [auth::routes(), users::routes(), integrations::routes()].into_iter().flatten().collect()
}

/// A success with data: `{success, data}`.
pub type Itsm = Face<Data>;

/// A success in words: `{success, message}`.
type Told = Face<Words>;

/// A success in words, with data: `{success, message, data}`.
type ToldWith = Face<WordsAndData>;

/// A success whose members stand beside `success`, as those of a sign-in and of a list do.
type Beside = Face<Members>;

/// The contract, with one of its ways of writing a success.
pub struct Face<W>(PhantomData<W>);

/// A way of writing a success.
pub trait Writing: 'static {
    /// The members beside `success`, of the message and the data.
    fn members<T: Serialize>(message: &'static str, data: T) -> impl Serialize;

    /// What the documents say of these.
    fn schema(row: &Row) -> Value;
}

impl<W: Writing> Contract for Face<W> {
    const PREFIX: &'static str = "/itsm/api";

    fn success<T: Serialize>(
        status: StatusCode,
        message: &'static str,
        data: &T,
        _: Option<Pagination>,
    ) -> Response {
        json(status, &Success { success: true, members: W::members(message, data) })
    }

    fn failure(failure: &Failure) -> Response {
        error::write(failure)
    }

    fn success_schema(row: &Row) -> Value {
        let mut schema = W::schema(row);
        schema["properties"]["success"] = json!({"const": true});
        schema
    }

    fn success_example(row: &Row, data: Value) -> Value {
        serde_json::to_value(Success { success: true, members: W::members(row.message, data) })
            .unwrap_or_default()
    }
}

#[derive(Serialize)]
struct Success<T> {
    success: bool,
    #[serde(flatten)]
    members: T,
}

/// The data alone.
pub struct Data;

impl Writing for Data {
    fn members<T: Serialize>(_: &'static str, data: T) -> impl Serialize {
        Parts { message: None, data: Some(data) }
    }

    fn schema(row: &Row) -> Value {
        let properties = json!({"data": row.description.answer_schema()});
        json!({"type": "object", "properties": properties, "required": ["success", "data"]})
    }
}

/// The message alone.
pub struct Words;

impl Writing for Words {
    fn members<T: Serialize>(message: &'static str, _: T) -> impl Serialize {
        Parts { message: Some(message), data: None::<T> }
    }

    fn schema(row: &Row) -> Value {
        let properties = json!({"message": {"const": row.message}});
        json!({"type": "object", "properties": properties, "required": ["success", "message"]})
    }
}

/// The message and the data.
pub struct WordsAndData;

impl Writing for WordsAndData {
    fn members<T: Serialize>(message: &'static str, data: T) -> impl Serialize {
        Parts { message: Some(message), data: Some(data) }
    }

    fn schema(row: &Row) -> Value {
        let properties = json!({"message": {"const": row.message}, "data": row.description.answer_schema()});
        json!({"type": "object", "properties": properties, "required": ["success", "message", "data"]})
    }
}

/// The members of the data.
pub struct Members;

impl Writing for Members {
    fn members<T: Serialize>(_: &'static str, data: T) -> impl Serialize {
        data
    }

    fn schema(row: &Row) -> Value {
        row.description.answer_schema()
    }
}

#[derive(Serialize)]
struct Parts<T> {
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<T>,
}
