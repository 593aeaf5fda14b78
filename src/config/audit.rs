//! The audit record and reveals.

use std::time::Duration;

use super::variables::Settings;
use super::{ConfigError, Result};

/// How often events are sealed where nobody says: each within 10 seconds.
const SEAL_INTERVAL: Duration = Duration::from_secs(5);

/// How many values somebody may reveal in an hour where nobody says.
const REVEAL_LIMIT: i32 = 200;

/// What is kept of the audit record, and how much may be revealed.
#[derive(Debug, Clone, Copy)]
pub struct AuditRules {
    /// `AUDIT_SEAL_INTERVAL`, 5 seconds by default; none: nothing is sealed.
    pub seal_interval: Option<Duration>,
    /// `AUDIT_RETENTION`; none: events are kept for ever.
    pub retention: Option<Duration>,
    /// `REVEAL_LIMIT_PER_HOUR`: how many secure values each person or key may reveal, 200 by default; none:
    /// any number.
    pub reveal_limit: Option<i32>,
}

impl Settings<'_> {
    pub fn audit(&self) -> Result<AuditRules> {
        let number = "a number such as 200, or 0 for no limit";
        let limit = self.parsed("REVEAL_LIMIT_PER_HOUR", number)?.unwrap_or(REVEAL_LIMIT);
        if limit < 0 {
            return Err(ConfigError(format!("REVEAL_LIMIT_PER_HOUR must be {number}")));
        }
        Ok(AuditRules {
            seal_interval: self.interval("AUDIT_SEAL_INTERVAL", SEAL_INTERVAL)?,
            retention: self.retention("AUDIT_RETENTION")?,
            reveal_limit: Some(limit).filter(|limit| *limit > 0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn read(name: &str, value: &str) -> Result<AuditRules> {
        Config::read(&|asked| (asked == name).then(|| value.to_owned())).map(|config| config.audit)
    }

    #[test]
    fn events_are_kept_for_ever_unless_a_time_is_set() {
        for (text, hours) in [("", None), ("0", None), ("12h", Some(12)), ("365d", Some(8760))] {
            let kept = read("AUDIT_RETENTION", text).unwrap().retention;
            assert_eq!(kept, hours.map(|hours| Duration::from_secs(hours * 3600)), "{text}");
        }
        for bad in ["365", "1y", "-1d", "1.5d", "10s"] {
            assert!(read("AUDIT_RETENTION", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn there_is_a_limit_on_reveals_unless_it_is_taken_away() {
        for (text, limit) in [("", Some(200)), ("1", Some(1)), ("0", None)] {
            assert_eq!(read("REVEAL_LIMIT_PER_HOUR", text).unwrap().reveal_limit, limit, "{text}");
        }
        for bad in ["-1", "many", "1.5", "99999999999"] {
            assert!(read("REVEAL_LIMIT_PER_HOUR", bad).is_err(), "{bad}");
        }
    }
}
