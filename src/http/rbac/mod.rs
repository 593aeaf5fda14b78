//! The RBAC System API: `{success, data}` at `/rbac/api`, another face of the same people, roles,
//! permissions and companies. It only translates: every rule is the core's.

mod auth;
mod error;
mod list;
mod oauth;
mod organizations;
mod permissions;
mod roles;
mod users;

use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use serde_json::{Value, json};

use super::contract::{Contract, Failure, Pagination, json};
use super::route::{Route, Row};

/// Every route of the contract.
#[must_use]
pub fn routes() -> Vec<Route> {
    [
        auth::routes(),
        oauth::routes(),
        users::routes(),
        roles::routes(),
        permissions::routes(),
        organizations::routes(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The contract's way of writing.
pub struct Rbac;

#[derive(Serialize)]
struct Success<T> {
    success: bool,
    data: T,
}

impl Contract for Rbac {
    const PREFIX: &'static str = "/rbac/api";

    fn success<T: Serialize>(
        status: StatusCode,
        _: &'static str,
        data: &T,
        _: Option<Pagination>,
    ) -> Response {
        json(status, &Success { success: true, data })
    }

    fn failure(failure: &Failure) -> Response {
        error::write(failure)
    }

    fn success_schema(row: &Row) -> Value {
        json!({
            "type": "object",
            "properties": {"success": {"const": true}, "data": row.description.answer_schema()},
            "required": ["success", "data"],
        })
    }

    fn success_example(_: &Row, data: Value) -> Value {
        json!({"success": true, "data": data})
    }
}

/// The way of writing of what answers with a message alone.
struct Told;

#[derive(Serialize)]
struct Message {
    success: bool,
    message: &'static str,
}

impl Contract for Told {
    const PREFIX: &'static str = Rbac::PREFIX;

    fn success<T: Serialize>(
        status: StatusCode,
        message: &'static str,
        _: &T,
        _: Option<Pagination>,
    ) -> Response {
        json(status, &Message { success: true, message })
    }

    fn failure(failure: &Failure) -> Response {
        error::write(failure)
    }

    fn success_schema(row: &Row) -> Value {
        json!({
            "type": "object",
            "properties": {"success": {"const": true}, "message": {"const": row.message}},
            "required": ["success", "message"],
        })
    }

    fn success_example(row: &Row, _: Value) -> Value {
        json!({"success": true, "message": row.message})
    }
}

/// The way of writing of a sign-in, whose members stand beside `success`.
struct SignIn;

#[derive(Serialize)]
struct Beside<T> {
    success: bool,
    #[serde(flatten)]
    data: T,
}

impl Contract for SignIn {
    const PREFIX: &'static str = Rbac::PREFIX;

    fn success<T: Serialize>(
        status: StatusCode,
        _: &'static str,
        data: &T,
        _: Option<Pagination>,
    ) -> Response {
        json(status, &Beside { success: true, data })
    }

    fn failure(failure: &Failure) -> Response {
        error::write(failure)
    }

    fn success_schema(row: &Row) -> Value {
        let mut schema = row.description.answer_schema();
        schema["properties"]["success"] = json!({"const": true});
        schema
    }

    fn success_example(_: &Row, mut data: Value) -> Value {
        data["success"] = Value::Bool(true);
        data
    }
}
