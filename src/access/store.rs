//! All SQL of access.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use sqlx::types::Json;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::grants::{Grant, Grants, TypeScope};
use super::permission::CustomNode;
use super::sign_in::Account;
use crate::error::Result;

/// What is known of a caller.
#[derive(Clone)]
pub struct Loaded {
    /// The account; of an API key, its maker's.
    pub user: Uuid,
    /// The API key, where the caller is one.
    pub key: Option<Uuid>,
    /// The display name.
    pub name: Arc<str>,
    /// What they hold.
    pub grants: Arc<Grants>,
    /// When the session or the key ends by itself.
    pub expires_at: DateTime<Utc>,
}

/// Roles as SQL gives them: the company that each is bound to, and its nodes.
pub(super) type Roles = Json<Vec<(Option<Uuid>, Vec<String>)>>;

/// Types as SQL gives them: each with its scope.
pub(super) type Scopes = Json<Vec<(Uuid, String)>>;

/// What `user` holds, where `session` is theirs and both are good now.
pub(super) async fn load_caller(
    connection: &mut PgConnection,
    user: Uuid,
    session: Uuid,
    now: DateTime<Utc>,
) -> Result<Option<Loaded>> {
    let row = sqlx::query!(
        r#"
        select u.name, u.permissions, s.expires_at, roles_of(u.id) as "roles!: Roles", type_scopes() as "scopes!: Scopes"
        from sessions s join users u on u.id = s.user_id
        where s.id = $1 and s.user_id = $2 and s.ended_at is null and s.expires_at > $3 and u.active
        "#,
        session,
        user,
        now
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| Loaded {
        user,
        key: None,
        name: row.name.into(),
        grants: Arc::new(grants(row.permissions, row.roles, row.scopes)),
        expires_at: row.expires_at,
    }))
}

/// What an account holds, whether or not it is signed in.
pub(super) async fn grants_of(connection: &mut PgConnection, user: Uuid) -> Result<Option<Grants>> {
    let row = sqlx::query!(
        r#"
        select u.permissions, roles_of(u.id) as "roles!: Roles", type_scopes() as "scopes!: Scopes"
        from users u where u.id = $1
        "#,
        user
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| grants(row.permissions, row.roles, row.scopes)))
}

/// Puts together what the nodes and the roles of an account grant.
pub(super) fn grants(direct: Vec<String>, roles: Roles, scopes: Scopes) -> Grants {
    let sources = roles.0.into_iter().chain([(None, direct)]);
    let grants =
        sources.flat_map(|(company, nodes)| nodes.into_iter().map(move |node| Grant { node, company }));
    Grants::new(grants.collect(), scopes.0.into_iter().map(|(id, scope)| TypeScope { id, scope }).collect())
}

/// The scopes that credential types have now.
pub(super) async fn type_scopes(connection: &mut PgConnection) -> Result<Arc<[TypeScope]>> {
    let scopes = sqlx::query_as!(TypeScope, "select id, permission_scope as scope from credential_types");
    Ok(scopes.fetch_all(connection).await?.into())
}

/// The nodes that administrators have made.
pub(super) async fn custom_nodes(connection: &mut PgConnection) -> Result<Vec<CustomNode>> {
    let nodes = sqlx::query_as!(CustomNode, "select node, company_id as company from permissions");
    Ok(nodes.fetch_all(connection).await?)
}

/// Whether an active account holds everything everywhere.
pub(super) async fn has_administrator(connection: &mut PgConnection) -> Result<bool> {
    let found = sqlx::query_scalar!(
        r#"select exists(
               select from users u where u.active and ('*' = any (u.permissions) or exists(
                   select from user_roles ur join roles r on r.id = ur.role_id
                   where ur.user_id = u.id and r.company_id is null and '*' = any (r.permissions)
               ))
           ) as "found!""#
    );
    Ok(found.fetch_one(connection).await?)
}

/// The account with this login.
pub(super) async fn account_by_login(pool: &PgPool, login: &str) -> Result<Option<Account>> {
    let account =
        sqlx::query_as!(Account, "select id, name, password_hash from users where login = $1", login);
    Ok(account.fetch_optional(pool).await?)
}

/// The account with this e-mail address.
pub(super) async fn account_by_email(pool: &PgPool, email: &str) -> Result<Option<Account>> {
    let account =
        sqlx::query_as!(Account, "select id, name, password_hash from users where email = $1", email);
    Ok(account.fetch_optional(pool).await?)
}

/// The display name of an account.
pub(super) async fn name_of(connection: &mut PgConnection, id: Uuid) -> Result<Option<String>> {
    let name = sqlx::query_scalar!("select name from users where id = $1", id);
    Ok(name.fetch_optional(connection).await?)
}

/// The account with this login or e-mail address. Where one has it as a login and another as an e-mail
/// address, the first of them.
pub(super) async fn account_named(pool: &PgPool, name: &str) -> Result<Option<Uuid>> {
    let id =
        sqlx::query_scalar!("select id from users where login = $1 or email = $1 order by id limit 1", name);
    Ok(id.fetch_optional(pool).await?)
}

/// The password hash of an account.
pub(super) async fn password_hash(pool: &PgPool, id: Uuid) -> Result<Option<String>> {
    let hash = sqlx::query_scalar!("select password_hash from users where id = $1", id);
    Ok(hash.fetch_optional(pool).await?.flatten())
}

/// Gives an account another password.
pub(super) async fn set_password(
    connection: &mut PgConnection,
    id: Uuid,
    hash: &str,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!("update users set password_hash = $2, updated_at = $3 where id = $1", id, hash, now)
        .execute(connection)
        .await?;
    Ok(())
}

/// Notes when an account signed in.
pub(super) async fn note_sign_in(connection: &mut PgConnection, id: Uuid, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!("update users set last_login = $2 where id = $1", id, now).execute(connection).await?;
    Ok(())
}

/// Whether an account is there and may sign in, until the transaction ends.
pub(super) async fn hold_active_account(connection: &mut PgConnection, id: Uuid) -> Result<bool> {
    let held = sqlx::query_scalar!("select active from users where id = $1 for no key update", id);
    Ok(held.fetch_optional(connection).await?.unwrap_or(false))
}

/// Removes subjects whose failures all lie before `before`.
pub(super) async fn forget_old_attempts(pool: &PgPool, before: DateTime<Utc>) -> Result<()> {
    sqlx::query!("delete from failed_attempts where latest < $1", before).execute(pool).await?;
    Ok(())
}

/// Adds a failure of `subject`, unless it has `limit` of them since `since` already.
pub(super) async fn add_attempt(
    pool: &PgPool,
    subject: &[u8],
    at: DateTime<Utc>,
    since: DateTime<Utc>,
    limit: i32,
) -> Result<bool> {
    let done = sqlx::query!(
        "insert into failed_attempts as f (subject, at, latest) values ($1, array[$2::timestamptz], $2)
         on conflict (subject) do update
            set at = array(select t from unnest(f.at) t where t > $3) || $2::timestamptz, latest = $2
            where (select count(*) from unnest(f.at) t where t > $3) < $4",
        subject,
        at,
        since,
        i64::from(limit)
    )
    .execute(pool)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Whether `subject` has `limit` failures since `since`.
pub(super) async fn has_attempts(
    pool: &PgPool,
    subject: &[u8],
    since: DateTime<Utc>,
    limit: i32,
) -> Result<bool> {
    let has = sqlx::query_scalar!(
        r#"select exists(
               select from failed_attempts f
               where f.subject = $1 and (select count(*) from unnest(f.at) t where t > $2) >= $3
           ) as "has!""#,
        subject,
        since,
        i64::from(limit)
    );
    Ok(has.fetch_one(pool).await?)
}

/// The oldest failure of `subject` since `since`.
pub(super) async fn oldest_attempt(
    pool: &PgPool,
    subject: &[u8],
    since: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>> {
    let oldest = sqlx::query_scalar!(
        "select min(t) from failed_attempts f, unnest(f.at) t where f.subject = $1 and t > $2",
        subject,
        since
    );
    Ok(oldest.fetch_one(pool).await?)
}

/// Forgets every failure of `subject`.
pub(super) async fn clear_attempts(pool: &PgPool, subject: &[u8]) -> Result<()> {
    sqlx::query!("delete from failed_attempts where subject = $1", subject).execute(pool).await?;
    Ok(())
}

/// Forgets the failure of `subject` that was counted at `at`.
pub(super) async fn take_attempt_back(pool: &PgPool, subject: &[u8], at: DateTime<Utc>) -> Result<()> {
    sqlx::query!("update failed_attempts set at = array_remove(at, $2) where subject = $1", subject, at)
        .execute(pool)
        .await?;
    Ok(())
}
