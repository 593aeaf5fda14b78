//! Passwords: argon2id, off the asynchronous threads, a bounded number at a time.

use std::collections::HashSet;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use anyhow::{Context, anyhow, ensure};
use argon2::password_hash::phc::{Output, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{Error, Result};

/// Memory in KiB, passes and lanes: the OWASP password storage cheat sheet's minimum for argon2id.
const COST: (u32, u32, u32) = (19 * 1024, 2, 1);

/// The size of an allocation that the system gets back as soon as it is freed: the GNU C library keeps
/// smaller ones for the thread that freed them, for good. The part beyond the cost is never touched, so that
/// no memory stands behind it.
const RETURNED_AT_ONCE: usize = 33 * 1024 * 1024;

/// The longest password, in bytes.
pub const MAX_BYTES: usize = 1024;

/// The shortest password that an account may get, in characters.
pub const MIN_CHARACTERS: usize = 10;

/// The 10,000 commonest passwords by Mark Burnett (as the npm package `common-password` 0.1.2 has them, ISC
/// licence) and by Royce Williams (the first 10,000 of the list in Django 5.2, BSD licence): those that are
/// long enough to be a password at all, in lower case.
static COMMON: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| include_str!("common_passwords.txt").lines().collect());

/// Whether a password may be a new one of the account with these names.
///
/// # Errors
/// The rule that is broken.
pub fn check_new(password: &str, names: &[&str]) -> std::result::Result<(), &'static str> {
    if password.chars().count() < MIN_CHARACTERS {
        Err("Must have at least 10 characters")
    } else if password.len() > MAX_BYTES {
        Err("Must be at most 1 KiB long")
    } else if names.iter().any(|name| name.trim().eq_ignore_ascii_case(password)) {
        Err("Must not be the login or the e-mail address")
    } else if COMMON.contains(password.to_lowercase().as_str()) {
        Err("Must not be one of the commonest passwords")
    } else {
        Ok(())
    }
}

/// How long a sign-in waits for its turn.
const PATIENCE: Duration = Duration::from_secs(20);

/// When one that has waited in vain may well get its turn.
const RETRY: Duration = Duration::from_secs(5);

/// Waits for a turn, but not for ever.
///
/// # Errors
/// [`Error::Unavailable`] where it does not come.
pub(super) async fn wait_for(turns: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit> {
    let turn = tokio::time::timeout(PATIENCE, Arc::clone(turns).acquire_owned()).await;
    let turn = turn.map_err(|waited| Error::Unavailable {
        message: "Too many sign-ins at once, try again soon",
        retry_after: RETRY,
        cause: waited.into(),
    })?;
    turn.map_err(Error::internal)
}

/// Hashes and verifies passwords. Each takes tens of milliseconds of a core and 19 MiB, so as many run
/// at once as there are cores; the rest wait, and are turned away when that takes too long.
#[derive(Clone)]
pub struct Passwords {
    turns: Arc<Semaphore>,
    /// Verified where there is no account, so that the answer takes as long. No password fits it.
    decoy: Arc<str>,
}

impl Passwords {
    /// Ready for use on this machine.
    ///
    /// # Errors
    /// Where hashing does not work at all.
    pub fn new() -> anyhow::Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let output = Output::new(&rand::random::<[u8; 32]>()).map_err(unusable)?;
        let decoy = in_phc_format(&params()?, &rand::random::<[u8; 16]>(), output)?;
        Ok(Self { turns: Arc::new(Semaphore::new(cores)), decoy: decoy.into() })
    }

    /// Hashes a password for storage, in the PHC string format.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where too many wait already.
    pub async fn hash(&self, password: SecretString) -> Result<String> {
        self.turn().await?.run(move |_| hash_now(&password)).await
    }

    /// Whether `password` is the one that was hashed. Without a hash the answer is no, in equal time.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where too many wait already.
    pub async fn verify(&self, hash: Option<String>, password: SecretString) -> Result<bool> {
        self.turn().await?.verify(hash, password).await
    }

    /// Waits for a turn at hashing or verifying.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where too many wait already.
    pub async fn turn(&self) -> Result<Turn> {
        Ok(Turn { permit: wait_for(&self.turns).await?, decoy: Arc::clone(&self.decoy) })
    }
}

/// A turn at hashing or verifying one password.
pub struct Turn {
    permit: OwnedSemaphorePermit,
    decoy: Arc<str>,
}

impl Turn {
    /// Whether `password` is the one that was hashed. Without a hash the answer is no, in equal time.
    ///
    /// # Errors
    /// Where the hash is none of ours.
    pub async fn verify(self, hash: Option<String>, password: SecretString) -> Result<bool> {
        let known = hash.is_some();
        let fits = self.run(move |decoy| verify_now(hash.as_deref().unwrap_or(decoy), &password)).await?;
        Ok(fits && known)
    }

    async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce(&str) -> anyhow::Result<T> + Send + 'static,
    ) -> Result<T> {
        tokio::task::spawn_blocking(move || {
            let _turn = self.permit;
            work(&self.decoy)
        })
        .await
        .map_err(Error::internal)?
        .map_err(Error::Internal)
    }
}

fn hash_now(password: &SecretString) -> anyhow::Result<String> {
    let (params, salt) = (params()?, rand::random::<[u8; 16]>());
    let output = digest(password, &salt, &params)?;
    in_phc_format(&params, &salt, output)
}

fn verify_now(hash: &str, password: &SecretString) -> anyhow::Result<bool> {
    let hash = PasswordHash::new(hash).map_err(unusable)?;
    let version = hash.version.map(Version::try_from).transpose().map_err(unusable)?;
    ensure!(
        hash.algorithm == Algorithm::Argon2id.ident() && version == Some(Version::V0x13),
        "a password hash of an unknown kind"
    );
    let (salt, expected) = hash.salt.zip(hash.hash).context("half a password hash")?;
    // the comparison takes the same time whatever differs
    Ok(digest(password, &salt, &Params::try_from(&hash).map_err(unusable)?)? == expected)
}

fn params() -> anyhow::Result<Params> {
    let (memory, passes, lanes) = COST;
    Params::new(memory, passes, lanes, None).map_err(unusable)
}

fn digest(password: &SecretString, salt: &[u8], params: &Params) -> anyhow::Result<Output> {
    let mut memory = Vec::with_capacity(params.block_count().max(RETURNED_AT_ONCE / Block::SIZE));
    memory.resize(params.block_count(), Block::default());
    let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
    let mut output = vec![0; params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN)];
    hasher
        .hash_password_into_with_memory(password.expose_secret().as_bytes(), salt, &mut output, &mut memory)
        .map_err(unusable)?;
    Output::new(&output).map_err(unusable)
}

fn in_phc_format(params: &Params, salt: &[u8], output: Output) -> anyhow::Result<String> {
    let hash = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: params.try_into().map_err(unusable)?,
        salt: Some(Salt::new(salt).map_err(unusable)?),
        hash: Some(output),
    };
    Ok(hash.to_string())
}

fn unusable(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("a password could not be hashed or verified: {error}")
}

#[cfg(test)]
mod tests {
    use argon2::PasswordVerifier;

    use super::*;

    #[tokio::test]
    async fn only_the_password_that_was_hashed_fits() {
        let passwords = Passwords::new().unwrap();
        let hash = passwords.hash("correct horse".into()).await.unwrap();
        assert!(passwords.verify(Some(hash.clone()), "correct horse".into()).await.unwrap());
        assert!(!passwords.verify(Some(hash), "correct house".into()).await.unwrap());
        assert!(!passwords.verify(None, "correct horse".into()).await.unwrap());
    }

    #[test]
    fn a_hash_is_what_others_take_it_for() {
        let hash = hash_now(&"correct horse".into()).unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(Argon2::default().verify_password(b"correct horse", hash.as_str()).is_ok());
        assert_ne!(hash, hash_now(&"correct horse".into()).unwrap(), "each has a salt of its own");
    }

    #[test]
    fn what_is_no_hash_of_ours_is_an_error() {
        let hash = hash_now(&"correct horse".into()).unwrap();
        let other_kind = hash.replace("argon2id", "argon2i");
        for damaged in ["", "nonsense", &hash[..hash.len() - 44], &other_kind] {
            assert!(verify_now(damaged, &"correct horse".into()).is_err(), "{damaged}");
        }
    }
}
