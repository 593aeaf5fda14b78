//! The key ring in the database.

use anyhow::Context;
use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor, PgPool};

use super::DataKey;
use crate::error::Result;

/// Any number that nothing else in the database uses as a lock.
const ROTATION_LOCK: i64 = 7_463_628;

/// Whether the database has a key ring yet.
pub(super) async fn has_key_ring(pool: &PgPool) -> anyhow::Result<bool> {
    let found = sqlx::query_scalar!(r#"select to_regclass('data_keys') is not null as "found!""#);
    Ok(found.fetch_one(pool).await?)
}

/// Every data key, wrapped.
pub(super) async fn wrapped_keys(database: impl PgExecutor<'_>) -> anyhow::Result<Vec<(u32, Vec<u8>)>> {
    let rows = sqlx::query!("select id, wrapped from data_keys order by id").fetch_all(database).await?;
    rows.into_iter()
        .map(|row| Ok((u32::try_from(row.id).context("a data key with a negative id")?, row.wrapped)))
        .collect()
}

/// Keeps the first data key. Where another server was faster, its key stands.
pub(super) async fn insert_first_key(pool: &PgPool, wrapped: &[u8]) -> anyhow::Result<()> {
    sqlx::query!(
        "insert into data_keys (id, wrapped, created_at) values (1, $1, now()) on conflict do nothing",
        wrapped
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Keeps a new data key; false where there is one with this id.
pub(super) async fn insert_key(
    connection: &mut PgConnection,
    id: i32,
    wrapped: &[u8],
    rotation_began_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<bool> {
    let inserted = sqlx::query!(
        "insert into data_keys (id, wrapped, created_at, rotation_began_at) values ($1, $2, $3, $4)
         on conflict do nothing",
        id,
        wrapped,
        now,
        rotation_began_at
    );
    Ok(inserted.execute(connection).await?.rows_affected() > 0)
}

/// Wraps a data key otherwise.
pub(super) async fn put_wrapped(connection: &mut PgConnection, id: i32, wrapped: &[u8]) -> Result<()> {
    sqlx::query!("update data_keys set wrapped = $2 where id = $1", id, wrapped).execute(connection).await?;
    Ok(())
}

/// Every data key, wrapped, locked against other changes of it.
pub(super) async fn hold_wrapped_keys(connection: &mut PgConnection) -> Result<Vec<(i32, Vec<u8>)>> {
    let rows = sqlx::query!("select id, wrapped from data_keys order by id for no key update");
    Ok(rows.fetch_all(connection).await?.into_iter().map(|row| (row.id, row.wrapped)).collect())
}

/// Counts seals with a key before they are made; false where it may not seal as many. A nonce of 96 random
/// bits is safe for 2^32 of them (NIST SP 800-38D, section 8.3).
pub(super) async fn count_seals(connection: &mut PgConnection, key: u32, seals: u32) -> Result<bool> {
    let counted = sqlx::query!(
        "update data_keys set seals = seals + $2::bigint where id = $1::bigint and seals + $2::bigint <= 4294967296",
        i64::from(key),
        i64::from(seals)
    );
    Ok(counted.execute(connection).await?.rows_affected() > 0)
}

/// The data keys, oldest first.
///
/// # Errors
/// Where the database fails.
pub async fn data_keys(database: impl PgExecutor<'_>) -> Result<Vec<DataKey>> {
    let keys = sqlx::query_as!(
        DataKey,
        "select id, created_at, seals, rotation_began_at, rotation_ended_at from data_keys order by id"
    );
    Ok(keys.fetch_all(database).await?)
}

/// Takes the right to rotate for as long as the connection lives; whether it was free.
///
/// # Errors
/// Where the database fails.
pub async fn lock_rotation(connection: &mut PgConnection) -> Result<bool> {
    let locked = sqlx::query_scalar!(r#"select pg_try_advisory_lock($1) as "locked!""#, ROTATION_LOCK);
    Ok(locked.fetch_one(connection).await?)
}

/// Notes that everything is sealed with this key or a newer one.
///
/// # Errors
/// Where the database fails.
pub async fn end_rotation(connection: &mut PgConnection, key: i32, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "update data_keys set rotation_ended_at = $2
         where id <= $1 and rotation_began_at is not null and rotation_ended_at is null",
        key,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Waits for those who seal with a key, and keeps others from it until the transaction ends; false where
/// it is gone.
///
/// # Errors
/// Where the database fails.
pub async fn hold_back(connection: &mut PgConnection, key: i32) -> Result<bool> {
    let held = sqlx::query_scalar!("select id from data_keys where id = $1 for update", key);
    Ok(held.fetch_optional(connection).await?.is_some())
}

/// Removes a key. Nothing may be sealed with it, and [`hold_back`] must have been called.
///
/// # Errors
/// Where the database fails.
pub async fn retire(connection: &mut PgConnection, key: i32) -> Result<()> {
    sqlx::query!("delete from data_keys where id = $1", key).execute(connection).await?;
    Ok(())
}
