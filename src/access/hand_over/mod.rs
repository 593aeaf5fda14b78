//! The hand-over of a sign-in: a client begins it, a browser finishes it at a provider, and the tokens
//! go to the client, over whichever server it waits at.
//!
//! Whoever knows the key of a sign-in gets its tokens, so that the one who finishes it must be the one who
//! began it (CVE-2026-33757; RFC 8628 section 5.4). A browser that is shown to belong to the client
//! finishes it at once; any other is asked for the number that the client shows.
//!
//! Tokens are made when they are taken, never before, and so never lie in the database.

mod arrive;
mod collect;
mod confirm;
mod step;
mod store;
mod waiting;

use std::net::IpAddr;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use rand::seq::index;
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::caller::{Caller, Origin, Way};
use super::oauth::{Expected, Provider};
use super::token;
use crate::app::{App, Settings};
use crate::config::Confirm;
use crate::error::{Error, Result};
use crate::vault::Place;

pub use arrive::{Arrival, Arrived, Question, arrive};
pub use collect::{Claim, Outcome, WRONG_VERIFIER, claim};
pub use confirm::{Choice, confirm};
pub use store::SignIn;
pub(crate) use store::{count_sealed, held, swap};
pub use waiting::{CHANNEL, Waiting, keep_time};

/// How long a sign-in may take.
pub const LIFETIME: TimeDelta = TimeDelta::minutes(10);

/// How long an approved sign-in waits for the client that takes the tokens.
const WAITS_FOR_CLIENT: TimeDelta = TimeDelta::seconds(60);

/// How long the end of a sign-in is remembered.
const KEPT: TimeDelta = TimeDelta::hours(1);

const TOO_MANY: &str = "Too many sign-ins from your address are under way, try again later";

/// How long a client has to come back where too many of its sign-ins are under way.
const RETRY_AFTER: Duration = Duration::from_mins(1);

/// The first of the two-digit numbers, and how many there are.
const NUMBERS: (usize, usize) = (10, 90);

/// How many numbers the browser offers.
const OFFERED: usize = 3;

/// How far a sign-in is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum State {
    /// For the browser to come back.
    Waiting,
    /// The browser came back, and the provider is asked who it is.
    Arrived,
    /// The browser is asked for the number.
    Confirming,
    /// For the client to take the tokens.
    Approved,
    /// The tokens have been taken.
    HandedOver,
    /// The person said no, or may not sign in.
    Denied,
    /// The provider or its answer is of no use.
    Failed,
}

/// A sign-in that was begun.
pub struct Begun {
    /// Where to send the browser.
    pub uri: String,
    /// The key that the client waits with.
    pub callback_key: SecretString,
    /// The number that the client shows, of two digits.
    pub match_code: String,
    /// The cookie by which the browser that began it is known.
    pub cookie: Cookie,
}

/// The cookie by which the browser that began a sign-in is known.
pub struct Cookie {
    /// Its name, which names the sign-in.
    pub name: String,
    /// Its value.
    pub value: SecretString,
}

/// What a client wants to begin.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// With whom.
    pub provider: Provider,
    /// Where the browser is to come back to, below the server's public address.
    pub come_back_to: &'a str,
    /// Binds the tokens to a client that knows the verifier (RFC 7636, S256).
    pub code_challenge: Option<&'a str>,
}

/// Begins a sign-in.
///
/// # Errors
/// [`Error::NotConfigured`], [`Error::Upstream`], and [`Error::TooMany`] where too many from one address
/// are under way.
pub async fn begin(app: &App, origin: &Origin, wish: Wish<'_>) -> Result<Begun> {
    begin_for(app, origin, wish, None).await
}

/// Begins to link an identity to the caller's own account. Its client gets no tokens.
///
/// # Errors
/// Those of [`begin`].
pub async fn begin_linking(app: &App, caller: &Caller, wish: Wish<'_>) -> Result<Begun> {
    let session = caller.session_id()?;
    begin_for(app, &caller.origin, wish, Some(session)).await
}

async fn begin_for(app: &App, origin: &Origin, wish: Wish<'_>, link_session: Option<Uuid>) -> Result<Begun> {
    let too_many = Error::TooMany { message: TOO_MANY, retry_after: RETRY_AFTER };
    let (limit, began_at) = (app.settings.sign_in.max_pending, app.clock.now());
    if store::is_full(&app.pool, origin, limit, began_at).await? {
        return Err(too_many);
    }
    let (callback_key, key_hash) = token::new_secret();
    let redirect_uri = format!("{}{}", app.settings.public_url, wish.come_back_to);
    let state = callback_key.expose_secret();
    let begun = app.providers.begin(wish.provider, state, redirect_uri, &*app.clock).await?;
    let (browser, browser_hash) = token::new_secret();
    let (id, now) = (crate::id::new(), app.clock.now());
    let offered = numbers();
    let new = store::New {
        id,
        key_hash: &key_hash,
        browser_hash: &browser_hash,
        provider: wish.provider.as_str(),
        upstream: &seal_expected(app, id, &begun.expected).await?,
        code_challenge: wish.code_challenge,
        match_code: &offered[rand::random_range(..OFFERED)],
        offered: &offered,
        link_session,
        expires_at: now + LIFETIME,
    };
    if !store::insert(&app.pool, &new, origin, limit, now).await? {
        return Err(too_many);
    }
    Ok(Begun {
        uri: begun.uri,
        callback_key,
        match_code: new.match_code.to_owned(),
        cookie: Cookie { name: cookie_name(&app.settings, id), value: browser },
    })
}

/// Different numbers in random order.
fn numbers() -> Vec<String> {
    let (first, count) = NUMBERS;
    index::sample(&mut rand::rng(), count, OFFERED)
        .iter()
        .map(|number| (first + number).to_string())
        .collect()
}

/// The name of a sign-in's cookie. A browser lets nobody but this host, by https, set one with the prefix.
fn cookie_name(settings: &Settings, id: Uuid) -> String {
    let prefix = if settings.is_https() { "__Host-" } else { "" };
    format!("{prefix}ttscm-sign-in-{}", id.simple())
}

impl SignIn {
    /// The name of its cookie.
    #[must_use]
    pub fn cookie_name(&self, settings: &Settings) -> String {
        cookie_name(settings, self.id)
    }

    /// Whether it can go on no more, having ended or not.
    fn is_over(&self, now: DateTime<Utc>) -> bool {
        match self.state {
            State::Waiting | State::Arrived | State::Confirming => self.expires_at <= now,
            State::Approved => self.approved_at.is_none_or(|at| at + WAITS_FOR_CLIENT <= now),
            State::HandedOver | State::Denied | State::Failed => true,
        }
    }

    /// Whether a browser is shown to belong to the client: by the cookie, or by both being on the server's
    /// own machine, or, where the settings say so, by a common address.
    fn is_from(&self, origin: &Origin, cookie: Option<&str>, settings: &Settings) -> bool {
        cookie.is_some_and(|cookie| is_hash_of(&self.browser_hash, cookie))
            || self.is_on_this_machine_with(origin, settings)
            || (settings.sign_in.confirm == Confirm::Address && self.is_known_to_be_with(origin))
    }

    fn is_on_this_machine_with(&self, origin: &Origin, settings: &Settings) -> bool {
        settings.is_local()
            && (self.way, origin.way) == (Way::Direct, Way::Direct)
            && origin.address.is_some_and(|address| address.is_loopback())
            && self.address() == origin.address
    }

    fn is_known_to_be_with(&self, origin: &Origin) -> bool {
        self.way != Way::Unknown
            && origin.way != Way::Unknown
            && origin.address.is_some()
            && self.address() == origin.address
    }

    fn address(&self) -> Option<IpAddr> {
        self.address.as_deref().and_then(|address| address.parse().ok())
    }
}

/// Whether `hash` is that of `secret`, in a time that tells nothing of either.
fn is_hash_of(hash: &[u8], secret: &str) -> bool {
    token::hash(secret).ct_eq(hash).into()
}

async fn seal_expected(app: &App, id: Uuid, expected: &Expected) -> Result<Vec<u8>> {
    let text = SecretString::from(serde_json::to_string(expected).map_err(Error::internal)?);
    app.vault.seal(place(id, EXPECTED), text.expose_secret()).await.map_err(Error::Internal)
}

/// What the provider's answer must fit, as a part of a sign-in that is sealed.
const EXPECTED: &str = "expected";

/// Who the provider says it is, as a part of a sign-in that is sealed.
const IDENTITY: &str = "identity";

/// Where a part of a sign-in is sealed.
fn place(id: Uuid, part: &str) -> Place<'_> {
    Place::SignIn { id, part }
}
