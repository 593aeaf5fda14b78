//! The TTSCM contract: `{status, message, data, successful}` at `/v1`.

mod api_key;
mod audit;
mod auth;
mod company;
mod connectwise;
mod credential;
mod credential_type;
mod custom_permission;
mod exposure;
mod integration;
mod other_user;
mod permissions;
mod role;
mod session;
mod sign_in;
mod trash;
mod user;
mod utility;
mod version;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Serialize;
use serde_json::{Value, json};

use super::contract::{Contract, Failure, Pagination, json};
use super::route::{Route, Row};
use crate::error::{Error, Violation};

/// Every route of the contract.
#[must_use]
pub fn routes() -> Vec<Route> {
    [
        sign_in::routes(),
        auth::routes(),
        session::routes(),
        user::routes(),
        other_user::routes(),
        exposure::routes(),
        company::routes(),
        connectwise::routes(),
        credential::routes(),
        credential_type::routes(),
        role::routes(),
        permissions::routes(),
        custom_permission::routes(),
        api_key::routes(),
        integration::routes(),
        trash::routes(),
        audit::routes(),
        utility::routes(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The contract's way of writing.
pub struct V1;

#[derive(Serialize)]
struct Success<T> {
    status: u16,
    message: &'static str,
    data: T,
    #[serde(skip_serializing_if = "Option::is_none")]
    pagination: Option<Pagination>,
    successful: bool,
}

#[derive(Serialize)]
struct Refusal<'a> {
    status: u16,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    required: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [Violation],
    successful: bool,
}

impl Contract for V1 {
    const PREFIX: &'static str = "/v1";

    fn success<T: Serialize>(
        status: StatusCode,
        message: &'static str,
        data: &T,
        pagination: Option<Pagination>,
    ) -> Response {
        json(status, &Success { status: status.as_u16(), message, data, pagination, successful: true })
    }

    fn failure(failure: &Failure) -> Response {
        let status = failure.status();
        let (error, required) = match failure {
            Failure::Core(
                Error::NotFound { code, .. }
                | Error::NotFoundInInput { code, .. }
                | Error::NotConfigured { code, .. },
            ) => (Some(*code), &[][..]),
            Failure::Core(Error::Unauthenticated { code, .. }) => (*code, &[][..]),
            Failure::Core(Error::Forbidden { required, .. }) => {
                (Some("InsufficientPermission"), &required[..])
            }
            Failure::Core(Error::Conflict(_)) => (Some("Conflict"), &[][..]),
            Failure::Core(Error::TooMany { .. }) => (Some("TooManyRequests"), &[][..]),
            _ => (None, &[][..]),
        };
        let body = Refusal {
            status: status.as_u16(),
            message: &failure.message(),
            error,
            required,
            errors: failure.violations(),
            successful: false,
        };
        let mut response = json(status, &body);
        if status == StatusCode::UPGRADE_REQUIRED {
            response.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        }
        response
    }

    fn success_schema(row: &Row) -> Value {
        let is_success = row.status.is_success();
        let mut properties = json!({
            "status": {"const": row.status.as_u16()},
            "message": {"const": row.message},
            "successful": {"const": is_success},
        });
        let mut required = vec!["status", "message", "successful"];
        if is_success {
            properties["data"] = row.description.answer_schema();
            required.push("data");
        }
        if row.description.is_list {
            properties["pagination"] = pagination();
        }
        json!({"type": "object", "properties": properties, "required": required})
    }

    fn success_example(row: &Row, data: Value) -> Value {
        let successful = row.status.is_success();
        let mut answer = json!({"status": row.status.as_u16(), "message": row.message});
        if successful {
            answer["data"] = data;
        }
        answer["successful"] = Value::Bool(successful);
        answer
    }
}

/// The place of an answer in its list: a page, or a cursor.
fn pagination() -> Value {
    let number = json!({"type": "integer"});
    let neighbour = json!({"type": ["integer", "null"]});
    json!({"anyOf": [
        {
            "type": "object",
            "properties": {
                "previousPage": neighbour, "currentPage": number, "nextPage": neighbour,
                "totalPages": number, "totalRecords": number, "listedRecords": number,
            },
            "required": ["previousPage", "currentPage", "nextPage", "totalPages", "totalRecords", "listedRecords"],
        },
        {
            "type": "object",
            "properties": {"nextCursor": {"type": ["string", "null"]}},
            "required": ["nextCursor"],
        },
    ]})
}
