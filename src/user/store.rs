//! All SQL of accounts.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::{Names, NewUser, User, Wanted};
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
    Ok(by_ids(connection, &[id], shown).await?.pop())
}

/// These accounts, in no order, with the roles that are unbound or `shown`, and the companies that are.
async fn by_ids(connection: &mut PgConnection, ids: &[Uuid], shown: &Reach) -> Result<Vec<User>> {
    let users = sqlx::query_as!(
        User,
        r#"select u.id, login, email, name, image, first_name, last_name, active, email_verified, auth_provider,
               last_login, created_at, updated_at, held.monikers as "roles!", held.ids as "role_ids!",
               array(
                   select m.company_id from company_members m
                   where m.user_id = u.id and ($2 or m.company_id = any ($3)) order by 1
               ) as "company_ids!"
           from users u cross join lateral (
               select coalesce(array_agg(r.moniker order by r.moniker), '{}') as monikers,
                   coalesce(array_agg(r.id order by r.moniker), '{}') as ids
               from user_roles ur join roles r on r.id = ur.role_id
               where ur.user_id = u.id and ($2 or r.company_id is null or r.company_id = any ($3))
           ) held
           where u.id = any ($1)"#,
        ids,
        shown.everywhere,
        &shown.companies
    );
    Ok(users.fetch_all(connection).await?)
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
    names: Option<&Names>,
    image: Option<&Option<String>>,
    now: DateTime<Utc>,
) -> Result<()> {
    let (name, first, last) = columns(names);
    sqlx::query!(
        "update users set name = coalesce($2, name),
             first_name = case when $2::text is null then first_name else $6 end,
             last_name = case when $2::text is null then last_name else $7 end,
             image = case when $3 then $4 else image end, updated_at = $5
         where id = $1",
        id,
        name,
        image.is_some(),
        image.cloned().flatten(),
        now,
        first,
        last
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Names as they are stored: the display name, and both others or neither.
fn columns(names: Option<&Names>) -> (Option<String>, Option<String>, Option<String>) {
    let (first, last) = match names {
        Some(Names::Parts(..)) => names.map(Names::parts).unzip(),
        _ => (None, None),
    };
    (names.map(Names::display), first, last)
}

/// Adds to a new account what is known of it besides.
pub(super) async fn complete(
    connection: &mut PgConnection,
    id: Uuid,
    names: &Names,
    active: bool,
    auth_provider: &str,
) -> Result<()> {
    let (_, first, last) = columns(Some(names));
    sqlx::query!(
        "update users set first_name = $2, last_name = $3, active = $4, auth_provider = $5 where id = $1",
        id,
        first,
        last,
        active,
        auth_provider
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A row of a list: the account's id, and the number of rows on all pages.
struct Counted {
    id: Uuid,
    total: i64,
}

/// The accounts within `reach` that are wanted: everybody, or the people of one of its companies. With a
/// search, best match first.
pub(super) async fn list(
    pool: &PgPool,
    reach: &Reach,
    wanted: Wanted<'_>,
    window: Window,
) -> Result<Vec<(User, i64)>> {
    let (search, company) =
        (wanted.search, wanted.company.map(|company| crate::id::parse(company).unwrap_or_default()));
    let rows = sqlx::query_as!(
        Counted,
        r#"select id, count(*) over () as "total!"
           from users u
           where ($1 or exists(
                   select from user_roles ur join roles r on r.id = ur.role_id
                   where ur.user_id = u.id and r.company_id = any ($2)
               ) or exists(select from company_members m where m.user_id = u.id and m.company_id = any ($2)))
               and ($7::uuid is null
                   or exists(select from company_members m where m.user_id = u.id and m.company_id = $7))
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
        window.offset,
        company
    );
    let mut connection = pool.acquire().await?;
    let rows = rows.fetch_all(&mut *connection).await?;
    let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
    let mut users: HashMap<_, _> =
        by_ids(&mut connection, &ids, reach).await?.into_iter().map(|user| (user.id, user)).collect();
    Ok(rows.iter().filter_map(|row| Some((users.remove(&row.id)?, row.total))).collect())
}

/// Whether there is such an account.
pub(super) async fn exists(connection: &mut PgConnection, id: Uuid) -> Result<bool> {
    let found = sqlx::query_scalar!(r#"select exists(select from users where id = $1) as "found!""#, id);
    Ok(found.fetch_one(connection).await?)
}

/// The companies that an account belongs to.
pub(super) async fn companies(connection: &mut PgConnection, id: Uuid) -> Result<Vec<Uuid>> {
    let companies = sqlx::query_scalar!("select company_id from company_members where user_id = $1", id);
    Ok(companies.fetch_all(connection).await?)
}

/// Makes these, and no others, the companies that an account belongs to.
pub(super) async fn set_companies(connection: &mut PgConnection, id: Uuid, companies: &[Uuid]) -> Result<()> {
    sqlx::query!("delete from company_members where user_id = $1 and company_id <> all ($2)", id, companies)
        .execute(&mut *connection)
        .await?;
    sqlx::query!(
        "insert into company_members (user_id, company_id) select $1, unnest($2::uuid[]) on conflict do nothing",
        id,
        companies
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The companies whose people an account is one of: those that it belongs to, and those where it has a role.
pub(super) async fn companies_of(connection: &mut PgConnection, id: Uuid) -> Result<Vec<Uuid>> {
    let companies = sqlx::query_scalar!(
        r#"select distinct r.company_id as "company!" from user_roles ur join roles r on r.id = ur.role_id
           where ur.user_id = $1 and r.company_id is not null
           union select company_id from company_members where user_id = $1"#,
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

/// Gives an account another e-mail address, which nobody knows to be theirs then. False where it is the login
/// of another one: the attempts at both would be counted as one's.
pub(super) async fn set_email(
    connection: &mut PgConnection,
    id: Uuid,
    email: &str,
) -> std::result::Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "update users set email = $2, email_verified = false
         where id = $1 and not exists(select from users other where other.login = $2 and other.id <> $1)",
        id,
        email
    );
    Ok(done.execute(connection).await?.rows_affected() > 0)
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
