//! Single things that are read at once, in one statement.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sqlx::PgConnection;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{Pool, Reads};
use crate::error::{Error, Result};

/// How many statements read at once. What is asked for in the meanwhile goes into the next.
const AT_ONCE: u32 = 2;

/// Something that is read by its id, together with others of its kind.
pub trait Single: Clone + Send {
    /// Those of these that are there.
    ///
    /// # Errors
    /// Where the database fails.
    fn load(
        connection: &mut PgConnection,
        ids: &[Uuid],
    ) -> impl Future<Output = Result<HashMap<Uuid, Self>>> + Send;
}

/// Reads single things. While as many statements are under way as may be, those who ask wait and are served
/// together by the next, so that the busier the server is, the less each read costs. Nobody is answered
/// by a statement that began before they asked.
pub struct Batch<T> {
    reads: Reads,
    waiting: Mutex<Vec<Waiting<T>>>,
}

/// Somebody who waits for a thing.
struct Waiting<T> {
    id: Uuid,
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

impl<T: Single> Batch<T> {
    /// Reads in the database of `pool`, over connections of its own.
    #[must_use]
    pub fn new(pool: &Pool) -> Self {
        // a list of ids would be planned anew each time, in the hope that it is short
        let options = (*pool.connect_options()).clone().options([("plan_cache_mode", "force_generic_plan")]);
        let reads = Reads::new(pool.beside(options, AT_ONCE), AT_ONCE);
        Self { reads, waiting: Mutex::default() }
    }

    /// The connections.
    pub fn reads(&self) -> &Reads {
        &self.reads
    }

    /// The thing with this id.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn find(&self, id: Uuid) -> Result<Option<T>> {
        loop {
            let mut answered = self.ask(id);
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
    fn ask(&self, id: Uuid) -> oneshot::Receiver<Found<T>> {
        let (answer, answered) = oneshot::channel();
        let mut waiting = self.waiting();
        waiting.retain(|one| !one.answer.is_closed());
        waiting.push(Waiting { id, answer });
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
    let ids: Vec<_> = asked.iter().map(|one| one.id).collect();
    match T::load(connection, &ids).await {
        Ok(found) => {
            for one in asked {
                drop(one.answer.send(Ok(found.get(&one.id).cloned())));
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
