//! Data keys that come and go.

use anyhow::Context;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::{Vault, store};
use crate::error::{Error, Result};

/// How many values a key may have sealed before a new one is made by itself. No key ever seals more than
/// 2^32; this leaves time to notice.
pub const ENOUGH_SEALS: i64 = 1 << 30;

/// What is known of a data key.
#[derive(Debug, Clone)]
pub struct DataKey {
    /// Its id.
    pub id: i32,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// How many values it has sealed at the most.
    pub seals: i64,
    /// When everything began to be sealed anew with it, where that was so.
    pub rotation_began_at: Option<DateTime<Utc>>,
    /// When that was done.
    pub rotation_ended_at: Option<DateTime<Utc>>,
}

impl DataKey {
    /// Whether everything is being sealed anew with it, or was to be and is not yet.
    #[must_use]
    pub fn is_rotating(&self) -> bool {
        self.rotation_began_at.is_some() && self.rotation_ended_at.is_none()
    }
}

/// Makes the data key that follows `newest`, which the servers are told with the end of the transaction. Its
/// id; none where somebody else has made it. `is_rotation`: everything is to be sealed anew with it.
///
/// # Errors
/// Where the database fails.
pub async fn make_key(
    connection: &mut PgConnection,
    vault: &Vault,
    newest: i32,
    is_rotation: bool,
    now: DateTime<Utc>,
) -> Result<Option<i32>> {
    let id = newest.checked_add(1).context("there are no more ids for data keys").map_err(Error::Internal)?;
    let number = u32::try_from(id).map_err(Error::internal)?;
    let wrapped = vault.master().wrap_new(number).map_err(Error::Internal)?;
    let is_new = store::insert_key(connection, id, &wrapped, is_rotation.then_some(now), now).await?;
    Ok(is_new.then_some(id))
}

/// Wraps every data key that the previous master key wraps with the current one; which those are.
///
/// # Errors
/// Where neither unwraps a key, or the database fails.
pub async fn rewrap(connection: &mut PgConnection, vault: &Vault) -> Result<Vec<i32>> {
    let mut rewrapped = Vec::new();
    for (id, wrapped) in store::hold_wrapped_keys(connection).await? {
        let number = u32::try_from(id).map_err(Error::internal)?;
        if let Some(wrapped) = vault.master().rewrap(number, &wrapped).map_err(Error::internal)? {
            store::put_wrapped(connection, id, &wrapped).await?;
            rewrapped.push(id);
        }
    }
    Ok(rewrapped)
}
