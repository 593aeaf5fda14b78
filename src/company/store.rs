//! All SQL of companies.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::Company;
use crate::access::Reach;
use crate::database::{Reads, contains_pattern};
use crate::error::Result;
use crate::page::Window;

pub(super) async fn by_id(connection: &mut PgConnection, id: Uuid) -> Result<Option<Company>> {
    let company = sqlx::query_as!(
        Company,
        "select id, name, cw_company_id, cw_identifier, cw_deleted_at, created_at, updated_at from companies
         where id = $1",
        id
    );
    Ok(company.fetch_optional(connection).await?)
}

/// A company with what ConnectWise said of it last, and when it did: when it was asked for the company, or
/// for all that had changed.
pub(super) async fn known(
    connection: &mut PgConnection,
    id: Uuid,
) -> Result<Option<(Company, Map<String, Value>, Option<DateTime<Utc>>)>> {
    let Some(company) = by_id(connection, id).await? else { return Ok(None) };
    let row = sqlx::query!(
        r#"select cw_data,
               case when cw_deleted_at is null then greatest(cw_fetched_at, (select complete_at from company_sync))
                   else cw_fetched_at end as known_at
           from companies where id = $1"#,
        id
    );
    let Some(row) = row.fetch_optional(connection).await? else { return Ok(None) };
    let data = match row.cw_data {
        Some(Value::Object(data)) => data,
        _ => Map::new(),
    };
    Ok(Some((company, data, row.known_at)))
}

/// Writes down that a message was taken, and forgets those from before `forgotten`; whether it was new.
pub(super) async fn take_message(
    pool: &PgPool,
    message: &str,
    now: DateTime<Utc>,
    forgotten: DateTime<Utc>,
) -> Result<bool> {
    let taken = sqlx::query!(
        "insert into connectwise_messages as m (id, received_at) values ($1, $2)
         on conflict (id) do update set received_at = excluded.received_at where m.received_at < $3",
        message,
        now,
        forgotten
    );
    let is_new = taken.execute(pool).await?.rows_affected() > 0;
    if is_new {
        sqlx::query!("delete from connectwise_messages where received_at < $1", forgotten)
            .execute(pool)
            .await?;
    }
    Ok(is_new)
}

/// A row of a list, with the number of rows on all pages.
struct Counted {
    id: Uuid,
    name: String,
    cw_company_id: Option<i64>,
    cw_identifier: Option<String>,
    cw_deleted_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    total: i64,
}

impl From<Counted> for (Company, i64) {
    fn from(row: Counted) -> Self {
        let Counted { id, name, cw_company_id, cw_identifier, cw_deleted_at, created_at, updated_at, total } =
            row;
        (Company { id, name, cw_company_id, cw_identifier, cw_deleted_at, created_at, updated_at }, total)
    }
}

pub(super) async fn list(
    reads: &Reads,
    reach: &Reach,
    with_deleted: bool,
    window: Window,
) -> Result<Vec<(Company, i64)>> {
    let rows = sqlx::query_as!(
        Counted,
        r#"select id, name, cw_company_id, cw_identifier, cw_deleted_at, created_at, updated_at,
               (select count(*) from companies where ($1 or id = any($2)) and ($3 or cw_deleted_at is null)) as "total!"
           from companies
           where ($1 or id = any($2)) and ($3 or cw_deleted_at is null)
           order by lower(name), id
           limit $4 offset $5"#,
        reach.everywhere,
        &reach.companies,
        with_deleted,
        window.limit,
        window.offset
    );
    let mut connection = reads.lend().await?;
    let rows = rows.fetch_all(&mut *connection).await;
    Ok(connection.done(rows)?.into_iter().map(Into::into).collect())
}

/// Parts of the name or the identifier first, those that begin a word before others, then what is nearly so
/// (`pg_trgm` word similarity, which takes far longer to find out, and only these need it).
pub(super) async fn search(
    reads: &Reads,
    reach: &Reach,
    with_deleted: bool,
    search: &str,
    window: Window,
) -> Result<Vec<(Company, i64)>> {
    let rows = sqlx::query_as!(
        Counted,
        r#"with found as (
               select id, lower(name) as label, count(*) over () as total,
                   case when ' ' || name ilike '% ' || substr($4, 2) or cw_identifier ilike substr($4, 2) then 3
                       when name ilike $4 or cw_identifier ilike $4 then 2
                       else greatest(word_similarity($3, name), word_similarity($3, coalesce(cw_identifier, '')))
                   end as likeness
               from companies
               where ($1 or id = any($2)) and ($7 or cw_deleted_at is null)
                   and (name ilike $4 or cw_identifier ilike $4 or name %> $3 or cw_identifier %> $3)
               order by likeness desc, label, id
               limit $5 offset $6
           )
           select c.id, c.name, c.cw_company_id, c.cw_identifier, c.cw_deleted_at, c.created_at, c.updated_at,
               f.total as "total!"
           from found f join companies c on c.id = f.id
           order by f.likeness desc, f.label, f.id"#,
        reach.everywhere,
        &reach.companies,
        search,
        contains_pattern(search),
        window.limit,
        window.offset,
        with_deleted
    );
    let mut connection = reads.lend().await?;
    let rows = rows.fetch_all(&mut *connection).await;
    Ok(connection.done(rows)?.into_iter().map(Into::into).collect())
}

/// Locks a company against deletion; whether it is there.
pub(super) async fn hold(connection: &mut PgConnection, id: Uuid) -> Result<bool> {
    let held = sqlx::query!("select id from companies where id = $1 for key share", id);
    Ok(held.fetch_optional(connection).await?.is_some())
}

pub(super) async fn insert(
    connection: &mut PgConnection,
    id: Uuid,
    name: &str,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "insert into companies (id, name, created_at, updated_at) values ($1, $2, $3, $3)",
        id,
        name,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Renames a company; whether it was there still.
pub(super) async fn rename(
    connection: &mut PgConnection,
    id: Uuid,
    name: &str,
    now: DateTime<Utc>,
) -> Result<bool> {
    let done = sqlx::query!("update companies set name = $2, updated_at = $3 where id = $1", id, name, now)
        .execute(connection)
        .await?;
    Ok(done.rows_affected() > 0)
}

/// Deletes a company; whether it was there still.
pub(super) async fn delete(
    connection: &mut PgConnection,
    id: Uuid,
) -> std::result::Result<bool, sqlx::Error> {
    let done = sqlx::query!("delete from companies where id = $1", id).execute(connection).await?;
    Ok(done.rows_affected() > 0)
}
