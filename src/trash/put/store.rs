//! All SQL of moving things into the trash.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Thing;
use crate::access::Actor;
use crate::error::Result;

pub(super) async fn insert(
    connection: &mut PgConnection,
    id: Uuid,
    thing: &Thing<'_>,
    by: &Actor,
    (now, purge_at): (DateTime<Utc>, DateTime<Utc>),
) -> Result<()> {
    sqlx::query!(
        "insert into trash (id, kind, target_id, name, company_id, permission_scope, deleted_at, deleted_by_id,
             deleted_by_name, purge_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        id,
        thing.kind.as_str(),
        thing.id,
        thing.name,
        thing.company,
        thing.scope,
        now,
        by.id,
        by.name,
        purge_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Moves a credential, or those of a type or company, with their sealed values.
pub(super) async fn move_credentials(
    connection: &mut PgConnection,
    entry: Uuid,
    thing: &Thing<'_>,
) -> Result<()> {
    let kind = thing.kind.as_str();
    sqlx::query!(
        "select id from credentials
         where ($1 = 'credential' and id = $2) or ($1 = 'credential_type' and type_id = $2)
             or ($1 = 'company' and company_id = $2)
         order by id for update",
        kind,
        thing.id
    )
    .fetch_all(&mut *connection)
    .await?;
    sqlx::query!(
        "insert into trashed_credentials (id, trash_id, type_id, company_id, content)
         select id, $3, type_id, company_id, to_jsonb(c) from credentials c
         where ($1 = 'credential' and id = $2) or ($1 = 'credential_type' and type_id = $2)
             or ($1 = 'company' and company_id = $2)",
        kind,
        thing.id,
        entry
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "insert into trashed_secure_values (credential_id, field_id, sealed, held_at)
         select s.credential_id, s.field_id, s.sealed, s.held_at
         from secure_values s join trashed_credentials t on t.id = s.credential_id where t.trash_id = $1",
        entry
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "delete from credentials c using trashed_credentials t where t.id = c.id and t.trash_id = $1",
        entry
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Moves a type that has no credentials any more.
pub(super) async fn move_type(connection: &mut PgConnection, entry: Uuid, id: Uuid) -> Result<()> {
    sqlx::query!(
        "insert into trashed_rows (trash_id, origin, content)
         select $1, 'credential_types', to_jsonb(t) from credential_types t where id = $2",
        entry,
        id
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!("delete from credential_types where id = $1", id).execute(connection).await?;
    Ok(())
}

/// Moves a company that has no credentials any more, with what is bound to it and who had it.
pub(super) async fn move_company(connection: &mut PgConnection, entry: Uuid, id: Uuid) -> Result<()> {
    sqlx::query!(
        "insert into trashed_rows (trash_id, origin, content)
         select $1::uuid, 'companies', to_jsonb(c) from companies c where id = $2
         union all
         select $1, 'roles', to_jsonb(r) from roles r where company_id = $2
         union all
         select $1, 'user_roles', to_jsonb(ur) from user_roles ur join roles r on r.id = ur.role_id where r.company_id = $2
         union all
         select $1, 'company_members', to_jsonb(m) from company_members m where company_id = $2
         union all
         select $1, 'permissions', to_jsonb(p) from permissions p where company_id = $2",
        entry,
        id
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!("delete from companies where id = $1", id).execute(connection).await?;
    Ok(())
}

/// Takes up to `limit` plain values of a field out of the credentials of a type.
pub(super) async fn take_plain_values(
    connection: &mut PgConnection,
    kind: Uuid,
    field: &str,
    limit: i64,
) -> Result<Vec<(Uuid, String)>> {
    let rows = sqlx::query!(
        r#"with taken as (
               select id, content -> 'plain_values' ->> $2 as value from trashed_credentials
               where type_id = $1 and content -> 'plain_values' ? $2 limit $3 for update
           )
           update trashed_credentials t set content = t.content #- array['plain_values', $2]
           from taken where taken.id = t.id
           returning t.id, taken.value as "value!""#,
        kind,
        field,
        limit
    );
    Ok(rows.fetch_all(connection).await?.into_iter().map(|row| (row.id, row.value)).collect())
}

pub(super) async fn put_sealed(
    connection: &mut PgConnection,
    credential: Uuid,
    field: &str,
    sealed: &[u8],
) -> Result<()> {
    sqlx::query!(
        "insert into trashed_secure_values (credential_id, field_id, sealed) values ($1, $2, $3)",
        credential,
        field,
        sealed
    )
    .execute(connection)
    .await?;
    Ok(())
}
