//! The vault: seals values with AES-256-GCM under the data keys of the key ring, and opens them again.
//!
//! Every sealed value is bound to the place that it was sealed for, so that bytes copied to another
//! credential or field do not open there. The data keys are kept in the database, each wrapped by the
//! master key of the configuration, which never leaves the server's memory.

mod key;
mod key_file;
mod sealed;
mod store;

use std::collections::HashMap;

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use anyhow::ensure;
use secrecy::SecretString;
use sqlx::PgPool;
use uuid::Uuid;
use zeroize::Zeroizing;

pub use key::{KeyError, MasterKey};
pub use key_file::key_file;
use sealed::Sealed;

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

/// The key ring in memory. Keys have no `Debug` and are wiped when dropped.
pub struct Vault {
    ciphers: HashMap<u32, Aes256Gcm>,
    current: u32,
}

impl Vault {
    /// Opens the key ring, and makes its first key where there is none.
    ///
    /// # Errors
    /// Where the master key does not unwrap a key, or the database fails.
    pub async fn open_ring(pool: &PgPool, master: &MasterKey) -> anyhow::Result<Self> {
        let mut wrapped = store::wrapped_keys(pool).await?;
        if wrapped.is_empty() {
            ensure!(
                !store::has_sealed_values(pool).await?,
                "the database has sealed values but no data key: restore it whole"
            );
            store::insert_first_key(pool, &master.wrap_new(key::FIRST)?).await?;
            wrapped = store::wrapped_keys(pool).await?;
        }
        Ok(Self::of_wrapped(master, wrapped)?)
    }

    /// The ring of these data keys, each by its id as the master key wrapped it. The newest one seals.
    ///
    /// # Errors
    /// Where the master key does not unwrap a key.
    pub fn of_wrapped(
        master: &MasterKey,
        wrapped: impl IntoIterator<Item = (u32, Vec<u8>)>,
    ) -> Result<Self, KeyError> {
        let (mut ciphers, mut current) = (HashMap::new(), key::FIRST);
        for (id, bytes) in wrapped {
            ciphers.insert(id, master.unwrap(id, &bytes)?);
            current = current.max(id);
        }
        Ok(Self { ciphers, current })
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
            for (id, bytes) in store::wrapped_keys(pool).await? {
                master.unwrap(id, &bytes)?;
            }
        }
        Ok(())
    }

    /// Seals `plaintext` for `place` under the newest data key, with a random nonce.
    ///
    /// # Errors
    /// Where the value is longer than the cipher takes (64 GiB).
    pub fn seal(&self, place: Place<'_>, plaintext: &str) -> anyhow::Result<Vec<u8>> {
        let nonce: [u8; sealed::NONCE_BYTES] = rand::random();
        let cipher = self.cipher(self.current)?;
        let payload =
            Payload { msg: plaintext.as_bytes(), aad: &sealed::associated_data(self.current, place) };
        let ciphertext = cipher
            .encrypt(&Nonce::from(nonce), payload)
            .map_err(|_| anyhow::anyhow!("the value is too long to seal"))?;
        Ok(Sealed { key: self.current, nonce, ciphertext: &ciphertext }.to_bytes())
    }

    /// Opens bytes that were sealed for `place`. This is the one way to a plaintext.
    ///
    /// # Errors
    /// [`OpenError`] where they are not the untouched bytes of this very place.
    pub fn open(&self, place: Place<'_>, bytes: &[u8]) -> Result<SecretString, OpenError> {
        let sealed = Sealed::parse(bytes)?;
        let cipher = self.cipher(sealed.key)?;
        let payload = Payload { msg: sealed.ciphertext, aad: &sealed::associated_data(sealed.key, place) };
        let plaintext = cipher
            .decrypt(&Nonce::from(sealed.nonce), payload)
            .map(Zeroizing::new)
            .map_err(|_| OpenError::Authentication)?;
        let text = std::str::from_utf8(&plaintext).map_err(|_| OpenError::NotText)?;
        Ok(SecretString::from(text))
    }

    fn cipher(&self, key: u32) -> Result<&Aes256Gcm, OpenError> {
        self.ciphers.get(&key).ok_or(OpenError::UnknownKey(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    fn vault() -> Vault {
        let master = MasterKey::new(Zeroizing::new([7; 32]), None);
        Vault::of_wrapped(&master, [(1, master.wrap_new(1).unwrap())]).unwrap()
    }

    #[test]
    fn a_value_opens_in_its_own_place_only() {
        let (vault, credential) = (vault(), crate::id::new());
        let place = Place::Field { credential, field: "password" };
        let sealed = vault.seal(place, "hunter2").unwrap();
        assert_eq!(vault.open(place, &sealed).unwrap().expose_secret(), "hunter2");
        for elsewhere in [
            Place::Field { credential, field: "passwor" },
            Place::Field { credential: crate::id::new(), field: "password" },
            Place::SignIn { id: credential, part: "password" },
            Place::Integration { id: credential },
        ] {
            assert!(matches!(vault.open(elsewhere, &sealed), Err(OpenError::Authentication)));
        }
    }

    #[test]
    fn every_changed_or_missing_byte_is_noticed() {
        let vault = vault();
        let place = Place::Field { credential: crate::id::new(), field: "key" };
        let sealed = vault.seal(place, "secret").unwrap();
        for index in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            assert!(vault.open(place, &changed).is_err(), "byte {index}");
            assert!(vault.open(place, &sealed[..index]).is_err(), "cut at {index}");
        }
    }

    #[test]
    fn nonces_do_not_repeat() {
        let vault = vault();
        let place = Place::Field { credential: crate::id::new(), field: "key" };
        let seal = || Sealed::parse(&vault.seal(place, "").unwrap()).unwrap().nonce;
        let nonces: std::collections::HashSet<_> = (0..100_000).map(|_| seal()).collect();
        assert_eq!(nonces.len(), 100_000);
    }
}
