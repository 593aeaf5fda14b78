//! Sealing everything anew with a new data key, while servers read and write.
//!
//! Every server hears of the new key when it is made, and seals with it from then on. Values are read and
//! swapped in batches; one that is written meanwhile keeps what was written, since a swap compares. The run
//! goes over everything again until nothing is left that is sealed with another key. One that is killed is
//! carried on by the next.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use super::check::Damage;
use super::{SealedStore, keep};
use crate::access::Caller;
use crate::app::App;
use crate::audit;
use crate::database;
use crate::error::{Error, Result};
use crate::vault::{self, Held, Ring, Swaps};

/// How many values are read and swapped in one go.
const BATCH: i64 = 1000;

/// How many batches are on their way at once.
const AT_ONCE: usize = 3;

/// How often everything is gone over without getting on before that counts as a failure.
const PATIENCE: u32 = 50;

/// The pause before values are tried again that somebody else was writing.
const PAUSE: Duration = Duration::from_millis(100);

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// How many values are sealed anew.
    pub done: u64,
    /// How many there were to be.
    pub total: u64,
}

/// What a run has done.
#[derive(Debug)]
pub struct Rotated {
    /// The key that everything is sealed with now.
    pub key: i32,
    /// How many values were sealed anew.
    pub values: u64,
    /// The keys that were retired. Others go when they have not been used for a while.
    pub retired: Vec<i32>,
    /// What does not open, and stays as it is.
    pub damaged: Vec<Damage>,
}

/// A run that has the right to rotate; nobody else has it.
pub struct Rotation {
    connection: PgConnection,
    key: i32,
    total: u64,
    done: AtomicU64,
}

impl Rotation {
    /// Begins to rotate, with a new key or the one of a run that was cut off; none where another run is on.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn begin(app: &App, caller: &Caller) -> Result<Option<Self>> {
        let mut connection = PgConnection::connect_with(&app.pool.connect_options()).await?;
        if !vault::lock_rotation(&mut connection).await? {
            return Ok(None);
        }
        let key = new_key(app, caller).await?;
        let mut total = 0;
        for store in SealedStore::ALL {
            let counts = store.count(&mut connection).await?;
            total += counts.iter().filter(|(of, _)| *of != Some(key)).map(|(_, count)| count).sum::<i64>();
        }
        let total = u64::try_from(total).unwrap_or_default();
        Ok(Some(Self { connection, key, total, done: AtomicU64::new(0) }))
    }

    /// How many values it is going to seal anew.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Seals everything anew, and tells `on` how far it has come.
    ///
    /// # Errors
    /// Where the database fails, or values are being written all the time. It may be begun again.
    pub async fn finish(mut self, app: &App, on: impl Fn(Progress)) -> Result<Rotated> {
        let mut fruitless = 0;
        let damaged = loop {
            let before = self.done.load(Ordering::Relaxed);
            let pass = self.pass(app, &on).await?;
            if pass.left == 0 {
                break pass.damaged;
            }
            fruitless = if self.done.load(Ordering::Relaxed) == before { fruitless + 1 } else { 0 };
            match pass.cause {
                Some(cause) if fruitless >= PATIENCE => return Err(cause),
                _ => app.clock.pass(PAUSE).await,
            }
        };
        vault::end_rotation(&mut self.connection, self.key, app.clock.now()).await?;
        let retired = keep::retire_unused(app).await?;
        // with it goes the lock
        self.connection.close().await?;
        Ok(Rotated { key: self.key, values: self.done.into_inner(), retired, damaged })
    }

    /// Goes over everything once.
    async fn pass(&self, app: &App, on: &impl Fn(Progress)) -> Result<Pass> {
        let mut pass = Pass::default();
        for store in SealedStore::ALL {
            let newest = newest(&app.vault.ring())?;
            let read = |after: (Uuid, String)| async move {
                let mut connection = app.pool.acquire().await?;
                let held = store.held(&mut connection, (after.0, &after.1), Some(newest), BATCH).await?;
                let next = held.last().map(|last| (last.id, last.part.clone()));
                Ok::<_, Error>(next.map(|next| (held, next)))
            };
            let batches = stream::try_unfold((Uuid::nil(), String::new()), read);
            let mut swapped =
                batches.map_ok(|held| seal_anew(app, store, held)).try_buffer_unordered(AT_ONCE).boxed();
            while let Some(batch) = swapped.try_next().await? {
                let done = self.done.fetch_add(batch.done, Ordering::Relaxed) + batch.done;
                on(Progress { done, total: self.total.max(done) });
                pass.add(batch);
            }
        }
        Ok(pass)
    }
}

fn newest(ring: &Ring) -> Result<i32> {
    i32::try_from(ring.newest()).map_err(Error::internal)
}

/// The key to rotate to: a new one, or the one of a run that was cut off.
async fn new_key(app: &App, caller: &Caller) -> Result<i32> {
    loop {
        app.vault.refresh().await.map_err(Error::Internal)?;
        let keys = vault::data_keys(&*app.pool).await?;
        let newest = keys.last().map_or(0, |newest| newest.id);
        if keys.iter().any(vault::DataKey::is_rotating) {
            return Ok(newest);
        }
        if let Some(made) = keep::make_key(app, caller, newest, true).await? {
            return Ok(made);
        }
    }
}

/// What became of a batch, or of all of them.
#[derive(Default)]
struct Pass {
    done: u64,
    /// What is to be tried again: somebody else was writing it.
    left: u64,
    cause: Option<Error>,
    damaged: Vec<Damage>,
}

impl Pass {
    fn add(&mut self, batch: Self) {
        self.done += batch.done;
        self.left += batch.left;
        self.cause = batch.cause.or(self.cause.take());
        self.damaged.extend(batch.damaged);
    }
}

async fn seal_anew(app: &App, store: SealedStore, held: Vec<Held>) -> Result<Pass> {
    let count = u32::try_from(held.len()).map_err(Error::internal)?;
    let ring = app.vault.ring_for(count).await.map_err(Error::Internal)?;
    let sealed = tokio::task::spawn_blocking(move || seal_all(&ring, store, held));
    let (swaps, damaged) = sealed.await.map_err(Error::internal)?;
    let wanted = u64::try_from(swaps.ids.len()).unwrap_or_default();
    if wanted == 0 {
        return Ok(Pass { damaged, ..Pass::default() });
    }
    match swap(app, store, &swaps).await {
        Ok(done) => Ok(Pass { done, left: wanted.saturating_sub(done), cause: None, damaged }),
        // somebody else writes one of them, and must not be made to wait
        Err(cause @ Error::Unavailable { .. }) => {
            Ok(Pass { done: 0, left: wanted, cause: Some(cause), damaged })
        }
        Err(error) => Err(error),
    }
}

fn seal_all(ring: &Ring, store: SealedStore, held: Vec<Held>) -> (Swaps, Vec<Damage>) {
    let (mut swaps, mut damaged) = (Swaps::default(), Vec::new());
    for held in held {
        match ring.seal_anew(store.place(&held), &held.sealed) {
            Ok(sealed) => swaps.push(held, sealed),
            Err(reason) => damaged.push(Damage::of(store, &held, &reason)),
        }
    }
    (swaps, damaged)
}

async fn swap(app: &App, store: SealedStore, swaps: &Swaps) -> Result<u64> {
    let mut transaction = database::begin(&app.pool).await?;
    database::wait_briefly(&mut transaction).await?;
    database::look_up_by_index(&mut transaction).await?;
    let done = store.swap(&mut transaction, swaps).await?;
    transaction.commit().await?;
    Ok(done)
}

/// Wraps every data key that the previous master key wraps with the current one, and the key of the audit chain
/// along with them; how many data keys those were.
///
/// # Errors
/// Where the database fails.
pub async fn rewrap(app: &App, caller: &Caller) -> Result<usize> {
    let mut transaction = database::begin(&app.pool).await?;
    let rewrapped = vault::rewrap(&mut transaction, &app.vault).await?;
    audit::chain::rewrap(&mut transaction, &app.vault).await?;
    for key in &rewrapped {
        keep::record(&mut transaction, app, caller, "key.rewrap", *key).await?;
    }
    transaction.commit().await?;
    Ok(rewrapped.len())
}
