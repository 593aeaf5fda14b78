//! Callbacks: only what the configured ConnectWise signed counts, and its keys come from there alone.

use std::sync::{Arc, LazyLock};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use sha2::{Digest, Sha256};
use ttscm::clock::SystemClock;
use ttscm::config;
use ttscm::connectwise::ConnectWise;
use ttscm::connectwise::callback::{Callback, is_signed};
use url::Url;

static KEY: LazyLock<SecretString> = LazyLock::new(|| "a signing key".into());

const CLOUD: &str = "https://api-na.myconnectwise.net";
const OWN: &str = "https://cw.example.com:8443";

static CONNECTIONS: LazyLock<[(Url, ConnectWise); 2]> = LazyLock::new(|| [CLOUD, OWN].map(connection));

fn connection(origin: &str) -> (Url, ConnectWise) {
    let origin: Url = origin.parse().expect("a URL");
    let settings = config::ConnectWise {
        origin: origin.clone(),
        company_id: "Tenant".to_owned(),
        public_key: "public".into(),
        private_key: "private".into(),
        client_id: "client".into(),
        sync_interval: None,
        max_marked_percent: 20,
    };
    (origin, ConnectWise::new(&settings, Arc::new(SystemClock)).expect("a connection"))
}

/// A signature on one line; then a body.
pub fn check(data: &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (signature, rest) = data.split_at(end);
    let body = rest.get(1..).unwrap_or_default();
    let Ok(signature) = std::str::from_utf8(signature) else { return };
    let good = sign(body);
    assert!(is_signed(body, &good, &KEY));
    assert_eq!(is_signed(body, signature, &KEY), signature.trim() == good);
    assert!(!is_signed(&[body, b" "].concat(), &good, &KEY));
    assert!(!is_signed(body, &good, &"another key".into()));
    if let Ok(text) = std::str::from_utf8(body) {
        a_key_comes_from_the_configured_host(text.trim());
    }
    let Ok(payload) = serde_json::from_slice::<Value>(body) else { return };
    a_key_comes_from_the_configured_host(payload["Metadata"]["key_url"].as_str().unwrap_or_default());
    let callback = Callback::read(&payload, &good);
    assert!(!callback.message.is_empty() && !callback.message.contains('\0'));
    let kind = payload["Type"].as_str().unwrap_or_default();
    assert!(callback.company.is_none_or(|number| number > 0 && kind.eq_ignore_ascii_case("company")));
}

fn sign(body: &[u8]) -> String {
    let hashed = Sha256::digest(KEY.expose_secret());
    let mac = Hmac::<Sha256>::new_from_slice(&hashed).expect("any length will do").chain_update(body);
    STANDARD.encode(mac.finalize().into_bytes())
}

fn a_key_comes_from_the_configured_host(text: &str) {
    for (origin, connectwise) in CONNECTIONS.iter() {
        let Some(address) = connectwise.key_address(text) else { continue };
        let hosts = match origin.as_str() {
            "https://api-na.myconnectwise.net/" => &["api-na.myconnectwise.net", "na.myconnectwise.net"][..],
            _ => &["cw.example.com"],
        };
        assert!(hosts.contains(&address.host_str().unwrap_or_default()), "{address}");
        assert_eq!(address.port_or_known_default(), origin.port_or_known_default());
        assert_eq!((address.scheme(), address.username(), address.password()), ("https", "", None));
        let mut tenants = address.query_pairs().filter(|(name, _)| name.eq_ignore_ascii_case("companyName"));
        assert!(tenants.all(|(_, tenant)| tenant.eq_ignore_ascii_case("Tenant")), "{address}");
    }
}
