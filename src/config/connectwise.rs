//! The settings of ConnectWise.

use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use super::variables::{Settings, is_local, origin_of};
use super::{ConfigError, Result};

/// The variables that must be set together.
pub const CONNECTWISE_VARIABLES: [&str; 5] = [
    "CONNECTWISE_URL",
    "CONNECTWISE_COMPANY_ID",
    "CONNECTWISE_PUBLIC_KEY",
    "CONNECTWISE_PRIVATE_KEY",
    "CONNECTWISE_CLIENT_ID",
];

/// The ConnectWise that companies come from.
pub struct ConnectWise {
    /// `CONNECTWISE_URL`: scheme, host and port.
    pub origin: Url,
    /// `CONNECTWISE_COMPANY_ID`: the company that one signs in to.
    pub company_id: String,
    /// `CONNECTWISE_PUBLIC_KEY`.
    pub public_key: SecretString,
    /// `CONNECTWISE_PRIVATE_KEY`.
    pub private_key: SecretString,
    /// `CONNECTWISE_CLIENT_ID`.
    pub client_id: SecretString,
    /// `CONNECTWISE_SYNC_INTERVAL`, 15 minutes by default; none: companies are copied when told only.
    pub sync_interval: Option<Duration>,
    /// `CONNECTWISE_MAX_MARKED_PERCENT`, 20 by default.
    pub max_marked_percent: u8,
}

/// How often companies are copied where nothing is set.
const DEFAULT_INTERVAL: Duration = Duration::from_mins(15);

impl Settings<'_> {
    pub(super) fn connectwise(&self) -> Result<Option<ConnectWise>> {
        let sync_interval = self.interval("CONNECTWISE_SYNC_INTERVAL", DEFAULT_INTERVAL)?;
        let max_marked_percent = self.parsed("CONNECTWISE_MAX_MARKED_PERCENT", PERCENT)?.unwrap_or(20);
        if max_marked_percent > 100 {
            return Err(ConfigError(format!("CONNECTWISE_MAX_MARKED_PERCENT must be {PERCENT}")));
        }
        let values = CONNECTWISE_VARIABLES.map(|name| self.text(name));
        let missing: Vec<_> = CONNECTWISE_VARIABLES
            .into_iter()
            .zip(&values)
            .filter(|(_, value)| value.is_none())
            .map(|(name, _)| name)
            .collect();
        let [Some(url), Some(company_id), Some(public_key), Some(private_key), Some(client_id)] = values
        else {
            return if missing.len() == values.len() { Ok(None) } else { Err(half_set(&missing)) };
        };
        Ok(Some(ConnectWise {
            origin: origin(&url)?,
            company_id,
            public_key: public_key.into(),
            private_key: private_key.into(),
            client_id: client_id.into(),
            sync_interval,
            max_marked_percent,
        }))
    }
}

const PERCENT: &str = "a number from 0 to 100";

fn half_set(missing: &[&str]) -> ConfigError {
    ConfigError(format!(
        "{} must be set too: {} belong together",
        missing.join(", "),
        CONNECTWISE_VARIABLES.join(", ")
    ))
}

/// The origin of the API. People know the address of the pages of the cloud; the API has one of its own.
fn origin(text: &str) -> Result<Url> {
    let shape = || {
        ConfigError("CONNECTWISE_URL must be an origin such as https://api-na.myconnectwise.net".to_owned())
    };
    let mut url = origin_of(text).and_then(|origin| Url::parse(origin).ok()).ok_or_else(shape)?;
    if url.scheme() != "https" && !is_local(&url) {
        return Err(ConfigError(
            "CONNECTWISE_URL must begin with https://, but for an address of this machine".to_owned(),
        ));
    }
    if let Some(host) = url.host_str().and_then(connectwise_api_host) {
        url.set_host(Some(&host)).map_err(|_| shape())?;
    }
    Ok(url)
}

/// The host of the cloud's API, where a host is that of its pages.
#[must_use]
pub fn connectwise_api_host(host: &str) -> Option<String> {
    let region = host.strip_suffix(".myconnectwise.net")?;
    let is_known = ["na", "eu", "au", "aus", "za"].contains(&region);
    is_known.then(|| format!("api-{region}.myconnectwise.net"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn read(url: &str, others: &[(&str, &str)]) -> Result<Option<ConnectWise>> {
        let find = |name: &str| match name {
            "CONNECTWISE_URL" => Some(url.to_owned()),
            _ if others.iter().any(|(known, _)| *known == name) => {
                others.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            }
            _ => CONNECTWISE_VARIABLES.contains(&name).then(|| "something".to_owned()),
        };
        Config::read(&find).map(|config| config.connectwise)
    }

    fn refused(url: &str, others: &[(&str, &str)]) -> String {
        read(url, others).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn the_address_of_the_pages_becomes_that_of_the_api() {
        for (told, used) in [
            ("https://na.myconnectwise.net", "https://api-na.myconnectwise.net/"),
            ("https://api-eu.myconnectwise.net/", "https://api-eu.myconnectwise.net/"),
            ("https://cw.example.com", "https://cw.example.com/"),
            ("http://127.0.0.1:4010", "http://127.0.0.1:4010/"),
            ("http://localhost:4010", "http://localhost:4010/"),
            ("http://[::1]:4010", "http://[::1]:4010/"),
        ] {
            assert_eq!(read(told, &[]).unwrap().unwrap().origin.as_str(), used);
        }
    }

    #[test]
    fn what_is_sent_is_never_readable_on_the_way() {
        for bad in ["http://cw.example.com", "http://10.0.0.1", "http://localhost.example.com"] {
            assert!(refused(bad, &[]).starts_with("CONNECTWISE_URL must begin with https://"), "{bad}");
        }
        for bad in ["cw.example.com", "https://cw.example.com/v4_6_release", "ftp://cw.example.com"] {
            assert!(refused(bad, &[]).starts_with("CONNECTWISE_URL must be an origin"), "{bad}");
        }
    }

    #[test]
    fn what_belongs_together_is_set_together() {
        let said = refused("https://cw.example.com", &[("CONNECTWISE_PRIVATE_KEY", "")]);
        assert!(said.starts_with("CONNECTWISE_PRIVATE_KEY must be set too: CONNECTWISE_URL, "), "{said}");
        assert!(read("", &CONNECTWISE_VARIABLES.map(|name| (name, ""))).unwrap().is_none());
    }

    #[test]
    fn the_interval_and_the_share_have_bounds() {
        let set = |name, value| read("https://cw.example.com", &[(name, value)]).map(Option::unwrap);
        for (text, seconds) in [("30s", Some(30)), ("15m", Some(900)), ("2h", Some(7200)), ("0", None)] {
            let interval = set("CONNECTWISE_SYNC_INTERVAL", text).unwrap().sync_interval;
            assert_eq!(interval, seconds.map(Duration::from_secs), "{text}");
        }
        for bad in ["15", "m", "-1m", "1.5h", "1d", "99999999999999999999h"] {
            assert!(set("CONNECTWISE_SYNC_INTERVAL", bad).is_err(), "{bad}");
        }
        assert_eq!(set("CONNECTWISE_MAX_MARKED_PERCENT", "0").unwrap().max_marked_percent, 0);
        for bad in ["101", "-1", "20%", "300"] {
            assert!(set("CONNECTWISE_MAX_MARKED_PERCENT", bad).is_err(), "{bad}");
        }
    }
}
