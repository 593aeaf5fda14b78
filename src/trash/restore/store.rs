//! All SQL of putting things back.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::error::Result;
use crate::trash::Kind;

/// What credentials of an entry need and is in other entries: their types and companies.
pub(super) async fn missing(connection: &mut PgConnection, entry: Uuid) -> Result<Vec<(Kind, String)>> {
    let rows = sqlx::query!(
        r#"select kind as "kind: Kind", name from trash
           where id <> $1 and kind <> 'credential' and target_id in (
               select type_id from trashed_credentials where trash_id = $1
               union
               select company_id from trashed_credentials where trash_id = $1
           )
           order by kind, name"#,
        entry
    );
    Ok(rows.fetch_all(connection).await?.into_iter().map(|row| (row.kind, row.name)).collect())
}

/// Keeps the types of an entry's credentials from being changed until the transaction ends.
pub(super) async fn hold_types(connection: &mut PgConnection, entry: Uuid) -> Result<()> {
    sqlx::query!(
        "select id from credential_types
         where id in (select type_id from trashed_credentials where trash_id = $1) order by id for share",
        entry
    )
    .fetch_all(connection)
    .await?;
    Ok(())
}

pub(super) async fn put_credentials_back(connection: &mut PgConnection, entry: Uuid) -> Result<()> {
    sqlx::query!(
        "insert into credentials
         select c.* from trashed_credentials t, jsonb_populate_record(null::credentials, t.content) c
         where t.trash_id = $1",
        entry
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "insert into secure_values (credential_id, field_id, sealed, held_at)
         select s.credential_id, s.field_id, s.sealed, s.held_at
         from trashed_secure_values s join trashed_credentials t on t.id = s.credential_id where t.trash_id = $1",
        entry
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The credentials of an entry, now that they are back, with values that the fields of their types have
/// no place for any more.
pub(super) async fn values_without_place(
    connection: &mut PgConnection,
    entry: Uuid,
) -> Result<Vec<(Uuid, Vec<String>)>> {
    let rows = sqlx::query!(
        r#"select id, fields as "fields!" from (
               select c.id, array(
                   select value.id from (
                       select jsonb_object_keys(c.plain_values) as id, false as secure
                       union all
                       select s.field_id, true from secure_values s where s.credential_id = c.id
                   ) value
                   where not exists(
                       select from jsonb_array_elements(k.fields) field
                       where field ->> 'id' = value.id and (field ->> 'secure')::boolean = value.secure
                   )
                   order by value.id
               ) as fields
               from trashed_credentials t
               join credentials c on c.id = t.id
               join credential_types k on k.id = c.type_id
               where t.trash_id = $1
           ) c
           where cardinality(fields) > 0"#,
        entry
    );
    Ok(rows.fetch_all(connection).await?.into_iter().map(|row| (row.id, row.fields)).collect())
}

pub(super) async fn put_type_back(
    connection: &mut PgConnection,
    entry: Uuid,
) -> std::result::Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into credential_types
         select k.* from trashed_rows t, jsonb_populate_record(null::credential_types, t.content) k
         where t.trash_id = $1 and t.origin = 'credential_types'",
        entry
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Puts a company back with what is bound to it, for those who have an account still.
pub(super) async fn put_company_back(connection: &mut PgConnection, entry: Uuid, id: Uuid) -> Result<()> {
    sqlx::query!(
        "insert into companies
         select c.* from trashed_rows t, jsonb_populate_record(null::companies, t.content) c
         where t.trash_id = $1 and t.origin = 'companies'",
        entry
    )
    .execute(&mut *connection)
    .await?;
    // it has its own one, and not the one that every new company gets
    sqlx::query!("delete from roles where company_id = $1", id).execute(&mut *connection).await?;
    sqlx::query!(
        "insert into roles
         select r.* from trashed_rows t, jsonb_populate_record(null::roles, t.content) r
         where t.trash_id = $1 and t.origin = 'roles'",
        entry
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "insert into permissions
         select p.* from trashed_rows t, jsonb_populate_record(null::permissions, t.content) p
         where t.trash_id = $1 and t.origin = 'permissions'",
        entry
    )
    .execute(&mut *connection)
    .await?;
    put_people_back(connection, entry).await
}

async fn put_people_back(connection: &mut PgConnection, entry: Uuid) -> Result<()> {
    sqlx::query!(
        "insert into user_roles
         select ur.* from trashed_rows t, jsonb_populate_record(null::user_roles, t.content) ur
         where t.trash_id = $1 and t.origin = 'user_roles' and exists(select from users u where u.id = ur.user_id)",
        entry
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "insert into company_members
         select m.* from trashed_rows t, jsonb_populate_record(null::company_members, t.content) m
         where t.trash_id = $1 and t.origin = 'company_members'
             and exists(select from users u where u.id = m.user_id)",
        entry
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The nodes of each role of an entry that somebody with an account has.
pub(super) async fn held_roles(connection: &mut PgConnection, entry: Uuid) -> Result<Vec<Vec<String>>> {
    let rows = sqlx::query_scalar!(
        r#"select r.permissions as "permissions!"
           from trashed_rows t, jsonb_populate_record(null::roles, t.content) r
           where t.trash_id = $1 and t.origin = 'roles' and exists(
               select from trashed_rows h join users u on u.id::text = h.content ->> 'user_id'
               where h.trash_id = $1 and h.origin = 'user_roles' and h.content ->> 'role_id' = t.content ->> 'id'
           )"#,
        entry
    );
    Ok(rows.fetch_all(connection).await?)
}

/// The monikers of an entry's roles that other roles have now.
pub(super) async fn taken_monikers(connection: &mut PgConnection, entry: Uuid) -> Result<Vec<String>> {
    let monikers = sqlx::query_scalar!(
        "select r.moniker from trashed_rows t join roles r on r.moniker = t.content ->> 'moniker'
         where t.trash_id = $1 and t.origin = 'roles' order by r.moniker",
        entry
    );
    Ok(monikers.fetch_all(connection).await?)
}

/// The nodes of an entry's permissions.
pub(super) async fn nodes(connection: &mut PgConnection, entry: Uuid) -> Result<Vec<String>> {
    let nodes = sqlx::query_scalar!(
        r#"select content ->> 'node' as "node!" from trashed_rows
           where trash_id = $1 and origin = 'permissions' order by 1"#,
        entry
    );
    Ok(nodes.fetch_all(connection).await?)
}
