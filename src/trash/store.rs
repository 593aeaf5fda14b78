//! All SQL of entries.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::{Entry, Kind};
use crate::access::Reach;
use crate::error::Result;
use crate::page::Window;
use crate::vault::{Held, Swaps};

/// An entry with the number of entries on all pages of a list.
struct Row {
    id: Uuid,
    kind: Kind,
    target_id: Uuid,
    name: String,
    company_id: Option<Uuid>,
    permission_scope: Option<String>,
    deleted_at: DateTime<Utc>,
    deleted_by_id: Option<Uuid>,
    deleted_by_name: String,
    purge_at: DateTime<Utc>,
    credentials: i64,
    total: i64,
}

impl From<Row> for (Entry, i64) {
    fn from(row: Row) -> Self {
        let entry = Entry {
            id: row.id,
            kind: row.kind,
            target_id: row.target_id,
            name: row.name,
            company_id: row.company_id,
            permission_scope: row.permission_scope,
            deleted_at: row.deleted_at,
            deleted_by_id: row.deleted_by_id,
            deleted_by_name: row.deleted_by_name,
            purge_at: row.purge_at,
            credentials: row.credentials,
        };
        (entry, row.total)
    }
}

/// The entries within `reach` whose time is not over, newest first.
pub(super) async fn list(
    pool: &PgPool,
    reach: &Reach,
    now: DateTime<Utc>,
    window: Window,
) -> Result<Vec<(Entry, i64)>> {
    let rows = sqlx::query_as!(
        Row,
        r#"select id, kind as "kind: Kind", target_id, name, company_id, permission_scope, deleted_at,
               deleted_by_id, deleted_by_name, purge_at,
               (select count(*) from trashed_credentials c where c.trash_id = t.id) as "credentials!",
               count(*) over () as "total!"
           from trash t
           where purge_at > $1 and ($2 or (kind = 'credential' and company_id = any ($3)))
           order by deleted_at desc, id desc
           limit $4 offset $5"#,
        now,
        reach.everywhere,
        &reach.companies,
        window.limit,
        window.offset
    );
    Ok(rows.fetch_all(pool).await?.into_iter().map(Into::into).collect())
}

/// Locks an entry whose time is not over.
pub(super) async fn hold(
    connection: &mut PgConnection,
    id: Uuid,
    now: DateTime<Utc>,
) -> Result<Option<Entry>> {
    let row = sqlx::query_as!(
        Row,
        r#"select id, kind as "kind: Kind", target_id, name, company_id, permission_scope, deleted_at,
               deleted_by_id, deleted_by_name, purge_at,
               (select count(*) from trashed_credentials c where c.trash_id = t.id) as "credentials!",
               1::bigint as "total!"
           from trash t where id = $1 and purge_at > $2 for update"#,
        id,
        now
    );
    Ok(row.fetch_optional(connection).await?.map(|row| <(Entry, i64)>::from(row).0))
}

/// Locks the entry whose time has been over for the longest.
pub(super) async fn hold_due(connection: &mut PgConnection, now: DateTime<Utc>) -> Result<Option<Entry>> {
    let row = sqlx::query_as!(
        Row,
        r#"select id, kind as "kind: Kind", target_id, name, company_id, permission_scope, deleted_at,
               deleted_by_id, deleted_by_name, purge_at,
               (select count(*) from trashed_credentials c where c.trash_id = t.id) as "credentials!",
               1::bigint as "total!"
           from trash t where purge_at <= $1 order by purge_at, id limit 1 for update"#,
        now
    );
    Ok(row.fetch_optional(connection).await?.map(|row| <(Entry, i64)>::from(row).0))
}

/// Removes an entry with all that it holds still.
pub(super) async fn remove(connection: &mut PgConnection, id: Uuid) -> Result<()> {
    sqlx::query!("delete from trash where id = $1", id).execute(connection).await?;
    Ok(())
}

/// How many secure values of credentials in the trash are sealed with each data key.
pub(crate) async fn count_sealed(connection: &mut PgConnection) -> Result<Vec<(Option<i32>, i64)>> {
    let rows = sqlx::query!(
        r#"select sealed_key(sealed) as key, count(*) as "count!" from trashed_secure_values group by 1 order by 1"#
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
        r#"select s.credential_id as id, s.field_id as part, s.credential_id as sealed_for, s.sealed
           from trashed_secure_values s
           where (s.credential_id, s.field_id) > ($1, $2)
               and ($3::integer is null or sealed_key(s.sealed) is distinct from $3)
           order by s.credential_id, s.field_id limit $4"#,
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
        "update trashed_secure_values s set sealed = new.sealed
         from unnest($1::uuid[], $2::text[], $3::bytea[], $4::bytea[]) new (id, part, was, sealed)
         where s.credential_id = new.id and s.field_id = new.part and s.sealed = new.was",
        &swaps.ids,
        &swaps.parts,
        &swaps.were,
        &swaps.sealed
    );
    Ok(swapped.execute(connection).await?.rows_affected())
}
