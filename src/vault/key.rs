//! The master key of the configuration, and how it wraps the data keys.

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit, Nonce};
use zeroize::Zeroizing;

use crate::config::{KEY_BYTES, Key};

/// The id of the first data key.
pub(super) const FIRST: u32 = 1;

const NONCE_BYTES: usize = 12;

/// Why the key ring does not open.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Neither the master key nor the previous one unwraps the data key.
    #[error("VAULT_MASTER_KEY is not the key that this database was sealed with: set the right one")]
    WrongMasterKey,
    /// The database holds something else than a wrapped key.
    #[error("data key {0} in the database is damaged")]
    Damaged(u32),
}

/// The master key, and the one before it where the master key is being changed.
pub struct MasterKey {
    current: Aes256Gcm,
    previous: Option<Aes256Gcm>,
}

impl MasterKey {
    /// Takes the raw keys.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "the raw keys are wiped once they are taken")]
    pub fn new(current: Key, previous: Option<Key>) -> Self {
        let cipher = |key: &[u8; KEY_BYTES]| Aes256Gcm::new(key.into());
        Self { current: cipher(&current), previous: previous.map(|key| cipher(&key)) }
    }

    /// Makes a random data key and wraps it: nonce, then ciphertext and tag.
    pub(super) fn wrap_new(&self, id: u32) -> anyhow::Result<Vec<u8>> {
        self.wrap(&associated_data(id), &Zeroizing::new(rand::random()))
    }

    fn wrap(&self, associated_data: &[u8], key: &Key) -> anyhow::Result<Vec<u8>> {
        let nonce: [u8; NONCE_BYTES] = rand::random();
        let wrapped = self
            .current
            .encrypt(&Nonce::from(nonce), Payload { msg: &key[..], aad: associated_data })
            .map_err(|_| anyhow::anyhow!("a key could not be wrapped"))?;
        Ok([&nonce[..], &wrapped].concat())
    }

    /// Wraps a key that is not of the ring, for what it is used.
    ///
    /// # Errors
    /// Where the cipher fails.
    pub fn wrap_for(&self, purpose: &str, key: &Key) -> anyhow::Result<Vec<u8>> {
        self.wrap(&of_purpose(purpose), key)
    }

    /// Unwraps a key that was wrapped for `purpose`, and whether the current master key did it.
    #[must_use]
    pub fn unwrap_for(&self, purpose: &str, bytes: &[u8]) -> Option<(Key, bool)> {
        let (nonce, wrapped) = bytes.split_first_chunk::<NONCE_BYTES>()?;
        let masters = [(Some(&self.current), true), (self.previous.as_ref(), false)];
        masters.into_iter().find_map(|(master, is_current)| {
            let payload = Payload { msg: wrapped, aad: &of_purpose(purpose) };
            let opened = master?.decrypt(&Nonce::from(*nonce), payload).ok().map(Zeroizing::new)?;
            Some((Zeroizing::new(opened.as_slice().try_into().ok()?), is_current))
        })
    }

    /// Unwraps data key `id`.
    pub(super) fn unwrap(&self, id: u32, bytes: &[u8]) -> Result<Aes256Gcm, KeyError> {
        let (nonce, wrapped) = bytes.split_first_chunk::<NONCE_BYTES>().ok_or(KeyError::Damaged(id))?;
        let key = std::iter::once(&self.current)
            .chain(&self.previous)
            .find_map(|master| {
                let payload = Payload { msg: wrapped, aad: &associated_data(id) };
                master.decrypt(&Nonce::from(*nonce), payload).ok().map(Zeroizing::new)
            })
            .ok_or(KeyError::WrongMasterKey)?;
        Aes256Gcm::new_from_slice(&key).map_err(|_| KeyError::Damaged(id))
    }
}

fn associated_data(id: u32) -> Vec<u8> {
    [b"data key\0\x01", &id.to_be_bytes()[..]].concat()
}

fn of_purpose(purpose: &str) -> Vec<u8> {
    [b"key of a purpose\0\x01", purpose.as_bytes()].concat()
}
