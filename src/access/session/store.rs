//! All SQL of sessions.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::Session;
use crate::access::caller::Origin;
use crate::error::Result;

/// Keeps a new session.
pub(super) async fn insert_session(
    connection: &mut PgConnection,
    id: Uuid,
    user: Uuid,
    origin: &Origin,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "insert into sessions (id, user_id, address, user_agent, created_at, last_used_at, expires_at)
         values ($1, $2, $3, $4, $5, $5, $6)",
        id,
        user,
        origin.address.map(|address| address.to_string()).unwrap_or_default(),
        origin.user_agent,
        now,
        expires_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Marks a session as used.
pub(super) async fn touch_session(connection: &mut PgConnection, id: Uuid, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!("update sessions set last_used_at = $2 where id = $1", id, now).execute(connection).await?;
    Ok(())
}

/// Ends a session, whatever tokens it has.
pub(super) async fn end_session(connection: &mut PgConnection, id: Uuid, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!("update sessions set ended_at = coalesce(ended_at, $2) where id = $1", id, now)
        .execute(connection)
        .await?;
    Ok(())
}

/// Ends every session of an account.
pub(super) async fn end_sessions_of(
    connection: &mut PgConnection,
    user: Uuid,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!("update sessions set ended_at = $2 where user_id = $1 and ended_at is null", user, now)
        .execute(connection)
        .await?;
    Ok(())
}

/// The sessions of an account that are good now, the latest first.
pub(super) async fn sessions_of(pool: &PgPool, user: Uuid, now: DateTime<Utc>) -> Result<Vec<Session>> {
    let sessions = sqlx::query_as!(
        Session,
        "select id, address, user_agent, created_at, last_used_at from sessions
         where user_id = $1 and ended_at is null and expires_at > $2 order by id desc",
        user,
        now
    );
    Ok(sessions.fetch_all(pool).await?)
}

/// Whether a session is this account's and good now; it is then locked.
pub(super) async fn is_session_of(
    connection: &mut PgConnection,
    id: Uuid,
    user: Uuid,
    now: DateTime<Utc>,
) -> Result<bool> {
    let found = sqlx::query_scalar!(
        r#"select true as "found!" from sessions
           where id = $1 and user_id = $2 and ended_at is null and expires_at > $3 for update"#,
        id,
        user,
        now
    );
    Ok(found.fetch_optional(connection).await?.unwrap_or(false))
}

/// Ends every session of an account but this one.
pub(super) async fn end_other_sessions(
    connection: &mut PgConnection,
    user: Uuid,
    kept: Uuid,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "update sessions set ended_at = $3 where user_id = $1 and id <> $2 and ended_at is null",
        user,
        kept,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Removes sessions that no token can use any more.
pub(super) async fn forget_expired_sessions(connection: &mut PgConnection, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!("delete from sessions where expires_at < $1", now).execute(connection).await?;
    Ok(())
}

/// Keeps a refresh token by its hash.
pub(super) async fn insert_refresh_token(
    connection: &mut PgConnection,
    hash: &[u8],
    session: Uuid,
    predecessor: Option<&[u8]>,
    expires_at: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "insert into refresh_tokens (hash, session_id, predecessor, expires_at) values ($1, $2, $3, $4)",
        hash,
        session,
        predecessor,
        expires_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A session that may be refreshed.
pub(super) struct LiveSession {
    pub id: Uuid,
    pub user_id: Uuid,
    pub user_name: String,
}

/// The session of an unexpired refresh token, where it and its account are good now. It is locked, so
/// that refreshes of one session come one after another.
pub(super) async fn lock_session_of(
    connection: &mut PgConnection,
    hash: &[u8],
    now: DateTime<Utc>,
) -> Result<Option<LiveSession>> {
    let session = sqlx::query_as!(
        LiveSession,
        "select s.id, u.id as user_id, u.name as user_name
         from refresh_tokens t join sessions s on s.id = t.session_id join users u on u.id = s.user_id
         where t.hash = $1 and t.expires_at > $2 and s.ended_at is null and s.expires_at > $2 and u.active
         for update of s",
        hash,
        now
    );
    Ok(session.fetch_optional(connection).await?)
}

/// What has become of a refresh token.
pub(super) struct RefreshTokenState {
    pub spent_at: Option<DateTime<Utc>>,
    pub successor_spent: bool,
}

/// The state of a refresh token whose session is locked.
pub(super) async fn refresh_token_state(
    connection: &mut PgConnection,
    hash: &[u8],
) -> Result<RefreshTokenState> {
    let state = sqlx::query_as!(
        RefreshTokenState,
        r#"select spent_at, exists(
               select from refresh_tokens next where next.predecessor = t.hash and next.spent_at is not null
           ) as "successor_spent!"
           from refresh_tokens t where hash = $1"#,
        hash
    );
    Ok(state.fetch_one(connection).await?)
}

/// Marks a refresh token as spent; the first time counts.
pub(super) async fn spend_refresh_token(
    connection: &mut PgConnection,
    hash: &[u8],
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!("update refresh_tokens set spent_at = coalesce(spent_at, $2) where hash = $1", hash, now)
        .execute(connection)
        .await?;
    Ok(())
}
