//! ID tokens, good and forged.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use ttscm::clock::{Clock, SystemClock};

use super::CLIENT_ID;

/// A signing key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    Own,
    Other,
}

impl Key {
    fn pem(self) -> &'static [u8] {
        match self {
            Self::Own => include_bytes!("key.pem"),
            Self::Other => include_bytes!("other_key.pem"),
        }
    }

    fn signing(self) -> EncodingKey {
        EncodingKey::from_rsa_pem(self.pem()).expect("a key")
    }

    fn id(self) -> String {
        format!("{self:?}")
    }

    /// The key as it is published.
    pub fn public(self) -> Value {
        let jwk = Jwk::from_encoding_key(&self.signing(), Algorithm::RS256).expect("a public key");
        let mut jwk = serde_json::to_value(jwk).expect("JSON");
        jwk["kid"] = json!(self.id());
        jwk["use"] = json!("sig");
        jwk
    }
}

/// What is wrong with an ID token.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Forgery {
    #[default]
    Nothing,
    /// It is signed with a key that is not published, under the name of one that is.
    ForeignKey,
    Expired,
    /// `alg` is `none`, and there is no signature.
    Unsigned,
    /// `alg` is HS256, and the public key is the secret.
    PublicKeyAsSecret,
    /// `alg` is HS256, and the client secret is the secret.
    ClientSecretAsSecret,
    ForeignIssuer,
    OtherAudience,
    TwoAudiences,
    OtherNonce,
    NoNonce,
    /// The signature is that of other claims.
    ChangedClaims,
    /// There is no token at all.
    Missing,
}

pub fn id_token(issuer: &str, nonce: &str, claims: &Value, forgery: Forgery, key: Key) -> Option<String> {
    let now = SystemClock.now().timestamp();
    let mut all = claims.clone();
    let tenant = all["tid"].as_str().unwrap_or_default().to_owned();
    all["iss"] = json!(issuer.replace("{tenantid}", &tenant));
    all["aud"] = json!(CLIENT_ID);
    all["nonce"] = json!(nonce);
    all["iat"] = json!(now);
    all["exp"] = json!(now + 3600);
    match forgery {
        Forgery::Expired => all["exp"] = json!(now - 10),
        Forgery::ForeignIssuer => all["iss"] = json!("https://login.example.com/v2.0"),
        Forgery::OtherAudience => all["aud"] = json!("another-application"),
        Forgery::TwoAudiences => all["aud"] = json!([CLIENT_ID, "another-application"]),
        Forgery::OtherNonce => all["nonce"] = json!("another nonce"),
        Forgery::NoNonce => all["nonce"] = Value::Null,
        Forgery::Missing => return None,
        _ => {}
    }
    Some(signed(&all, forgery, key))
}

fn signed(claims: &Value, forgery: Forgery, key: Key) -> String {
    let header = |algorithm| Header { kid: Some(key.id()), ..Header::new(algorithm) };
    let encode =
        |header: &Header, key: &EncodingKey| jsonwebtoken::encode(header, claims, key).expect("a token");
    match forgery {
        Forgery::Unsigned => {
            let header = json!({"alg": "none", "typ": "JWT", "kid": key.id()});
            let part = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
            format!("{}.{}.", part(&header), part(claims))
        }
        Forgery::PublicKeyAsSecret => {
            let public = key.public();
            let secret = EncodingKey::from_secret(public["n"].as_str().expect("a modulus").as_bytes());
            encode(&header(Algorithm::HS256), &secret)
        }
        Forgery::ClientSecretAsSecret => {
            encode(&header(Algorithm::HS256), &EncodingKey::from_secret(super::CLIENT_SECRET.as_bytes()))
        }
        Forgery::ForeignKey => encode(&header(Algorithm::RS256), &Key::Other.signing()),
        Forgery::ChangedClaims => {
            let token = encode(&header(Algorithm::RS256), &key.signing());
            let mut parts = token.split('.');
            let (head, signature) =
                (parts.next().expect("a header"), parts.next_back().expect("a signature"));
            let mut changed = claims.clone();
            changed["oid"] = json!("somebody else");
            format!("{head}.{}.{signature}", URL_SAFE_NO_PAD.encode(changed.to_string()))
        }
        _ => encode(&header(Algorithm::RS256), &key.signing()),
    }
}
