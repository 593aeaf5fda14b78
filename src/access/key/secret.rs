//! What an API key looks like: `ttscm_`, 30 random letters and digits, and 6 that check what stands before, so
//! that scanners recognise one that has leaked, and a mistyped one is no matter for the database.

use rand::distr::{Alphanumeric, SampleString};
use secrecy::SecretString;

use crate::access::token;

/// How every key begins.
const PREFIX: &str = "ttscm_";

/// How many random letters and digits follow: 178 bits.
const RANDOM: usize = 30;

/// How many letters and digits hold a CRC-32.
const CHECK: usize = 6;

/// How much of a key is shown to tell it from others.
const SHOWN: usize = PREFIX.len() + 6;

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A key that was just made.
pub(super) struct Made {
    /// The key itself, to be shown once.
    pub secret: SecretString,
    /// The hash by which it is known.
    pub hash: [u8; 32],
    /// How it begins.
    pub prefix: String,
}

/// A new key.
pub(super) fn make() -> Made {
    let body = format!("{PREFIX}{}", Alphanumeric.sample_string(&mut rand::rng(), RANDOM));
    let whole = format!("{body}{}", check(&body));
    let (hash, prefix) = (token::hash(&whole), whole[..SHOWN].to_owned());
    Made { secret: whole.into(), hash, prefix }
}

/// Whether a text is meant to be a key.
#[must_use]
pub fn is_one(text: &str) -> bool {
    text.starts_with(PREFIX)
}

/// The hash by which a key is known; none where no key is written so.
#[must_use]
pub fn hash(text: &str) -> Option<[u8; 32]> {
    let is_written_so = text.len() == PREFIX.len() + RANDOM + CHECK
        && text.strip_prefix(PREFIX)?.bytes().all(|letter| letter.is_ascii_alphanumeric());
    let (body, sum) = is_written_so.then(|| text.split_at(PREFIX.len() + RANDOM))?;
    (check(body) == sum).then(|| token::hash(text))
}

/// The CRC-32 of a text in base 62, with zeros before it.
fn check(body: &str) -> String {
    let mut rest = usize::try_from(crc32fast::hash(body.as_bytes())).unwrap_or_default();
    let mut digits = ['0'; CHECK];
    for digit in digits.iter_mut().rev() {
        *digit = char::from(DIGITS[rest % DIGITS.len()]);
        rest /= DIGITS.len();
    }
    digits.iter().collect()
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_key_is_read_back_and_nothing_like_it_is_one() {
        let made = make();
        let key = made.secret.expose_secret();
        assert_eq!((hash(key), key.len(), &key[..SHOWN]), (Some(made.hash), 42, &*made.prefix));
        for at in PREFIX.len()..key.len() {
            let other = if key.as_bytes()[at] == b'x' { "y" } else { "x" };
            let mistyped = format!("{}{other}{}", &key[..at], &key[at + 1..]);
            assert_eq!(hash(&mistyped), None, "{at}");
        }
        for other in ["", PREFIX, &key[..41], &format!("{key}0"), &key.to_uppercase(), &format!(" {key}")] {
            assert_eq!(hash(other), None, "{other}");
        }
        assert_eq!(hash(&format!("ttscm_{}", "é".repeat(18))), None);
    }

    #[test]
    fn the_check_is_the_crc_32_of_what_stands_before() {
        // CRC-32 of these 36 bytes by zlib, in base 62
        let body = format!("{PREFIX}{}", "a".repeat(RANDOM));
        assert_eq!(check(&body), "38zk05");
        assert_eq!(check("123456789"), "3jZRME");
    }

    #[test]
    fn keys_differ() {
        let keys: std::collections::BTreeSet<_> = (0..1000).map(|_| make().hash).collect();
        assert_eq!(keys.len(), 1000);
    }
}
