//! All SQL of the audit record.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::budget::{Reveal, WINDOW};
use super::exposure::Exposed;
use super::{Cursor, Event, Filter, Outcome, Row};
use crate::access::{Actor, Caller, Origin, Reach};
use crate::app::App;
use crate::error::Result;
use crate::id;
use crate::page::Window;

/// Writes a row. By the clock of the database it is no older than its transaction, however far the one of this
/// server is behind: the chain takes nothing that claims a time among what is sealed.
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
         values ($1, greatest($2, now()), $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
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

/// Writes a row for each field, and a second one where it is a canary's, unless a `limit` on what the caller
/// may reveal in an hour is passed by it; how many rows. Their time is as that of [`insert`].
pub(super) async fn insert_reveal(
    app: &App,
    caller: &Caller,
    (reveal, outcome): (Reveal<'_>, Outcome),
    limit: Option<i32>,
) -> Result<u64> {
    let canary = (reveal.canary && outcome == Outcome::Success).then_some("credential.canary_revealed");
    let actions = || std::iter::once("credential.reveal").chain(canary);
    let (fields, actions): (Vec<&str>, Vec<_>) =
        reveal.fields.iter().flat_map(|field| actions().map(move |action| (field, action))).unzip();
    let ids: Vec<_> = fields.iter().map(|_| id::new()).collect();
    let now = app.clock.now();
    let mut connection = app.reads.lend().await?;
    let done = sqlx::query!(
        "with spent as (
             insert into reveal_budgets as b (actor_id, began_at, used)
             select $1::uuid, $2::timestamptz, $3::integer where $3 <= $4::integer and $1 is not null
             on conflict (actor_id) do update set
                 began_at = case when b.began_at <= $5::timestamptz then $2 else b.began_at end,
                 used = case when b.began_at <= $5 then $3 else b.used + $3 end
             where b.began_at <= $5 or b.used + $3 <= $4
             returning 1
         )
         insert into audit_events (id, at, action, outcome, actor_kind, actor_id, actor_name,
             target_kind, target_id, target_name, company_id, field_id, address, request_id)
         select e.id, greatest($2, now()), e.action, $6, $7, $1, $8, $9, $10, $11, $12, e.field, $13, $14
         from unnest($15::uuid[], $16::text[], $17::text[]) as e (id, action, field)
         where $4::integer is null or $1::uuid is null or exists (select from spent)",
        caller.actor.id,
        now,
        i32::try_from(reveal.fields.len()).unwrap_or(i32::MAX),
        limit,
        now - WINDOW,
        outcome.as_str(),
        caller.actor.kind.as_str(),
        caller.actor.name,
        reveal.target.kind,
        reveal.target.id,
        reveal.target.name,
        reveal.company,
        caller.origin.address.map(|address| address.to_string()),
        caller.origin.request,
        &ids,
        &actions as _,
        &fields as _
    );
    let done = done.execute(&mut *connection).await;
    Ok(connection.done(done)?.rows_affected())
}

/// When the hour began in which an actor's reveals are counted.
pub(super) async fn budget_began_at(pool: &PgPool, actor: Option<Uuid>) -> Result<Option<DateTime<Utc>>> {
    let began_at = sqlx::query_scalar!("select began_at from reveal_budgets where actor_id = $1", actor);
    Ok(began_at.fetch_optional(pool).await?)
}

/// Whether anything on record was done by this account.
pub(super) async fn has_acted(pool: &PgPool, actor: Uuid) -> Result<bool> {
    let found = sqlx::query_scalar!(
        r#"select exists (select from audit_events where actor_id = $1 and actor_kind = 'user') as "found!""#,
        actor
    );
    Ok(found.fetch_one(pool).await?)
}

/// The values within `reach` that an account has revealed, or an API key that it made, also one that is gone,
/// while they were what they are now.
pub(super) async fn exposed(
    pool: &PgPool,
    reach: &Reach,
    person: Uuid,
    window: Window,
) -> Result<Vec<(Exposed, i64)>> {
    let rows = sqlx::query!(
        r#"select o.id as company_id, o.name as company_name, c.id as credential_id, c.name as credential_name,
               s.field_id, max(e.at) as "last_revealed_at!", count(*) as "reveals!",
               count(*) over () as "total!"
           from audit_events e
           join secure_values s on s.credential_id = e.target_id and s.field_id = e.field_id
           join credentials c on c.id = s.credential_id
           join companies o on o.id = c.company_id
           where e.actor_id in (
                   select $1
                   union all
                   select id from api_keys where user_id = $1
                   union all
                   select target_id from audit_events where actor_id = $1 and action = 'api_key.create'
               )
               and e.action = 'credential.reveal' and e.outcome = 'success'
               and e.target_kind = 'credential' and s.held_at @> e.at
               and ($2 or c.company_id = any ($3))
           group by o.id, c.id, s.credential_id, s.field_id
           order by lower(o.name), o.id, max(e.at) desc, c.id, s.field_id
           limit $4 offset $5"#,
        person,
        reach.everywhere,
        &reach.companies,
        window.limit,
        window.offset
    );
    let exposed = rows.map(|row| {
        let exposed = Exposed {
            company_id: row.company_id,
            company_name: row.company_name,
            credential_id: row.credential_id,
            credential_name: row.credential_name,
            field_id: row.field_id,
            last_revealed_at: row.last_revealed_at,
            reveals: row.reveals,
        };
        (exposed, row.total)
    });
    Ok(exposed.fetch_all(pool).await?)
}

/// Rows from the oldest on, after `cursor`.
pub(super) async fn page_of_export(
    pool: &PgPool,
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
    cursor: Option<Cursor>,
    limit: i64,
) -> Result<Vec<Row>> {
    let rows = sqlx::query_as!(
        Row,
        "select id, at, action, outcome, actor_kind, actor_id, actor_name, target_kind, target_id, target_name,
             company_id, field_id, address, request_id
         from audit_events
         where ($1::timestamptz is null or at >= $1) and ($2::timestamptz is null or at < $2)
             and ($3::timestamptz is null or (at, id) > ($3, $4))
         order by at, id
         limit $5",
        from,
        to,
        cursor.map(|cursor| cursor.at),
        cursor.map(|cursor| cursor.id),
        limit
    );
    Ok(rows.fetch_all(pool).await?)
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
