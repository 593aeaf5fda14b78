//! Connections for reads, lent again and again without a word to the database in between.
//!
//! A connection that comes back to the pool of sqlx is asked each time whether it is still there. That round
//! trip, and the task that makes it, cost nearly as much as reading a row. Here a connection whose read ended
//! well is kept at hand, and the next read takes it as it is.

use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, PgPool, Postgres};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::ACQUIRE_TIMEOUT;

/// How long a connection that nobody uses is kept at hand. Then it goes back to the pool, for everybody.
const KEPT: Duration = Duration::from_secs(1);

/// The connections for reads: at most half of those that the pool may have, so that there are some for the rest.
pub struct Reads {
    pool: PgPool,
    most: usize,
    turns: Semaphore,
    /// Those that nobody uses, the last used at the end.
    at_hand: Mutex<VecDeque<AtHand>>,
}

struct AtHand {
    connection: PoolConnection<Postgres>,
    since: Instant,
}

/// A connection that is lent to a read. Unless it is given back by [`Lent::done`], the pool takes care of it.
pub struct Lent<'a> {
    reads: &'a Reads,
    connection: PoolConnection<Postgres>,
    _turn: SemaphorePermit<'a>,
}

impl Reads {
    /// Lends connections of this pool.
    #[must_use]
    pub fn new(pool: PgPool) -> Self {
        let most = usize::try_from(pool.options().get_max_connections() / 2).unwrap_or_default();
        // of a pool with one connection none is kept
        let turns = Semaphore::new(most.max(1));
        Self { pool, most, turns, at_hand: Mutex::default() }
    }

    /// A connection for one read.
    ///
    /// # Errors
    /// Where none can be had in time.
    pub async fn lend(&self) -> Result<Lent<'_>, sqlx::Error> {
        let turn = match self.turns.try_acquire() {
            Ok(turn) => turn,
            Err(_) => tokio::time::timeout(ACQUIRE_TIMEOUT, self.turns.acquire())
                .await
                .map_err(|_| sqlx::Error::PoolTimedOut)?
                .map_err(|_| sqlx::Error::PoolClosed)?,
        };
        let connection = match self.take() {
            Some(connection) => connection,
            None => self.pool.acquire().await?,
        };
        Ok(Lent { reads: self, connection, _turn: turn })
    }

    /// Gives all that are at hand back to the pool, which finds out what has become of them.
    pub fn forget(&self) {
        let forgotten = std::mem::take(&mut *self.at_hand());
        drop(forgotten);
    }

    /// Lends no more, so that the pool can be closed.
    pub fn close(&self) {
        self.turns.close();
        self.forget();
    }

    /// Gives those back to the pool that nobody has used for a while, until `stop`.
    pub async fn tend(&self, stop: impl Future<Output = ()>) {
        let mut ticks = tokio::time::interval(KEPT);
        let tended = async {
            loop {
                ticks.tick().await;
                self.release();
            }
        };
        tokio::select! {
            () = tended => {}
            () = stop => {}
        }
    }

    fn release(&self) {
        let mut at_hand = self.at_hand();
        while at_hand.front().is_some_and(|first| first.since.elapsed() > KEPT) {
            drop(at_hand.pop_front());
        }
    }

    /// The one that was used last.
    fn take(&self) -> Option<PoolConnection<Postgres>> {
        self.release();
        self.at_hand().pop_back().map(|last| last.connection)
    }

    fn keep(&self, connection: PoolConnection<Postgres>) {
        let mut at_hand = self.at_hand();
        if at_hand.len() < self.most && !self.turns.is_closed() {
            at_hand.push_back(AtHand { connection, since: Instant::now() });
        }
    }

    fn at_hand(&self) -> MutexGuard<'_, VecDeque<AtHand>> {
        self.at_hand.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lent<'_> {
    /// Gives the connection back with what came of the read. Only after a good end is it sure that the
    /// connection waits for the next query.
    ///
    /// # Errors
    /// That of the read.
    pub fn done<T, E>(self, outcome: Result<T, E>) -> Result<T, E> {
        if outcome.is_ok() {
            self.reads.keep(self.connection);
        }
        outcome
    }
}

impl Deref for Lent<'_> {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl DerefMut for Lent<'_> {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}
