//! Calls of a product's endpoints for somebody.

use std::collections::BTreeMap;

use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::client::{Failure, Question};
use super::token::NoToken;
use super::{Client, Product, address};
use crate::error::{Error, Result};

/// The methods that an endpoint may have.
pub const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

/// The longest answer, in bytes.
pub const MAX_ANSWER: usize = 1024 * 1024;

/// The headers of an answer that are passed on: what it is, how much is left of it, and how soon one may ask
/// again.
const PASSED_ON: [&str; 16] = [
    "content-type",
    "content-language",
    "etag",
    "last-modified",
    "link",
    "location",
    "retry-after",
    "ratelimit-limit",
    "ratelimit-remaining",
    "ratelimit-reset",
    "x-rate-limit",
    "x-rate-limit-remaining",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "x-total-count",
];

/// What to send to a product.
pub struct Ask<'a> {
    /// The method, one of [`METHODS`].
    pub method: &'a str,
    /// The path below the base URL, which keeps the rules of [`super::check_path`].
    pub path: &'a str,
    /// The query's parameters.
    pub query: &'a [(&'a str, &'a str)],
    /// The JSON body, where there is one.
    pub body: Option<&'a Value>,
}

/// What the product answers, whatever its status.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// Its status.
    pub status: u16,
    /// Those of its headers that are passed on, by their names in lower case.
    pub headers: BTreeMap<String, String>,
    /// Its body: as JSON where it is JSON, else as text; null where it is empty.
    pub body: Value,
}

/// Sends something to a product, with what it is to be shown.
///
/// # Errors
/// [`Error::Upstream`] where it does not answer, [`Error::Conflict`] where there is not enough to show it,
/// [`Error::Invalid`] for a method or a path that breaks the rules.
pub async fn call(client: &Client, product: &Product, ask: &Ask<'_>) -> Result<Reply> {
    if !METHODS.contains(&ask.method) {
        return Err(Error::invalid("method", format!("The method must be one of {}", METHODS.join(", "))));
    }
    let question = Question {
        method: Method::from_bytes(ask.method.as_bytes()).map_err(Error::internal)?,
        address: address::join(&product.base_url, ask.path, ask.query)
            .map_err(|rule| Error::invalid("path", rule))?,
        body: ask.body.map(Value::to_string),
    };
    let asked = async {
        let answer = client.ask(product, question).await?;
        let (status, headers) = (answer.status().as_u16(), passed_on(answer.headers()));
        let body = answer.body(MAX_ANSWER).await?;
        Ok(Reply { status, headers, body: as_value(&body) })
    };
    Ok(client.in_time(asked).await?)
}

/// Whether an answer says that the product takes the credentials no more.
pub(super) fn is_refusal(answer: &Result<Reply>) -> bool {
    match answer {
        Ok(reply) => reply.status == StatusCode::UNAUTHORIZED.as_u16(),
        Err(Error::Upstream { cause, .. }) => matches!(cause.downcast_ref(), Some(NoToken::Refused(_))),
        Err(_) => false,
    }
}

fn passed_on(headers: &HeaderMap) -> BTreeMap<String, String> {
    let shown = |name: &&str| {
        let values: Vec<_> = headers.get_all(*name).iter().filter_map(|value| value.to_str().ok()).collect();
        (!values.is_empty()).then(|| ((*name).to_owned(), values.join(", ")))
    };
    PASSED_ON.iter().filter_map(shown).collect()
}

fn as_value(body: &[u8]) -> Value {
    if body.is_empty() {
        return Value::Null;
    }
    serde_json::from_slice(body).unwrap_or_else(|_| String::from_utf8_lossy(body).into())
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        let (message, cause) = match failure {
            Failure::Missing(missing) => return Self::Conflict(missing.sentence()),
            Failure::Unanswered(unanswered) => return unanswered.into(),
            Failure::NoToken(cause @ NoToken::Refused(_)) => ("The product refuses the credentials", cause),
            Failure::NoToken(cause) => ("The product gives no token", cause),
        };
        Self::Upstream { message, timed_out: false, cause: cause.into() }
    }
}
