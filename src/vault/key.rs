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
    ///
    /// # Errors
    /// Never, as far as is known: a key is short enough to be sealed.
    pub fn wrap_new(&self, id: u32) -> anyhow::Result<Vec<u8>> {
        let key: Key = Zeroizing::new(rand::random());
        let nonce: [u8; NONCE_BYTES] = rand::random();
        let wrapped = self
            .current
            .encrypt(&Nonce::from(nonce), Payload { msg: &key[..], aad: &associated_data(id) })
            .map_err(|_| anyhow::anyhow!("a data key could not be wrapped"))?;
        Ok([&nonce[..], &wrapped].concat())
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
