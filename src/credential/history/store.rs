//! All SQL of the history of credentials.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::types::Json;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::{Changed, Content, Version};
use crate::access::Actor;
use crate::error::Result;
use crate::page::Window;
use crate::vault::{Held, Swaps};

/// Copies credentials as they are, under the next number of each.
pub(super) async fn keep(
    connection: &mut PgConnection,
    credentials: &[Uuid],
    changed: &Changed,
    by: &Actor,
    at: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "with kept as (
             insert into credential_versions (credential_id, number, at, by_id, by_name, changed, name_changed,
                 notes_changed, name, notes, plain_values)
             select c.id,
                 1 + coalesce((select max(v.number) from credential_versions v where v.credential_id = c.id), 0),
                 $2, $3, $4, $5, $6, $7, c.name, c.notes, c.plain_values
             from credentials c where c.id = any ($1)
             returning id, credential_id
         )
         insert into version_values (version_id, field_id, sealed, held_at)
         select kept.id, s.field_id, s.sealed, s.held_at * tstzmultirange(tstzrange(null, $2, '[]'))
         from kept join secure_values s on s.credential_id = kept.credential_id",
        credentials,
        at,
        by.id,
        by.name,
        &changed.fields,
        changed.name,
        changed.notes
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A row of a list, with the number of rows on all pages.
struct Row {
    number: i32,
    at: DateTime<Utc>,
    by_id: Option<Uuid>,
    by_name: String,
    changed: Vec<String>,
    name_changed: bool,
    notes_changed: bool,
    total: i64,
}

impl From<Row> for (Version, i64) {
    fn from(row: Row) -> Self {
        let Row { number, at, by_id, by_name, changed, name_changed, notes_changed, total } = row;
        (Version { number, at, by_id, by_name, changed, name_changed, notes_changed }, total)
    }
}

/// The versions of a credential, newest first.
pub(super) async fn list(pool: &PgPool, credential: Uuid, window: Window) -> Result<Vec<(Version, i64)>> {
    let rows = sqlx::query_as!(
        Row,
        r#"select number, at, by_id, by_name, changed, name_changed, notes_changed, count(*) over () as "total!"
           from credential_versions where credential_id = $1
           order by number desc
           limit $2 offset $3"#,
        credential,
        window.limit,
        window.offset
    );
    Ok(rows.fetch_all(pool).await?.into_iter().map(Into::into).collect())
}

/// What a credential was at a version.
pub(super) async fn content(
    connection: &mut PgConnection,
    credential: Uuid,
    number: i32,
) -> Result<Option<Content>> {
    let row = sqlx::query!(
        r#"select id, name, notes, plain_values as "plain_values: Json<HashMap<String, String>>"
           from credential_versions where credential_id = $1 and number = $2"#,
        credential,
        number
    );
    let Some(row) = row.fetch_optional(&mut *connection).await? else { return Ok(None) };
    let sealed = sqlx::query!("select field_id, sealed from version_values where version_id = $1", row.id);
    let sealed = sealed.fetch_all(connection).await?.into_iter().map(|row| (row.field_id, row.sealed));
    Ok(Some(Content {
        name: row.name,
        notes: row.notes,
        plain: row.plain_values.0,
        sealed: sealed.collect(),
    }))
}

/// Takes the values of fields out of credentials, plain and sealed.
pub(super) async fn clear(
    connection: &mut PgConnection,
    credentials: &[Uuid],
    fields: &[String],
) -> Result<()> {
    sqlx::query!(
        "update credentials set plain_values = plain_values - $2::text[] where id = any ($1) and plain_values ?| $2",
        credentials,
        fields
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "delete from secure_values where credential_id = any ($1) and field_id = any ($2)",
        credentials,
        fields
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes up to `limit` plain values of a field out of the versions of a type's credentials, those in the
/// trash included: the version, the credential, the value.
pub(super) async fn take_plain_values(
    connection: &mut PgConnection,
    kind: Uuid,
    field: &str,
    limit: i64,
) -> Result<Vec<(Uuid, Uuid, String)>> {
    let rows = sqlx::query!(
        r#"with taken as (
               select v.id, v.plain_values ->> $2 as value
               from credential_versions v
               where v.plain_values ? $2 and v.credential_id in (
                   select id from credentials where type_id = $1
                   union all
                   select id from trashed_credentials where type_id = $1
               )
               limit $3 for update of v
           )
           update credential_versions v set plain_values = v.plain_values - $2::text
           from taken where taken.id = v.id
           returning v.id, v.credential_id, taken.value as "value!""#,
        kind,
        field,
        limit
    );
    let rows = rows.fetch_all(connection).await?.into_iter();
    Ok(rows.map(|row| (row.id, row.credential_id, row.value)).collect())
}

pub(super) async fn put_sealed(
    connection: &mut PgConnection,
    version: Uuid,
    field: &str,
    sealed: &[u8],
) -> Result<()> {
    sqlx::query!(
        "insert into version_values (version_id, field_id, sealed) values ($1, $2, $3)",
        version,
        field,
        sealed
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// How many secure values of versions are sealed with each data key.
pub(crate) async fn count_sealed(connection: &mut PgConnection) -> Result<Vec<(Option<i32>, i64)>> {
    let rows = sqlx::query!(
        r#"select sealed_key(sealed) as key, count(*) as "count!" from version_values group by 1 order by 1"#
    );
    Ok(rows.fetch_all(connection).await?.into_iter().map(|row| (row.key, row.count)).collect())
}

/// Up to `limit` of these values behind `after`, in order, but for those sealed with `but`.
pub(crate) async fn held(
    connection: &mut PgConnection,
    after: (Uuid, &str),
    but: Option<i32>,
    limit: i64,
) -> Result<Vec<Held>> {
    let held = sqlx::query_as!(
        Held,
        r#"select s.version_id as id, s.field_id as part, v.credential_id as sealed_for, s.sealed
           from version_values s join credential_versions v on v.id = s.version_id
           where (s.version_id, s.field_id) > ($1, $2)
               and ($3::integer is null or sealed_key(s.sealed) is distinct from $3)
           order by s.version_id, s.field_id limit $4"#,
        after.0,
        after.1,
        but,
        limit
    );
    Ok(held.fetch_all(connection).await?)
}

/// Puts other bytes in the place of values that are still as they were; how many that are.
pub(crate) async fn swap(connection: &mut PgConnection, swaps: &Swaps) -> Result<u64> {
    let swapped = sqlx::query!(
        "update version_values s set sealed = new.sealed
         from unnest($1::uuid[], $2::text[], $3::bytea[], $4::bytea[]) new (id, part, was, sealed)
         where s.version_id = new.id and s.field_id = new.part and s.sealed = new.was",
        &swaps.ids,
        &swaps.parts,
        &swaps.were,
        &swaps.sealed
    );
    Ok(swapped.execute(connection).await?.rows_affected())
}
