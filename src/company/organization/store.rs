//! All SQL of companies as organizations.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::Organization;
use crate::access::Reach;
use crate::error::Result;
use crate::page::Window;

/// A row, with the number of rows on all pages.
struct Row {
    id: Uuid,
    name: String,
    description: String,
    domain: Option<String>,
    active: bool,
    admin_ids: Vec<Uuid>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    total: i64,
}

impl From<Row> for (Organization, i64) {
    fn from(row: Row) -> Self {
        let Row { id, name, description, domain, active, admin_ids, created_at, updated_at, total } = row;
        (Organization { id, name, description, domain, active, admin_ids, created_at, updated_at }, total)
    }
}

/// The organizations within `reach`, by name; one alone where `id` is given.
pub(super) async fn list(
    executor: impl PgExecutor<'_>,
    reach: &Reach,
    id: Option<Uuid>,
    window: Window,
) -> Result<Vec<(Organization, i64)>> {
    let rows = sqlx::query_as!(
        Row,
        r#"select id, name, description, domain, active, created_at, updated_at, count(*) over () as "total!",
               array(
                   select ur.user_id from user_roles ur join roles r on r.id = ur.role_id
                   where r.company_id = c.id and r.builtin order by ur.user_id
               ) as "admin_ids!"
           from companies c
           where ($1 or id = any ($2)) and ($3::uuid is null and cw_deleted_at is null or id = $3)
           order by lower(name), id
           limit $4 offset $5"#,
        reach.everywhere,
        &reach.companies,
        id,
        window.limit,
        window.offset
    );
    Ok(rows.fetch_all(executor).await?.into_iter().map(Into::into).collect())
}

/// Writes what an organization says of itself.
pub(super) async fn update(
    connection: &mut PgConnection,
    id: Uuid,
    new: &Organization,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "update companies set name = $2, description = $3, domain = $4, active = $5, updated_at = $6 where id = $1",
        id,
        new.name,
        new.description,
        new.domain,
        new.active,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}
