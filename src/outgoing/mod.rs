//! Calls to other servers: how every client for them is built, and how their answers are bounded. Servers
//! that the operator chose are called with a [`client`]; all others through a [`Guard`].

mod address;
mod guard;
mod lookup;
mod network;

use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Client, ClientBuilder, Response, redirect};

pub use address::{NONE_BY_NAME, NOT_ALLOWED};
pub use guard::{Answer, Bounds, Guard, Unanswered};
pub use lookup::{Lookup, SystemLookup};

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Why a call got no answer that can be used. No address is in its text: one may hold a secret.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// There was no whole answer in time.
    #[error("no answer in time")]
    TimedOut(#[source] reqwest::Error),
    /// There was no whole answer.
    #[error("no answer")]
    Failed(#[source] reqwest::Error),
    /// The answer is longer than it may be.
    #[error("an answer of more than {0} bytes")]
    TooLong(usize),
}

impl From<reqwest::Error> for CallError {
    fn from(error: reqwest::Error) -> Self {
        let error = error.without_url();
        if error.is_timeout() { Self::TimedOut(error) } else { Self::Failed(error) }
    }
}

/// A client whose calls take at most `timeout` each, follow no redirect (what is sent is for one server
/// only) and know no proxy.
///
/// # Errors
/// Where the machine's trusted certificates cannot be loaded.
pub fn client(timeout: Duration) -> anyhow::Result<Client> {
    Ok(builder().connect_timeout(CONNECT_TIMEOUT).timeout(timeout).build()?)
}

/// What every client begins with.
fn builder() -> ClientBuilder {
    // the first client chooses for the whole program; a test may have chosen the same before
    drop(rustls::crypto::ring::default_provider().install_default());
    let builder = Client::builder().user_agent(concat!("ttscm/", env!("CARGO_PKG_VERSION")));
    builder.redirect(redirect::Policy::none()).no_proxy()
}

/// The longest wait that is heard of.
const LONGEST_WAIT: Duration = Duration::from_hours(24);

/// How long a server asks to wait, where it says so in seconds; a day at most.
#[must_use]
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_WAIT))
}

/// The whole body of an answer of at most `limit` bytes.
///
/// # Errors
/// [`CallError`] where it does not arrive, or is longer.
pub async fn body(mut response: Response, limit: usize) -> Result<Vec<u8>, CallError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if bytes.len() + chunk.len() > limit {
            return Err(CallError::TooLong(limit));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}
