//! The chain over the audit record: committed events are sealed in batches, and each seal covers the batch
//! and the seal before it. Seals are made with a key that the database has only in wrapped form, so that
//! whoever has SQL alone can change the record, but not so that [`verify`] does not notice.
//!
//! Which events are sealed still is decided by a table of those that are not: an event and its row there
//! are committed together, however late. So nothing depends on an order of transactions, or on numbers of
//! theirs, which begin anew where a backup is restored.

mod retention;
mod seal;
mod store;
pub mod verify;

use anyhow::{Context, ensure};
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;
use zeroize::Zeroizing;

pub use retention::drop_expired;
pub use seal::{keep, seal};

use super::Row;
use crate::config::Key;
use crate::error::{Error, Result};
use crate::vault::{MasterKey, Vault};

/// What the key is wrapped for.
const PURPOSE: &str = "audit chain";

/// The length of digests, seals and marks.
const HASH_BYTES: usize = 32;

/// A digest, a seal or a mark.
type Hash = [u8; HASH_BYTES];

/// What makes seals, and tells whether they are good.
pub struct Chain {
    key: Key,
}

impl Chain {
    /// Opens the key of the chain, which is made with the first start.
    ///
    /// # Errors
    /// Where the master key does not open it, it is gone, or the database fails.
    pub async fn open(pool: &PgPool, master: &MasterKey) -> anyhow::Result<Self> {
        if store::wrapped_key(pool).await?.is_none() {
            ensure!(
                !store::has_batches(pool).await?,
                "the database has sealed audit events but not the key of their chain: restore it whole"
            );
            let chain = Self { key: Zeroizing::new(rand::random()) };
            store::begin(pool, &master.wrap_for(PURPOSE, &chain.key)?, &chain.first()).await?;
        }
        let wrapped = store::wrapped_key(pool).await?.context("the key of the audit chain is gone")?;
        let key = master.unwrap_for(PURPOSE, &wrapped).context(
            "the key of the audit chain was wrapped by another VAULT_MASTER_KEY: set VAULT_MASTER_KEY_PREVIOUS to that one",
        )?;
        Ok(Self { key })
    }

    /// The end of a chain that has no batch yet.
    fn first(&self) -> End {
        let (seal, mac, now) = (vec![0; HASH_BYTES], Vec::new(), DateTime::UNIX_EPOCH);
        let end = End { number: 0, seal, first_at: None, last_at: None, mac, now };
        End { mac: self.end_mac(&end).finalize().into_bytes().to_vec(), ..end }
    }

    /// Something that only the key can make; `purpose` keeps its uses apart.
    fn mac(&self, purpose: &str) -> Hmac<Sha256> {
        #[expect(clippy::expect_used, reason = "a key of any length is one")]
        let mac = Hmac::<Sha256>::new_from_slice(&self.key[..]).expect("a key");
        mac.chain_update(purpose).chain_update([0])
    }

    fn batch_mac(&self, batch: &Batch) -> Hmac<Sha256> {
        self.mac("audit batch")
            .chain_update(batch.number.to_be_bytes())
            .chain_update(micros(batch.first_at))
            .chain_update(micros(batch.last_at))
            .chain_update(micros(batch.chain_first_at))
            .chain_update(micros(batch.chain_last_at))
            .chain_update(batch.event_count.to_be_bytes())
            .chain_update(micros(batch.sealed_at))
            .chain_update(&batch.content)
            .chain_update(&batch.previous)
    }

    fn end_mac(&self, end: &End) -> Hmac<Sha256> {
        let time = |at: Option<DateTime<Utc>>| at.map_or([0xFF; 8], micros);
        self.mac("audit end")
            .chain_update(end.number.to_be_bytes())
            .chain_update(&end.seal)
            .chain_update(time(end.first_at))
            .chain_update(time(end.last_at))
    }

    fn drop_mac(&self, number: i64, seal: &[u8]) -> Hmac<Sha256> {
        self.mac("audit drop").chain_update(number.to_be_bytes()).chain_update(seal)
    }
}

/// Wraps the key of the chain with the current master key, where the previous one wraps it.
///
/// # Errors
/// Where neither unwraps it, or the database fails.
pub async fn rewrap(connection: &mut PgConnection, vault: &Vault) -> Result<()> {
    let Some(wrapped) = store::hold_wrapped_key(connection).await? else { return Ok(()) };
    match vault.rewrap_for(PURPOSE, &wrapped).map_err(Error::internal)? {
        Some(wrapped) => store::put_wrapped_key(connection, &wrapped).await,
        None => Ok(()),
    }
}

/// The end of the chain.
struct End {
    /// The newest batch, 0 before the first.
    number: i64,
    seal: Vec<u8>,
    /// The times of the first and last event of all batches.
    first_at: Option<DateTime<Utc>>,
    last_at: Option<DateTime<Utc>>,
    mac: Vec<u8>,
    /// Not of the end: what time it is, by the clock of the database.
    now: DateTime<Utc>,
}

/// A sealed batch, without its events.
struct Batch {
    number: i64,
    previous: Vec<u8>,
    first_at: DateTime<Utc>,
    last_at: DateTime<Utc>,
    /// The same of the chain up to here.
    chain_first_at: DateTime<Utc>,
    chain_last_at: DateTime<Utc>,
    event_count: i32,
    content: Vec<u8>,
    seal: Vec<u8>,
    sealed_at: DateTime<Utc>,
}

fn micros(at: DateTime<Utc>) -> [u8; 8] {
    at.timestamp_micros().to_be_bytes()
}

/// The digest of an event: of everything that is known of it, so written that no two events are written
/// alike.
fn digest(row: &Row) -> Hash {
    let at = micros(row.at);
    let parts = [
        id(Some(&row.id)),
        Some(&at[..]),
        text(Some(&row.action)),
        text(Some(&row.outcome)),
        text(Some(&row.actor_kind)),
        id(row.actor_id.as_ref()),
        text(Some(&row.actor_name)),
        text(Some(&row.target_kind)),
        id(row.target_id.as_ref()),
        text(row.target_name.as_deref()),
        id(row.company_id.as_ref()),
        text(row.field_id.as_deref()),
        text(row.address.as_deref()),
        id(row.request_id.as_ref()),
    ];
    let mut hash = Sha256::new_with_prefix(b"audit event\0\x01");
    for part in parts {
        match part {
            // no text is as long as what stands for none
            None => hash.update(u64::MAX.to_be_bytes()),
            Some(bytes) => {
                hash.update((bytes.len() as u64).to_be_bytes());
                hash.update(bytes);
            }
        }
    }
    hash.finalize().into()
}

fn id(id: Option<&Uuid>) -> Option<&[u8]> {
    id.map(|id| &id.as_bytes()[..])
}

fn text(text: Option<&str>) -> Option<&[u8]> {
    text.map(str::as_bytes)
}

/// The digest of a batch's digests.
fn content(digests: &[u8]) -> Hash {
    Sha256::digest(digests).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row {
        let at = DateTime::from_timestamp_micros(1_700_000_000_000_001).unwrap();
        let id = |number| Uuid::from_u128(number);
        Row {
            id: id(1),
            at,
            action: "credential.reveal".to_owned(),
            outcome: "success".to_owned(),
            actor_kind: "user".to_owned(),
            actor_id: Some(id(2)),
            actor_name: "Jane".to_owned(),
            target_kind: "credential".to_owned(),
            target_id: Some(id(3)),
            target_name: Some("Keys".to_owned()),
            company_id: Some(id(4)),
            field_id: Some("password".to_owned()),
            address: Some("127.0.0.1".to_owned()),
            request_id: Some(id(5)),
        }
    }

    #[test]
    fn every_part_of_an_event_counts() {
        let other = Some(Uuid::from_u128(9));
        let text = |text: &str| Some(text.to_owned());
        let changed = [
            row(),
            Row { id: Uuid::from_u128(9), ..row() },
            Row { at: row().at + chrono::TimeDelta::microseconds(1), ..row() },
            Row { action: "credential.revea".to_owned(), ..row() },
            Row { outcome: "denied".to_owned(), ..row() },
            Row { actor_kind: "system".to_owned(), ..row() },
            Row { actor_id: other, ..row() },
            Row { actor_id: None, ..row() },
            Row { actor_name: "John".to_owned(), ..row() },
            Row { target_kind: "role".to_owned(), ..row() },
            Row { target_id: other, ..row() },
            Row { target_name: None, ..row() },
            Row { target_name: text(""), ..row() },
            Row { company_id: other, ..row() },
            Row { field_id: text("passwor"), ..row() },
            // what one loses at its end another gains at its beginning
            Row { target_name: text("Key"), field_id: text("spassword"), ..row() },
            Row { address: None, ..row() },
            Row { request_id: None, ..row() },
        ];
        let digests: std::collections::HashSet<_> = changed.iter().map(digest).collect();
        assert_eq!(digests.len(), changed.len());
        assert!(digests.contains(&digest(&row())));
    }
}
