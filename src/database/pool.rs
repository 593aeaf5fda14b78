//! The connections to the database, and whether anybody is at their other end.
//!
//! A database may fall silent: it hangs, or its machine is gone without a word. Nothing but time tells so, and
//! a query on such a connection waits for ever. The listener, which hears from the database every moment, is
//! the one who finds out; then nobody waits any longer, and no connection of before is used again.

use std::ops::Deref;
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{PgPool, Postgres, Transaction};
use tokio::sync::watch;

use super::ACQUIRE_TIMEOUT;

/// How long the connections have to end. Those to a database that has fallen silent never do.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// The pool of connections. It is a [`PgPool`] that knows whether the database still answers.
#[derive(Clone)]
pub struct Pool {
    connections: PgPool,
    pulse: watch::Sender<Pulse>,
}

#[derive(Clone, Copy, Default)]
struct Pulse {
    is_silent: bool,
    /// When connections were last found to be broken or silent. Those made before are not used again, nor is
    /// any while the database is silent: somebody who did not wait for the answer may have left a transaction
    /// open on it.
    lost_at: Option<Instant>,
}

impl Pulse {
    fn trusts(&self, age: Duration) -> bool {
        !self.is_silent && self.lost_at.is_none_or(|lost_at| age < lost_at.elapsed())
    }
}

impl Deref for Pool {
    type Target = PgPool;

    fn deref(&self) -> &PgPool {
        &self.connections
    }
}

impl Pool {
    /// A pool that connects when it is asked to.
    pub(super) fn new(options: PgConnectOptions, max_connections: u32) -> Self {
        Self::with(options, max_connections, watch::Sender::new(Pulse::default()))
    }

    /// One more pool, of connections that have something of their own, to the same database.
    pub(super) fn beside(&self, options: PgConnectOptions, max_connections: u32) -> Self {
        Self::with(options, max_connections, self.pulse.clone())
    }

    fn with(options: PgConnectOptions, max_connections: u32, pulse: watch::Sender<Pulse>) -> Self {
        let (before, after) = (pulse.clone(), pulse.clone());
        let pool = PgPoolOptions::new()
            .max_connections(max_connections)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            // a broken connection shows itself; asking every time would cost each request a round trip
            .test_before_acquire(false)
            .after_connect(|connection, _| Box::pin(super::refuse_standby(connection)))
            .before_acquire(move |_, made| {
                let trusted = before.borrow().trusts(made.age);
                Box::pin(async move { Ok(trusted) })
            })
            .after_release(move |_, made| {
                let trusted = after.borrow().trusts(made.age);
                Box::pin(async move { Ok(trusted) })
            });
        Self { connections: pool.connect_lazy_with(options), pulse }
    }

    /// Begins a transaction. A client may go away at any moment, and with it whoever waits for this; the
    /// transaction is then begun to its end and rolled back, so that none is left open on a pooled connection.
    /// (`Pool::begin` of sqlx 0.9.0 leaves one when it is dropped half-way.) Only a database that has fallen
    /// silent is not waited for: its connection is not used again.
    pub(super) async fn begin(&self) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
        let pool = self.clone();
        let begun = tokio::spawn(async move {
            #[expect(clippy::disallowed_methods, reason = "the one place that may")]
            let transaction = pool.connections.begin();
            tokio::select! {
                begun = transaction => begun,
                () = pool.silence() => Err(sqlx::Error::PoolTimedOut),
            }
        });
        begun.await.unwrap_or(Err(sqlx::Error::WorkerCrashed))
    }

    /// Resolves when the database has fallen silent; at once where it has.
    async fn silence(&self) {
        // without a sender there is no pool any more
        drop(self.pulse.subscribe().wait_for(|pulse| pulse.is_silent).await);
    }

    /// Resolves when what somebody has asked the database for `since` then can have been lost without a word: it
    /// has fallen silent, or connections of that time are not used any more.
    pub async fn loss(&self, since: Instant) {
        let is_lost =
            |pulse: &Pulse| pulse.is_silent || pulse.lost_at.is_some_and(|lost_at| lost_at >= since);
        drop(self.pulse.subscribe().wait_for(is_lost).await);
    }

    /// Whether a connection that is so old may be used.
    pub(super) fn trusts(&self, age: Duration) -> bool {
        self.pulse.borrow().trusts(age)
    }

    /// A connection broke. Others have broken too, very likely.
    pub(super) fn lost(&self) {
        self.pulse.send_modify(|pulse| pulse.lost_at = Some(Instant::now()));
    }

    /// The database was asked, and did not answer, or did.
    pub(super) fn found_silent(&self, is_silent: bool) {
        // what was begun while it was silent may have been left half-way
        if is_silent || self.pulse.borrow().is_silent {
            self.lost();
        }
        self.pulse.send_if_modified(|pulse| std::mem::replace(&mut pulse.is_silent, is_silent) != is_silent);
    }

    /// Ends every connection, but those to a database that has fallen silent, which do not end.
    pub async fn end(&self) {
        if tokio::time::timeout(CLOSE_TIMEOUT, self.connections.close()).await.is_err() {
            tracing::warn!("the database does not answer, so that connections to it are left as they are");
        }
    }

    /// A pool for one connection, for who has to be the only one that uses it.
    pub(super) fn single(&self, patience: Duration) -> PgPool {
        let options = PgPoolOptions::new().max_connections(1).acquire_timeout(patience);
        let lasting = options.max_lifetime(None).idle_timeout(None);
        lasting.connect_lazy_with((*self.connections.connect_options()).clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_of_before_a_loss_are_not_trusted() {
        let second = Duration::from_secs(1);
        assert!(Pulse::default().trusts(second));
        let lost_at = Instant::now().checked_sub(second);
        let lost = Pulse { is_silent: false, lost_at };
        assert!(lost.trusts(Duration::ZERO) && !lost.trusts(2 * second));
        let silent = Pulse { is_silent: true, lost_at };
        assert!(!silent.trusts(Duration::ZERO) && !silent.trusts(2 * second));
    }
}
