//! All SQL of the chain.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::{Batch, End, Hash, Row, digest};
use crate::error::Result;

/// Any number that nothing else in the database uses as a lock.
const LOCK: i64 = 7_463_632;

pub(super) async fn wrapped_key(pool: &PgPool) -> anyhow::Result<Option<Vec<u8>>> {
    Ok(sqlx::query_scalar!("select wrapped_key from audit_chain").fetch_optional(pool).await?)
}

pub(super) async fn has_batches(pool: &PgPool) -> anyhow::Result<bool> {
    let found = sqlx::query_scalar!(r#"select exists(select from audit_batches) as "found!""#);
    Ok(found.fetch_one(pool).await?)
}

/// Keeps the first key. Where another server was faster, its key stands.
pub(super) async fn begin(pool: &PgPool, wrapped_key: &[u8], end: &End) -> anyhow::Result<()> {
    sqlx::query!(
        "insert into audit_chain (wrapped_key, number, seal, mac) values ($1, $2, $3, $4) on conflict do nothing",
        wrapped_key,
        end.number,
        end.seal,
        end.mac
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// The wrapped key, locked against other changes of it.
pub(super) async fn hold_wrapped_key(connection: &mut PgConnection) -> Result<Option<Vec<u8>>> {
    let wrapped = sqlx::query_scalar!("select wrapped_key from audit_chain for update");
    Ok(wrapped.fetch_optional(connection).await?)
}

pub(super) async fn put_wrapped_key(connection: &mut PgConnection, wrapped: &[u8]) -> Result<()> {
    sqlx::query!("update audit_chain set wrapped_key = $1", wrapped).execute(connection).await?;
    Ok(())
}

/// Takes the lock until the transaction ends; whether it was free.
pub(super) async fn lock(connection: &mut PgConnection) -> Result<bool> {
    let locked = sqlx::query_scalar!(r#"select pg_try_advisory_xact_lock($1) as "locked!""#, LOCK);
    Ok(locked.fetch_one(connection).await?)
}

pub(super) async fn end(connection: &mut PgConnection) -> Result<Option<End>> {
    let end = sqlx::query_as!(
        End,
        r#"select number, seal, first_at, last_at, mac, now() as "now!" from audit_chain"#
    );
    Ok(end.fetch_optional(connection).await?)
}

/// An event that waits for its seal.
pub(super) struct Waiting {
    pub id: Uuid,
    pub at: DateTime<Utc>,
    pub digest: Hash,
    /// It is in a batch already: a restored backup brings such ones.
    pub is_sealed: bool,
}

/// Takes some events out of those that wait for their seal, but none that claims a time among sealed ones
/// though its transaction began more than 10 seconds after it.
pub(super) async fn take_waiting(
    connection: &mut PgConnection,
    end: &End,
    limit: i64,
) -> Result<Vec<Waiting>> {
    let rows = sqlx::query!(
        r#"delete from audit_unsealed taken using (
               select u.ctid as place, e.*, known.is_sealed
               from audit_unsealed u
               join audit_events e on e.id = u.event_id
               cross join lateral (
                   select coalesce(e.at between $1 and $2, false) and exists (
                       select from audit_batches b
                       where tstzrange(b.first_at, b.last_at, '[]') @> e.at and e.id = any (b.event_ids)
                   ) as is_sealed
               ) known
               where known.is_sealed or not (
                   e.at < u.inserted_at - interval '10 seconds' and audit_claims_sealed_time(e.at, u.inserted_at)
               )
               limit $3
           ) e
           where taken.ctid = e.place
           returning e.id, e.at, e.action, e.outcome, e.actor_kind, e.actor_id, e.actor_name, e.target_kind,
               e.target_id, e.target_name, e.company_id, e.field_id, e.address, e.request_id,
               e.is_sealed as "is_sealed!""#,
        end.first_at,
        end.last_at,
        limit
    );
    // what there is no more need of is not kept until the last has come
    let waiting = rows.map(|row| {
        let event = Row {
            id: row.id,
            at: row.at,
            action: row.action,
            outcome: row.outcome,
            actor_kind: row.actor_kind,
            actor_id: row.actor_id,
            actor_name: row.actor_name,
            target_kind: row.target_kind,
            target_id: row.target_id,
            target_name: row.target_name,
            company_id: row.company_id,
            field_id: row.field_id,
            address: row.address,
            request_id: row.request_id,
        };
        Waiting { id: event.id, at: event.at, digest: digest(&event), is_sealed: row.is_sealed }
    });
    Ok(waiting.fetch_all(connection).await?)
}

pub(super) async fn insert(
    connection: &mut PgConnection,
    batch: &Batch,
    ids: &[Uuid],
    digests: &[u8],
) -> Result<()> {
    sqlx::query!(
        "insert into audit_batches (number, previous, first_at, last_at, event_count, content, seal, sealed_at,
             event_ids, digests, chain_first_at, chain_last_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        batch.number,
        batch.previous,
        batch.first_at,
        batch.last_at,
        batch.event_count,
        batch.content,
        batch.seal,
        batch.sealed_at,
        ids,
        digests,
        batch.chain_first_at,
        batch.chain_last_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn move_end(connection: &mut PgConnection, end: &End) -> Result<()> {
    sqlx::query!(
        "update audit_chain set number = $1, seal = $2, first_at = $3, last_at = $4, mac = $5",
        end.number,
        end.seal,
        end.first_at,
        end.last_at,
        end.mac
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The oldest batches whose events are all older than `before` and still there: number and seal.
pub(super) async fn expired(
    connection: &mut PgConnection,
    before: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<(i64, Vec<u8>)>> {
    let rows = sqlx::query!(
        "select number, seal from audit_batches where dropped_at is null and last_at < $1
         order by last_at, number limit $2",
        before,
        limit
    );
    Ok(rows.fetch_all(connection).await?.into_iter().map(|row| (row.number, row.seal)).collect())
}

/// Drops the events of a batch; how many there were.
pub(super) async fn drop_batch(
    connection: &mut PgConnection,
    number: i64,
    at: DateTime<Utc>,
    mark: &[u8],
) -> Result<i32> {
    let dropped =
        sqlx::query_scalar!(r#"select audit_drop_batch($1, $2, $3) as "dropped!""#, number, at, mark);
    Ok(dropped.fetch_one(connection).await?)
}

/// Makes all that the transaction reads what there is now, and lets each read take its time.
pub(super) async fn hold_still(connection: &mut PgConnection) -> Result<()> {
    sqlx::query!("set transaction isolation level repeatable read, read only")
        .execute(&mut *connection)
        .await?;
    sqlx::query!("set local statement_timeout = 0").execute(connection).await?;
    Ok(())
}

/// A batch with what lists its events, unless these were dropped.
pub(super) struct Listed {
    pub batch: Batch,
    pub events: Option<(Vec<Uuid>, Vec<u8>)>,
    pub is_dropped: bool,
    pub drop_mark: Option<Vec<u8>>,
}

/// The batches after `number`, in order.
pub(super) async fn batches(connection: &mut PgConnection, after: i64, limit: i64) -> Result<Vec<Listed>> {
    let rows = sqlx::query!(
        r#"select number, previous, first_at, last_at, event_count, content, seal, sealed_at,
               chain_first_at, chain_last_at, event_ids, digests, dropped_at is not null as "is_dropped!", drop_mark
           from audit_batches where number > $1 order by number limit $2"#,
        after,
        limit
    );
    let listed = rows.map(|row| Listed {
        batch: Batch {
            number: row.number,
            previous: row.previous,
            first_at: row.first_at,
            last_at: row.last_at,
            chain_first_at: row.chain_first_at,
            chain_last_at: row.chain_last_at,
            event_count: row.event_count,
            content: row.content,
            seal: row.seal,
            sealed_at: row.sealed_at,
        },
        events: row.event_ids.zip(row.digests),
        is_dropped: row.is_dropped,
        drop_mark: row.drop_mark,
    });
    Ok(listed.fetch_all(connection).await?)
}

/// The events with these ids.
pub(super) async fn events(connection: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Row>> {
    let rows = sqlx::query_as!(
        Row,
        "select id, at, action, outcome, actor_kind, actor_id, actor_name, target_kind, target_id, target_name,
             company_id, field_id, address, request_id
         from audit_events where id = any ($1)",
        ids
    );
    Ok(rows.fetch_all(connection).await?)
}

/// How many events wait for their seal as they should.
pub(super) async fn count_waiting(connection: &mut PgConnection) -> Result<i64> {
    let count = sqlx::query_scalar!(
        r#"select count(distinct e.id) as "count!"
           from audit_unsealed u join audit_events e on e.id = u.event_id
           where not (
                   e.at < u.inserted_at - interval '10 seconds'
                   and audit_claims_sealed_time(e.at, u.inserted_at)
               )
               and not exists (
                   select from audit_batches b
                   where tstzrange(b.first_at, b.last_at, '[]') @> e.at and e.id = any (b.event_ids)
               )"#
    );
    Ok(count.fetch_one(connection).await?)
}

/// An event that is in no batch and does not wait for one, with the batch among whose events it claims to be.
pub(super) struct Stray {
    pub id: Uuid,
    pub at: DateTime<Utc>,
    pub batch: Option<i64>,
}

/// Such events, the first ones by time.
pub(super) async fn strays(connection: &mut PgConnection, limit: i64) -> Result<Vec<Stray>> {
    let strays = sqlx::query_as!(
        Stray,
        r#"select e.id, e.at, (
               select b.number from audit_batches b where tstzrange(b.first_at, b.last_at, '[]') @> e.at
               order by b.last_at - b.first_at, b.number limit 1
           ) as "batch?"
           from audit_events e
           where not exists (
                   select from (select unnest(event_ids) as id from audit_batches) s where s.id = e.id
               )
               and not exists (
                   select from audit_unsealed u
                   where u.event_id = e.id and not (
                       e.at < u.inserted_at - interval '10 seconds'
                       and audit_claims_sealed_time(e.at, u.inserted_at)
                   )
               )
           order by e.at, e.id limit $1"#,
        limit
    );
    Ok(strays.fetch_all(connection).await?)
}

/// Events that wait for their seal but are gone.
pub(super) async fn lost(connection: &mut PgConnection, limit: i64) -> Result<Vec<Uuid>> {
    let lost = sqlx::query_scalar!(
        "select distinct u.event_id from audit_unsealed u
         where not exists (select from audit_events e where e.id = u.event_id) limit $1",
        limit
    );
    Ok(lost.fetch_all(connection).await?)
}
