//! Sessions: one sign-in on one client, kept alive by refresh tokens that rotate.

mod store;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;
use sqlx::PgConnection;
use uuid::Uuid;

use super::caller::{Actor, Caller, Origin};
use super::token;
use crate::app::App;
use crate::audit::{self, Event, Outcome, Target};
use crate::database;
use crate::error::{Error, Result};

/// How long a refresh token is good for, unless it is used.
const REFRESH_LIFETIME: TimeDelta = TimeDelta::days(30);

/// How long a session lasts, however often it is refreshed.
const SESSION_LIFETIME: TimeDelta = TimeDelta::days(90);

/// How long a spent refresh token still answers, for two windows of one client that refresh at once.
const GRACE: TimeDelta = TimeDelta::seconds(10);

/// What a client is signed in with.
pub struct Tokens {
    /// A JWT for the `Authorization` header, good for [`token::ACCESS_LIFETIME`].
    pub access: SecretString,
    /// For the next refresh, once.
    pub refresh: SecretString,
}

/// Opens a session of `user`. Only [`super::sign_in`] may call this: it is where every check has been made.
pub(super) async fn open(
    connection: &mut PgConnection,
    app: &App,
    user: &Actor,
    origin: &Origin,
) -> Result<Tokens> {
    let (id, now) = (crate::id::new(), app.clock.now());
    let user_id = user.id.ok_or_else(Error::unauthenticated)?;
    store::forget_expired_sessions(connection, now).await?;
    store::insert_session(connection, id, user_id, origin, now, now + SESSION_LIFETIME).await?;
    audit::record(connection, user, origin, now, Event::new("session.create", Target::session(id))).await?;
    issue(connection, app, user_id, id, None, now).await
}

/// A new pair of tokens for a session.
async fn issue(
    connection: &mut PgConnection,
    app: &App,
    user: Uuid,
    session: Uuid,
    predecessor: Option<&[u8]>,
    now: DateTime<Utc>,
) -> Result<Tokens> {
    let (refresh, hash) = token::new_secret();
    store::insert_refresh_token(connection, &hash, session, predecessor, now + REFRESH_LIFETIME).await?;
    let access = token::issue(&app.tokens, user, session, now).map_err(Error::Internal)?;
    Ok(Tokens { access, refresh })
}

/// Spends a refresh token for a new pair.
///
/// A token that was spent before is a sign that somebody else has it, and ends the whole session; but
/// within 10 seconds of its spending it answers with another pair, unless its own successor has been
/// spent as well.
///
/// # Errors
/// [`Error::Unauthenticated`] for a token that is unknown, expired or reused, or whose session or
/// account has ended.
pub async fn refresh(app: &App, origin: &Origin, presented: &str) -> Result<Tokens> {
    let (hash, now) = (token::hash(presented), app.clock.now());
    let mut transaction = database::begin(&app.pool).await?;
    let session =
        store::lock_session_of(&mut transaction, &hash, now).await?.ok_or_else(Error::unauthenticated)?;
    let state = store::refresh_token_state(&mut transaction, &hash).await?;
    let user = Actor::user(session.user_id, session.user_name);
    // a clock that was set back must not lengthen the grace
    let is_over = |spent_at: DateTime<Utc>| (now - spent_at).abs() > GRACE;
    let reused = state.spent_at.is_some_and(|spent_at| is_over(spent_at) || state.successor_spent);
    if reused {
        end_with(&mut transaction, &user, origin, session.id, now, Outcome::Denied).await?;
        transaction.commit().await?;
        app.remembered.forget();
        tracing::warn!(session = %session.id, user = %session.user_id, "a spent refresh token came back: the session is ended");
        return Err(Error::unauthenticated());
    }
    store::spend_refresh_token(&mut transaction, &hash, now).await?;
    store::touch_session(&mut transaction, session.id, now).await?;
    let tokens = issue(&mut transaction, app, session.user_id, session.id, Some(&hash), now).await?;
    transaction.commit().await?;
    Ok(tokens)
}

/// A new access token for the caller's session, as long as that lasts.
///
/// # Errors
/// [`Error::Unauthenticated`] for a caller without a session, or where the database fails.
pub async fn renew(app: &App, caller: &Caller) -> Result<SecretString> {
    let (user, session) = (caller.user_id()?, caller.session_id()?);
    let (mut connection, now) = (app.pool.acquire().await?, app.clock.now());
    store::touch_session(&mut connection, session, now).await?;
    token::issue(&app.tokens, user, session, now).map_err(Error::Internal)
}

/// Signs the caller out: their session's tokens are refused from now on.
///
/// # Errors
/// [`Error::Unauthenticated`] for a caller without a session, or where the database fails.
pub async fn end(app: &App, caller: &Caller) -> Result<()> {
    let session = caller.session_id()?;
    let mut transaction = database::begin(&app.pool).await?;
    let now = app.clock.now();
    end_with(&mut transaction, &caller.actor, &caller.origin, session, now, Outcome::Success).await?;
    transaction.commit().await?;
    app.remembered.forget();
    Ok(())
}

/// One sign-in on one client.
#[derive(Debug, Clone)]
pub struct Session {
    /// Its id, the `sid` of its access tokens.
    pub id: Uuid,
    /// The address of the client that signed in.
    pub address: String,
    /// What that client calls itself.
    pub user_agent: Option<String>,
    /// When it began.
    pub created_at: DateTime<Utc>,
    /// When its tokens were last refreshed.
    pub last_used_at: DateTime<Utc>,
}

/// The caller's own sessions that are good now, the latest first.
///
/// # Errors
/// Where the database fails.
pub async fn list(app: &App, caller: &Caller) -> Result<Vec<Session>> {
    store::sessions_of(&app.pool, caller.user_id()?, app.clock.now()).await
}

/// Ends one of the caller's own sessions: its tokens are refused from now on.
///
/// # Errors
/// [`Error::NotFound`] for one that is not theirs or not good any more.
pub async fn end_one(app: &App, caller: &Caller, identifier: &str) -> Result<()> {
    let (user, now) = (caller.user_id()?, app.clock.now());
    let mut transaction = database::begin(&app.pool).await?;
    let not_found = || Error::not_found("SessionNotFound", "Session", identifier);
    let session = crate::id::parse(identifier).ok_or_else(not_found)?;
    if !store::is_session_of(&mut transaction, session, user, now).await? {
        return Err(not_found());
    }
    end_with(&mut transaction, &caller.actor, &caller.origin, session, now, Outcome::Success).await?;
    transaction.commit().await?;
    app.remembered.forget();
    Ok(())
}

/// Signs an account out everywhere: no token of its sessions so far is good any more.
///
/// # Errors
/// Where the database fails.
pub(crate) async fn end_all(connection: &mut PgConnection, user: Uuid, now: DateTime<Utc>) -> Result<()> {
    store::end_sessions_of(connection, user, now).await
}

/// Signs an account out everywhere but in one session.
///
/// # Errors
/// Where the database fails.
pub(super) async fn end_others(
    connection: &mut PgConnection,
    user: Uuid,
    kept: Uuid,
    now: DateTime<Utc>,
) -> Result<()> {
    store::end_other_sessions(connection, user, kept, now).await
}

async fn end_with(
    connection: &mut PgConnection,
    actor: &Actor,
    origin: &Origin,
    session: Uuid,
    now: DateTime<Utc>,
    outcome: Outcome,
) -> Result<()> {
    store::end_session(connection, session, now).await?;
    let action = if outcome == Outcome::Denied { "session.reuse" } else { "session.end" };
    let event = Event { outcome, ..Event::new(action, Target::session(session)) };
    audit::record(connection, actor, origin, now, event).await
}
