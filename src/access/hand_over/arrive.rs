//! The browser's side: it comes back from the provider, and may have to say which number the client shows.

use chrono::TimeDelta;
use secrecy::{ExposeSecret, SecretString};
use sqlx::PgConnection;
use uuid::Uuid;

use super::collect::{Outcome, take};
use super::{SignIn, State, is_hash_of, place, store};
use crate::access::caller::Origin;
use crate::access::identity::{self, Door};
use crate::access::oauth::{Answer, Expected, Identity, Provider, Refused};
use crate::access::session::Tokens;
use crate::access::{sign_in, token};
use crate::app::App;
use crate::database;
use crate::error::{Error, Result};

/// What the browser brings from the provider.
pub struct Arrival<'a> {
    /// The key of the sign-in.
    pub state: &'a str,
    /// The authorization code.
    pub code: Option<SecretString>,
    /// Who sends the browser (RFC 9207).
    pub issuer: Option<String>,
    /// Why there is no code.
    pub error: Option<&'a str>,
    /// Whether the browser wants the tokens itself.
    pub wants_tokens: bool,
}

/// How far the browser has come.
pub enum Arrived {
    /// The client gets its tokens now.
    Approved,
    /// The identity belongs to the account now that began to link it.
    Linked,
    /// These are the tokens that the browser wants.
    Tokens(Tokens),
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

/// What a person answers.
pub enum Choice<'a> {
    /// The client shows this number.
    Number(&'a str),
    /// They began no sign-in.
    NotMe,
}

const CANCELLED: &str = "The sign-in was cancelled.";
const FAILED: &str = "The provider did not answer as it should. Try again in a while.";
const NOT_ME: &str = "You said that you did not begin this sign-in. Nobody was signed in.";
const WRONG_NUMBER: &str = "That is not the number that the app shows. Nobody was signed in.";

/// How a browser that comes back from the provider goes on. Its `cookie` gives the value of a cookie.
///
/// # Errors
/// Where the database fails.
pub async fn arrive(
    app: &App,
    origin: &Origin,
    cookie: impl Fn(&str) -> Option<String>,
    arrival: Arrival<'_>,
) -> Result<Arrived> {
    let Some(sign_in) = store::by_key(&app.pool, &token::hash(arrival.state)).await? else {
        return Ok(Arrived::Unknown);
    };
    if let Some(refused) = is_late(app, &sign_in, State::Waiting) {
        return Ok(refused);
    }
    let shown = cookie(&sign_in.cookie_name(&app.settings));
    let is_own = sign_in.is_from(origin, shown.as_deref(), &app.settings);
    let is_for_client = sign_in.code_challenge.is_some() || sign_in.link_session.is_some();
    if arrival.wants_tokens && (!is_own || is_for_client) {
        return Ok(Arrived::NotYours);
    }
    if arrival.code.is_none() && arrival.error.is_none() {
        return Ok(Arrived::Unknown);
    }
    let mut connection = app.pool.acquire().await?;
    let now = app.clock.now();
    if !store::advance(&mut connection, sign_in.id, State::Waiting, State::Arrived, now).await? {
        return Ok(Arrived::Used);
    }
    drop(connection);
    let wants_tokens = arrival.wants_tokens;
    let identity = match identify(app, &sign_in, arrival).await {
        Ok(identity) => identity,
        Err(Refused::Denied(message)) => return deny(app, origin, &sign_in, None, &message).await,
        Err(Refused::Failed(cause)) => return fail(app, origin, &sign_in, &cause).await,
    };
    if is_own {
        approve(app, origin, &sign_in, State::Arrived, &identity, wants_tokens).await
    } else {
        ask(app, origin, &sign_in, &identity).await
    }
}

/// Why a sign-in does not go on from `state`, where it does not.
fn is_late(app: &App, sign_in: &SignIn, state: State) -> Option<Arrived> {
    match sign_in.state {
        known if known != state => Some(Arrived::Used),
        _ if sign_in.is_over(app.clock.now()) => Some(Arrived::Expired),
        _ => None,
    }
}

async fn identify(app: &App, sign_in: &SignIn, arrival: Arrival<'_>) -> Result<Identity, Refused> {
    let code = match (arrival.error, arrival.code) {
        (None, Some(code)) => code,
        (Some("access_denied"), _) => return Err(Refused::Denied(CANCELLED.to_owned())),
        (error, _) => {
            let said: String = error.unwrap_or_default().chars().take(100).collect();
            return Err(Refused::Failed(anyhow::anyhow!("the provider says {said:?}")));
        }
    };
    let provider = provider(sign_in).map_err(anyhow::Error::from)?;
    let opened = app.vault.open(place(sign_in.id, "expected"), &sign_in.upstream);
    let expected: Expected = serde_json::from_str(opened.map_err(anyhow::Error::from)?.expose_secret())
        .map_err(anyhow::Error::from)?;
    let answer = Answer { code, issuer: arrival.issuer };
    app.providers.identify(provider, answer, expected, &*app.clock).await
}

fn provider(sign_in: &SignIn) -> Result<Provider> {
    serde_json::from_value(sign_in.provider.as_str().into()).map_err(Error::internal)
}

/// Lets the client of the sign-in have its tokens, or the browser where it wants them.
async fn approve(
    app: &App,
    origin: &Origin,
    sign_in: &SignIn,
    from: State,
    identity: &Identity,
    wants_tokens: bool,
) -> Result<Arrived> {
    let mut transaction = database::begin(&app.pool).await?;
    let door = match sign_in.link_session {
        Some(session) => identity::link(&mut transaction, app, origin, session, identity).await?,
        None => identity::admit(&mut transaction, app, identity).await?,
    };
    let account = match door {
        Door::Account(account) => account,
        Door::New => return Err(Error::Internal(anyhow::anyhow!("an account was not made"))),
        Door::Closed { message, account } => {
            drop(transaction);
            return deny(app, origin, sign_in, account, message).await;
        }
    };
    if !store::advance(&mut transaction, sign_in.id, from, State::Approved, app.clock.now()).await? {
        return Ok(Arrived::Used);
    }
    store::approve(&mut transaction, sign_in.id, account).await?;
    let arrived = if sign_in.link_session.is_some() {
        // whoever began it has tokens already
        store::complete(&mut transaction, sign_in.id).await?;
        Arrived::Linked
    } else if wants_tokens {
        let client = sign_in.origin(origin.request);
        match take(&mut transaction, app, sign_in, None, &client).await? {
            Outcome::Tokens(tokens) => Arrived::Tokens(tokens),
            Outcome::Denied(message) => Arrived::Denied(message),
            _ => Arrived::Expired,
        }
    } else {
        Arrived::Approved
    };
    transaction.commit().await?;
    app.remembered.forget();
    Ok(arrived)
}

/// Asks the person for the number, unless they may not sign in anyway.
async fn ask(app: &App, origin: &Origin, sign_in: &SignIn, identity: &Identity) -> Result<Arrived> {
    let mut transaction = database::begin(&app.pool).await?;
    let door = match sign_in.link_session {
        Some(_) => Door::New,
        None => identity::door(&mut transaction, &app.settings.sign_in, identity).await?,
    };
    if let Door::Closed { message, account } = door {
        drop(transaction);
        return deny(app, origin, sign_in, account, message).await;
    }
    let (form_token, form_hash) = token::new_secret();
    let text = serde_json::to_string(identity).map_err(Error::internal)?;
    let sealed = app.vault.seal(place(sign_in.id, "identity"), &text).map_err(Error::Internal)?;
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

/// Takes a person's answer to the question of a sign-in. The right number lets the client have its
/// tokens; anything else ends the sign-in, but for an answer that does not come from the page that asks.
///
/// # Errors
/// Where the database fails.
pub async fn confirm(
    app: &App,
    origin: &Origin,
    id: &str,
    form_token: &str,
    choice: Choice<'_>,
) -> Result<Arrived> {
    let found = match crate::id::parse(id) {
        Some(id) => store::by_id(&app.pool, id).await?,
        None => None,
    };
    let Some(sign_in) = found else {
        return Ok(Arrived::Unknown);
    };
    if let Some(refused) = is_late(app, &sign_in, State::Confirming) {
        return Ok(refused);
    }
    if !sign_in.form_hash.as_deref().is_some_and(|hash| is_hash_of(hash, form_token)) {
        return Ok(Arrived::NotYours);
    }
    let message = match choice {
        Choice::Number(number) if number == sign_in.match_code => {
            let identity = opened_identity(app, &sign_in)?;
            return approve(app, origin, &sign_in, State::Confirming, &identity, false).await;
        }
        Choice::Number(_) => WRONG_NUMBER,
        Choice::NotMe => NOT_ME,
    };
    tracing::warn!(sign_in = %sign_in.id, "a sign-in was not confirmed by the person who finished it");
    deny(app, origin, &sign_in, None, message).await
}

fn opened_identity(app: &App, sign_in: &SignIn) -> Result<Identity> {
    let sealed = sign_in.identity.as_deref().unwrap_or_default();
    let opened = app.vault.open(place(sign_in.id, "identity"), sealed).map_err(Error::internal)?;
    serde_json::from_str(opened.expose_secret()).map_err(Error::internal)
}

async fn deny(
    app: &App,
    origin: &Origin,
    sign_in: &SignIn,
    account: Option<Uuid>,
    message: &str,
) -> Result<Arrived> {
    let mut transaction = database::begin(&app.pool).await?;
    store::end(&mut transaction, sign_in.id, State::Denied, message).await?;
    record(&mut transaction, app, origin, account).await?;
    transaction.commit().await?;
    Ok(Arrived::Denied(message.to_owned()))
}

async fn fail(app: &App, origin: &Origin, sign_in: &SignIn, cause: &anyhow::Error) -> Result<Arrived> {
    tracing::warn!(provider = sign_in.provider, sign_in = %sign_in.id, "a sign-in failed: {cause:#}");
    let mut transaction = database::begin(&app.pool).await?;
    store::end(&mut transaction, sign_in.id, State::Failed, FAILED).await?;
    record(&mut transaction, app, origin, None).await?;
    transaction.commit().await?;
    Ok(Arrived::Failed)
}

async fn record(
    connection: &mut PgConnection,
    app: &App,
    origin: &Origin,
    account: Option<Uuid>,
) -> Result<()> {
    let person = match account {
        Some(id) => sign_in::person(connection, id).await?,
        None => None,
    };
    sign_in::record_refusal(connection, app, origin, person.as_ref()).await
}
