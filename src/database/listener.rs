//! Hears what Postgres announces (`NOTIFY`), for as long as the program runs.

use std::pin::pin;
use std::time::Duration;

use sqlx::postgres::PgListener;
use sqlx::{Connection, PgConnection, PgPool};

use super::Pool;

/// How often a silent connection is asked whether it is still there.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// How long the database has to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long to wait before connecting anew.
const PAUSE: Duration = Duration::from_millis(500);

/// What there is to know for somebody who listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard<'a> {
    /// From now on announcements are heard. Those of before may have been missed.
    Listening,
    /// Something was announced.
    Announcement {
        /// On which channel.
        channel: &'a str,
        /// What was said.
        payload: &'a str,
    },
    /// Announcements are missed from now on.
    Deaf,
}

/// Listens on `channels` and tells `on` what there is to know, until `stop`. It has a connection of its
/// own, and connects anew when that breaks. From it the pool learns whether the database still answers.
pub async fn listen(pool: &Pool, channels: &[&str], on: impl Fn(Heard<'_>), stop: impl Future<Output = ()>) {
    let mut stop = pin!(stop);
    loop {
        // one for each attempt: a connection to a silent database does not end, and would be in the way
        let own = pool.single(PATIENCE);
        tokio::select! {
            error = listen_once(pool, &own, channels, &on) => {
                tracing::warn!(%error, "announcements are not heard");
            }
            () = &mut stop => {
                drop(tokio::time::timeout(PATIENCE, own.close()).await);
                return;
            }
        }
        // time is all that there is to wait for: the database is away
        let mut pause = tokio::time::interval_at(tokio::time::Instant::now() + PAUSE, PAUSE);
        tokio::select! {
            _ = pause.tick() => {}
            () = &mut stop => return,
        }
    }
}

/// Listens for as long as that goes well; why it does not any more.
async fn listen_once(pool: &Pool, own: &PgPool, channels: &[&str], on: &impl Fn(Heard<'_>)) -> sqlx::Error {
    let mut listener = match in_time(connect(own, channels)).await {
        Ok(listener) => listener,
        Err(error) => {
            pool.found_silent(matches!(error, sqlx::Error::PoolTimedOut) && hangs(own).await);
            return error;
        }
    };
    pool.found_silent(false);
    on(Heard::Listening);
    let error = hear(&mut listener, on).await;
    pool.lost();
    pool.found_silent(matches!(error, sqlx::Error::PoolTimedOut));
    on(Heard::Deaf);
    error
}

async fn connect(own: &PgPool, channels: &[&str]) -> Result<PgListener, sqlx::Error> {
    let mut listener = PgListener::connect_with(own).await?;
    listener.eager_reconnect(false);
    listener.ignore_pool_close_event(true);
    listener.listen_all(channels.iter().copied()).await?;
    Ok(listener)
}

/// Whether the database does not even refuse a connection. (A pool does not tell: it tries again where it is
/// refused.)
async fn hangs(own: &PgPool) -> bool {
    let options = own.connect_options();
    tokio::time::timeout(PATIENCE, PgConnection::connect_with(&options)).await.is_err()
}

async fn hear(listener: &mut PgListener, on: &impl Fn(Heard<'_>)) -> sqlx::Error {
    loop {
        match tokio::time::timeout(HEARTBEAT, listener.try_recv()).await {
            Ok(Ok(Some(said))) => {
                on(Heard::Announcement { channel: said.channel(), payload: said.payload() });
            }
            Ok(Ok(None)) => return sqlx::Error::PoolClosed,
            Ok(Err(error)) => return error,
            Err(_) => {
                let asked = sqlx::query!(r#"select true as "answers!""#).fetch_one(&mut *listener);
                if let Err(error) = in_time(asked).await {
                    return error;
                }
            }
        }
    }
}

/// A connection may be gone without a word; then it takes too long.
async fn in_time<T>(asked: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    tokio::time::timeout(PATIENCE, asked).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
}
