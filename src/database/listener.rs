//! Hears what Postgres announces (`NOTIFY`), for as long as the program runs.

use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::{PgListener, PgPoolOptions};

/// How often a silent connection is asked whether it is still there, and how long it has to answer.
const HEARTBEAT: Duration = Duration::from_secs(2);

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
/// own, and connects anew when that breaks.
pub async fn listen(
    pool: &PgPool,
    channels: &[&str],
    on: impl Fn(Heard<'_>),
    stop: impl Future<Output = ()>,
) {
    let options = (*pool.connect_options()).clone();
    let own = PgPoolOptions::new().max_connections(1).acquire_timeout(HEARTBEAT).connect_lazy_with(options);
    tokio::select! {
        () = listen_always(&own, channels, on) => {}
        () = stop => {}
    }
    own.close().await;
}

async fn listen_always(own: &PgPool, channels: &[&str], on: impl Fn(Heard<'_>)) {
    loop {
        if let Err(error) = listen_once(own, channels, &on).await {
            tracing::warn!(%error, "announcements are not heard");
        }
        on(Heard::Deaf);
        // time is all that there is to wait for: the database is away
        tokio::time::interval_at(tokio::time::Instant::now() + PAUSE, PAUSE).tick().await;
    }
}

async fn listen_once(own: &PgPool, channels: &[&str], on: &impl Fn(Heard<'_>)) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(own).await?;
    listener.eager_reconnect(false);
    listener.ignore_pool_close_event(true);
    listener.listen_all(channels.iter().copied()).await?;
    on(Heard::Listening);
    loop {
        match tokio::time::timeout(HEARTBEAT, listener.try_recv()).await {
            Ok(Ok(Some(said))) => {
                on(Heard::Announcement { channel: said.channel(), payload: said.payload() });
            }
            Ok(Ok(None)) => return Err(sqlx::Error::PoolClosed),
            Ok(Err(error)) => return Err(error),
            Err(_) => still_there(&mut listener).await?,
        }
    }
}

/// A connection may be gone without a word; then asking it takes too long.
async fn still_there(listener: &mut PgListener) -> Result<(), sqlx::Error> {
    let asked = sqlx::query!(r#"select true as "answers!""#).fetch_one(listener);
    tokio::time::timeout(HEARTBEAT, asked).await.map_err(|_| sqlx::Error::PoolTimedOut)??;
    Ok(())
}
