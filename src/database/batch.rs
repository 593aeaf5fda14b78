//! Single things that are read at once, in one statement.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sqlx::PgConnection;
use tokio::sync::oneshot;
use tracing::{Instrument, Span};

use super::{ACQUIRE_TIMEOUT, Lent, Pool, Reads};
use crate::error::{Error, Result};

/// How many connections batches have to themselves: one for each kind of thing that is read in batches.
const CONNECTIONS: u32 = 2;

/// Something that is read by a key, together with others of its kind.
pub trait Single: Send + Sync + Sized + 'static {
    /// What tells it from the others. One that a client made up must not break the statement.
    type Key: Clone + Eq + Hash + Send + Sync + 'static;

    /// For how many of those who ask one statement reads.
    const AT_ONCE: usize;

    /// Those of these, which all differ, that are there.
    ///
    /// # Errors
    /// Where the database fails.
    fn load(
        connection: &mut PgConnection,
        keys: &[Self::Key],
    ) -> impl Future<Output = Result<HashMap<Self::Key, Self>>> + Send;
}

/// Reads single things. While a statement is under way, those who ask wait and are served together by the
/// next, so that the busier the server is, the less each read costs. Nobody is answered by a statement that
/// began before they asked.
pub struct Batch<T: Single>(Arc<Line<T>>);

struct Line<T: Single> {
    reads: Arc<Reads>,
    waiting: Mutex<Queue<T>>,
}

struct Queue<T: Single> {
    /// Those who wait, the first of them first.
    all: Vec<Waiting<T>>,
    /// Whether somebody reads for them.
    is_served: bool,
}

/// Somebody who waits for a thing.
struct Waiting<T: Single> {
    key: T::Key,
    answer: oneshot::Sender<Found<T>>,
    /// What they ask on behalf of.
    span: Span,
}

/// The thing, where it is there. A statement that fails does so for all whom it was for, and one of them is
/// told why.
type Found<T> = Result<Option<Arc<T>>>;

/// Connections of their own to the database of `pool`, for batches.
#[must_use]
pub fn batched(pool: &Pool) -> Arc<Reads> {
    // a list of ids would be planned anew each time, in the hope that it is short
    let options = (*pool.connect_options()).clone().options([("plan_cache_mode", "force_generic_plan")]);
    Arc::new(Reads::new(pool.beside(options, CONNECTIONS), CONNECTIONS))
}

impl<T: Single> Batch<T> {
    /// Reads over these connections, one of them at a time.
    #[must_use]
    pub fn new(reads: &Arc<Reads>) -> Self {
        let waiting = Mutex::new(Queue { all: Vec::new(), is_served: false });
        Self(Arc::new(Line { reads: Arc::clone(reads), waiting }))
    }

    /// The thing with this key.
    ///
    /// # Errors
    /// Where the database fails, or does not answer within some seconds.
    pub async fn find(&self, key: T::Key) -> Found<T> {
        let (answer, answered) = oneshot::channel();
        let is_served = self.0.join(Waiting { key, answer, span: Span::current() });
        if !is_served {
            // a task of its own: whoever asked may go away, and others wait with them
            tokio::spawn(Serving(Arc::clone(&self.0)).serve());
        }
        match tokio::time::timeout(ACQUIRE_TIMEOUT, answered).await {
            Ok(answered) => answered.unwrap_or_else(|_| Err(lost())),
            Err(_) => Err(sqlx::Error::PoolTimedOut.into()),
        }
    }
}

impl<T: Single> Line<T> {
    /// Waits in line; whether somebody serves it.
    fn join(&self, one: Waiting<T>) -> bool {
        let mut queue = self.queue();
        queue.all.push(one);
        std::mem::replace(&mut queue.is_served, true)
    }

    /// Whether anybody waits who has not gone away; where not, nobody serves them any more.
    fn is_needed(&self) -> bool {
        let mut queue = self.queue();
        queue.all.retain(|one| !one.answer.is_closed());
        queue.is_served = !queue.all.is_empty();
        queue.is_served
    }

    /// The first of those who wait, so many at the most.
    fn take(&self, most: usize) -> Vec<Waiting<T>> {
        let mut queue = self.queue();
        let most = queue.all.len().min(most);
        queue.all.drain(..most).collect()
    }

    fn queue(&self) -> MutexGuard<'_, Queue<T>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves those who wait until there are none.
struct Serving<T: Single>(Arc<Line<T>>);

impl<T: Single> Serving<T> {
    async fn serve(self) {
        while self.0.is_needed() {
            match self.0.reads.lend().await {
                Ok(connection) => read(connection, self.0.take(T::AT_ONCE)).await,
                // nobody waits for the next attempt
                Err(error) => refuse(self.0.take(usize::MAX), error.into()),
            }
        }
    }
}

/// Only a panic ends it while there are some who wait: they are told, and the next who asks is served anew.
impl<T: Single> Drop for Serving<T> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut queue = self.0.queue();
            queue.is_served = false;
            queue.all.clear();
        }
    }
}

/// Reads what they asked for, unless the database takes too long.
async fn read<T: Single>(mut connection: Lent<'_>, asked: Vec<Waiting<T>>) {
    let keys: HashSet<_> = asked.iter().map(|one| one.key.clone()).collect();
    let keys: Vec<_> = keys.into_iter().collect();
    let span = asked.first().map_or_else(Span::none, |first| first.span.clone());
    let load = T::load(&mut connection, &keys).instrument(span);
    let loaded = tokio::time::timeout(ACQUIRE_TIMEOUT, load).await;
    match connection.done(loaded.unwrap_or_else(|_| Err(sqlx::Error::PoolTimedOut.into()))) {
        Ok(found) => {
            let found: HashMap<_, _> = found.into_iter().map(|(key, thing)| (key, Arc::new(thing))).collect();
            answer(asked, |key| Ok(found.get(key).cloned()));
        }
        Err(error) => refuse(asked, error),
    }
}

/// Tells the first of them why, and the others that it is so.
fn refuse<T: Single>(asked: Vec<Waiting<T>>, error: Error) {
    let mut error = Some(error);
    answer(asked, |_| Err(error.take().unwrap_or_else(lost)));
}

/// Those who asked may be gone, and need no answer.
fn answer<T: Single>(asked: Vec<Waiting<T>>, mut found: impl FnMut(&T::Key) -> Found<T>) {
    for one in asked.into_iter().filter(|one| !one.answer.is_closed()) {
        drop(one.answer.send(found(&one.key)));
    }
}

/// What those are told whose statement failed, where another is told why.
fn lost() -> Error {
    sqlx::Error::WorkerCrashed.into()
}
