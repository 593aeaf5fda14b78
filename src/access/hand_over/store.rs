//! All SQL of hand-overs.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::State;
use crate::access::attempts::network;
use crate::access::caller::{Origin, Way};
use crate::database::{self, Pool};
use crate::error::Result;
use crate::vault::{Held, Swaps};

/// A sign-in under way, or ended a while ago.
pub struct SignIn {
    pub(super) id: Uuid,
    pub(super) provider: String,
    pub(super) state: State,
    pub(super) message: Option<String>,
    pub(super) upstream: Vec<u8>,
    pub(super) browser_hash: Vec<u8>,
    pub(super) code_challenge: Option<String>,
    pub(super) match_code: String,
    pub(super) offered: Vec<String>,
    pub(super) form_hash: Option<Vec<u8>>,
    pub(super) identity: Option<Vec<u8>>,
    pub(super) address: Option<String>,
    pub(super) user_agent: Option<String>,
    pub(super) way: Way,
    pub(super) created_at: DateTime<Utc>,
    pub(super) expires_at: DateTime<Utc>,
    pub(super) approved_at: Option<DateTime<Utc>>,
    pub(super) link_session: Option<Uuid>,
}

/// A sign-in that begins.
pub(super) struct New<'a> {
    pub id: Uuid,
    pub key_hash: &'a [u8],
    pub browser_hash: &'a [u8],
    pub provider: &'a str,
    pub upstream: &'a [u8],
    pub code_challenge: Option<&'a str>,
    pub match_code: &'a str,
    pub offered: &'a [String],
    pub link_session: Option<Uuid>,
    pub expires_at: DateTime<Utc>,
}

/// Keeps a new sign-in, unless its network has `limit` of them under way.
pub(super) async fn insert(
    pool: &Pool,
    new: &New<'_>,
    origin: &Origin,
    limit: i64,
    now: DateTime<Utc>,
) -> Result<bool> {
    let network = origin.address.map(|address| network(address).to_string()).unwrap_or_default();
    let mut transaction = database::begin(pool).await?;
    sqlx::query!("set local lock_timeout = '2s'").execute(&mut *transaction).await?;
    // those of one network are counted one after the other
    sqlx::query!("select pg_advisory_xact_lock(hashtextextended('sign_ins ' || $1, 0))", network)
        .execute(&mut *transaction)
        .await?;
    let inserted = sqlx::query!(
        "insert into sign_ins (id, key_hash, provider, state, upstream, browser_hash, code_challenge,
             match_code, offered, address, network, user_agent, way, created_at, expires_at, link_session)
         select $1, $2, $3, 'waiting', $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $16
         where sign_ins_of($10, true, $13) < $15 and sign_ins_of($10, false, $13) < $15 * 4",
        new.id,
        new.key_hash,
        new.provider,
        new.upstream,
        new.browser_hash,
        new.code_challenge,
        new.match_code,
        new.offered,
        origin.address.map(|address| address.to_string()),
        network,
        origin.user_agent,
        origin.way as Way,
        now,
        new.expires_at,
        limit,
        new.link_session
    )
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(inserted.rows_affected() > 0)
}

/// Whether a network has begun too many sign-ins.
pub(super) async fn is_full(pool: &PgPool, origin: &Origin, limit: i64, now: DateTime<Utc>) -> Result<bool> {
    let network = origin.address.map(|address| network(address).to_string()).unwrap_or_default();
    let full = sqlx::query_scalar!(
        r#"select sign_ins_of($1, true, $2) >= $3 or sign_ins_of($1, false, $2) >= $3 * 4 as "full!""#,
        network,
        now,
        limit
    );
    Ok(full.fetch_one(pool).await?)
}

/// Removes sign-ins that were to end before `before`.
pub(super) async fn forget_before(pool: &PgPool, before: DateTime<Utc>) -> Result<()> {
    sqlx::query!("delete from sign_ins where expires_at < $1", before).execute(pool).await?;
    Ok(())
}

/// The sign-in with this key.
pub(super) async fn by_key(pool: &PgPool, key_hash: &[u8]) -> Result<Option<SignIn>> {
    let sign_in = sqlx::query_as!(
        SignIn,
        r#"select id, provider, state as "state: State", message, upstream, browser_hash, code_challenge,
               match_code, offered, form_hash, identity, address, user_agent, way as "way: Way", created_at,
               expires_at, approved_at, link_session
           from sign_ins where key_hash = $1"#,
        key_hash
    );
    Ok(sign_in.fetch_optional(pool).await?)
}

/// The sign-in with this id.
pub(super) async fn by_id(pool: &PgPool, id: Uuid) -> Result<Option<SignIn>> {
    let sign_in = sqlx::query_as!(
        SignIn,
        r#"select id, provider, state as "state: State", message, upstream, browser_hash, code_challenge,
               match_code, offered, form_hash, identity, address, user_agent, way as "way: Way", created_at,
               expires_at, approved_at, link_session
           from sign_ins where id = $1"#,
        id
    );
    Ok(sign_in.fetch_optional(pool).await?)
}

/// Notes that the browser of a sign-in has come back, in time; false where it has before. What its answer
/// must fit is in the hands of whoever asked, and kept no longer.
pub(super) async fn arrive(pool: &PgPool, id: Uuid, now: DateTime<Utc>) -> Result<bool> {
    let arrived = sqlx::query!(
        "update sign_ins set state = 'arrived', upstream = '' where id = $1 and state = 'waiting' and expires_at > $2",
        id,
        now
    );
    Ok(arrived.execute(pool).await?.rows_affected() > 0)
}

/// Takes a sign-in from one state to the next, in time; false where it is not in that state any more. Of
/// several who try, one succeeds.
pub(super) async fn advance(
    connection: &mut PgConnection,
    id: Uuid,
    from: State,
    to: State,
    now: DateTime<Utc>,
) -> Result<bool> {
    let advanced = sqlx::query!(
        "update sign_ins set state = $3, approved_at = case when $3 = 'approved' then $4 end
         where id = $1 and state = $2 and expires_at > $4",
        id,
        from as State,
        to as State,
        now
    );
    Ok(advanced.execute(connection).await?.rows_affected() > 0)
}

/// Ends a sign-in that nobody took the tokens of, with the reason.
pub(super) async fn end(connection: &mut PgConnection, id: Uuid, state: State, message: &str) -> Result<()> {
    sqlx::query!(
        "update sign_ins set state = $2, message = $3, identity = null
         where id = $1 and state not in ('handed_over', 'denied', 'failed')",
        id,
        state as State,
        message
    )
    .execute(&mut *connection)
    .await?;
    announce(connection, id).await
}

/// Keeps what the confirmation needs.
pub(super) async fn ask(
    connection: &mut PgConnection,
    id: Uuid,
    identity: &[u8],
    form_hash: &[u8],
) -> Result<()> {
    sqlx::query!("update sign_ins set identity = $2, form_hash = $3 where id = $1", id, identity, form_hash)
        .execute(connection)
        .await?;
    Ok(())
}

/// Notes whose account an approved sign-in opens, and tells the server at which its client waits.
pub(super) async fn approve(connection: &mut PgConnection, id: Uuid, user: Uuid) -> Result<()> {
    sqlx::query!("update sign_ins set user_id = $2, identity = null where id = $1", id, user)
        .execute(&mut *connection)
        .await?;
    announce(connection, id).await
}

/// Ends an approved sign-in: its tokens are taken, or there are none.
pub(super) async fn complete(connection: &mut PgConnection, id: Uuid) -> Result<()> {
    sqlx::query!("update sign_ins set state = 'handed_over' where id = $1", id).execute(connection).await?;
    Ok(())
}

async fn announce(connection: &mut PgConnection, id: Uuid) -> Result<()> {
    sqlx::query!("select pg_notify($1, $2)", super::CHANNEL, id.to_string()).execute(connection).await?;
    Ok(())
}

/// What there is to open a session with.
pub(super) struct Approved {
    pub user_id: Uuid,
    pub user_name: String,
}

/// Locks an approved sign-in whose tokens may be taken; by a client at `socket`, or by the browser where
/// there is none.
pub(super) async fn lock_approved(
    connection: &mut PgConnection,
    id: Uuid,
    socket: Option<Uuid>,
    approved_after: DateTime<Utc>,
) -> Result<Option<Approved>> {
    let approved = sqlx::query_as!(
        Approved,
        "select u.id as user_id, u.name as user_name from sign_ins s join users u on u.id = s.user_id
         where s.id = $1 and s.state = 'approved' and s.approved_at > $2 and ($3::uuid is null or s.socket = $3)
         for update of s",
        id,
        approved_after,
        socket
    );
    Ok(approved.fetch_optional(connection).await?)
}

/// Seats a socket at a sign-in: one at a time, and always from the address of the first.
pub(super) async fn seat(
    pool: &PgPool,
    id: Uuid,
    socket: Uuid,
    address: &str,
    now: DateTime<Utc>,
    gone_since: DateTime<Utc>,
) -> Result<bool> {
    let seated = sqlx::query!(
        "update sign_ins set socket = $2, socket_address = $3, socket_seen_at = $4
         where id = $1 and (socket is null or socket_seen_at < $5)
             and coalesce(socket_address, $3) = $3 and state <> 'handed_over'",
        id,
        socket,
        address,
        now,
        gone_since
    );
    Ok(seated.execute(pool).await?.rows_affected() > 0)
}

/// Frees the seats of sockets.
pub(super) async fn free(pool: &PgPool, sockets: &[Uuid]) -> Result<()> {
    sqlx::query!("update sign_ins set socket = null where socket = any ($1)", sockets).execute(pool).await?;
    Ok(())
}

/// Notes that these sockets are still there.
pub(super) async fn still_there(pool: &PgPool, sockets: &[Uuid], now: DateTime<Utc>) -> Result<()> {
    sqlx::query!("update sign_ins set socket_seen_at = $2 where socket = any ($1)", sockets, now)
        .execute(pool)
        .await?;
    Ok(())
}

/// How many parts of sign-ins are sealed with each data key.
pub(crate) async fn count_sealed(connection: &mut PgConnection) -> Result<Vec<(Option<i32>, i64)>> {
    let rows = sqlx::query!(
        r#"select sealed_key(sealed) as key, count(*) as "count!" from (
               select upstream as sealed from sign_ins where upstream <> ''
               union all select identity from sign_ins where identity is not null
           ) parts group by 1 order by 1"#
    );
    Ok(rows.fetch_all(connection).await?.into_iter().map(|row| (row.key, row.count)).collect())
}

/// Up to `limit` sealed parts of sign-ins behind `after`, by sign-in and part, but for those sealed with `but`.
pub(crate) async fn held(
    connection: &mut PgConnection,
    after: (Uuid, &str),
    but: Option<i32>,
    limit: i64,
) -> Result<Vec<Held>> {
    let held = sqlx::query_as!(
        Held,
        r#"select id as "id!", part as "part!", id as "sealed_for!", sealed as "sealed!" from (
               select id, 'expected' as part, upstream as sealed from sign_ins where upstream <> ''
               union all select id, 'identity', identity from sign_ins where identity is not null
           ) parts
           where (id, part) > ($1, $2) and ($3::integer is null or sealed_key(sealed) is distinct from $3)
           order by id, part limit $4"#,
        after.0,
        after.1,
        but,
        limit
    );
    Ok(held.fetch_all(connection).await?)
}

/// Puts other bytes in the place of parts that are still as they were; how many that are.
pub(crate) async fn swap(connection: &mut PgConnection, swaps: &Swaps) -> Result<u64> {
    let expected = sqlx::query!(
        "update sign_ins s set upstream = new.sealed
         from unnest($1::uuid[], $2::text[], $3::bytea[], $4::bytea[]) new (id, part, was, sealed)
         where s.id = new.id and new.part = 'expected' and s.upstream = new.was",
        &swaps.ids,
        &swaps.parts,
        &swaps.were,
        &swaps.sealed
    );
    let expected = expected.execute(&mut *connection).await?.rows_affected();
    let identities = sqlx::query!(
        "update sign_ins s set identity = new.sealed
         from unnest($1::uuid[], $2::text[], $3::bytea[], $4::bytea[]) new (id, part, was, sealed)
         where s.id = new.id and new.part = 'identity' and s.identity = new.was",
        &swaps.ids,
        &swaps.parts,
        &swaps.were,
        &swaps.sealed
    );
    Ok(expected + identities.execute(connection).await?.rows_affected())
}
