//! All SQL of accounts.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::{Change, NewUser, User};
use crate::access::Reach;
use crate::database::contains_pattern;
use crate::error::Result;
use crate::page::Window;

/// Whether there is no account yet.
///
/// # Errors
/// Where the database fails.
pub async fn none_exists(connection: &mut PgConnection) -> Result<bool> {
    let found = sqlx::query_scalar!(r#"select not exists(select from users) as "none!""#);
    Ok(found.fetch_one(connection).await?)
}

pub(super) async fn by_id(connection: &mut PgConnection, id: Uuid, shown: &Reach) -> Result<Option<User>> {
    let user = sqlx::query_as!(
        User,
        r#"select id, login, email, name, image, active, created_at, updated_at,
               array(
                   select r.moniker from user_roles ur join roles r on r.id = ur.role_id
                   where ur.user_id = u.id and ($2 or r.company_id is null or r.company_id = any ($3))
                   order by r.moniker
               ) as "roles!"
           from users u where id = $1"#,
        id,
        shown.everywhere,
        &shown.companies
    );
    Ok(user.fetch_optional(connection).await?)
}

pub(super) async fn insert(
    connection: &mut PgConnection,
    id: Uuid,
    login: &str,
    email: Option<&str>,
    new: &NewUser<'_>,
    now: DateTime<Utc>,
) -> std::result::Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into users (id, login, email, name, password_hash, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $6)",
        id,
        login,
        email,
        new.name,
        new.password_hash,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn update(
    connection: &mut PgConnection,
    id: Uuid,
    change: &Change,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "update users set name = coalesce($2, name), image = case when $3 then $4 else image end, updated_at = $5
         where id = $1",
        id,
        change.name,
        change.image.is_some(),
        change.image.clone().flatten(),
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A row of a list, with the number of rows on all pages.
struct Counted {
    id: Uuid,
    login: String,
    email: Option<String>,
    name: String,
    image: Option<String>,
    active: bool,
    roles: Vec<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    total: i64,
}

impl From<Counted> for (User, i64) {
    fn from(row: Counted) -> Self {
        let Counted { id, login, email, name, image, active, roles, created_at, updated_at, total } = row;
        (User { id, login, email, name, image, active, roles, created_at, updated_at }, total)
    }
}

/// The accounts within `reach`: everybody, or who has a role in one of its companies. With a `search`,
/// best match first.
pub(super) async fn list(
    pool: &PgPool,
    reach: &Reach,
    search: Option<&str>,
    window: Window,
) -> Result<Vec<(User, i64)>> {
    let rows = sqlx::query_as!(
        Counted,
        r#"select id, login, email, name, image, active, created_at, updated_at, count(*) over () as "total!",
               array(
                   select r.moniker from user_roles ur join roles r on r.id = ur.role_id
                   where ur.user_id = u.id and ($1 or r.company_id is null or r.company_id = any ($2))
                   order by r.moniker
               ) as "roles!"
           from users u
           where ($1 or exists(
                   select from user_roles ur join roles r on r.id = ur.role_id
                   where ur.user_id = u.id and r.company_id = any ($2)
               ))
               and ($3::text is null or name ilike $4 or login ilike $4 or email ilike $4
                   or name %> $3 or login %> $3 or email %> $3)
           order by ($3 is null or name ilike $4 or login ilike $4 or coalesce(email, '') ilike $4) desc,
               coalesce(greatest(word_similarity($3, name), word_similarity($3, login)), 0) desc,
               lower(name), id
           limit $5 offset $6"#,
        reach.everywhere,
        &reach.companies,
        search,
        search.map(contains_pattern),
        window.limit,
        window.offset
    );
    Ok(rows.fetch_all(pool).await?.into_iter().map(Into::into).collect())
}

/// The companies in which an account has a role.
pub(super) async fn companies_of(connection: &mut PgConnection, id: Uuid) -> Result<Vec<Uuid>> {
    let companies = sqlx::query_scalar!(
        r#"select distinct r.company_id as "company!" from user_roles ur join roles r on r.id = ur.role_id
           where ur.user_id = $1 and r.company_id is not null"#,
        id
    );
    Ok(companies.fetch_all(connection).await?)
}

/// The nodes that an account holds directly.
pub(super) async fn permissions(connection: &mut PgConnection, id: Uuid) -> Result<Vec<String>> {
    let nodes = sqlx::query_scalar!("select permissions from users where id = $1", id);
    Ok(nodes.fetch_one(connection).await?)
}

pub(super) async fn set_permissions(connection: &mut PgConnection, id: Uuid, nodes: &[String]) -> Result<()> {
    sqlx::query!("update users set permissions = $2 where id = $1", id, nodes).execute(connection).await?;
    Ok(())
}

/// Lets an account in or keeps it out; nothing where none.
pub(super) async fn set_active(connection: &mut PgConnection, id: Uuid, active: Option<bool>) -> Result<()> {
    sqlx::query!("update users set active = coalesce($2, active) where id = $1", id, active)
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn delete(connection: &mut PgConnection, id: Uuid) -> Result<()> {
    sqlx::query!("delete from users where id = $1", id).execute(connection).await?;
    Ok(())
}
