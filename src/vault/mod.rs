//! The vault: seals values with AES-256-GCM under the data keys of the key ring, and opens them again.
//!
//! Every sealed value is bound to the place that it was sealed for, so that bytes copied to another
//! credential or field do not open there. The data keys are kept in the database, each wrapped by the
//! master key of the configuration, which never leaves the server's memory.
//!
//! A new data key may come at any time. Every server hears of it and seals with it from then on; one that
//! meets it sooner loads it then. An old one is retired when nothing is sealed with it any more.

mod file;
mod held;
mod key;
mod key_file;
mod keys;
mod ring;
mod sealed;
mod store;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use secrecy::SecretString;
use sqlx::{Connection, PgConnection, PgExecutor, PgPool};
use tokio::sync::{Mutex, Notify};
use uuid::Uuid;

pub use file::{FileError, FileOpener, FileSealer};
pub use held::{Held, Swaps};
pub use key::{KeyError, MasterKey};
pub use key_file::{configured_key_file, key_file};
pub use keys::{DataKey, ENOUGH_SEALS, make_key, rewrap};
pub use ring::Ring;
use sealed::Sealed;
pub use store::{data_keys, end_rotation, hold_back, lock_rotation, retire};

/// The place that a value is sealed for. It opens nowhere else.
#[derive(Debug, Clone, Copy)]
pub enum Place<'a> {
    /// A credential's field.
    Field {
        /// The credential that holds the value.
        credential: Uuid,
        /// The field of the credential's type.
        field: &'a str,
    },
    /// A part of a sign-in that is under way.
    SignIn {
        /// The sign-in.
        id: Uuid,
        /// What of it.
        part: &'a str,
    },
    /// The credentials of an integration.
    Integration {
        /// The integration.
        id: Uuid,
        /// The address that they are for.
        base_url: &'a str,
    },
}

/// Why sealed bytes did not open. The log is told; a client never is.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The bytes are not laid out as sealed bytes are.
    #[error("not sealed bytes: {0}")]
    Layout(&'static str),
    /// The key ring has no such key.
    #[error("sealed with data key {0}, which is not in the key ring")]
    UnknownKey(u32),
    /// The bytes were changed, or belong to another place or key.
    #[error("authentication failed: the bytes were changed or belong elsewhere")]
    Authentication,
    /// What was sealed is not text.
    #[error("the opened bytes are not text")]
    NotText,
}

/// The channel on which new data keys are announced.
pub const CHANNEL: &str = "ttscm_keys";

/// How many seals are counted in one go, before they are made. What a server does not make of them is
/// counted all the same.
const BLOCK: u32 = 1 << 16;

/// How long a key may take to be had from the database.
const PATIENCE: Duration = Duration::from_secs(3);

/// Seals and opens, with the key ring as it is known.
pub struct Vault {
    pool: PgPool,
    master: MasterKey,
    ring: RwLock<Arc<Ring>>,
    /// The seals that are counted and not made yet.
    counted: Mutex<Counted>,
    loading: Mutex<()>,
    announced: Notify,
}

#[derive(Default)]
struct Counted {
    key: u32,
    left: u32,
}

impl Counted {
    /// Takes seals with this key; whether there were as many.
    fn take(&mut self, key: u32, seals: u32) -> bool {
        let is_enough = self.key == key && self.left >= seals;
        if is_enough {
            self.left -= seals;
        }
        is_enough
    }
}

impl Vault {
    /// Opens the key ring, and makes its first key where there is none and nothing `is_sealed` either.
    ///
    /// # Errors
    /// Where the master key does not unwrap a key, or the database fails.
    pub async fn open_ring(
        pool: &PgPool,
        master: MasterKey,
        is_sealed: impl Future<Output = crate::error::Result<bool>>,
    ) -> anyhow::Result<Self> {
        let mut wrapped = store::wrapped_keys(pool).await?;
        if wrapped.is_empty() {
            ensure!(!is_sealed.await?, "the database has sealed values but no data key: restore it whole");
            store::insert_first_key(pool, &master.wrap_new(key::FIRST)?).await?;
            wrapped = store::wrapped_keys(pool).await?;
        }
        let ring = Ring::of_wrapped(&master, wrapped)?;
        Ok(Self {
            pool: pool.clone(),
            master,
            ring: RwLock::new(Arc::new(ring)),
            counted: Mutex::default(),
            loading: Mutex::default(),
            announced: Notify::new(),
        })
    }

    /// Whether the database has a key ring, so that only one master key fits it.
    ///
    /// # Errors
    /// What the database says.
    pub async fn has_ring(pool: &PgPool) -> anyhow::Result<bool> {
        Ok(store::has_key_ring(pool).await? && !store::wrapped_keys(pool).await?.is_empty())
    }

    /// Whether the master key fits what the database holds, before anything is changed there.
    /// A database without a key ring fits every key.
    ///
    /// # Errors
    /// [`KeyError::WrongMasterKey`] where it does not fit, or what the database says.
    pub async fn check_master_key(pool: &PgPool, master: &MasterKey) -> anyhow::Result<()> {
        if store::has_key_ring(pool).await? {
            Self::check_ring(pool, master).await?;
        }
        Ok(())
    }

    /// Whether the master key fits the key ring, which is there.
    ///
    /// # Errors
    /// [`KeyError::WrongMasterKey`] where it does not fit, or what the database says.
    pub async fn check_ring(database: impl PgExecutor<'_>, master: &MasterKey) -> anyhow::Result<()> {
        for (id, bytes) in store::wrapped_keys(database).await? {
            master.unwrap(id, &bytes)?;
        }
        Ok(())
    }

    /// The key ring as it is known at the moment.
    #[must_use]
    pub fn ring(&self) -> Arc<Ring> {
        Arc::clone(&self.ring.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Seals `plaintext` for `place` under the newest data key, with a random nonce.
    ///
    /// # Errors
    /// Where the value is longer than the cipher takes (64 GiB), or its seal cannot be counted.
    pub async fn seal(&self, place: Place<'_>, plaintext: &str) -> anyhow::Result<Vec<u8>> {
        self.ring_for(1).await?.seal(place, plaintext.as_bytes())
    }

    /// The key ring, for this many seals with its newest key, which are counted.
    ///
    /// # Errors
    /// Where the database fails, or the key may not seal that many any more.
    pub async fn ring_for(&self, seals: u32) -> anyhow::Result<Arc<Ring>> {
        let mut counted = self.counted.lock().await;
        let ring = self.ring();
        if counted.take(ring.newest(), seals) {
            return Ok(ring);
        }
        // who seals holds a connection of the pool already, and must not wait for a second one
        let mut connection = self.connect().await?;
        let (ring, block) = (self.load(&mut connection).await?, seals.max(BLOCK));
        if !store::count_seals(&mut connection, ring.newest(), block).await? {
            bail!(
                "data key {} may seal no more values: make a new one with `ttscm vault rotate`",
                ring.newest()
            );
        }
        connection.close().await?;
        *counted = Counted { key: ring.newest(), left: block - seals };
        Ok(ring)
    }

    /// Opens bytes that were sealed for `place`. This is the one way to a plaintext.
    ///
    /// # Errors
    /// [`OpenError`] where they are not the untouched bytes of this very place.
    pub async fn open(&self, place: Place<'_>, bytes: &[u8]) -> Result<SecretString, OpenError> {
        let plaintext = self.ring_with(Sealed::parse(bytes)?.key).await.open(place, bytes)?;
        let text = std::str::from_utf8(&plaintext).map_err(|_| OpenError::NotText)?;
        Ok(SecretString::from(text))
    }

    /// The key ring; where it does not have this key, as the database has it now.
    async fn ring_with(&self, key: u32) -> Arc<Ring> {
        let ring = self.ring();
        if ring.has(key) {
            return ring;
        }
        match self.refresh().await {
            Ok(ring) => ring,
            Err(error) => {
                tracing::error!(key, error = format!("{error:#}"), "a data key could not be loaded");
                ring
            }
        }
    }

    /// Loads the data keys that are not known yet.
    ///
    /// # Errors
    /// Where the database fails, or the master key does not unwrap a new key.
    pub async fn refresh(&self) -> anyhow::Result<Arc<Ring>> {
        let mut connection = self.connect().await?;
        let ring = self.load(&mut connection).await?;
        connection.close().await?;
        Ok(ring)
    }

    async fn connect(&self) -> anyhow::Result<PgConnection> {
        let options = self.pool.connect_options();
        let connected = tokio::time::timeout(PATIENCE, PgConnection::connect_with(&options)).await;
        Ok(connected.context("the database does not answer")??)
    }

    async fn load(&self, connection: &mut PgConnection) -> anyhow::Result<Arc<Ring>> {
        let _turn = self.loading.lock().await;
        let mut ring = (*self.ring()).clone();
        for (id, bytes) in store::wrapped_keys(connection).await? {
            if !ring.has(id) {
                ring.add(id, self.master.unwrap(id, &bytes)?);
                tracing::info!(key = id, "a new data key is used");
            }
        }
        let ring = Arc::new(ring);
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&ring);
        Ok(ring)
    }

    /// A key that was wrapped for `purpose`, wrapped by the current master key; none where that is so already.
    ///
    /// # Errors
    /// Where neither master key unwraps it.
    pub fn rewrap_for(&self, purpose: &str, bytes: &[u8]) -> Result<Option<Vec<u8>>, KeyError> {
        self.master.rewrap_for(purpose, bytes)
    }

    /// The master key.
    fn master(&self) -> &MasterKey {
        &self.master
    }

    /// Says that there may be a new key.
    pub fn announce(&self) {
        self.announced.notify_one();
    }

    /// Resolves when there may be a new key.
    pub async fn heard(&self) {
        self.announced.notified().await;
    }
}
