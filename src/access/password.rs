//! Passwords: argon2id, off the asynchronous threads, a bounded number at a time.

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use argon2::{Algorithm, Argon2, Params, Version};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

use crate::error::{Error, Result};

/// Memory in KiB, passes and lanes: the OWASP password storage cheat sheet's minimum for argon2id.
const COST: (u32, u32, u32) = (19 * 1024, 2, 1);

/// The longest password, in bytes.
pub const MAX_BYTES: usize = 1024;

/// The shortest password that an account may get, in characters.
pub const MIN_CHARACTERS: usize = 10;

/// Whether an account may get this password.
#[must_use]
pub fn is_acceptable(password: &SecretString) -> bool {
    let password = password.expose_secret();
    password.chars().count() >= MIN_CHARACTERS && password.len() <= MAX_BYTES
}

/// How long a sign-in waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// Hashes and verifies passwords. Each takes tens of milliseconds of a core and 19 MiB, so as many run
/// at once as there are cores; the rest wait, and are turned away when that takes too long.
#[derive(Clone)]
pub struct Passwords {
    turns: Arc<Semaphore>,
    /// Verified where there is no account, so that the answer takes as long.
    decoy: Arc<str>,
}

impl Passwords {
    /// Ready for use on this machine.
    ///
    /// # Errors
    /// Where hashing does not work at all.
    pub fn new() -> anyhow::Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let decoy = hash_now(&crate::access::token::new_refresh_token().0)?;
        Ok(Self { turns: Arc::new(Semaphore::new(cores)), decoy: decoy.into() })
    }

    /// Hashes a password for storage, in the PHC string format.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where too many wait already.
    pub async fn hash(&self, password: SecretString) -> Result<String> {
        self.in_turn(move || hash_now(&password)).await
    }

    /// Whether `password` is the one that was hashed. Without a hash the answer is no, in equal time.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where too many wait already.
    pub async fn verify(&self, hash: Option<String>, password: SecretString) -> Result<bool> {
        let decoy = Arc::clone(&self.decoy);
        self.in_turn(move || {
            let known = hash.is_some();
            let hash = hash.as_deref().unwrap_or(&decoy);
            let parsed = PasswordHash::new(hash)
                .map_err(|error| anyhow::anyhow!("a damaged password hash: {error}"))?;
            let matches = hasher()?.verify_password(password.expose_secret().as_bytes(), &parsed).is_ok();
            Ok(matches && known)
        })
        .await
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
    ) -> Result<T> {
        let turn = tokio::time::timeout(PATIENCE, Arc::clone(&self.turns).acquire_owned()).await;
        let turn = turn
            .map_err(|waited| Error::Unavailable {
                message: "Too many sign-ins at once, try again soon",
                retry_after: PATIENCE,
                cause: waited.into(),
            })?
            .map_err(Error::internal)?;
        tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        })
        .await
        .map_err(Error::internal)?
        .map_err(Error::Internal)
    }
}

fn hasher() -> anyhow::Result<Argon2<'static>> {
    let (memory, passes, lanes) = COST;
    let params = Params::new(memory, passes, lanes, None).map_err(|error| anyhow::anyhow!("{error}"))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash_now(password: &SecretString) -> anyhow::Result<String> {
    let hash = hasher()?.hash_password(password.expose_secret().as_bytes());
    Ok(hash.map_err(|error| anyhow::anyhow!("a password could not be hashed: {error}"))?.to_string())
}
