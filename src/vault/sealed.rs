//! The bytes of a sealed value:
//!
//! | bytes | what |
//! |---|---|
//! | 1 | layout version, 1 |
//! | 4 | data key id, big-endian |
//! | 12 | nonce |
//! | rest | ciphertext, with the tag of 16 bytes at its end |

use super::{OpenError, Place};

pub(super) const NONCE_BYTES: usize = 12;
const VERSION: u8 = 1;
const KEY_END: usize = 5;
const HEADER_BYTES: usize = KEY_END + NONCE_BYTES;
const TAG_BYTES: usize = 16;

/// Sealed bytes, taken apart.
pub(super) struct Sealed<'a> {
    pub key: u32,
    pub nonce: [u8; NONCE_BYTES],
    pub ciphertext: &'a [u8],
}

impl<'a> Sealed<'a> {
    pub fn parse(bytes: &'a [u8]) -> Result<Self, OpenError> {
        if bytes.len() < HEADER_BYTES + TAG_BYTES {
            return Err(OpenError::Layout("too short"));
        }
        if bytes[0] != VERSION {
            return Err(OpenError::Layout("unknown version"));
        }
        let (mut key, mut nonce) = ([0; 4], [0; NONCE_BYTES]);
        key.copy_from_slice(&bytes[1..KEY_END]);
        nonce.copy_from_slice(&bytes[KEY_END..HEADER_BYTES]);
        Ok(Self { key: u32::from_be_bytes(key), nonce, ciphertext: &bytes[HEADER_BYTES..] })
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES + self.ciphertext.len());
        bytes.push(VERSION);
        bytes.extend_from_slice(&self.key.to_be_bytes());
        bytes.extend_from_slice(&self.nonce);
        bytes.extend_from_slice(self.ciphertext);
        bytes
    }
}

/// What a sealed value is bound to: the kind of place, the layout, the data key, and the thing with its
/// part. All but the last have a fixed length for each kind, so no two places share their bytes.
pub(super) fn associated_data(key: u32, place: Place<'_>) -> Vec<u8> {
    let (kind, thing, part): (&[u8], _, _) = match place {
        Place::Field { credential, field } => (b"credential field\0", credential, field),
        Place::SignIn { id, part } => (b"sign-in\0", id, part),
        Place::Integration { id, base_url } => (b"integration\0", id, base_url),
    };
    [kind, &[VERSION], &key.to_be_bytes(), thing.as_bytes(), part.as_bytes()].concat()
}
