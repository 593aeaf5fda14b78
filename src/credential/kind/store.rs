//! All SQL of credential types.

use chrono::{DateTime, Utc};
use sqlx::types::Json;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::{CredentialType, Field};
use crate::access::Reach;
use crate::database::contains_pattern;
use crate::error::Result;
use crate::page::Window;

/// A type as it is stored.
struct Row {
    id: Uuid,
    name: String,
    permission_scope: String,
    icon: Option<String>,
    fields: Json<Vec<Field>>,
    credential_count: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    /// How many types there are on all pages of a list.
    total: i64,
}

impl From<Row> for CredentialType {
    fn from(row: Row) -> Self {
        let Row {
            id,
            name,
            permission_scope,
            icon,
            fields,
            credential_count,
            created_at,
            updated_at,
            total: _,
        } = row;
        Self { id, name, permission_scope, icon, fields: fields.0, credential_count, created_at, updated_at }
    }
}

pub(super) async fn by_id(
    connection: &mut PgConnection,
    id: Uuid,
    counted: &Reach,
) -> Result<Option<CredentialType>> {
    let row = sqlx::query_as!(
        Row,
        r#"select id, name, permission_scope, icon, fields as "fields: Json<Vec<Field>>",
               (select count(*) from credentials c
                where c.type_id = t.id and reaches($2, $3, $4, $5, c.company_id, c.type_id)) as "credential_count!",
               created_at, updated_at, 1::bigint as "total!"
           from credential_types t where id = $1"#,
        id,
        counted.everywhere,
        &counted.companies,
        &counted.types,
        &counted.pairs
    );
    Ok(row.fetch_optional(connection).await?.map(Into::into))
}

pub(super) async fn by_name(
    connection: &mut PgConnection,
    name: &str,
    counted: &Reach,
) -> Result<Option<CredentialType>> {
    let id = sqlx::query_scalar!("select id from credential_types where lower(name) = lower($1)", name)
        .fetch_optional(&mut *connection)
        .await?;
    match id {
        Some(id) => by_id(connection, id, counted).await,
        None => Ok(None),
    }
}

pub(super) async fn list(
    pool: &PgPool,
    counted: &Reach,
    search: Option<&str>,
    window: Window,
) -> Result<Vec<(CredentialType, i64)>> {
    let rows = sqlx::query_as!(
        Row,
        r#"select id, name, permission_scope, icon, fields as "fields: Json<Vec<Field>>",
               (select count(*) from credentials c
                where c.type_id = t.id and reaches($1, $2, $3, $4, c.company_id, c.type_id)) as "credential_count!",
               created_at, updated_at, count(*) over () as "total!"
           from credential_types t
           where $5::text is null or name ilike $6 or name %> $5
           order by ($5 is null or name ilike $6) desc, coalesce(word_similarity($5, name), 0) desc, lower(name), id
           limit $7 offset $8"#,
        counted.everywhere,
        &counted.companies,
        &counted.types,
        &counted.pairs,
        search,
        search.map(contains_pattern),
        window.limit,
        window.offset
    );
    let counted = |row: Row| (row.total, row.into());
    Ok(rows.fetch_all(pool).await?.into_iter().map(counted).map(|(total, kind)| (kind, total)).collect())
}

pub(super) async fn insert(
    connection: &mut PgConnection,
    kind: &CredentialType,
) -> std::result::Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into credential_types (id, name, permission_scope, icon, fields, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $6)",
        kind.id,
        kind.name,
        kind.permission_scope,
        kind.icon,
        Json(&kind.fields) as _,
        kind.created_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn update(
    connection: &mut PgConnection,
    kind: &CredentialType,
) -> std::result::Result<(), sqlx::Error> {
    sqlx::query!(
        "update credential_types set name = $2, icon = $3, fields = $4, updated_at = $5 where id = $1",
        kind.id,
        kind.name,
        kind.icon,
        Json(&kind.fields) as _,
        kind.updated_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes the nodes of a scope that is gone from every role, account and API key, and the wildcards that cover no
/// type's nodes any more.
pub(crate) async fn revoke_scope(
    connection: &mut PgConnection,
    scope: &str,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "update roles set updated_at = $2,
             permissions = array(select node from unnest(permissions) node where not is_of_gone_scope(node, $1))
         where exists(select from unnest(permissions) node where is_of_gone_scope(node, $1))",
        scope,
        now
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "update users set updated_at = $2,
             permissions = array(select node from unnest(permissions) node where not is_of_gone_scope(node, $1))
         where exists(select from unnest(permissions) node where is_of_gone_scope(node, $1))",
        scope,
        now
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "update api_keys set
             permissions = array(select node from unnest(permissions) node where not is_of_gone_scope(node, $1))
         where exists(select from unnest(permissions) node where is_of_gone_scope(node, $1))",
        scope
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What a credential needs to know of its type.
pub(crate) struct HeldType {
    pub id: Uuid,
    pub fields: Vec<Field>,
}

/// Keeps a type from being changed or deleted until the transaction ends.
pub(crate) async fn hold(connection: &mut PgConnection, id: Uuid) -> Result<Option<HeldType>> {
    let held = sqlx::query!(
        r#"select id, fields as "fields: Json<Vec<Field>>" from credential_types where id = $1 for share"#,
        id
    );
    let row = held.fetch_optional(connection).await?;
    Ok(row.map(|row| HeldType { id: row.id, fields: row.fields.0 }))
}

/// Keeps the types of a company's credentials from being changed or deleted until the transaction ends.
pub(crate) async fn hold_those_in(connection: &mut PgConnection, company: Uuid) -> Result<()> {
    sqlx::query!(
        "select id from credential_types where id in (select type_id from credentials where company_id = $1)
         order by id for share",
        company
    )
    .fetch_all(connection)
    .await?;
    Ok(())
}

/// Waits for everyone who holds the type, and keeps it for a change.
pub(super) async fn hold_for_change(connection: &mut PgConnection, id: Uuid) -> Result<()> {
    sqlx::query!("select id from credential_types where id = $1 for update", id)
        .fetch_optional(connection)
        .await?;
    Ok(())
}

/// A credential that stands in the way of a change.
pub(super) struct Affected {
    pub name: String,
    pub total: i64,
}

/// The first credentials of a type that have a value for the field, and how many there are.
pub(super) async fn with_value(
    connection: &mut PgConnection,
    kind: Uuid,
    field: &str,
) -> Result<Vec<Affected>> {
    let rows = sqlx::query_as!(
        Affected,
        r#"select c.name, count(*) over () as "total!" from credentials c
           where c.type_id = $1 and (c.plain_values ? $2
               or exists(select from secure_values s where s.credential_id = c.id and s.field_id = $2))
           order by lower(c.name), c.id limit 3"#,
        kind,
        field
    );
    Ok(rows.fetch_all(connection).await?)
}

/// The first credentials of a type that have no value for the field, and how many there are.
pub(super) async fn without_value(
    connection: &mut PgConnection,
    kind: Uuid,
    field: &str,
) -> Result<Vec<Affected>> {
    let rows = sqlx::query_as!(
        Affected,
        r#"select c.name, count(*) over () as "total!" from credentials c
           where c.type_id = $1 and coalesce(c.plain_values ->> $2, '') = ''
               and not exists(select from secure_values s where s.credential_id = c.id and s.field_id = $2)
           order by lower(c.name), c.id limit 3"#,
        kind,
        field
    );
    Ok(rows.fetch_all(connection).await?)
}

/// The credentials of a type that have values for some of these fields, each with those fields.
pub(super) async fn values_of(
    connection: &mut PgConnection,
    kind: Uuid,
    fields: &[String],
) -> Result<Vec<(Uuid, Vec<String>)>> {
    let rows = sqlx::query!(
        r#"select id, fields as "fields!" from (
               select c.id, array(
                   select field from unnest($2::text[]) field
                   where c.plain_values ? field
                       or exists(select from secure_values s where s.credential_id = c.id and s.field_id = field)
               ) as fields
               from credentials c where c.type_id = $1
           ) c
           where cardinality(fields) > 0"#,
        kind,
        fields
    );
    Ok(rows.fetch_all(connection).await?.into_iter().map(|row| (row.id, row.fields)).collect())
}

/// Takes up to `limit` plain values of a field out of their credentials.
pub(super) async fn take_plain_values(
    connection: &mut PgConnection,
    kind: Uuid,
    field: &str,
    limit: i64,
) -> Result<Vec<(Uuid, String)>> {
    let rows = sqlx::query!(
        r#"with taken as (
               select id, plain_values ->> $2 as value from credentials
               where type_id = $1 and plain_values ? $2 limit $3 for update
           )
           update credentials c set plain_values = c.plain_values - $2::text
           from taken where taken.id = c.id
           returning c.id, taken.value as "value!""#,
        kind,
        field,
        limit
    );
    Ok(rows.fetch_all(connection).await?.into_iter().map(|row| (row.id, row.value)).collect())
}
