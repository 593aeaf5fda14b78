//! All SQL of integrations.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use sqlx::types::Json;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::health::Last;
use super::registry::Values;
use super::{Endpoint, Health, Integration, Kind};
use crate::database::contains_pattern;
use crate::error::{Error, Result};
use crate::page::Window;
use crate::vault::{Held, Swaps};

/// Which integrations to read; without any wish, all of them.
#[derive(Default, Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub id: Option<Uuid>,
    pub kind: Option<Kind>,
    pub search: Option<&'a str>,
}

struct Row {
    id: Uuid,
    name: String,
    description: String,
    kind: String,
    base_url: String,
    auth_type: String,
    has_credentials: bool,
    endpoints: Json<Vec<Endpoint>>,
    active: bool,
    created_by: Option<Uuid>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    revision: i64,
    failures: i32,
    verdict: Option<String>,
    message: Option<String>,
    checked_at: Option<DateTime<Utc>>,
    managers: Vec<Uuid>,
    total: i64,
}

impl Row {
    fn parse(self) -> Result<(Integration, i64)> {
        let last = Last {
            verdict: self.verdict.as_deref().map(known).transpose()?,
            message: self.message,
            at: self.checked_at,
        };
        let integration = Integration {
            id: self.id,
            name: self.name,
            description: self.description,
            kind: known(&self.kind)?,
            base_url: self.base_url,
            auth_type: known(&self.auth_type)?,
            has_credentials: self.has_credentials,
            endpoints: self.endpoints.0,
            is_active: self.active,
            health: Health::of(self.active, self.revision > 0, self.created_at, last),
            revision: self.revision,
            failures: self.failures,
            created_by: self.created_by,
            managers: self.managers,
            created_at: self.created_at,
            updated_at: self.updated_at,
        };
        Ok((integration, self.total))
    }
}

/// What a word of the database means.
pub(super) fn known<T: FromStr<Err = anyhow::Error>>(word: &str) -> Result<T> {
    word.parse().map_err(Error::Internal)
}

/// By name; with a search, parts of the name first, then what is nearly so (`pg_trgm` word similarity).
pub(super) async fn list(
    executor: impl PgExecutor<'_>,
    wanted: Wanted<'_>,
    window: Window,
) -> Result<Vec<(Integration, i64)>> {
    let rows = sqlx::query_as!(
        Row,
        r#"select id, name, description, kind, base_url, auth_type, credentials is not null as "has_credentials!",
               endpoints as "endpoints: Json<Vec<Endpoint>>", active, created_by, created_at, updated_at, revision,
               failures, verdict, message, checked_at,
               array(
                   select m.user_id from integration_managers m where m.integration_id = i.id order by m.place
               ) as "managers!",
               count(*) over () as "total!"
           from integrations i
           where ($1::uuid is null or id = $1) and ($2::text is null or kind = $2)
               and ($3::text is null or name ilike $4 or name %> $3)
           order by (name ilike $4) desc, word_similarity($3, name) desc, lower(name), id
           limit $5 offset $6"#,
        wanted.id,
        wanted.kind.map(Kind::as_str),
        wanted.search,
        wanted.search.map(contains_pattern),
        window.limit,
        window.offset
    );
    rows.fetch_all(executor).await?.into_iter().map(Row::parse).collect()
}

pub(super) async fn by_id(executor: impl PgExecutor<'_>, id: Uuid) -> Result<Option<Integration>> {
    let wanted = Wanted { id: Some(id), ..Wanted::default() };
    let found = list(executor, wanted, Window { limit: Some(1), offset: 0 }).await?.pop();
    Ok(found.map(|(integration, _)| integration))
}

/// Keeps others from changing an integration until the transaction ends.
pub(super) async fn hold(connection: &mut PgConnection, id: Uuid) -> Result<()> {
    sqlx::query!("select id from integrations where id = $1 for update", id)
        .fetch_optional(connection)
        .await?;
    Ok(())
}

pub(super) async fn insert(
    connection: &mut PgConnection,
    id: Uuid,
    kind: Kind,
    new: &Values,
    created_by: Option<Uuid>,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "insert into integrations
             (id, name, description, kind, base_url, auth_type, endpoints, active, created_by, created_at, updated_at,
              next_check_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $10)",
        id,
        new.name,
        new.description,
        kind.as_str(),
        new.base_url,
        new.auth_type.as_str(),
        Json(&new.endpoints) as _,
        new.is_active,
        created_by,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn update(
    connection: &mut PgConnection,
    id: Uuid,
    new: &Values,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "update integrations set name = $2, description = $3, base_url = $4, auth_type = $5, endpoints = $6,
             active = $7, updated_at = $8
         where id = $1",
        id,
        new.name,
        new.description,
        new.base_url,
        new.auth_type.as_str(),
        Json(&new.endpoints) as _,
        new.is_active,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets what was found, since what it was about has changed: it is to be looked at anew.
pub(super) async fn forget_health(connection: &mut PgConnection, id: Uuid, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "update integrations set revision = revision + 1, verdict = null, message = null, failures = 0,
             next_check_at = $2
         where id = $1",
        id,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Keeps these sealed credentials, or none.
pub(super) async fn put_credentials(
    connection: &mut PgConnection,
    id: Uuid,
    sealed: Option<&[u8]>,
) -> Result<()> {
    sqlx::query!("update integrations set credentials = $2 where id = $1", id, sealed)
        .execute(connection)
        .await?;
    Ok(())
}

/// The sealed credentials of this state of an integration, where it has any; nothing at all where it has changed.
pub(super) async fn credentials(
    executor: impl PgExecutor<'_>,
    id: Uuid,
    revision: i64,
) -> Result<Option<Option<Vec<u8>>>> {
    let sealed = sqlx::query_scalar!(
        "select credentials from integrations where id = $1 and revision = $2",
        id,
        revision
    );
    Ok(sealed.fetch_optional(executor).await?)
}

/// Which of these are accounts. They stay so until the transaction ends.
pub(super) async fn hold_users(connection: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Uuid>> {
    let known = sqlx::query_scalar!("select id from users where id = any ($1) for key share", ids);
    Ok(known.fetch_all(connection).await?)
}

/// Makes these, and no others, the managers of an integration.
pub(super) async fn set_managers(connection: &mut PgConnection, id: Uuid, managers: &[Uuid]) -> Result<()> {
    sqlx::query!("delete from integration_managers where integration_id = $1", id)
        .execute(&mut *connection)
        .await?;
    sqlx::query!(
        "insert into integration_managers (integration_id, user_id, place)
         select $1, m.id, m.place from unnest($2::uuid[]) with ordinality as m (id, place)",
        id,
        managers
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Whether this account made or manages an integration.
pub(super) async fn has_own(connection: &mut PgConnection, person: Uuid) -> Result<bool> {
    let found = sqlx::query_scalar!(
        r#"select exists(select from integrations where created_by = $1)
               or exists(select from integration_managers where user_id = $1) as "found!""#,
        person
    );
    Ok(found.fetch_one(connection).await?)
}

/// Deletes an integration; whether it was there still.
pub(super) async fn delete(connection: &mut PgConnection, id: Uuid) -> Result<bool> {
    let done = sqlx::query!("delete from integrations where id = $1", id).execute(connection).await?;
    Ok(done.rows_affected() > 0)
}

/// How many credentials of integrations are sealed with each data key.
pub(crate) async fn count_sealed(connection: &mut PgConnection) -> Result<Vec<(Option<i32>, i64)>> {
    let rows = sqlx::query!(
        r#"select sealed_key(credentials) as key, count(*) as "count!" from integrations
           where credentials is not null group by 1 order by 1"#
    );
    Ok(rows.fetch_all(connection).await?.into_iter().map(|row| (row.key, row.count)).collect())
}

/// Up to `limit` sealed credentials of integrations behind `after`, in order, but for those sealed with `but`.
pub(crate) async fn held(
    connection: &mut PgConnection,
    after: (Uuid, &str),
    but: Option<i32>,
    limit: i64,
) -> Result<Vec<Held>> {
    let held = sqlx::query_as!(
        Held,
        r#"select id, base_url as part, id as sealed_for, credentials as "sealed!" from integrations
           where credentials is not null and (id, base_url) > ($1, $2)
               and ($3::integer is null or sealed_key(credentials) is distinct from $3)
           order by id limit $4"#,
        after.0,
        after.1,
        but,
        limit
    );
    Ok(held.fetch_all(connection).await?)
}

/// Puts other bytes in the place of sealed credentials that are still as they were; how many that are.
pub(crate) async fn swap(connection: &mut PgConnection, swaps: &Swaps) -> Result<u64> {
    let swapped = sqlx::query!(
        "update integrations i set credentials = new.sealed
         from unnest($1::uuid[], $2::bytea[], $3::bytea[]) new (id, was, sealed)
         where i.id = new.id and i.credentials = new.was",
        &swaps.ids,
        &swaps.were,
        &swaps.sealed
    );
    Ok(swapped.execute(connection).await?.rows_affected())
}
