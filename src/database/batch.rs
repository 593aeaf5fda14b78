//! Single things that are read at once, in one statement.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sqlx::PgConnection;
use tokio::sync::oneshot;

use super::{Pool, Reads};
use crate::error::{Error, Result};

/// How many statements read at once. What is asked for in the meanwhile goes into the next: with two or more,
/// each would read less, and a read would cost more.
const AT_ONCE: u32 = 1;

/// Something that is read by a key, together with others of its kind.
pub trait Single: Clone + Send {
    /// What tells it from the others.
    type Key: Clone + Eq + Hash + Send + Sync;

    /// Those of these that are there.
    ///
    /// # Errors
    /// Where the database fails.
    fn load(
        connection: &mut PgConnection,
        keys: &[Self::Key],
    ) -> impl Future<Output = Result<HashMap<Self::Key, Self>>> + Send;
}

/// Reads single things. While as many statements are under way as may be, those who ask wait and are served
/// together by the next, so that the busier the server is, the less each read costs. Nobody is answered
/// by a statement that began before they asked.
pub struct Batch<T: Single> {
    reads: Arc<Reads>,
    waiting: Mutex<Vec<Waiting<T>>>,
}

/// Somebody who waits for a thing.
struct Waiting<T: Single> {
    key: T::Key,
    answer: oneshot::Sender<Found<T>>,
}

/// The thing, where it is there, unless the statement failed that was to read it.
type Found<T> = std::result::Result<Option<T>, Failed>;

/// A statement failed, and whoever made it was told why.
struct Failed;

impl From<Failed> for Error {
    fn from(Failed: Failed) -> Self {
        sqlx::Error::WorkerCrashed.into()
    }
}

/// Connections of their own to the database of `pool`, for batches.
#[must_use]
pub fn batched(pool: &Pool) -> Arc<Reads> {
    // a list of ids would be planned anew each time, in the hope that it is short
    let options = (*pool.connect_options()).clone().options([("plan_cache_mode", "force_generic_plan")]);
    Arc::new(Reads::new(pool.beside(options, AT_ONCE), AT_ONCE))
}

impl<T: Single> Batch<T> {
    /// Reads over these connections.
    #[must_use]
    pub fn new(reads: &Arc<Reads>) -> Self {
        Self { reads: Arc::clone(reads), waiting: Mutex::default() }
    }

    /// The thing with this key.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn find(&self, key: T::Key) -> Result<Option<T>> {
        loop {
            let mut answered = self.ask(key.clone());
            let mut connection = tokio::select! {
                biased;
                found = &mut answered => match found {
                    Ok(found) => return found.map_err(Into::into),
                    // whoever read it went away half-way
                    Err(_) => continue,
                },
                connection = self.reads.lend() => connection?,
            };
            let all = std::mem::take(&mut *self.waiting());
            let served = serve(&mut connection, all).await;
            connection.done(served)?;
            if let Ok(found) = answered.await {
                return found.map_err(Into::into);
            }
        }
    }

    /// Waits in line, where nobody is left who went away: those waiting are as many as the requests under way.
    fn ask(&self, key: T::Key) -> oneshot::Receiver<Found<T>> {
        let (answer, answered) = oneshot::channel();
        let mut waiting = self.waiting();
        waiting.retain(|one| !one.answer.is_closed());
        waiting.push(Waiting { key, answer });
        answered
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Waiting<T>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads what they asked for. One who asked may be gone, and needs no answer.
async fn serve<T: Single>(connection: &mut PgConnection, asked: Vec<Waiting<T>>) -> Result<()> {
    if asked.is_empty() {
        return Ok(());
    }
    let keys: Vec<_> = asked.iter().map(|one| one.key.clone()).collect();
    match T::load(connection, &keys).await {
        Ok(found) => {
            for one in asked {
                drop(one.answer.send(Ok(found.get(&one.key).cloned())));
            }
            Ok(())
        }
        Err(error) => {
            for one in asked {
                drop(one.answer.send(Err(Failed)));
            }
            Err(error)
        }
    }
}
