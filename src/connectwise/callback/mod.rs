//! Callbacks: ConnectWise tells of a change by a request of its own. Anybody could send one, so it counts
//! only where it is signed with a key of the configured ConnectWise; and it is a hint only, after which the
//! record is asked for.

mod key;
mod registered;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use sha2::{Digest, Sha256};
use url::Url;

use super::{ConnectWise, Result, sent};

pub use key::Keys;
pub use registered::Registered;

/// A callback that was sent by the configured ConnectWise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callback {
    /// What tells it from others.
    pub message: String,
    /// The number of the company that it is about; none where it is about something else.
    pub company: Option<i64>,
}

impl ConnectWise {
    /// Reads a callback; none where it is not signed by the configured ConnectWise.
    ///
    /// # Errors
    /// [`super::Failure`] where the key cannot be had now.
    pub async fn verify(&self, body: &[u8], signature: &str) -> Result<Option<Callback>> {
        let Ok(payload) = serde_json::from_slice::<Value>(body) else { return Ok(None) };
        let address = payload["Metadata"]["key_url"].as_str().and_then(|text| self.key_address(text));
        let Some(address) = address else { return Ok(None) };
        let Some(key) = self.keys.get(&self.client, &address).await? else { return Ok(None) };
        Ok(is_signed(body, signature, &key).then(|| Callback::read(&payload, signature)))
    }

    /// The address of a signing key, where it is one of the configured ConnectWise and tenant.
    #[must_use]
    pub fn key_address(&self, text: &str) -> Option<Url> {
        key::address(&self.client, text)
    }
}

impl Callback {
    /// What a callback with this signature says, once that is known to be good.
    #[must_use]
    pub fn read(payload: &Value, signature: &str) -> Self {
        let is_company = payload["Type"].as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("company"));
        Self {
            message: sent::text(payload, "/MessageId").unwrap_or_else(|| signature.to_owned()),
            company: sent::number(payload, "/ID").filter(|number| is_company && *number > 0),
        }
    }
}

/// Whether the signature is the HMAC-SHA256 of these very bytes, under the SHA-256 of the signing key.
#[must_use]
pub fn is_signed(body: &[u8], signature: &str, key: &SecretString) -> bool {
    let hashed = Sha256::digest(key.expose_secret().as_bytes());
    let Ok(signature) = STANDARD.decode(signature.trim()) else { return false };
    let Ok(mac) = Hmac::<Sha256>::new_from_slice(&hashed) else { return false };
    // takes the same time wherever they differ
    mac.chain_update(body).verify_slice(&signature).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_of_every_byte() {
        let key = SecretString::from("test-signing-key");
        let body = br#"{"Action":"updated","ID":250}"#;
        // openssl dgst -sha256 -mac HMAC -macopt hexkey:$(printf test-signing-key | sha256sum) -binary | base64
        let signature = SIGNATURE;
        assert!(is_signed(body, signature, &key));
        assert!(!is_signed(br#"{"Action":"updated", "ID":250}"#, signature, &key));
        assert!(!is_signed(body, signature, &SecretString::from("another")));
        for bad in ["", "!", "AAAA", &signature[1..]] {
            assert!(!is_signed(body, bad, &key), "{bad}");
        }
    }

    const SIGNATURE: &str = "E/Dg731uU1AW3fvThFSgFbw6TgmPC9RbZ2QFpIwsEAU=";
}
