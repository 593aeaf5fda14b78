//! Tokens and API keys: nothing counts but what the program gave out, to the letter.

use std::sync::LazyLock;

use axum::http::HeaderValue;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::ExposeSecret;
use serde_json::Value;
use sha2::Sha256;
use ttscm::access::key;
use ttscm::access::shown::Shown;
use ttscm::access::token::{self, TokenKeys};
use uuid::Uuid;

const SECRET: &[u8] = b"a secret of the fuzzer, 32 bytes";
const ISSUER: &str = "https://vault.example.com";

static KEYS: LazyLock<TokenKeys> = LazyLock::new(|| TokenKeys::new(SECRET, None, ISSUER));

/// One that the program gave out.
static GOOD: LazyLock<String> = LazyLock::new(|| {
    let issued = token::issue(&KEYS, Uuid::from_u128(1), Uuid::from_u128(2), now());
    issued.expect("a token").expose_secret().to_owned()
});

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).expect("a time")
}

/// A header's value; the same as a token and as a key; then a change of a good token, and what a token of
/// our own key would say.
pub fn check(data: &[u8]) {
    if let Ok(header) = HeaderValue::from_bytes(data) {
        let scheme = data.split(|byte| *byte == b' ').next().unwrap_or_default();
        let token = ttscm::http::bearer(&header);
        assert!(token.is_none() || scheme.eq_ignore_ascii_case(b"bearer"));
        assert!(token.is_none_or(|token| token.trim() == token));
    }
    if let Ok(text) = std::str::from_utf8(data) {
        a_key_has_its_check(text);
        let is_ours = text == *GOOD || key::hash(text).is_some();
        assert_eq!(Shown::read(&KEYS, text, now()).is_some(), is_ours);
    }
    a_changed_token_is_none(data);
    if let Some([header, claims]) = super::parts(data) {
        what_we_sign_is_held_against_every_rule(header, claims);
    }
}

fn a_changed_token_is_none(data: &[u8]) {
    let [at, cut, rest @ ..] = data else { return };
    let Ok(put) = std::str::from_utf8(rest) else { return };
    let at = usize::from(*at) % GOOD.len();
    let end = (at + usize::from(*cut)).min(GOOD.len());
    let changed = [&GOOD[..at], put, &GOOD[end..]].concat();
    assert_eq!(token::verify(&KEYS, &changed, now()).is_some(), changed == *GOOD, "{changed}");
}

fn what_we_sign_is_held_against_every_rule(header: &str, claims: &str) {
    let signed = [URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims)].join(".");
    let mac = Hmac::<Sha256>::new_from_slice(SECRET).expect("any length will do").chain_update(&signed);
    let signature = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
    let Some(said) = token::verify(&KEYS, &format!("{signed}.{signature}"), now()) else { return };
    let header: Value = serde_json::from_str(header).expect("a header is JSON");
    let claims: Value = serde_json::from_str(claims).expect("claims are JSON");
    assert_eq!((&header["typ"], &header["alg"]), (&"at+jwt".into(), &"HS256".into()));
    assert_eq!((&claims["iss"], &claims["aud"]), (&ISSUER.into(), &"ttscm".into()));
    assert!(claims["exp"].as_i64().is_some_and(|end| end > now().timestamp()), "{claims}");
    assert_eq!(claims["sub"].as_str().and_then(|sub| sub.parse().ok()), Some(said.sub));
}

/// A key is `ttscm_`, 30 letters and digits, and their CRC-32 in base 62.
fn a_key_has_its_check(text: &str) {
    let letters: String = text.chars().filter(char::is_ascii_alphanumeric).cycle().take(30).collect();
    if letters.len() == 30 {
        let key = with_check(&format!("ttscm_{letters}"));
        assert_eq!(key::hash(&key), Some(token::hash(&key)));
        assert!(key::is_one(&key));
    }
    if let Some(hash) = key::hash(text) {
        assert_eq!((text.len(), hash), (42, token::hash(text)));
        assert_eq!(with_check(&text[..36]), text);
    }
}

fn with_check(body: &str) -> String {
    let digits: Vec<char> = ('0'..='9').chain('A'..='Z').chain('a'..='z').collect();
    let sum = u64::from(crc32fast::hash(body.as_bytes()));
    let digit = |place: u32| digits[usize::try_from(sum / 62_u64.pow(place) % 62).expect("a small number")];
    body.chars().chain((0..6).rev().map(digit)).collect()
}
