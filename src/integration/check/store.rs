//! All SQL of checks.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::Check;
use crate::error::Result;
use crate::integration::store::known;
use crate::integration::{Status, Verdict};

/// The newest first.
pub(super) async fn last(pool: &PgPool, integration: Uuid, count: i64) -> Result<Vec<Check>> {
    let rows = sqlx::query!(
        "select at, verdict, message, duration_ms from integration_checks
         where integration_id = $1 order by at desc, id desc limit $2",
        integration,
        count
    );
    let rows = rows.fetch_all(pool).await?.into_iter();
    rows.map(|row| {
        let verdict: Verdict = known(&row.verdict)?;
        let (at, status) = (row.at, Status::of(verdict));
        Ok(Check { at, status, verdict, message: row.message, duration_ms: row.duration_ms })
    })
    .collect()
}

/// Takes integrations whose time has come, each with its revision, at most so many, which no other server does at
/// the same time: their next time is then `later`.
pub(super) async fn claim(
    pool: &PgPool,
    now: DateTime<Utc>,
    later: DateTime<Utc>,
    count: i64,
) -> Result<Vec<(Uuid, i64)>> {
    let claimed = sqlx::query!(
        "update integrations set next_check_at = $2
         where id in (
             select id from integrations where active and next_check_at <= $1
             order by next_check_at limit $3 for update skip locked
         )
         returning id, revision",
        now,
        later,
        count
    );
    Ok(claimed.fetch_all(pool).await?.into_iter().map(|row| (row.id, row.revision)).collect())
}

/// How many checks of this state of an integration have failed one after another. It is kept from being changed
/// until the transaction ends; none where it was changed before, or is not in use any more.
pub(super) async fn hold_failures(
    connection: &mut PgConnection,
    id: Uuid,
    revision: i64,
) -> Result<Option<i32>> {
    let failures = sqlx::query_scalar!(
        "select failures from integrations where id = $1 and revision = $2 and active for update",
        id,
        revision
    );
    Ok(failures.fetch_optional(connection).await?)
}

/// Keeps what was found, and when to look the next time.
pub(super) async fn keep(
    connection: &mut PgConnection,
    id: Uuid,
    found: &Check,
    failures: i32,
    next: Option<DateTime<Utc>>,
) -> Result<()> {
    sqlx::query!(
        "update integrations set verdict = $2, message = $3, checked_at = $4, failures = $5, next_check_at = $6
         where id = $1",
        id,
        found.verdict.as_str(),
        found.message,
        found.at,
        failures,
        next
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes a check down, and forgets all but the last `count`.
pub(super) async fn insert(
    connection: &mut PgConnection,
    id: Uuid,
    integration: Uuid,
    check: &Check,
    count: i64,
) -> Result<()> {
    sqlx::query!(
        "insert into integration_checks (id, integration_id, at, verdict, message, duration_ms)
         values ($1, $2, $3, $4, $5, $6)",
        id,
        integration,
        check.at,
        check.verdict.as_str(),
        check.message,
        check.duration_ms
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "delete from integration_checks where id in (
             select id from integration_checks where integration_id = $1 order by at desc, id desc offset $2
         )",
        integration,
        count
    )
    .execute(connection)
    .await?;
    Ok(())
}
