//! The key ring in the database.

use anyhow::Context;
use sqlx::PgPool;

/// Whether the database has a key ring yet.
pub(super) async fn has_key_ring(pool: &PgPool) -> anyhow::Result<bool> {
    let found = sqlx::query_scalar!(r#"select to_regclass('data_keys') is not null as "found!""#);
    Ok(found.fetch_one(pool).await?)
}

/// Every data key, wrapped.
pub(super) async fn wrapped_keys(pool: &PgPool) -> anyhow::Result<Vec<(u32, Vec<u8>)>> {
    let rows = sqlx::query!("select id, wrapped from data_keys order by id").fetch_all(pool).await?;
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

/// Whether anything is sealed.
pub(super) async fn has_sealed_values(pool: &PgPool) -> anyhow::Result<bool> {
    let found = sqlx::query_scalar!(
        r#"select exists(select from secure_values) or exists(select from version_values)
               or exists(select from trashed_secure_values) as "found!""#
    );
    Ok(found.fetch_one(pool).await?)
}
