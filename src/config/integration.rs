//! The settings of integrations.

use std::time::Duration;

use ipnet::IpNet;

use super::Result;
use super::variables::Settings;

/// How integrations with other products are reached and watched.
pub struct Integration {
    /// `INTEGRATION_ALLOWED_NETWORKS`: where products may be besides the public internet; none by default.
    pub allowed_networks: Vec<IpNet>,
    /// `INTEGRATION_CHECK_INTERVAL`, 15 minutes by default; none: products are checked when told only.
    pub check_interval: Option<Duration>,
}

/// How often products are checked where nothing is set.
const DEFAULT_INTERVAL: Duration = Duration::from_mins(15);

impl Settings<'_> {
    pub(super) fn integration(&self) -> Result<Integration> {
        Ok(Integration {
            allowed_networks: self.networks("INTEGRATION_ALLOWED_NETWORKS")?,
            check_interval: self.interval("INTEGRATION_CHECK_INTERVAL", DEFAULT_INTERVAL)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn read(name: &str, value: &str) -> Result<Integration> {
        let find = |asked: &str| (asked == name).then(|| value.to_owned());
        Config::read(&find).map(|config| config.integration)
    }

    #[test]
    fn networks_are_none_until_they_are_told() {
        assert!(read("", "").unwrap().allowed_networks.is_empty());
        let told = read("INTEGRATION_ALLOWED_NETWORKS", "10.20.0.0/16, fd00:1::/64,192.168.7.9").unwrap();
        let networks: Vec<_> = told.allowed_networks.iter().map(ToString::to_string).collect();
        assert_eq!(networks, ["10.20.0.0/16", "fd00:1::/64", "192.168.7.9/32"]);
        for bad in ["intranet", "10.0.0.0/33", "10.0.0", "jira.corp.example.com", "10.0.0.0/8;10.1.0.0/16"] {
            let said = read("INTEGRATION_ALLOWED_NETWORKS", bad).err().map(|error| error.to_string());
            assert!(said.is_some_and(|said| said.starts_with("INTEGRATION_ALLOWED_NETWORKS")), "{bad}");
        }
    }

    #[test]
    fn products_are_checked_every_quarter_of_an_hour_or_as_told() {
        for (text, interval) in [("", Some(900)), ("90s", Some(90)), ("0", None)] {
            let read = read("INTEGRATION_CHECK_INTERVAL", text).unwrap().check_interval;
            assert_eq!(read, interval.map(Duration::from_secs), "{text:?}");
        }
        assert!(read("INTEGRATION_CHECK_INTERVAL", "soon").is_err());
    }
}
