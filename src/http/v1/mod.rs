//! The TTSCM contract: `{status, message, data, successful}` at `/v1`.

mod audit;
mod auth;
mod company;
mod connectwise;
mod credential;
mod credential_type;
mod other_user;
mod permissions;
mod role;
mod session;
mod sign_in;
mod user;
mod utility;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::contract::{Contract, Failure, Pagination};
use super::route::Route;
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
        company::routes(),
        connectwise::routes(),
        credential::routes(),
        credential_type::routes(),
        role::routes(),
        permissions::routes(),
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
            Failure::Core(Error::NotFound { code, .. } | Error::NotConfigured { code, .. }) => {
                (Some(*code), &[][..])
            }
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
        if let Some(wait) = failure.retry_after() {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        if status == StatusCode::UPGRADE_REQUIRED {
            response.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        }
        response
    }
}

fn json<T: Serialize>(status: StatusCode, body: &T) -> Response {
    match serde_json::to_vec(body) {
        Ok(bytes) => (status, [(header::CONTENT_TYPE, "application/json")], bytes).into_response(),
        Err(error) => {
            tracing::error!(%error, "an answer could not be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
