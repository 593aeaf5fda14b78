//! All SQL of credentials.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::types::Json;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::kind::Field;
use super::{CompanyName, Credential, Kind};
use crate::access::Reach;
use crate::database::{Reads, contains_pattern};
use crate::error::Result;
use crate::page::Window;

/// A credential with its type and company, as it is read.
struct Row {
    id: Uuid,
    name: String,
    notes: Option<String>,
    plain_values: Json<HashMap<String, String>>,
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
               c.created_at, c.updated_at, t.id as type_id, t.name as type_name, t.permission_scope,
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
               c.created_at, c.updated_at, t.id as type_id, t.name as type_name, t.permission_scope,
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
               c.created_at, c.updated_at, t.id as type_id, t.name as type_name, t.permission_scope,
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
    pub plain_values: &'a HashMap<String, String>,
    pub now: DateTime<Utc>,
}

pub(super) async fn insert(connection: &mut PgConnection, new: &NewRow<'_>) -> Result<()> {
    sqlx::query!(
        "insert into credentials (id, name, notes, type_id, company_id, plain_values, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $7)",
        new.id,
        new.name,
        new.notes,
        new.kind,
        new.company,
        Json(new.plain_values) as _,
        new.now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Locks a credential for a change; its plain values.
pub(super) async fn hold_values(
    connection: &mut PgConnection,
    id: Uuid,
) -> Result<Option<HashMap<String, String>>> {
    let held = sqlx::query_scalar!(
        r#"select plain_values as "values: Json<HashMap<String, String>>" from credentials where id = $1 for update"#,
        id
    );
    Ok(held.fetch_optional(connection).await?.map(|values| values.0))
}

/// A changed credential. What is none stays, but for the values.
pub(super) struct Update<'a> {
    pub id: Uuid,
    pub name: Option<&'a str>,
    pub notes: Option<Option<&'a str>>,
    pub plain_values: &'a HashMap<String, String>,
    pub now: DateTime<Utc>,
}

pub(super) async fn update(connection: &mut PgConnection, update: &Update<'_>) -> Result<()> {
    sqlx::query!(
        "update credentials set name = coalesce($2, name), notes = case when $3 then $4 else notes end,
             plain_values = $5, updated_at = $6
         where id = $1",
        update.id,
        update.name,
        update.notes.is_some(),
        update.notes.flatten(),
        Json(update.plain_values) as _,
        update.now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Deletes a credential; whether it was there still.
pub(super) async fn delete(connection: &mut PgConnection, id: Uuid) -> Result<bool> {
    let done = sqlx::query!("delete from credentials where id = $1", id).execute(connection).await?;
    Ok(done.rows_affected() > 0)
}

/// Every sealed value of a credential, by field id.
pub(super) async fn sealed_values(connection: &mut PgConnection, id: Uuid) -> Result<Vec<(String, Vec<u8>)>> {
    let rows = sqlx::query!("select field_id, sealed from secure_values where credential_id = $1", id);
    Ok(rows.fetch_all(connection).await?.into_iter().map(|row| (row.field_id, row.sealed)).collect())
}

pub(super) async fn sealed_value(
    connection: &mut PgConnection,
    id: Uuid,
    field: &str,
) -> Result<Option<Vec<u8>>> {
    let value = sqlx::query_scalar!(
        "select sealed from secure_values where credential_id = $1 and field_id = $2",
        id,
        field
    );
    Ok(value.fetch_optional(connection).await?)
}

pub(super) async fn put_sealed(
    connection: &mut PgConnection,
    id: Uuid,
    field: &str,
    sealed: &[u8],
) -> Result<()> {
    sqlx::query!(
        "insert into secure_values (credential_id, field_id, sealed) values ($1, $2, $3)
         on conflict on constraint secure_values_pkey do update set sealed = excluded.sealed",
        id,
        field,
        sealed
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
