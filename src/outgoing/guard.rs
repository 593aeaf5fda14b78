//! The guard: every call whose address a user can set goes through it, so that nobody makes this server call
//! its own network for them.
//!
//! By default it lets calls go by https to ports 443 and 8443 of the public internet. In the networks that
//! the operator allows, it also lets them go by http and to any port. A host that is an address is judged in
//! the parsed URL; a name is judged when the connection is made, by the addresses that it has then, and the
//! connection is made to one of these. No redirect is followed and no proxy asked. What comes back says
//! nothing of where a name leads.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use reqwest::header::HeaderMap;
use reqwest::{Client, Request, Response, StatusCode};
use tokio::sync::Semaphore;
use tracing::Instrument;
use url::Url;

use super::address;
use super::lookup::{Judge, LOOKUPS, Lookup, NotAllowed};
use super::network::{Networks, Way};
use crate::error::{Error, Step, Violation};

/// The most headers that an answer may have.
const MAX_HEADERS: usize = 100;

/// How long a call may take.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Until there is a connection.
    pub connect: Duration,
    /// Until the answer is whole.
    pub total: Duration,
    /// Until a question is answered that takes more calls than one, such as one for a token before it.
    pub question: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        let [connect, total, question] = [5, 10, 25].map(Duration::from_secs);
        Self { connect, total, question }
    }
}

/// Why a call got no answer that can be used. It tells nothing of where the call went, and has no source
/// that could.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    /// The call may not be made.
    #[error("the address may not be called")]
    NotAllowed,
    /// There was no whole answer in time.
    #[error("no answer in time")]
    TimedOut,
    /// There was no whole answer.
    #[error("no answer")]
    Unreachable,
    /// Nobody answers at what is given by name, or the name leads where the call may not go: which of the two is
    /// told to the log alone, since it says which names there are inside.
    #[error("no answer by this name")]
    NoneByName,
    /// It points elsewhere, which is not followed.
    #[error("a redirect")]
    Redirect,
    /// The answer is longer than it may be.
    #[error("an answer of more than {0} bytes")]
    TooLong(usize),
}

impl From<reqwest::Error> for Unanswered {
    fn from(error: reqwest::Error) -> Self {
        if error.is_timeout() { Self::TimedOut } else { Self::Unreachable }
    }
}

impl Unanswered {
    /// What is told where a call by name has failed.
    fn by_name(name: &str, error: reqwest::Error) -> Self {
        let mut causes = std::iter::successors(error.source(), |cause| (*cause).source());
        if causes.any(<dyn std::error::Error>::is::<NotAllowed>) {
            tracing::warn!(name, "{}", address::NOT_ALLOWED);
        }
        match error.into() {
            Self::Unreachable => Self::NoneByName,
            other => other,
        }
    }
}

impl From<Unanswered> for Error {
    fn from(unanswered: Unanswered) -> Self {
        let message = match unanswered {
            Unanswered::NotAllowed => address::NOT_ALLOWED,
            Unanswered::TimedOut => "The product did not answer in time",
            Unanswered::Unreachable => "The product cannot be reached",
            Unanswered::NoneByName => address::NONE_BY_NAME,
            Unanswered::Redirect => "The product answers with a redirect, which is not followed",
            Unanswered::TooLong(_) => "The product's answer is too long",
        };
        let timed_out = unanswered == Unanswered::TimedOut;
        Self::Upstream { message, timed_out, cause: unanswered.into() }
    }
}

/// Makes calls to servers that users name.
pub struct Guard {
    networks: Arc<Networks>,
    bounds: Bounds,
    public: Client,
    inside: Client,
}

impl Guard {
    /// A guard that lets calls into the `allowed` networks besides the public internet.
    ///
    /// # Errors
    /// Where the machine's trusted certificates cannot be loaded.
    pub fn new(allowed: Vec<IpNet>, bounds: Bounds, lookup: &Arc<dyn Lookup>) -> anyhow::Result<Self> {
        let (networks, turns) = (Arc::new(Networks(allowed)), Arc::new(Semaphore::new(LOOKUPS)));
        let client = |way| {
            let (lookup, turns, networks) = (Arc::clone(lookup), Arc::clone(&turns), Arc::clone(&networks));
            let judge = Judge { lookup, turns, networks, way };
            let builder = super::builder().connect_timeout(bounds.connect).timeout(bounds.total);
            builder.http1_max_headers(MAX_HEADERS).dns_resolver(Arc::new(judge)).build()
        };
        Ok(Self { public: client(Way::Public)?, inside: client(Way::Inside)?, networks, bounds })
    }

    /// The address that a text is, where calls may go there as far as can be known without making one: what
    /// a name leads to is judged at every call. The violation is that of the input at `path`.
    ///
    /// # Errors
    /// The [`Violation`], for an address that breaks a rule.
    pub fn check(&self, path: impl IntoIterator<Item = Step>, text: &str) -> Result<Url, Violation> {
        address::base(text, &self.networks).map_err(|rule| Violation::new(path, rule))
    }

    /// How long calls may take.
    #[must_use]
    pub fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// Sends a request, where it may go.
    ///
    /// # Errors
    /// [`Unanswered`], for a redirect too.
    pub async fn send(&self, request: Request) -> Result<Answer, Unanswered> {
        let way = address::way(request.url(), &self.networks).map_err(|_| Unanswered::NotAllowed)?;
        let client = match way {
            Way::Public => &self.public,
            Way::Inside => &self.inside,
        };
        let name = request.url().domain().map(str::to_owned);
        let span = tracing::debug_span!("call a product", otel.kind = "client");
        let response = client.execute(request).instrument(span).await.map_err(|error| match name {
            Some(name) => Unanswered::by_name(&name, error),
            None => error.into(),
        })?;
        if response.status().is_redirection() {
            return Err(Unanswered::Redirect);
        }
        Ok(Answer(response))
    }
}

/// An answer whose body is still to come.
pub struct Answer(Response);

impl Answer {
    /// Its status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.status()
    }

    /// Its headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        self.0.headers()
    }

    /// Its whole body of at most `limit` bytes.
    ///
    /// # Errors
    /// [`Unanswered`] where it does not arrive in time, or is longer.
    pub async fn body(self, limit: usize) -> Result<Vec<u8>, Unanswered> {
        super::body(self.0, limit).await.map_err(|error| match error {
            super::CallError::TimedOut(_) => Unanswered::TimedOut,
            super::CallError::Failed(_) => Unanswered::Unreachable,
            super::CallError::TooLong(limit) => Unanswered::TooLong(limit),
        })
    }
}
