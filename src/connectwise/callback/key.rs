//! The keys that callbacks are signed with. Where a key is to be had stands in the callback itself, so that
//! address may be anything: only one of the configured ConnectWise is asked, and without our keys.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;
use url::Url;

use crate::connectwise::client::Client;
use crate::connectwise::reply::Reply;
use crate::connectwise::{Failure, Patience, Result};

/// How long a key is remembered.
const FRESH: TimeDelta = TimeDelta::minutes(10);

/// How many keys are remembered.
const MOST_KEYS: usize = 32;

/// How long asking for a key may take: ConnectWise waits 5 seconds for an answer to its callback.
const PATIENCE: Duration = Duration::from_secs(3);

/// Keys by the address that they come from.
#[derive(Default)]
pub struct Keys(Mutex<HashMap<Url, (DateTime<Utc>, SecretString)>>);

impl Keys {
    /// The key at this address; none where there is none.
    pub(super) async fn get(&self, client: &Client, address: &Url) -> Result<Option<SecretString>> {
        if let Some(key) = self.remembered(address, client.clock.now()) {
            return Ok(Some(key));
        }
        let asked = client.persist(Patience::Short, || ask(client, address));
        let key = tokio::time::timeout(PATIENCE, asked).await.map_err(|_| Failure::TimedOut)??;
        if let Some(key) = &key {
            self.remember(address, client.clock.now(), key.clone());
        }
        Ok(key)
    }

    fn remembered(&self, address: &Url, now: DateTime<Utc>) -> Option<SecretString> {
        let keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        keys.get(address).filter(|(since, _)| now - *since < FRESH).map(|(_, key)| key.clone())
    }

    fn remember(&self, address: &Url, now: DateTime<Utc>, key: SecretString) {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.len() >= MOST_KEYS {
            keys.clear();
        }
        keys.insert(address.clone(), (now, key));
    }
}

async fn ask(client: &Client, address: &Url) -> Result<Option<SecretString>> {
    match client.send(client.http.get(address.clone())).await {
        Ok(Reply::Data(data)) => {
            Ok(data["signing_key"].as_str().filter(|key| !key.is_empty()).map(SecretString::from))
        }
        Ok(Reply::Elsewhere) | Err(Failure::Missing | Failure::Status(400..500)) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// The address of a key, where it is one of the configured ConnectWise and tenant.
pub(super) fn address(client: &Client, text: &str) -> Option<Url> {
    let address = Url::parse(text).ok()?;
    let is_ours =
        is_origin(&client.origin, &address) && address.username().is_empty() && address.password().is_none();
    let mut tenants = address.query_pairs().filter(|(name, _)| name.eq_ignore_ascii_case("companyName"));
    let is_of_tenant = tenants.all(|(_, tenant)| tenant.eq_ignore_ascii_case(&client.company_id));
    (is_ours && is_of_tenant).then_some(address)
}

/// Whether it is the configured origin, or its twin: in the cloud the pages and the API of a region have a
/// host each, `na.` and `api-na.`.
fn is_origin(origin: &Url, address: &Url) -> bool {
    if address.scheme() != origin.scheme()
        || address.port_or_known_default() != origin.port_or_known_default()
    {
        return false;
    }
    let (Some(ours), Some(theirs)) = (origin.host_str(), address.host_str()) else { return false };
    let is_twin = match ours.strip_prefix("api-") {
        Some(pages) => pages == theirs,
        None => theirs.strip_prefix("api-") == Some(ours),
    };
    ours == theirs || (is_twin && ours.ends_with(".myconnectwise.net"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_from_the_configured_host_or_its_twin() {
        let judge =
            |origin: &str, address: &str| is_origin(&origin.parse().unwrap(), &address.parse().unwrap());
        let cloud = "https://api-na.myconnectwise.net";
        for good in
            ["https://na.myconnectwise.net/v2026_3//system/callbackkey", "https://api-na.myconnectwise.net/x"]
        {
            assert!(judge(cloud, good), "{good}");
        }
        for bad in [
            "http://na.myconnectwise.net/x",
            "https://eu.myconnectwise.net/x",
            "https://na.myconnectwise.net.evil.example/x",
            "https://na.myconnectwise.net:8443/x",
            "https://evil.example/na.myconnectwise.net",
            "https://api-api-na.myconnectwise.net/x",
        ] {
            assert!(!judge(cloud, bad), "{bad}");
        }
        assert!(!judge("https://api-cw.example.com", "https://cw.example.com/x"));
    }
}
