//! All SQL of roles.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::{Holder, Role};
use crate::access::Reach;
use crate::error::Result;
use crate::page::Window;

pub(super) async fn by_id(connection: &mut PgConnection, id: Uuid) -> Result<Option<Role>> {
    let role = sqlx::query_as!(
        Role,
        "select id, title, moniker, description, permissions, company_id, builtin, created_at, updated_at
         from roles where id = $1",
        id
    );
    Ok(role.fetch_optional(connection).await?)
}

pub(super) async fn by_moniker(connection: &mut PgConnection, moniker: &str) -> Result<Option<Role>> {
    let role = sqlx::query_as!(
        Role,
        "select id, title, moniker, description, permissions, company_id, builtin, created_at, updated_at
         from roles where moniker = $1",
        moniker
    );
    Ok(role.fetch_optional(connection).await?)
}

/// A row of a list, with the number of rows on all pages.
struct Counted {
    id: Uuid,
    title: String,
    moniker: String,
    description: String,
    permissions: Vec<String>,
    company_id: Option<Uuid>,
    builtin: bool,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    total: i64,
}

impl From<Counted> for (Role, i64) {
    fn from(row: Counted) -> Self {
        let Counted {
            id,
            title,
            moniker,
            description,
            permissions,
            company_id,
            builtin,
            created_at,
            updated_at,
            total,
        } = row;
        (
            Role {
                id,
                title,
                moniker,
                description,
                permissions,
                company_id,
                builtin,
                created_at,
                updated_at,
            },
            total,
        )
    }
}

pub(super) async fn list(
    pool: &PgPool,
    reach: &Reach,
    company: Option<Uuid>,
    window: Window,
) -> Result<Vec<(Role, i64)>> {
    let rows = sqlx::query_as!(
        Counted,
        r#"select id, title, moniker, description, permissions, company_id, builtin, created_at, updated_at,
               count(*) over () as "total!"
           from roles
           where ($1 or company_id = any ($2)) and ($3::uuid is null or company_id = $3)
           order by lower(title), id
           limit $4 offset $5"#,
        reach.everywhere,
        &reach.companies,
        company,
        window.limit,
        window.offset
    );
    Ok(rows.fetch_all(pool).await?.into_iter().map(Into::into).collect())
}

/// The roles of an account, by title.
pub(crate) async fn of_user(connection: &mut PgConnection, user: Uuid) -> Result<Vec<Role>> {
    let roles = sqlx::query_as!(
        Role,
        "select r.id, r.title, r.moniker, r.description, r.permissions, r.company_id, r.builtin, r.created_at, r.updated_at
         from roles r join user_roles ur on ur.role_id = r.id
         where ur.user_id = $1 order by lower(r.title), r.id",
        user
    );
    Ok(roles.fetch_all(connection).await?)
}

/// Makes these, and no others, the roles of an account.
pub(crate) async fn assign(connection: &mut PgConnection, user: Uuid, roles: &[Uuid]) -> Result<()> {
    sqlx::query!("delete from user_roles where user_id = $1 and role_id <> all ($2)", user, roles)
        .execute(&mut *connection)
        .await?;
    sqlx::query!(
        "insert into user_roles (user_id, role_id) select $1, unnest($2::uuid[]) on conflict do nothing",
        user,
        roles
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The accounts with a role, with those of their roles that are unbound or within `shown`, each with the
/// number of rows on all pages.
pub(super) async fn holders(
    pool: &PgPool,
    role: Uuid,
    shown: &Reach,
    window: Window,
) -> Result<Vec<(Holder, i64)>> {
    let rows = sqlx::query!(
        r#"select u.id, u.name, u.login, u.created_at, u.updated_at, count(*) over () as "total!",
               array(
                   select r.id from user_roles other join roles r on r.id = other.role_id
                   where other.user_id = u.id and ($4 or r.company_id is null or r.company_id = any ($5))
                   order by r.id
               ) as "role_ids!"
           from users u join user_roles ur on ur.user_id = u.id
           where ur.role_id = $1
           order by lower(u.name), u.id
           limit $2 offset $3"#,
        role,
        window.limit,
        window.offset,
        shown.everywhere,
        &shown.companies
    );
    let holder = |id, name, login, role_ids, created_at, updated_at| Holder {
        id,
        name,
        login,
        role_ids,
        created_at,
        updated_at,
    };
    let rows = rows.fetch_all(pool).await?.into_iter();
    Ok(rows
        .map(|row| {
            (holder(row.id, row.name, row.login, row.role_ids, row.created_at, row.updated_at), row.total)
        })
        .collect())
}

pub(super) async fn insert(
    connection: &mut PgConnection,
    role: &Role,
) -> std::result::Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into roles (id, title, moniker, description, permissions, company_id, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $7)",
        role.id,
        role.title,
        role.moniker,
        role.description,
        &role.permissions,
        role.company_id,
        role.created_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn update(
    connection: &mut PgConnection,
    role: &Role,
) -> std::result::Result<(), sqlx::Error> {
    sqlx::query!(
        "update roles set title = $2, moniker = $3, description = $4, permissions = $5, company_id = $6, updated_at = $7
         where id = $1",
        role.id,
        role.title,
        role.moniker,
        role.description,
        &role.permissions,
        role.company_id,
        role.updated_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn delete(connection: &mut PgConnection, id: Uuid) -> Result<()> {
    sqlx::query!("delete from roles where id = $1", id).execute(connection).await?;
    Ok(())
}

/// Whether another role of the same company, or another unbound one, has this title in any case of letters.
pub(super) async fn title_is_taken(
    connection: &mut PgConnection,
    title: &str,
    company: Option<Uuid>,
    role: Uuid,
) -> Result<bool> {
    let found = sqlx::query_scalar!(
        r#"select exists(
               select from roles where lower(title) = lower($1) and company_id is not distinct from $2 and id <> $3
           ) as "found!""#,
        title,
        company,
        role
    );
    Ok(found.fetch_one(connection).await?)
}

/// The role of a company's administrators.
pub(super) async fn company_admin(connection: &mut PgConnection, company: Uuid) -> Result<Option<Role>> {
    let role = sqlx::query_as!(
        Role,
        "select id, title, moniker, description, permissions, company_id, builtin, created_at, updated_at
         from roles where company_id = $1 and builtin",
        company
    );
    Ok(role.fetch_optional(connection).await?)
}

/// Makes these, and no others, the accounts with a role.
pub(crate) async fn set_holders(connection: &mut PgConnection, role: Uuid, users: &[Uuid]) -> Result<()> {
    sqlx::query!("delete from user_roles where role_id = $1 and user_id <> all ($2)", role, users)
        .execute(&mut *connection)
        .await?;
    sqlx::query!(
        "insert into user_roles (user_id, role_id) select unnest($2::uuid[]), $1 on conflict do nothing",
        role,
        users
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The accounts with a role.
pub(crate) async fn holders_of(connection: &mut PgConnection, role: Uuid) -> Result<Vec<Uuid>> {
    let users = sqlx::query_scalar!("select user_id from user_roles where role_id = $1", role);
    Ok(users.fetch_all(connection).await?)
}
