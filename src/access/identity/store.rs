//! All SQL of identities.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::Linked;
use crate::access::oauth::{Identity, Provider};
use crate::error::Result;

/// An account that an identity belongs to.
pub(super) struct Known {
    pub id: Uuid,
    pub active: bool,
}

pub(super) async fn account_of(connection: &mut PgConnection, identity: &Identity) -> Result<Option<Known>> {
    let known = sqlx::query_as!(
        Known,
        "select u.id, u.active from identities i join users u on u.id = i.user_id
         where i.issuer = $1 and i.tenant = $2 and i.subject = $3",
        identity.issuer,
        identity.tenant,
        identity.subject
    );
    Ok(known.fetch_optional(connection).await?)
}

/// Whether an account goes by the login or the e-mail address of `identity`, as either.
pub(super) async fn is_taken(connection: &mut PgConnection, identity: &Identity) -> Result<bool> {
    let taken = sqlx::query_scalar!(
        r#"select exists(select from users where login in ($1, $2) or email in ($1, $2)) as "taken!""#,
        identity.login,
        identity.email
    );
    Ok(taken.fetch_one(connection).await?)
}

pub(super) async fn insert(
    connection: &mut PgConnection,
    id: Uuid,
    account: Uuid,
    identity: &Identity,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "insert into identities (id, user_id, provider, issuer, tenant, subject, created_at, last_used_at)
         values ($1, $2, $3, $4, $5, $6, $7, $7)",
        id,
        account,
        identity.provider.as_str(),
        identity.issuer,
        identity.tenant,
        identity.subject,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes where a new account comes from. The addresses of Microsoft's people are their administrator's word.
pub(super) async fn mark_provider(
    connection: &mut PgConnection,
    account: Uuid,
    identity: &Identity,
) -> Result<()> {
    let is_verified = identity.email.is_some() && identity.provider != Provider::Microsoft;
    sqlx::query!(
        "update users set auth_provider = $2, email_verified = $3 where id = $1",
        account,
        identity.provider.as_str(),
        is_verified
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Marks an identity as used, and gives its account the name and the picture of the provider; whether that
/// changed anything. No picture leaves the one there is.
pub(super) async fn refresh(
    connection: &mut PgConnection,
    account: Uuid,
    identity: &Identity,
    now: DateTime<Utc>,
) -> Result<bool> {
    let refreshed = sqlx::query!(
        "with used as (
             update identities set last_used_at = $6 where issuer = $1 and tenant = $2 and subject = $3
         )
         update users set name = $4, image = coalesce($5, image), updated_at = $6
         where id = $7 and (name <> $4 or image is distinct from coalesce($5, image))",
        identity.issuer,
        identity.tenant,
        identity.subject,
        identity.name,
        identity.picture,
        now,
        account
    );
    Ok(refreshed.execute(connection).await?.rows_affected() > 0)
}

/// The account of a session, where both are good now.
pub(super) async fn account_of_session(
    connection: &mut PgConnection,
    session: Uuid,
    now: DateTime<Utc>,
) -> Result<Option<Uuid>> {
    let account = sqlx::query_scalar!(
        "select u.id from sessions s join users u on u.id = s.user_id
         where s.id = $1 and s.ended_at is null and s.expires_at > $2 and u.active for share of s, u",
        session,
        now
    );
    Ok(account.fetch_optional(connection).await?)
}

pub(super) async fn of_account(pool: &PgPool, account: Uuid) -> Result<Vec<Linked>> {
    let linked = sqlx::query_as!(
        Linked,
        "select id, provider, created_at, last_used_at from identities where user_id = $1 order by id",
        account
    );
    Ok(linked.fetch_all(pool).await?)
}

pub(super) async fn delete(connection: &mut PgConnection, id: Uuid, account: Uuid) -> Result<bool> {
    let deleted = sqlx::query!("delete from identities where id = $1 and user_id = $2", id, account);
    Ok(deleted.execute(connection).await?.rows_affected() > 0)
}

/// Whether an account has a password or an identity.
pub(super) async fn has_a_way_in(connection: &mut PgConnection, account: Uuid) -> Result<bool> {
    let found = sqlx::query_scalar!(
        r#"select password_hash is not null or exists(select from identities where user_id = u.id) as "found!"
           from users u where id = $1"#,
        account
    );
    Ok(found.fetch_optional(connection).await?.unwrap_or(false))
}
