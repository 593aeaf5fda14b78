//! API keys, made through the API.

use serde_json::{Value, json};

use super::actor::Actor;
use super::fixture::id_of;

/// Where keys are made and listed.
pub const KEYS: &str = "/v1/api-key";

/// A key that somebody made.
pub struct Key {
    pub id: String,
    pub secret: String,
    /// The service that calls with it.
    pub service: Actor,
}

impl Key {
    /// Its own path.
    pub fn path(&self) -> String {
        format!("{KEYS}/{}", self.id)
    }
}

/// Makes a key with these nodes, everywhere.
pub async fn key(maker: &Actor, nodes: &[&str]) -> Key {
    key_of(maker, &json!({"name": "A Service", "permissions": nodes})).await
}

/// The same, in these companies only.
pub async fn key_in(maker: &Actor, companies: &[&str], nodes: &[&str]) -> Key {
    key_of(maker, &json!({"name": "A Service", "permissions": nodes, "companyIds": companies})).await
}

/// Makes a key as a body says.
pub async fn key_of(maker: &Actor, body: &Value) -> Key {
    let data = maker.post(KEYS, body).await.data();
    let secret = data["key"].as_str().expect("a key").to_owned();
    Key { id: id_of(&data), service: maker.showing(&secret), secret }
}
