//! All SQL of credentials.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::types::Json;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::history::Content;
use super::kind::Field;
use super::{CompanyName, Credential, Kind};
use crate::access::Reach;
use crate::database::{Reads, Single, contains_pattern};
use crate::error::Result;
use crate::page::Window;
use crate::vault::{self, Swaps};

/// A credential with its type and company, as it is read.
struct Row {
    id: Uuid,
    name: String,
    notes: Option<String>,
    plain_values: Json<HashMap<String, String>>,
    canary: bool,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    type_id: Uuid,
    type_name: String,
    permission_scope: String,
    fields: Json<Vec<Field>>,
    company_id: Uuid,
    company_name: String,
    /// How many credentials there are on all pages of a list.
    total: i64,
}

impl From<Row> for Credential {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            name: row.name,
            notes: row.notes,
            kind: Kind {
                id: row.type_id,
                name: row.type_name,
                permission_scope: row.permission_scope,
                fields: row.fields.0,
            },
            company: CompanyName { id: row.company_id, name: row.company_name },
            plain_values: row.plain_values.0,
            canary: Some(row.canary),
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

fn counted(rows: Vec<Row>) -> Vec<(Credential, i64)> {
    rows.into_iter()
        .map(|row| (row.total, row.into()))
        .map(|(total, credential)| (credential, total))
        .collect()
}

pub(super) async fn by_id(connection: &mut PgConnection, id: Uuid) -> Result<Option<Credential>> {
    let row = sqlx::query_as!(
        Row,
        r#"select c.id, c.name, c.notes, c.plain_values as "plain_values: Json<HashMap<String, String>>",
               c.canary, c.created_at, c.updated_at, t.id as type_id, t.name as type_name, t.permission_scope,
               t.fields as "fields: Json<Vec<Field>>", o.id as company_id, o.name as company_name,
               1::bigint as "total!"
           from credentials c
           join credential_types t on t.id = c.type_id
           join companies o on o.id = c.company_id
           where c.id = $1"#,
        id
    );
    Ok(row.fetch_optional(connection).await?.map(Into::into))
}

impl Single for Credential {
    type Key = Uuid;
    const AT_ONCE: usize = 100;

    async fn load(connection: &mut PgConnection, ids: &[Uuid]) -> Result<HashMap<Uuid, Self>> {
        let rows = sqlx::query_as!(
            Row,
            r#"select c.id, c.name, c.notes, c.plain_values as "plain_values: Json<HashMap<String, String>>",
                   c.canary, c.created_at, c.updated_at, t.id as type_id, t.name as type_name, t.permission_scope,
                   t.fields as "fields: Json<Vec<Field>>", o.id as company_id, o.name as company_name,
                   1::bigint as "total!"
               from credentials c
               join credential_types t on t.id = c.type_id
               join companies o on o.id = c.company_id
               where c.id = any($1)"#,
            ids
        );
        Ok(rows.fetch_all(connection).await?.into_iter().map(|row| (row.id, row.into())).collect())
    }
}

/// A credential with sealed values of it.
pub struct Secrets {
    pub(super) credential: Credential,
    /// By field id.
    pub(super) sealed: Vec<(String, Vec<u8>)>,
}

impl Single for Secrets {
    /// A credential, and the field whose value it is about; all of them without one.
    type Key = (Uuid, Option<String>);
    // a credential may have some megabytes of them
    const AT_ONCE: usize = 20;

    async fn load(connection: &mut PgConnection, keys: &[Self::Key]) -> Result<HashMap<Self::Key, Self>> {
        let (ids, fields): (Vec<_>, Vec<_>) = keys.iter().map(|(id, field)| (*id, field.as_deref())).unzip();
        let credentials = Credential::load(connection, &ids).await?;
        let rows = sqlx::query!(
            r#"select w.position as "position!", s.field_id, s.sealed
               from unnest($1::uuid[], $2::text[]) with ordinality as w (id, field, position)
               join secure_values s on s.credential_id = w.id and (w.field is null or s.field_id = w.field)"#,
            &ids,
            &fields as _
        );
        let mut sealed: HashMap<_, Vec<_>> = HashMap::new();
        for row in rows.fetch_all(connection).await? {
            sealed.entry(row.position).or_default().push((row.field_id, row.sealed));
        }
        let found = (1..).zip(keys).filter_map(|(position, key)| {
            let credential = credentials.get(&key.0)?.clone();
            Some((key.clone(), Self { credential, sealed: sealed.remove(&position).unwrap_or_default() }))
        });
        Ok(found.collect())
    }
}

/// The credentials of a company within `reach`, by name. Only those of the page are read whole.
pub(super) async fn list_of_company(
    reads: &Reads,
    reach: &Reach,
    company: Uuid,
    window: Window,
) -> Result<Vec<(Credential, i64)>> {
    let rows = sqlx::query_as!(
        Row,
        r#"with found as (
               select id, lower(name) as label, count(*) over () as total from credentials
               where company_id = $1 and reaches($2, $3, $4, $5, company_id, type_id)
               order by label, id
               limit $6 offset $7
           )
           select c.id, c.name, c.notes, c.plain_values as "plain_values: Json<HashMap<String, String>>",
               c.canary, c.created_at, c.updated_at, t.id as type_id, t.name as type_name, t.permission_scope,
               t.fields as "fields: Json<Vec<Field>>", o.id as company_id, o.name as company_name,
               f.total as "total!"
           from found f
           join credentials c on c.id = f.id
           join credential_types t on t.id = c.type_id
           join companies o on o.id = c.company_id
           order by f.label, f.id"#,
        company,
        reach.everywhere,
        &reach.companies,
        &reach.types,
        &reach.pairs,
        window.limit,
        window.offset
    );
    let mut connection = reads.lend().await?;
    let rows = rows.fetch_all(&mut *connection).await;
    Ok(counted(connection.done(rows)?))
}

/// Which credentials to list.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub company: Option<Uuid>,
    pub kind: Option<Uuid>,
    /// A part of the name or the notes, or nearly so.
    pub search: Option<&'a str>,
}

/// The credentials within `reach` that are wanted, by name; with a search, best match first.
pub(super) async fn list(
    pool: &PgPool,
    reach: &Reach,
    wanted: Wanted<'_>,
    window: Window,
) -> Result<Vec<(Credential, i64)>> {
    let rows = sqlx::query_as!(
        Row,
        r#"with found as (
               select id, lower(name) as label, count(*) over () as total, ($7::text is null or name ilike $8) as is_part,
                   coalesce(word_similarity($7, name), 0) as likeness
               from credentials
               where ($1::uuid is null or company_id = $1) and ($2::uuid is null or type_id = $2)
                   and reaches($3, $4, $5, $6, company_id, type_id)
                   and ($7 is null or name ilike $8 or notes ilike $8 or name %> $7)
               order by is_part desc, likeness desc, label, id
               limit $9 offset $10
           )
           select c.id, c.name, c.notes, c.plain_values as "plain_values: Json<HashMap<String, String>>",
               c.canary, c.created_at, c.updated_at, t.id as type_id, t.name as type_name, t.permission_scope,
               t.fields as "fields: Json<Vec<Field>>", o.id as company_id, o.name as company_name,
               f.total as "total!"
           from found f
           join credentials c on c.id = f.id
           join credential_types t on t.id = c.type_id
           join companies o on o.id = c.company_id
           order by f.is_part desc, f.likeness desc, f.label, f.id"#,
        wanted.company,
        wanted.kind,
        reach.everywhere,
        &reach.companies,
        &reach.types,
        &reach.pairs,
        wanted.search,
        wanted.search.map(contains_pattern),
        window.limit,
        window.offset
    );
    Ok(counted(rows.fetch_all(pool).await?))
}

/// A credential to be inserted.
pub(super) struct NewRow<'a> {
    pub id: Uuid,
    pub name: &'a str,
    pub notes: Option<&'a str>,
    pub kind: Uuid,
    pub company: Uuid,
    pub canary: bool,
    pub plain_values: &'a HashMap<String, String>,
    pub now: DateTime<Utc>,
}

pub(super) async fn insert(connection: &mut PgConnection, new: &NewRow<'_>) -> Result<()> {
    sqlx::query!(
        "insert into credentials (id, name, notes, type_id, company_id, plain_values, created_at, updated_at, canary)
         values ($1, $2, $3, $4, $5, $6, $7, $7, $8)",
        new.id,
        new.name,
        new.notes,
        new.kind,
        new.company,
        Json(new.plain_values) as _,
        new.now,
        new.canary
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Locks a credential for a change; what it says.
pub(super) async fn hold(connection: &mut PgConnection, id: Uuid) -> Result<Option<Content>> {
    let held = sqlx::query!(
        r#"select name, notes, plain_values as "plain_values: Json<HashMap<String, String>>"
           from credentials where id = $1 for update"#,
        id
    );
    let Some(row) = held.fetch_optional(&mut *connection).await? else { return Ok(None) };
    let sealed = sealed_values(connection, id).await?.into_iter().collect();
    Ok(Some(Content { name: row.name, notes: row.notes, plain: row.plain_values.0, sealed }))
}

/// Writes what a credential says, but for its sealed values.
pub(super) async fn update(
    connection: &mut PgConnection,
    id: Uuid,
    new: &Content,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "update credentials set name = $2, notes = $3, plain_values = $4, updated_at = $5 where id = $1",
        id,
        new.name,
        new.notes,
        Json(&new.plain) as _,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Says whether a credential is a canary.
pub(super) async fn set_canary(connection: &mut PgConnection, id: Uuid, canary: bool) -> Result<()> {
    sqlx::query!("update credentials set canary = $2 where id = $1", id, canary).execute(connection).await?;
    Ok(())
}

/// Every sealed value of a credential, by field id.
pub(super) async fn sealed_values(connection: &mut PgConnection, id: Uuid) -> Result<Vec<(String, Vec<u8>)>> {
    let rows = sqlx::query!("select field_id, sealed from secure_values where credential_id = $1", id);
    Ok(rows.fetch_all(connection).await?.into_iter().map(|row| (row.field_id, row.sealed)).collect())
}

/// Since when a value is held.
pub(super) struct Held {
    /// It is the value that is there already.
    pub is_same: bool,
    /// The version that it is taken from: it is held since then again.
    pub version: Option<i32>,
    pub now: DateTime<Utc>,
}

/// Keeps a sealed value, with all the times at which it was this one.
pub(super) async fn put_sealed(
    connection: &mut PgConnection,
    id: Uuid,
    field: &str,
    sealed: &[u8],
    held: Held,
) -> Result<()> {
    sqlx::query!(
        "insert into secure_values as s (credential_id, field_id, sealed, held_at)
         values ($1, $2, $3, tstzmultirange(tstzrange($5, null)) + coalesce((
             select o.held_at from version_values o join credential_versions v on v.id = o.version_id
             where v.credential_id = $1 and v.number = $6 and o.field_id = $2
         ), '{}'))
         on conflict on constraint secure_values_pkey do update set sealed = excluded.sealed,
             held_at = case when $4 then s.held_at else '{}' end + excluded.held_at",
        id,
        field,
        sealed,
        held.is_same,
        held.now,
        held.version
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn delete_secure(connection: &mut PgConnection, id: Uuid, fields: &[String]) -> Result<()> {
    sqlx::query!("delete from secure_values where credential_id = $1 and field_id = any($2)", id, fields)
        .execute(connection)
        .await?;
    Ok(())
}

/// How many secure values are sealed with each data key.
pub(crate) async fn count_sealed(connection: &mut PgConnection) -> Result<Vec<(Option<i32>, i64)>> {
    let rows = sqlx::query!(
        r#"select sealed_key(sealed) as key, count(*) as "count!" from secure_values group by 1 order by 1"#
    );
    Ok(rows.fetch_all(connection).await?.into_iter().map(|row| (row.key, row.count)).collect())
}

/// Up to `limit` secure values behind `after`, by credential and field, but for those sealed with `but`.
pub(crate) async fn held(
    connection: &mut PgConnection,
    after: (Uuid, &str),
    but: Option<i32>,
    limit: i64,
) -> Result<Vec<vault::Held>> {
    let held = sqlx::query_as!(
        vault::Held,
        r#"select credential_id as id, field_id as part, credential_id as sealed_for, sealed from secure_values
           where (credential_id, field_id) > ($1, $2) and ($3::integer is null or sealed_key(sealed) is distinct from $3)
           order by credential_id, field_id limit $4"#,
        after.0,
        after.1,
        but,
        limit
    );
    Ok(held.fetch_all(connection).await?)
}

/// Puts other bytes in the place of secure values that are still as they were; how many that are.
pub(crate) async fn swap(connection: &mut PgConnection, swaps: &Swaps) -> Result<u64> {
    let swapped = sqlx::query!(
        "update secure_values s set sealed = new.sealed
         from unnest($1::uuid[], $2::text[], $3::bytea[], $4::bytea[]) new (id, part, was, sealed)
         where s.credential_id = new.id and s.field_id = new.part and s.sealed = new.was",
        &swaps.ids,
        &swaps.parts,
        &swaps.were,
        &swaps.sealed
    );
    Ok(swapped.execute(connection).await?.rows_affected())
}
