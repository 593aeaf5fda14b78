//! Whether a product answers, and what is wrong where it does not. A product is asked what it tells nobody
//! whom it does not know, and what it says is looked into: a status alone proves nothing. Nothing that it
//! sends is in a finding but its status: else a check would be a way to look into networks.

mod connectwise;
mod custom;
mod jira;
mod servicenow;
mod zendesk;

use std::str::FromStr;
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use super::client::{Failure, Question};
use super::token::NoToken;
use super::{Client, Kind, Product, address};
use crate::outgoing::{self, Unanswered};

/// What a check has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Verdict {
    /// It answers, and knows who asks.
    Healthy,
    /// It refuses the credentials, or some are missing.
    BadCredentials,
    /// It knows who asks, and does not allow it to them.
    Forbidden,
    /// It asks for fewer requests.
    RateLimited,
    /// It cannot be reached.
    Unreachable,
    /// Something else answers at its address.
    NotThisProduct,
    /// It says that it failed.
    Error,
}

impl Verdict {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Healthy,
        Self::BadCredentials,
        Self::Forbidden,
        Self::RateLimited,
        Self::Unreachable,
        Self::NotThisProduct,
        Self::Error,
    ];

    /// Its word in answers and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::BadCredentials => "bad_credentials",
            Self::Forbidden => "forbidden",
            Self::RateLimited => "rate_limited",
            Self::Unreachable => "unreachable",
            Self::NotThisProduct => "not_this_product",
            Self::Error => "error",
        }
    }
}

impl FromStr for Verdict {
    type Err = anyhow::Error;

    fn from_str(word: &str) -> anyhow::Result<Self> {
        let found = Self::ALL.into_iter().find(|verdict| verdict.as_str() == word);
        found.ok_or_else(|| anyhow::anyhow!("no verdict is called {word:?}"))
    }
}

/// What a check has found, and what to tell people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The verdict.
    pub verdict: Verdict,
    /// A sentence of this program's own.
    pub message: String,
    /// How long the product asks to wait before it is asked again, where it says so.
    pub retry_after: Option<Duration>,
    /// Whether the product lets nobody in before a person has solved a riddle there: every further try with
    /// these credentials makes it worse.
    pub is_locked: bool,
}

impl Finding {
    fn new(verdict: Verdict, message: impl Into<String>) -> Self {
        Self { verdict, message: message.into(), retry_after: None, is_locked: false }
    }
}

/// What is said of a product that is well.
pub const HEALTHY: &str = "Integration is active and responding";

/// Asks a product whether it answers and knows who asks.
pub async fn probe(client: &Client, product: &Product) -> Finding {
    let found = async {
        match product.kind {
            Kind::Jira => jira::probe(client, product).await,
            Kind::Servicenow => servicenow::probe(client, product).await,
            Kind::Zendesk => zendesk::probe(client, product).await,
            Kind::Connectwise => connectwise::probe(client, product).await,
            Kind::Custom => custom::probe(client, product).await,
        }
    };
    client.in_time(found).await.unwrap_or_else(|failure| explain(product.kind, failure))
}

/// The longest answer of a check, in bytes.
const MAX_ANSWER: usize = 256 * 1024;

/// An answer that has come whole.
struct Seen {
    kind: Kind,
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

/// Asks with GET for what is at a path.
async fn see(
    client: &Client,
    product: &Product,
    path: &str,
    query: &[(&str, &str)],
) -> Result<Seen, Failure> {
    let address = address_of(product, path, query)?;
    let answer = client.ask(product, Question::get(address)).await?;
    let (kind, status, headers) = (product.kind, answer.status(), answer.headers().clone());
    let body = match answer.body(MAX_ANSWER).await {
        // the status says enough
        Err(_) if !status.is_success() => Vec::new(),
        read => read?,
    };
    Ok(Seen { kind, status, headers, body })
}

fn address_of(product: &Product, path: &str, query: &[(&str, &str)]) -> Result<Url, Failure> {
    address::join(&product.base_url, path, query).map_err(|_| Unanswered::NotAllowed.into())
}

impl Seen {
    /// The JSON that it is.
    fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// What was found, where `knows` tells what a successful answer means; none where it is not one of the
    /// product's.
    fn finding(&self, knows: impl FnOnce(&Value) -> Option<Verdict>) -> Finding {
        if !self.status.is_success() {
            return refused(self.kind, self.status, &self.headers);
        }
        match self.json().as_ref().and_then(knows) {
            Some(Verdict::Healthy) => Finding::new(Verdict::Healthy, HEALTHY),
            Some(verdict) => {
                let message = format!("{} does not know these credentials", self.kind.title());
                Finding::new(verdict, message)
            }
            None => not_this_product(self.kind, self.status),
        }
    }
}

fn not_this_product(kind: Kind, status: StatusCode) -> Finding {
    let message = match kind {
        Kind::Custom => format!("Nothing is there to be asked (status {}): check baseUrl", status.as_u16()),
        _ => format!(
            "What answers is not the API of {} (status {}): check baseUrl",
            kind.title(),
            status.as_u16()
        ),
    };
    Finding::new(Verdict::NotThisProduct, message)
}

/// What a status means that is no success.
fn refused(kind: Kind, status: StatusCode, headers: &HeaderMap) -> Finding {
    let (title, code) = (kind.title(), status.as_u16());
    let finding = match status {
        StatusCode::UNAUTHORIZED => {
            let message = format!("{title} refuses the credentials (status {code})");
            Finding::new(Verdict::BadCredentials, message)
        }
        StatusCode::FORBIDDEN => {
            let message = format!("{title} does not allow this with these credentials (status {code})");
            Finding::new(Verdict::Forbidden, message)
        }
        StatusCode::TOO_MANY_REQUESTS => {
            let message = format!("{title} asks for fewer requests (status {code})");
            Finding::new(Verdict::RateLimited, message)
        }
        _ if status.is_server_error() => {
            Finding::new(Verdict::Error, format!("{title} says that it failed (status {code})"))
        }
        _ => not_this_product(kind, status),
    };
    Finding { retry_after: outgoing::retry_after(headers), ..finding }
}

/// What it means that there is no answer.
fn explain(kind: Kind, failure: Failure) -> Finding {
    let title = kind.title();
    match failure {
        Failure::Missing(missing) => Finding::new(Verdict::BadCredentials, missing.sentence()),
        Failure::Unanswered(unanswered) => unanswered_finding(title, unanswered),
        Failure::NoToken(no_token) => no_token_finding(title, no_token),
    }
}

fn unanswered_finding(title: &str, unanswered: Unanswered) -> Finding {
    let (verdict, message) = match unanswered {
        Unanswered::NotAllowed => (Verdict::Unreachable, outgoing::NOT_ALLOWED.to_owned()),
        Unanswered::TimedOut => (Verdict::Unreachable, format!("{title} did not answer in time")),
        Unanswered::Unreachable => (Verdict::Unreachable, format!("{title} cannot be reached")),
        Unanswered::NoneByName => (Verdict::Unreachable, outgoing::NONE_BY_NAME.to_owned()),
        Unanswered::Redirect => (
            Verdict::NotThisProduct,
            "The address answers with a redirect, which is not followed: check baseUrl".to_owned(),
        ),
        Unanswered::TooLong(_) => (
            Verdict::NotThisProduct,
            format!("The answer is longer than any that {title} gives: check baseUrl"),
        ),
    };
    Finding::new(verdict, message)
}

fn no_token_finding(title: &str, no_token: NoToken) -> Finding {
    match no_token {
        NoToken::Unanswered(unanswered) => unanswered_finding(title, unanswered),
        NoToken::Refused(status) => {
            let message = format!("{title} gives no token for these credentials (status {status})");
            Finding::new(Verdict::BadCredentials, message)
        }
        NoToken::Busy(retry_after) => {
            let message = format!("{title} asks for fewer requests (status 429)");
            Finding { retry_after, ..Finding::new(Verdict::RateLimited, message) }
        }
        NoToken::Status(status) => {
            Finding::new(Verdict::Error, format!("{title} fails to give a token (status {status})"))
        }
        NoToken::Nonsense => Finding::new(
            Verdict::NotThisProduct,
            "What answers does not give tokens as OAuth 2 does: check baseUrl and tokenUrl",
        ),
    }
}
