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
use sqlx::{Connection, PgConnection, Postgres};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::{ACQUIRE_TIMEOUT, Pool};

/// How long a connection that nobody uses is kept at hand. Then it goes back to the pool, for everybody.
const KEPT: Duration = Duration::from_secs(1);

/// The connections for reads, and for a statement that stands by itself otherwise.
pub struct Reads {
    pool: Pool,
    most: usize,
    turns: Semaphore,
    /// Those that nobody uses, the last used at the end.
    at_hand: Mutex<VecDeque<AtHand>>,
}

struct AtHand {
    connection: PoolConnection<Postgres>,
    /// When the pool vouched for it.
    taken: Instant,
    since: Instant,
}

/// A connection that is lent to a read. Unless it is given back by [`Lent::done`], the pool gets it back where
/// it still answers.
pub struct Lent<'a> {
    reads: &'a Reads,
    connection: Option<PoolConnection<Postgres>>,
    taken: Instant,
    _turn: SemaphorePermit<'a>,
}

impl Reads {
    /// Lends so many connections of this pool at the most.
    #[must_use]
    pub fn new(pool: Pool, most: u32) -> Self {
        let most = usize::try_from(most).unwrap_or_default();
        // where none may be kept, one is lent all the same
        let turns = Semaphore::new(most.max(1));
        Self { pool, most, turns, at_hand: Mutex::default() }
    }

    /// A connection for one read.
    ///
    /// # Errors
    /// Where none can be had in time.
    pub async fn lend(&self) -> Result<Lent<'_>, sqlx::Error> {
        if let Ok(turn) = self.turns.try_acquire()
            && let Some(AtHand { connection, taken, .. }) = self.take()
        {
            return Ok(Lent { reads: self, connection: Some(connection), taken, _turn: turn });
        }
        let in_turn = tokio::time::timeout(ACQUIRE_TIMEOUT, self.lend_in_turn()).await;
        in_turn.unwrap_or(Err(sqlx::Error::PoolTimedOut))
    }

    async fn lend_in_turn(&self) -> Result<Lent<'_>, sqlx::Error> {
        let turn = self.turns.acquire().await.map_err(|_| sqlx::Error::PoolClosed)?;
        let taken = Instant::now();
        let (connection, taken) = match self.take() {
            Some(last) => (last.connection, last.taken),
            None => (self.pool.acquire().await?, taken),
        };
        Ok(Lent { reads: self, connection: Some(connection), taken, _turn: turn })
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

    /// The one that was used last, unless the database was lost meanwhile: then the pool gets them all back,
    /// and uses none again.
    fn take(&self) -> Option<AtHand> {
        self.release();
        let last = self.at_hand().pop_back()?;
        if self.pool.trusts(last.taken.elapsed()) {
            return Some(last);
        }
        self.forget();
        None
    }

    fn forget(&self) {
        let forgotten = std::mem::take(&mut *self.at_hand());
        drop(forgotten);
    }

    fn keep(&self, connection: PoolConnection<Postgres>, taken: Instant) {
        let mut at_hand = self.at_hand();
        if at_hand.len() < self.most && !self.turns.is_closed() {
            at_hand.push_back(AtHand { connection, taken, since: Instant::now() });
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
    pub fn done<T, E>(mut self, outcome: Result<T, E>) -> Result<T, E> {
        if outcome.is_ok()
            && let Some(connection) = self.connection.take()
        {
            self.reads.keep(connection, self.taken);
        }
        outcome
    }
}

/// Whoever waited for the read may have gone away because nothing came. The pool would ask the connection
/// whether it is still there, and wait for the answer for ever.
impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if let Some(mut connection) = self.connection.take() {
            tokio::spawn(async move {
                let answered = tokio::time::timeout(ACQUIRE_TIMEOUT, connection.ping()).await;
                if !matches!(answered, Ok(Ok(()))) {
                    // nobody waits for it to close, and another may take its place
                    drop(connection.detach());
                }
            });
        }
    }
}

/// Why there is one.
const LENT: &str = "a connection is lent until it is given back";

impl Deref for Lent<'_> {
    type Target = PgConnection;

    #[expect(clippy::expect_used, reason = "it is there for as long as somebody can ask")]
    fn deref(&self) -> &PgConnection {
        self.connection.as_ref().expect(LENT)
    }
}

impl DerefMut for Lent<'_> {
    #[expect(clippy::expect_used, reason = "it is there for as long as somebody can ask")]
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.connection.as_mut().expect(LENT)
    }
}
