//! All SQL of entries.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::{Entry, Kind};
use crate::access::Reach;
use crate::error::Result;
use crate::page::Window;

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
