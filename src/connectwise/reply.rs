//! What an answer of ConnectWise means.

use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use serde_json::Value;

use super::{Failure, Result};
use crate::outgoing;

/// The longest answer, in bytes: a thousand companies with all that they can have.
const MAX_BODY: usize = 32 * 1024 * 1024;

/// What came back from a call.
pub enum Reply {
    /// The data.
    Data(Value),
    /// The address is not, or no more, one of the API; or the keys are wrong.
    Elsewhere,
}

/// Reads an answer to its end and says what it means.
pub async fn read(response: Response) -> Result<Reply> {
    let (status, headers) = (response.status(), response.headers().clone());
    let body = outgoing::body(response, MAX_BODY).await?;
    let is_page = is_html(&headers, &body);
    let parsed = if is_page { None } else { serde_json::from_slice(&body).ok() };
    if status.is_success() {
        return match parsed {
            Some(data) => Ok(Reply::Data(data)),
            // an answer to `DELETE` has no body
            None if body.is_empty() => Ok(Reply::Data(Value::Null)),
            None if is_page => Err(Failure::Nonsense("a page for people")),
            None => Err(Failure::Nonsense("half an answer")),
        };
    }
    let text =
        |member: &str| parsed.as_ref().and_then(|body: &Value| body[member].as_str()).unwrap_or_default();
    Err(match status {
        StatusCode::UNAUTHORIZED => Failure::Keys { status: status.as_u16() },
        // what stands before the cloud throttles with a page of its own
        StatusCode::FORBIDDEN if is_page => Failure::Busy { wait: outgoing::retry_after(&headers) },
        StatusCode::FORBIDDEN => Failure::Forbidden,
        StatusCode::NOT_FOUND if text("code") == "NotFound" => Failure::Missing,
        StatusCode::NOT_FOUND => return Ok(Reply::Elsewhere),
        StatusCode::TOO_MANY_REQUESTS => Failure::Busy { wait: outgoing::retry_after(&headers) },
        StatusCode::SERVICE_UNAVAILABLE if headers.contains_key(RETRY_AFTER) => {
            Failure::Busy { wait: outgoing::retry_after(&headers) }
        }
        StatusCode::REQUEST_TIMEOUT | StatusCode::GATEWAY_TIMEOUT => Failure::TimedOut,
        StatusCode::INTERNAL_SERVER_ERROR if text("message").contains("timeout") => Failure::TimedOut,
        _ if status.is_redirection() => Failure::Redirect,
        _ => Failure::Status(status.as_u16()),
    })
}

fn is_html(headers: &HeaderMap, body: &[u8]) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.contains("html") || body.trim_ascii_start().starts_with(b"<")
}
