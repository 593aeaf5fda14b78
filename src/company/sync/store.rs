//! All SQL of the copy.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::{Mode, Progress, State, Status};
use crate::connectwise::Company;
use crate::error::{Error, Result};
use crate::id;

/// Any number that nothing else in the database uses as a lock.
const LOCK: i64 = 7_463_627;

/// How many rows a run must write before Postgres is told to look at the table anew.
const MANY: i64 = 500;

/// What earlier runs left.
pub(super) struct Last {
    pub tenant: Option<String>,
    pub complete_at: Option<DateTime<Utc>>,
    pub full_at: Option<DateTime<Utc>>,
}

pub(super) async fn last(pool: &PgPool) -> Result<Last> {
    let last = sqlx::query_as!(Last, "select tenant, complete_at, full_at from company_sync");
    Ok(last.fetch_one(pool).await?)
}

/// Takes the lock for as long as the connection lives; whether it was free.
pub(super) async fn lock(connection: &mut PgConnection) -> Result<bool> {
    let locked = sqlx::query_scalar!(r#"select pg_try_advisory_lock($1) as "locked!""#, LOCK);
    Ok(locked.fetch_one(connection).await?)
}

/// What is known of the last run. The row is seen as it was when the question came, the lock as it is a
/// moment later: a run that ends between looks cut off at first, and ended when it is asked after again.
pub(super) async fn status(pool: &PgPool) -> Result<Status> {
    let first = seen_status(pool).await?;
    if first.state == State::Failed && first.finished_at.is_none() {
        seen_status(pool).await
    } else {
        Ok(first)
    }
}

async fn seen_status(pool: &PgPool) -> Result<Status> {
    let row = sqlx::query!(
        r#"select mode, started_at, finished_at, read, written, marked, error,
               exists (
                   select from pg_locks l join pg_database d on d.oid = l.database
                   where d.datname = current_database() and l.locktype = 'advisory' and l.granted
                       and l.classid::bigint = 0 and l.objid::bigint = $1 and l.objsubid = 1
               ) as "is_on!"
           from company_sync"#,
        LOCK
    )
    .fetch_one(pool)
    .await?;
    let was_cut_off = !row.is_on && row.started_at.is_some() && row.finished_at.is_none();
    let error = row.error.or_else(|| was_cut_off.then(|| "The run was cut off before its end".to_owned()));
    Ok(Status {
        state: match (row.is_on, &error) {
            (true, _) => State::Running,
            (false, Some(_)) => State::Failed,
            (false, None) => State::Idle,
        },
        mode: row.mode,
        started_at: row.started_at,
        finished_at: row.finished_at,
        progress: Progress { read: row.read, written: row.written, marked: row.marked },
        error,
    })
}

pub(super) async fn begin(connection: &mut PgConnection, mode: Mode, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "update company_sync set mode = $1, started_at = $2, finished_at = null, read = 0, written = 0, marked = 0,
             error = null",
        mode.as_str(),
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes down how far a run has come, and with the first companies whose they are.
pub(super) async fn progress(connection: &mut PgConnection, tenant: &str, progress: Progress) -> Result<()> {
    let Progress { read, written, marked } = progress;
    sqlx::query!(
        "update company_sync set tenant = coalesce(tenant, $1), read = $2, written = $3, marked = $4",
        tenant,
        read,
        written,
        marked
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Ends a run: with the reason where it was not complete, else as what the next ones build upon.
pub(super) async fn finish(
    connection: &mut PgConnection,
    progress: Progress,
    error: Option<&str>,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "update company_sync set finished_at = $1, read = $2, written = $3, marked = $4, error = $5,
             complete_at = case when $5::text is null then started_at else complete_at end,
             full_at = case when $5::text is null and mode = 'full' then started_at else full_at end",
        now,
        progress.read,
        progress.written,
        progress.marked,
        error
    )
    .execute(&mut *connection)
    .await?;
    if progress.written >= MANY {
        sqlx::query!("analyze companies").execute(connection).await?;
    }
    Ok(())
}

/// Companies as they were sent, a list for each column.
#[derive(Default)]
pub(in crate::company) struct Sent {
    ids: Vec<Uuid>,
    numbers: Vec<i64>,
    names: Vec<String>,
    identifiers: Vec<Option<String>>,
    data: Vec<Value>,
    updated: Vec<Option<DateTime<Utc>>>,
    deleted: Vec<bool>,
}

impl Sent {
    /// The lists of these companies.
    pub fn new(companies: Vec<Company>) -> Result<Self> {
        let mut sent = Self::default();
        for company in companies {
            sent.ids.push(id::new());
            sent.numbers.push(company.number);
            sent.names.push(company.name);
            sent.identifiers.push(company.identifier);
            sent.data.push(serde_json::to_value(&company.data).map_err(Error::internal)?);
            sent.updated.push(company.updated_at);
            sent.deleted.push(company.is_deleted);
        }
        Ok(sent)
    }
}

/// Writes those that are new or newer than what is stored, and only those; how many. One that is stored and
/// was deleted there is not marked by this.
pub(in crate::company) async fn write(
    connection: &mut PgConnection,
    sent: &Sent,
    asked_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<i64> {
    let done = sqlx::query!(
        "with sent as (
             select * from unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::jsonb[], $6::timestamptz[], $7::boolean[])
                 as s (id, number, name, identifier, data, updated, deleted)
         ), changed as (
             select s.* from sent s left join companies c on c.cw_company_id = s.number
             where c.id is null
                 or ((c.name, c.cw_identifier, c.cw_data) is distinct from (s.name, s.identifier, s.data)
                     or (c.cw_deleted_at is not null and not s.deleted))
                 and is_newer(s.updated, $8, c.cw_updated_at, c.cw_fetched_at)
         )
         insert into companies as c (id, name, cw_company_id, cw_identifier, cw_data, cw_updated_at, cw_fetched_at,
             cw_deleted_at, created_at, updated_at)
         select id, name, number, identifier, data, updated, $8, case when deleted then $9::timestamptz end, $9, $9
         from changed
         on conflict (cw_company_id) do update set name = excluded.name, cw_identifier = excluded.cw_identifier,
             cw_data = excluded.cw_data, cw_updated_at = excluded.cw_updated_at,
             cw_fetched_at = excluded.cw_fetched_at, updated_at = excluded.updated_at,
             cw_deleted_at = case when excluded.cw_deleted_at is null then null else c.cw_deleted_at end
         where is_newer(excluded.cw_updated_at, excluded.cw_fetched_at, c.cw_updated_at, c.cw_fetched_at)",
        &sent.ids,
        &sent.numbers,
        &sent.names,
        &sent.identifiers as &[Option<String>],
        &sent.data,
        &sent.updated as &[Option<DateTime<Utc>>],
        &sent.deleted,
        asked_at,
        now
    )
    .execute(connection)
    .await?;
    Ok(i64::try_from(done.rows_affected()).unwrap_or(i64::MAX))
}

/// Remembers that ConnectWise was asked about a company, whatever it said.
pub(in crate::company) async fn touch(
    connection: &mut PgConnection,
    number: i64,
    asked_at: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "update companies set cw_fetched_at = $2 where cw_company_id = $1 and cw_fetched_at < $2",
        number,
        asked_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Marks those of the companies that ConnectWise calls deleted; how many.
pub(in crate::company) async fn mark_deleted(
    connection: &mut PgConnection,
    numbers: &[i64],
    now: DateTime<Utc>,
) -> Result<i64> {
    let done = sqlx::query!(
        "update companies set cw_deleted_at = $2, updated_at = $2
         where cw_company_id = any($1) and cw_deleted_at is null and cw_data -> 'deletedFlag' = 'true'",
        numbers,
        now
    )
    .execute(connection)
    .await?;
    Ok(i64::try_from(done.rows_affected()).unwrap_or(i64::MAX))
}

/// Marks companies that ConnectWise did not have when it was asked for each, unless something newer is
/// known; how many.
pub(in crate::company) async fn mark_gone(
    connection: &mut PgConnection,
    numbers: &[i64],
    asked_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<i64> {
    let done = sqlx::query!(
        "update companies set cw_deleted_at = $3, cw_fetched_at = $2, updated_at = $3
         where cw_company_id = any($1) and cw_deleted_at is null and coalesce(cw_fetched_at, '-infinity') <= $2",
        numbers,
        asked_at,
        now
    )
    .execute(connection)
    .await?;
    Ok(i64::try_from(done.rows_affected()).unwrap_or(i64::MAX))
}

/// How many companies are stored that came from ConnectWise and are not marked.
pub(super) async fn count_unmarked(connection: &mut PgConnection) -> Result<i64> {
    let count = sqlx::query_scalar!(
        r#"select count(*) as "count!" from companies where cw_company_id is not null and cw_deleted_at is null"#
    );
    Ok(count.fetch_one(connection).await?)
}

/// How many of these companies ConnectWise calls deleted without their being marked.
pub(super) async fn count_deleted(connection: &mut PgConnection, numbers: &[i64]) -> Result<i64> {
    let count = sqlx::query_scalar!(
        r#"select count(*) as "count!" from companies
           where cw_company_id = any($1) and cw_deleted_at is null and cw_data -> 'deletedFlag' = 'true'"#,
        numbers
    );
    Ok(count.fetch_one(connection).await?)
}

/// The companies that are stored and not marked, that a run did not see, and that nobody else has asked for
/// since it began.
pub(super) async fn unseen(
    connection: &mut PgConnection,
    seen: &[i64],
    began: DateTime<Utc>,
) -> Result<Vec<i64>> {
    let found = sqlx::query_scalar!(
        r#"select cw_company_id as "number!" from companies c
           where cw_company_id is not null and cw_deleted_at is null
               and coalesce(cw_fetched_at, '-infinity') < $2
               and not exists (select from unnest($1::bigint[]) as seen (number) where seen.number = c.cw_company_id)
           order by 1"#,
        seen,
        began
    );
    Ok(found.fetch_all(connection).await?)
}
