//! All SQL of accounts.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Change, NewUser, User};
use crate::error::Result;

/// Whether there is no account yet.
///
/// # Errors
/// Where the database fails.
pub async fn none_exists(connection: &mut PgConnection) -> Result<bool> {
    let found = sqlx::query_scalar!(r#"select not exists(select from users) as "none!""#);
    Ok(found.fetch_one(connection).await?)
}

pub(super) async fn by_id(connection: &mut PgConnection, id: Uuid) -> Result<Option<User>> {
    let user = sqlx::query_as!(
        User,
        r#"select id, login, email, name, image, created_at, updated_at,
               array(
                   select r.moniker from user_roles ur join roles r on r.id = ur.role_id
                   where ur.user_id = u.id order by r.moniker
               ) as "roles!"
           from users u where id = $1"#,
        id
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

/// Gives the unbound roles with these monikers.
pub(super) async fn give_roles(connection: &mut PgConnection, user: Uuid, monikers: &[&str]) -> Result<()> {
    sqlx::query!(
        "insert into user_roles (user_id, role_id)
         select $1, id from roles where moniker = any($2) and company_id is null",
        user,
        monikers as &[&str]
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
