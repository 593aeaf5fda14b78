//! Access tokens: JWTs (RFC 7519, profile RFC 9068) of one algorithm, HS256. Refresh tokens: 256 random bits.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// How long an access token is good for.
pub const ACCESS_LIFETIME: TimeDelta = TimeDelta::minutes(15);

/// The media type of access tokens, RFC 9068 section 2.1.
const TYPE: &str = "at+jwt";
const AUDIENCE: &str = "ttscm";

/// What an access token says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Claims {
    iss: String,
    aud: String,
    exp: i64,
    iat: i64,
    /// The account.
    pub sub: Uuid,
    /// The session.
    pub sid: Uuid,
}

/// The keys that access tokens are signed and verified with. It has no `Debug`.
pub struct TokenKeys {
    signing: EncodingKey,
    verifying: Vec<DecodingKey>,
    issuer: String,
    validation: Validation,
}

impl TokenKeys {
    /// Signs with `secret`; tokens that were signed with `previous` are still good.
    #[must_use]
    pub fn new(secret: &[u8], previous: Option<&[u8]>, issuer: &str) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["iss", "aud", "exp", "sub"]);
        // `verify` compares with the program's own clock
        validation.validate_exp = false;
        Self {
            signing: EncodingKey::from_secret(secret),
            verifying: [Some(secret), previous].into_iter().flatten().map(DecodingKey::from_secret).collect(),
            issuer: issuer.to_owned(),
            validation,
        }
    }
}

/// An access token for a session.
///
/// # Errors
/// Where it cannot be signed, which only a fault of the program causes.
pub fn issue(
    keys: &TokenKeys,
    user: Uuid,
    session: Uuid,
    now: DateTime<Utc>,
) -> anyhow::Result<SecretString> {
    let claims = Claims {
        iss: keys.issuer.clone(),
        aud: AUDIENCE.to_owned(),
        iat: now.timestamp(),
        exp: (now + ACCESS_LIFETIME).timestamp(),
        sub: user,
        sid: session,
    };
    let header = Header { typ: Some(TYPE.to_owned()), ..Header::new(Algorithm::HS256) };
    Ok(jsonwebtoken::encode(&header, &claims, &keys.signing)?.into())
}

/// What a token says, where its type, algorithm, signature, issuer and audience are ours and it has not expired.
#[must_use]
pub fn verify(keys: &TokenKeys, token: &str, now: DateTime<Utc>) -> Option<Claims> {
    let data = keys
        .verifying
        .iter()
        .find_map(|key| jsonwebtoken::decode::<Claims>(token, key, &keys.validation).ok())?;
    let is_access_token = data.header.typ.as_deref() == Some(TYPE);
    (is_access_token && data.claims.exp > now.timestamp()).then_some(data.claims)
}

/// A new secret of 256 random bits, and the hash by which it is known.
#[must_use]
pub fn new_secret() -> (SecretString, [u8; 32]) {
    let bytes: [u8; 32] = rand::random();
    let token = URL_SAFE_NO_PAD.encode(bytes);
    let hash = hash(&token);
    (token.into(), hash)
}

/// The hash by which a secret of full entropy is stored and looked up. What is compared is the hash, so
/// that the time of the look-up says nothing about the secret.
#[must_use]
pub fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret).into()
}
