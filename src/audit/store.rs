//! All SQL of the audit record.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};

use super::{Cursor, Event, Filter, Row};
use crate::access::{Actor, Origin, Reach};
use crate::error::Result;
use crate::id;

pub(super) async fn insert(
    connection: &mut PgConnection,
    actor: &Actor,
    origin: &Origin,
    at: DateTime<Utc>,
    event: Event<'_>,
) -> Result<()> {
    sqlx::query!(
        "insert into audit_events (id, at, action, outcome, actor_kind, actor_id, actor_name,
             target_kind, target_id, target_name, company_id, field_id, address, request_id)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        id::new(),
        at,
        event.action,
        event.outcome.as_str(),
        actor.kind.as_str(),
        actor.id,
        actor.name,
        event.target.kind,
        event.target.id,
        event.target.name,
        event.company,
        event.field,
        origin.address.map(|address| address.to_string()),
        origin.request
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The newest rows within `reach` that match, one more than the limit where there are more.
pub(super) async fn list(
    pool: &PgPool,
    reach: &Reach,
    filter: &Filter,
    cursor: Option<Cursor>,
) -> Result<Vec<Row>> {
    let parse = |text: &Option<String>| text.as_deref().and_then(id::parse);
    let rows = sqlx::query_as!(
        Row,
        "select id, at, action, outcome, actor_kind, actor_id, actor_name, target_kind, target_id, target_name,
             company_id, field_id, address, request_id
         from audit_events
         where ($1 or company_id = any($2))
             and ($3::uuid is null or actor_id = $3)
             and ($4::uuid is null or company_id = $4)
             and ($5::uuid is null or (target_kind = 'credential' and target_id = $5))
             and ($6::text is null or action = $6)
             and ($7::timestamptz is null or at >= $7)
             and ($8::timestamptz is null or at < $8)
             and ($9::timestamptz is null or (at, id) < ($9, $10))
         order by at desc, id desc
         limit $11",
        reach.everywhere,
        &reach.companies,
        parse(&filter.user),
        parse(&filter.company),
        parse(&filter.credential),
        filter.action,
        filter.from,
        filter.to,
        cursor.map(|cursor| cursor.at),
        cursor.map(|cursor| cursor.id),
        filter.limit + 1
    );
    Ok(rows.fetch_all(pool).await?)
}
