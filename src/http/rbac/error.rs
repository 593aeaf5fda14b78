//! Refusals: `{success: false, error}`.

use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;

use crate::error::{Error, Violation, sentences};
use crate::http::contract::{Failure, json};

#[derive(Serialize)]
struct Refusal<'a> {
    success: bool,
    error: String,
    /// The broken rules of an input, each with the way to it.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [Violation],
}

/// Writes a refusal.
pub fn write(failure: &Failure) -> Response {
    let errors = failure.violations();
    json(status(failure), &Refusal { success: false, error: text(failure), errors })
}

/// What a body names and is not there is a fault of the body in this contract.
fn status(failure: &Failure) -> StatusCode {
    match failure {
        Failure::Core(Error::NotFoundInInput { .. }) => StatusCode::BAD_REQUEST,
        other => other.status(),
    }
}

fn text(failure: &Failure) -> String {
    let message = failure.message();
    match failure {
        Failure::Core(Error::Invalid(violations)) => sentences(violations),
        Failure::Core(Error::Forbidden { required, .. })
            if !required.iter().all(|node| message.contains(node.as_str())) =>
        {
            format!("{message}: {}", required.join(", "))
        }
        _ => message.into_owned(),
    }
}
