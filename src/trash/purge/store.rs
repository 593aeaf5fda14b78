//! All SQL of removing things for good.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};

use crate::error::Result;
use crate::trash::{Entry, Kind};

/// Removes the credentials of a type or company that are in other entries. Those deleted by themselves
/// are entries of their own.
pub(super) async fn remove_dependent(connection: &mut PgConnection, entry: &Entry) -> Result<()> {
    let (kind, company) = match entry.kind {
        Kind::Credential => return Ok(()),
        Kind::CredentialType => (Some(entry.target_id), None),
        Kind::Company => (None, Some(entry.target_id)),
    };
    sqlx::query!(
        "delete from trash t using trashed_credentials c
         where c.trash_id = t.id and t.kind = 'credential' and (c.type_id = $1 or c.company_id = $2)",
        kind,
        company
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!("delete from trashed_credentials where type_id = $1 or company_id = $2", kind, company)
        .execute(connection)
        .await?;
    Ok(())
}

/// Whether anything is past its time.
pub(super) async fn is_any_due(pool: &PgPool, now: DateTime<Utc>) -> Result<bool> {
    let found =
        sqlx::query_scalar!(r#"select exists(select from trash where purge_at <= $1) as "found!""#, now);
    Ok(found.fetch_one(pool).await?)
}

/// Whether no other server is at it, until the transaction ends.
pub(super) async fn takes_turn(connection: &mut PgConnection) -> Result<bool> {
    // any number that nothing else in the database uses as a lock
    let taken = sqlx::query_scalar!(r#"select pg_try_advisory_xact_lock(7463631) as "taken!""#);
    Ok(taken.fetch_one(connection).await?)
}

/// Removes up to `limit` credentials of entries that are past their time; how many.
pub(super) async fn remove_some(
    connection: &mut PgConnection,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<u64> {
    let done = sqlx::query!(
        "delete from trashed_credentials where id in (
             select c.id from trashed_credentials c join trash t on t.id = c.trash_id
             where t.purge_at <= $1 limit $2
         )",
        now,
        limit
    );
    Ok(done.execute(connection).await?.rows_affected())
}
