//! The browser comes back from the provider.

use std::sync::Arc;

use anyhow::anyhow;
use chrono::TimeDelta;
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use super::step::{For, Step};
use super::{EXPECTED, IDENTITY, SignIn, State, place, store};
use crate::access::caller::Origin;
use crate::access::identity::{self, Door};
use crate::access::oauth::{Answer, Expected, Identity, Provider, Refused};
use crate::access::session::Tokens;
use crate::access::token;
use crate::app::App;
use crate::database;
use crate::error::{Error, Result};
use crate::user::User;

/// What the browser brings from the provider.
pub struct Arrival {
    /// The key of the sign-in.
    pub state: String,
    /// The authorization code.
    pub code: Option<SecretString>,
    /// Who sends the browser (RFC 9207).
    pub issuer: Option<String>,
    /// Why there is no code.
    pub error: Option<String>,
    /// Whether the browser wants the tokens itself.
    pub wants_tokens: bool,
}

/// How far the browser has come.
pub enum Arrived {
    /// The client gets its tokens now.
    Approved,
    /// The identity belongs to the account now that began to link it.
    Linked,
    /// These are the tokens that the browser wants, and whose they are.
    Tokens(Tokens, Box<User>),
    /// It must say which number the client shows.
    Asked(Question),
    /// It may not have the tokens, or did not come from the page that it says.
    NotYours,
    /// Nothing is known of such a sign-in, or what it brings is not whole.
    Unknown,
    /// The sign-in was finished before.
    Used,
    /// It took too long.
    Expired,
    /// The person said no, or may not sign in, for this reason.
    Denied(String),
    /// The provider or its answer is of no use.
    Failed,
}

/// What a person is asked before a client gets tokens in their name.
pub struct Question {
    /// The sign-in.
    pub id: Uuid,
    /// What shows that the answer comes from the page that asks.
    pub form_token: SecretString,
    /// The numbers, one of which the client shows.
    pub numbers: Vec<String>,
    /// With whom they signed in.
    pub provider: &'static str,
    /// As whom.
    pub name: String,
    /// The user name or e-mail address there.
    pub login: String,
    /// Whether it is to be linked to the account of whoever began it, rather than signed in.
    pub is_linking: bool,
    /// The client's address.
    pub address: Option<String>,
    /// What the client calls itself.
    pub user_agent: Option<String>,
    /// For how long the client has waited.
    pub age: TimeDelta,
}

const CANCELLED: &str = "The sign-in was cancelled.";

/// How a browser that comes back from the provider goes on. Its `cookie` gives the value of a cookie.
///
/// # Errors
/// Where the database fails.
pub async fn arrive(
    app: &Arc<App>,
    origin: &Origin,
    cookie: impl Fn(&str) -> Option<String>,
    arrival: Arrival,
) -> Result<Arrived> {
    let Some(sign_in) = store::by_key(&app.pool, &token::hash(&arrival.state)).await? else {
        return Ok(Arrived::Unknown);
    };
    let shown = cookie(&sign_in.cookie_name(&app.settings));
    let is_own = sign_in.is_from(origin, shown.as_deref(), &app.settings);
    let step = Step { app: Arc::clone(app), origin: origin.clone(), sign_in };
    if let Some(refused) = step.is_late(State::Waiting) {
        return Ok(refused);
    }
    let is_for_client = step.sign_in.code_challenge.is_some() || step.sign_in.link_session.is_some();
    if arrival.wants_tokens && (!is_own || is_for_client) {
        return Ok(Arrived::NotYours);
    }
    if arrival.code.is_none() && arrival.error.is_none() {
        return Ok(Arrived::Unknown);
    }
    if !store::arrive(&app.pool, step.sign_in.id, app.clock.now()).await? {
        return Ok(Arrived::Used);
    }
    // from here on the code is spent: a browser that goes away must not leave the client waiting
    let gone_on = tokio::spawn(go_on(step, is_own, arrival));
    gone_on.await.unwrap_or_else(|error| Err(Error::internal(error)))
}

async fn go_on(step: Step, is_own: bool, arrival: Arrival) -> Result<Arrived> {
    let arrived = decide(&step, is_own, arrival).await;
    if let Err(error) = &arrived {
        step.fail(&anyhow!("{error}")).await?;
    }
    arrived
}

async fn decide(step: &Step, is_own: bool, arrival: Arrival) -> Result<Arrived> {
    let whom = if arrival.wants_tokens { For::Browser } else { For::Client };
    let identity = match identify(&step.app, &step.sign_in, arrival).await {
        Ok(identity) => identity,
        Err(Refused::Denied(message)) => return step.deny("session.create", None, &message).await,
        Err(Refused::Failed(cause)) => return step.fail(&cause).await,
    };
    if is_own { step.approve(State::Arrived, &identity, whom).await } else { ask(step, &identity).await }
}

async fn identify(app: &App, sign_in: &SignIn, arrival: Arrival) -> Result<Identity, Refused> {
    let code = match (arrival.error.as_deref(), arrival.code) {
        (None, Some(code)) => code,
        (Some("access_denied"), _) => return Err(Refused::Denied(CANCELLED.to_owned())),
        (error, _) => {
            let said: String = error.unwrap_or_default().chars().take(100).collect();
            return Err(Refused::Failed(anyhow!("the provider says {said:?}")));
        }
    };
    let provider: Provider = sign_in.provider.parse()?;
    let opened = app.vault.open(place(sign_in.id, EXPECTED), &sign_in.upstream).await;
    let expected: Expected = serde_json::from_str(opened.map_err(anyhow::Error::from)?.expose_secret())
        .map_err(anyhow::Error::from)?;
    app.providers.identify(provider, Answer { code, issuer: arrival.issuer }, expected, &*app.clock).await
}

/// Asks the person for the number, unless they may not sign in anyway.
async fn ask(step: &Step, identity: &Identity) -> Result<Arrived> {
    let Step { app, sign_in, .. } = step;
    let mut transaction = database::begin(&app.pool).await?;
    if sign_in.link_session.is_none()
        && let Door::Closed(closed) = identity::door(&mut transaction, &app.settings, identity).await?
    {
        drop(transaction);
        return step.deny("session.create", closed.account, closed.message).await;
    }
    let (form_token, form_hash) = token::new_secret();
    let text = serde_json::to_string(identity).map_err(Error::internal)?;
    let sealed = app.vault.seal(place(sign_in.id, IDENTITY), &text).await.map_err(Error::Internal)?;
    let now = app.clock.now();
    if !store::advance(&mut transaction, sign_in.id, State::Arrived, State::Confirming, now).await? {
        return Ok(Arrived::Expired);
    }
    store::ask(&mut transaction, sign_in.id, &sealed, &form_hash).await?;
    transaction.commit().await?;
    Ok(Arrived::Asked(Question {
        id: sign_in.id,
        form_token,
        numbers: sign_in.offered.clone(),
        provider: identity.provider.title(),
        name: identity.name.clone(),
        login: identity.login.clone(),
        is_linking: sign_in.link_session.is_some(),
        address: sign_in.address.clone(),
        user_agent: sign_in.user_agent.clone(),
        age: now - sign_in.created_at,
    }))
}
