//! A browser that comes back from a provider, for every contract.

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::Deserialize;

use super::browser::Browser;
use super::guard::Visitor;
use crate::access::hand_over::{self, Arrival, Arrived};
use crate::access::session::Tokens;
use crate::error::{Error, Result};
use crate::user::User;

/// What a provider sends the browser back with.
#[derive(Deserialize, JsonSchema)]
pub struct ProviderQuery {
    /// The authorization code.
    #[serde(default)]
    #[schemars(with = "String", length(max = 8192))]
    code: Option<SecretString>,
    /// The key of the sign-in.
    #[serde(default)]
    #[schemars(with = "String", length(max = 200))]
    state: Option<String>,
    /// Why there is no code.
    #[serde(default)]
    #[schemars(with = "String", length(max = 200))]
    error: Option<String>,
    /// Who sends the browser.
    #[serde(default)]
    #[schemars(with = "String", length(max = 2000))]
    iss: Option<String>,
}

impl ProviderQuery {
    /// How the browser goes on.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn arrive(self, visitor: &Visitor, browser: &Browser, wants_tokens: bool) -> Result<Arrived> {
        let Self { code, state, error, iss: issuer } = self;
        let arrival = Arrival { state: state.unwrap_or_default(), code, issuer, error, wants_tokens };
        let cookie = |name: &str| browser.cookie(name);
        hand_over::arrive(&visitor.app, &visitor.origin, cookie, arrival).await
    }
}

/// The tokens that a browser asked for, and whose they are.
///
/// # Errors
/// Why there are none; `not_yours` where they are for somebody else.
pub fn tokens(arrived: Arrived, not_yours: Error) -> Result<(Tokens, Box<User>)> {
    Err(match arrived {
        Arrived::Tokens(tokens, user) => return Ok((tokens, user)),
        Arrived::Unknown => Error::invalid("state", "Is not that of a sign-in that has been begun"),
        Arrived::Used => Error::invalid("state", "Has been used"),
        Arrived::Expired => Error::invalid("state", "Has expired"),
        Arrived::Denied(message) => Error::Forbidden { message, required: Vec::new() },
        Arrived::Failed => Error::Upstream {
            message: "The provider did not answer as it should",
            timed_out: false,
            cause: anyhow::anyhow!("a sign-in failed"),
        },
        Arrived::NotYours | Arrived::Approved | Arrived::Linked | Arrived::Asked(_) => not_yours,
    })
}
