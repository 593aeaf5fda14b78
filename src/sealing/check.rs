//! Opening everything that is sealed, to see whether it can be.

use uuid::Uuid;

use super::SealedStore;
use crate::app::App;
use crate::error::{Error, Result};
use crate::vault::{Held, OpenError, Ring};

/// How many values are read in one go.
const BATCH: i64 = 1000;

/// A sealed value that does not open.
#[derive(Debug, Clone)]
pub struct Damage {
    /// The table that it lies in.
    pub table: &'static str,
    /// The id of its row.
    pub id: Uuid,
    /// What names it beside the id, such as a field.
    pub part: String,
    /// Why it does not open.
    pub reason: String,
}

impl Damage {
    pub(super) fn of(store: SealedStore, held: &Held, reason: &OpenError) -> Self {
        let table = store.columns().0;
        Self { table, id: held.id, part: held.part.clone(), reason: reason.to_string() }
    }
}

/// Opens every sealed value and tells `on` after each batch how many it has opened; those that do not open.
///
/// # Errors
/// Where the database fails.
pub async fn check(app: &App, on: impl Fn(u64)) -> Result<(u64, Vec<Damage>)> {
    let (mut opened, mut damaged) = (0, Vec::new());
    for store in SealedStore::ALL {
        let mut after = (Uuid::nil(), String::new());
        loop {
            let mut connection = app.pool.acquire().await?;
            let held = store.held(&mut connection, (after.0, &after.1), None, BATCH).await?;
            drop(connection);
            let Some(last) = held.last() else { break };
            after = (last.id, last.part.clone());
            let found = check_batch(app, store, held).await?;
            opened += found.0;
            damaged.extend(found.1);
            on(opened);
        }
    }
    Ok((opened, damaged))
}

async fn check_batch(app: &App, store: SealedStore, held: Vec<Held>) -> Result<(u64, Vec<Damage>)> {
    // a rotation may have begun meanwhile
    let ring = app.vault.refresh().await.map_err(Error::Internal)?;
    let checked = tokio::task::spawn_blocking(move || open_all(&ring, store, &held));
    checked.await.map_err(Error::internal)
}

fn open_all(ring: &Ring, store: SealedStore, held: &[Held]) -> (u64, Vec<Damage>) {
    let (mut opened, mut damaged) = (0, Vec::new());
    for held in held {
        match ring.check(store.place(held), &held.sealed) {
            Ok(()) => opened += 1,
            Err(reason) => damaged.push(Damage::of(store, held, &reason)),
        }
    }
    (opened, damaged)
}
