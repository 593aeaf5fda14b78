//! The key ring in memory: it seals with its newest key and opens with all of them.

use std::collections::HashMap;
use std::sync::Arc;

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use zeroize::Zeroizing;

use super::sealed::{self, Sealed};
use super::{KeyError, MasterKey, OpenError, Place, key};

/// Data keys as they are known at one moment. Keys have no `Debug` and are wiped when dropped.
#[derive(Clone)]
pub struct Ring {
    ciphers: HashMap<u32, Arc<Aes256Gcm>>,
    newest: u32,
}

impl Ring {
    /// The ring of these data keys, each by its id as the master key wrapped it. The newest one seals.
    ///
    /// # Errors
    /// Where the master key does not unwrap a key.
    pub fn of_wrapped(
        master: &MasterKey,
        wrapped: impl IntoIterator<Item = (u32, Vec<u8>)>,
    ) -> Result<Self, KeyError> {
        let mut ring = Self { ciphers: HashMap::new(), newest: key::FIRST };
        for (id, bytes) in wrapped {
            ring.add(id, master.unwrap(id, &bytes)?);
        }
        Ok(ring)
    }

    /// The key that new values are sealed with.
    #[must_use]
    pub fn newest(&self) -> u32 {
        self.newest
    }

    /// Whether it has this key.
    #[must_use]
    pub fn has(&self, key: u32) -> bool {
        self.ciphers.contains_key(&key)
    }

    /// Takes a key in. Retired keys are kept for as long as the program runs: somebody may have read what
    /// they sealed just before it was sealed anew.
    pub(super) fn add(&mut self, id: u32, cipher: Aes256Gcm) {
        self.ciphers.insert(id, Arc::new(cipher));
        self.newest = self.newest.max(id);
    }

    /// Seals `plaintext` for `place` under the newest key, with a random nonce.
    ///
    /// # Errors
    /// Where it is too long.
    pub fn seal(&self, place: Place<'_>, plaintext: &[u8]) -> anyhow::Result<Vec<u8>> {
        let nonce: [u8; sealed::NONCE_BYTES] = rand::random();
        let payload = Payload { msg: plaintext, aad: &sealed::associated_data(self.newest, place) };
        let ciphertext = self
            .cipher(self.newest)?
            .encrypt(&Nonce::from(nonce), payload)
            .map_err(|_| anyhow::anyhow!("the value is too long to seal"))?;
        Ok(Sealed { key: self.newest, nonce, ciphertext: &ciphertext }.to_bytes())
    }

    pub(super) fn open(&self, place: Place<'_>, bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let sealed = Sealed::parse(bytes)?;
        let payload = Payload { msg: sealed.ciphertext, aad: &sealed::associated_data(sealed.key, place) };
        let opened = self.cipher(sealed.key)?.decrypt(&Nonce::from(sealed.nonce), payload);
        opened.map(Zeroizing::new).map_err(|_| OpenError::Authentication)
    }

    /// Whether bytes open for `place`.
    ///
    /// # Errors
    /// Why they do not.
    pub fn check(&self, place: Place<'_>, bytes: &[u8]) -> Result<(), OpenError> {
        let plaintext = self.open(place, bytes)?;
        std::str::from_utf8(&plaintext).map(drop).map_err(|_| OpenError::NotText)
    }

    /// Opens what was sealed for `place` and seals it anew, under the newest key.
    ///
    /// # Errors
    /// Where it does not open.
    pub fn seal_anew(&self, place: Place<'_>, bytes: &[u8]) -> Result<Vec<u8>, OpenError> {
        let plaintext = self.open(place, bytes)?;
        // what was sealed once is not too long
        self.seal(place, &plaintext).map_err(|_| OpenError::Layout("too long"))
    }

    fn cipher(&self, key: u32) -> Result<&Aes256Gcm, OpenError> {
        self.ciphers.get(&key).map(|cipher| &**cipher).ok_or(OpenError::UnknownKey(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring() -> Ring {
        let master = MasterKey::new(Zeroizing::new([7; 32]), None);
        let wrapped = master.wrap_new(1).unwrap();
        Ring::of_wrapped(&master, [(1, wrapped)]).unwrap()
    }

    #[test]
    fn a_value_opens_in_its_own_place_only() {
        let (ring, credential) = (ring(), crate::id::new());
        let place = Place::Field { credential, field: "password" };
        let sealed = ring.seal(place, b"hunter2").unwrap();
        assert_eq!(ring.open(place, &sealed).unwrap()[..], *b"hunter2");
        for elsewhere in [
            Place::Field { credential, field: "passwor" },
            Place::Field { credential: crate::id::new(), field: "password" },
            Place::SignIn { id: credential, part: "password" },
            Place::Integration { id: credential, base_url: "password" },
        ] {
            assert!(matches!(ring.open(elsewhere, &sealed), Err(OpenError::Authentication)));
        }
        let at = |base_url| Place::Integration { id: credential, base_url };
        let sealed = ring.seal(at("https://a.example"), b"hunter2").unwrap();
        assert_eq!(ring.open(at("https://a.example"), &sealed).unwrap()[..], *b"hunter2");
        for elsewhere in ["", "https://a.example/", "https://b.example"] {
            assert!(matches!(ring.open(at(elsewhere), &sealed), Err(OpenError::Authentication)));
        }
    }

    #[test]
    fn every_changed_or_missing_byte_is_noticed() {
        let ring = ring();
        let place = Place::Field { credential: crate::id::new(), field: "key" };
        let sealed = ring.seal(place, b"secret").unwrap();
        for index in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            assert!(ring.open(place, &changed).is_err(), "byte {index}");
            assert!(ring.open(place, &sealed[..index]).is_err(), "cut at {index}");
        }
    }

    #[test]
    fn nonces_do_not_repeat() {
        let ring = ring();
        let place = Place::Field { credential: crate::id::new(), field: "key" };
        let seal = || Sealed::parse(&ring.seal(place, b"").unwrap()).unwrap().nonce;
        let nonces: std::collections::HashSet<_> = (0..100_000).map(|_| seal()).collect();
        assert_eq!(nonces.len(), 100_000);
    }
}
