//! All SQL of permissions that administrators make.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Known;
use super::known::Origin;
use crate::error::Result;

/// Every permission that an administrator made.
pub(super) async fn custom(connection: &mut PgConnection) -> Result<Vec<Known>> {
    let rows = sqlx::query!(
        "select id, name, description, node, company_id, created_at, updated_at from permissions order by node"
    );
    let known = rows.fetch_all(connection).await?.into_iter().map(|row| Known {
        id: row.id,
        name: row.name,
        description: row.description,
        node: row.node,
        company_id: row.company_id,
        origin: Origin::Custom,
        created_at: row.created_at,
        updated_at: row.updated_at,
    });
    Ok(known.collect())
}

/// What a credential type brings nodes with.
pub(super) struct Kind {
    pub scope: String,
    pub name: String,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// Every credential type.
pub(super) async fn kinds(connection: &mut PgConnection) -> Result<Vec<Kind>> {
    let kinds = sqlx::query_as!(
        Kind,
        "select permission_scope as scope, name, created_at, updated_at from credential_types order by scope"
    );
    Ok(kinds.fetch_all(connection).await?)
}

/// When the database was made, and with it what is built in.
pub(super) async fn beginning(connection: &mut PgConnection) -> Result<DateTime<Utc>> {
    let beginning = sqlx::query_scalar!(
        r#"select min(created_at) as "at!" from roles where builtin and company_id is null"#
    );
    Ok(beginning.fetch_one(connection).await?)
}

pub(super) async fn insert(
    connection: &mut PgConnection,
    new: &Known,
) -> std::result::Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into permissions (id, name, description, node, company_id, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $6)",
        new.id,
        new.name,
        new.description,
        new.node,
        new.company_id,
        new.created_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn update(
    connection: &mut PgConnection,
    new: &Known,
) -> std::result::Result<(), sqlx::Error> {
    sqlx::query!(
        "update permissions set name = $2, description = $3, node = $4, updated_at = $5 where id = $1",
        new.id,
        new.name,
        new.description,
        new.node,
        new.updated_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn delete(connection: &mut PgConnection, id: Uuid) -> Result<()> {
    sqlx::query!("delete from permissions where id = $1", id).execute(connection).await?;
    Ok(())
}

/// The names of the roles, accounts and API keys that have one of these grants.
pub(super) async fn users_of(connection: &mut PgConnection, grants: &[String]) -> Result<Vec<String>> {
    let names = sqlx::query_scalar!(
        r#"select format('the role ''%s''', title) as "name!" from roles where permissions && $1
           union all
           select format('the account ''%s''', login) from users where permissions && $1
           union all
           select format('the API key ''%s''', name) from api_keys where permissions && $1 and revoked_at is null
           order by 1"#,
        grants
    );
    Ok(names.fetch_all(connection).await?)
}
