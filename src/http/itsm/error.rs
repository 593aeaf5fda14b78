//! Refusals: `{success: false, message}`.

use std::borrow::Cow;

use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;

use crate::error::{Error, Violation, sentences};
use crate::http::contract::{Failure, json};

#[derive(Serialize)]
struct Refusal<'a> {
    success: bool,
    message: &'a str,
    /// The broken rules of an input, each with the way to it.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [Violation],
}

/// Writes a refusal.
pub fn write(failure: &Failure) -> Response {
    let status = status(failure);
    let message = message(status, failure);
    json(status, &Refusal { success: false, message: &message, errors: failure.violations() })
}

/// What a body names and is not there is a fault of the body in this contract.
fn status(failure: &Failure) -> StatusCode {
    match failure {
        Failure::Core(Error::NotFoundInInput { .. }) => StatusCode::BAD_REQUEST,
        other => other.status(),
    }
}

/// The contract has words of its own for what happens most.
fn message(status: StatusCode, failure: &Failure) -> Cow<'_, str> {
    match (status, failure) {
        (_, Failure::Core(Error::Invalid(violations))) => sentences(violations).into(),
        (_, Failure::Core(Error::Unauthenticated { code: Some("InvalidCredentials"), .. })) => {
            "Invalid credentials".into()
        }
        (_, Failure::Core(Error::Unauthenticated { code: Some("InvalidApiKey"), message })) => {
            (*message).into()
        }
        (StatusCode::UNAUTHORIZED, _) => "Authentication required".into(),
        (StatusCode::FORBIDDEN, _) => "Access denied".into(),
        (StatusCode::NOT_FOUND, _) => "Resource not found".into(),
        (StatusCode::INTERNAL_SERVER_ERROR, _) => "Error fetching/creating/updating resource".into(),
        _ => failure.message(),
    }
}
