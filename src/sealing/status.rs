//! What is known of the data keys.

use serde::Serialize;

use super::SealedStore;
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::vault::{self, ENOUGH_SEALS};

/// The data keys, and what is sealed with them.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Oldest first; the last one seals new values.
    pub keys: Vec<KeyStatus>,
    /// Whether values are still to be sealed anew with the newest key.
    pub rotating: bool,
    /// Values whose bytes name no key of the ring: they are damaged.
    pub without_key: i64,
    /// After how many seals a new key is made by itself.
    pub new_key_after: i64,
}

/// A data key.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyStatus {
    /// Its id.
    pub id: i32,
    /// Whether new values are sealed with it.
    pub newest: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// How many seconds ago that was.
    pub age_seconds: i64,
    /// How many values are sealed with it now.
    pub values: i64,
    /// How many it has ever sealed, at the most.
    pub seals: i64,
}

/// What is known at this moment.
///
/// # Errors
/// Where the database fails.
pub async fn status(app: &App) -> Result<Status> {
    let mut connection = app.pool.acquire().await?;
    let mut counts = Vec::new();
    for store in SealedStore::ALL {
        counts.extend(store.count(&mut connection).await?);
    }
    let keys = vault::data_keys(&mut *connection).await?;
    let newest = keys.last().map(|key| key.id);
    let values_of = |id: i32| counts.iter().filter(|(of, _)| *of == Some(id)).map(|(_, count)| count).sum();
    let is_known = |of: Option<i32>| keys.iter().any(|key| Some(key.id) == of);
    Ok(Status {
        rotating: keys.iter().any(vault::DataKey::is_rotating),
        without_key: counts.iter().filter(|(of, _)| !is_known(*of)).map(|(_, count)| count).sum(),
        new_key_after: ENOUGH_SEALS,
        keys: keys
            .iter()
            .map(|key| KeyStatus {
                id: key.id,
                newest: Some(key.id) == newest,
                created_at: Timestamp(key.created_at),
                age_seconds: (app.clock.now() - key.created_at).num_seconds(),
                values: values_of(key.id),
                seals: key.seals,
            })
            .collect(),
    })
}
