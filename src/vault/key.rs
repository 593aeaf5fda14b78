//! The master key of the configuration, and how it wraps other keys.

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
    /// The cipher refuses to wrap.
    #[error("a data key could not be wrapped")]
    NotWrapped,
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
        Ok(self.wrap(&key[..], &associated_data(id)).ok_or(KeyError::NotWrapped)?)
    }

    /// Wraps a key that is not of the ring, for what it is used.
    ///
    /// # Errors
    /// Where the cipher fails.
    pub fn wrap_for(&self, purpose: &str, key: &Key) -> Result<Vec<u8>, KeyError> {
        self.wrap(&key[..], &of_purpose(purpose)).ok_or(KeyError::NotWrapped)
    }

    /// Unwraps a key that was wrapped for `purpose`.
    #[must_use]
    pub fn unwrap_for(&self, purpose: &str, bytes: &[u8]) -> Option<Key> {
        let key = self.unwrap_bytes(bytes, &of_purpose(purpose))?;
        Some(Zeroizing::new(key.as_slice().try_into().ok()?))
    }

    /// A key that was wrapped for `purpose`, wrapped by the current master key; none where that is so already.
    pub(super) fn rewrap_for(&self, purpose: &str, bytes: &[u8]) -> Result<Option<Vec<u8>>, KeyError> {
        self.rewrap_bytes(bytes, &of_purpose(purpose))
    }

    /// Unwraps data key `id`.
    pub(super) fn unwrap(&self, id: u32, bytes: &[u8]) -> Result<Aes256Gcm, KeyError> {
        let (nonce, wrapped) = split(bytes).ok_or(KeyError::Damaged(id))?;
        let (key, _) = self.open(nonce, wrapped, &associated_data(id)).ok_or(KeyError::WrongMasterKey)?;
        Aes256Gcm::new_from_slice(&key).map_err(|_| KeyError::Damaged(id))
    }

    /// Data key `id` wrapped by the current master key; none where that is so already.
    pub(super) fn rewrap(&self, id: u32, bytes: &[u8]) -> Result<Option<Vec<u8>>, KeyError> {
        split(bytes).ok_or(KeyError::Damaged(id))?;
        self.rewrap_bytes(bytes, &associated_data(id))
    }

    fn rewrap_bytes(&self, bytes: &[u8], bound_to: &[u8]) -> Result<Option<Vec<u8>>, KeyError> {
        let opened = split(bytes).and_then(|(nonce, wrapped)| self.open(nonce, wrapped, bound_to));
        let (key, is_current) = opened.ok_or(KeyError::WrongMasterKey)?;
        let rewrap = || self.wrap(&key, bound_to).ok_or(KeyError::NotWrapped);
        if is_current { Ok(None) } else { rewrap().map(Some) }
    }

    /// Wraps bytes, bound to what they are for.
    pub(super) fn wrap(&self, bytes: &[u8], bound_to: &[u8]) -> Option<Vec<u8>> {
        let nonce: [u8; NONCE_BYTES] = rand::random();
        let payload = Payload { msg: bytes, aad: bound_to };
        let wrapped = self.current.encrypt(&Nonce::from(nonce), payload).ok()?;
        Some([&nonce[..], &wrapped].concat())
    }

    /// Unwraps what [`wrap`](Self::wrap) gave.
    pub(super) fn unwrap_bytes(&self, bytes: &[u8], bound_to: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, wrapped) = split(bytes)?;
        self.open(nonce, wrapped, bound_to).map(|(bytes, _)| bytes)
    }

    /// Opens with the current key or the previous one, and tells whether it was the current one.
    fn open(
        &self,
        nonce: [u8; NONCE_BYTES],
        wrapped: &[u8],
        bound_to: &[u8],
    ) -> Option<(Zeroizing<Vec<u8>>, bool)> {
        let both = std::iter::once((&self.current, true)).chain(self.previous.iter().map(|key| (key, false)));
        both.into_iter().find_map(|(master, is_current)| {
            let payload = Payload { msg: wrapped, aad: bound_to };
            let opened = master.decrypt(&Nonce::from(nonce), payload).ok()?;
            Some((Zeroizing::new(opened), is_current))
        })
    }
}

fn split(bytes: &[u8]) -> Option<([u8; NONCE_BYTES], &[u8])> {
    bytes.split_first_chunk::<NONCE_BYTES>().map(|(nonce, wrapped)| (*nonce, wrapped))
}

fn associated_data(id: u32) -> Vec<u8> {
    [b"data key\0\x01", &id.to_be_bytes()[..]].concat()
}

fn of_purpose(purpose: &str) -> Vec<u8> {
    [b"key of a purpose\0\x01", purpose.as_bytes()].concat()
}
