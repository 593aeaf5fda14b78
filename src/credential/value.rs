//! The types of values that fields have, and what each takes.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The longest value of a field, in bytes.
pub const MAX_BYTES: usize = 64 * 1024;

/// What kind of value a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum ValueType {
    /// Any text.
    PlainText,
    /// One line of text.
    LicenseKey,
    /// An IPv4 or IPv6 address, with or without a prefix length.
    IpAddress,
    /// Any text but the empty one.
    GenericSecret,
    /// A BitLocker recovery password: 8 groups of 6 digits.
    BitlockerKey,
    /// Any text but the empty one.
    Password,
}

impl ValueType {
    /// All of them, in the order of the contract.
    pub const ALL: [Self; 6] = [
        Self::PlainText,
        Self::LicenseKey,
        Self::IpAddress,
        Self::GenericSecret,
        Self::BitlockerKey,
        Self::Password,
    ];

    /// Checks a value. The error is a rule and never repeats the value, which may be a secret.
    ///
    /// # Errors
    /// The rule that is broken.
    pub fn check(self, value: &str) -> Result<(), &'static str> {
        if value.len() > MAX_BYTES {
            return Err("Must be at most 65,536 bytes long");
        }
        match self {
            Self::PlainText => Ok(()),
            Self::GenericSecret | Self::Password => rule(!value.is_empty(), "Must not be empty"),
            Self::LicenseKey => rule(
                !value.trim().is_empty() && !value.chars().any(char::is_control),
                "Must be one line of text and not be empty",
            ),
            Self::IpAddress => rule(
                is_address(value),
                "Must be an IPv4 or IPv6 address, with or without a prefix length, such as 192.0.2.1 or 2001:db8::/32",
            ),
            Self::BitlockerKey => rule(
                is_recovery_password(value),
                "Must be a BitLocker recovery password: 8 groups of 6 digits with hyphens between, each group divisible by 11 and below 720896",
            ),
        }
    }
}

fn rule(kept: bool, rule: &'static str) -> Result<(), &'static str> {
    if kept { Ok(()) } else { Err(rule) }
}

fn is_address(value: &str) -> bool {
    let (address, prefix) =
        value.split_once('/').map_or((value, None), |(address, prefix)| (address, Some(prefix)));
    let Ok(address) = address.parse::<IpAddr>() else {
        return false;
    };
    let longest = if address.is_ipv4() { 32 } else { 128 };
    prefix.is_none_or(|prefix| {
        prefix.bytes().all(|byte| byte.is_ascii_digit())
            && prefix.parse::<u8>().is_ok_and(|bits| bits <= longest)
    })
}

/// Each group is a 16-bit number times 11, which is how a mistyped digit is noticed.
fn is_recovery_password(value: &str) -> bool {
    let is_group = |group: &str| {
        group.len() == 6
            && group.bytes().all(|byte| byte.is_ascii_digit())
            && group.parse::<u32>().is_ok_and(|number| number % 11 == 0 && number < 720_896)
    };
    value.split('-').count() == 8 && value.split('-').all(is_group)
}

#[cfg(test)]
mod tests {
    use super::ValueType::{self, *};

    fn accepted(kind: ValueType, value: &str) -> bool {
        kind.check(value).is_ok()
    }

    #[test]
    fn addresses() {
        for good in
            ["192.0.2.1", "192.0.2.0/24", "0.0.0.0/0", "2001:db8::1", "2001:db8::/128", "::ffff:192.0.2.1"]
        {
            assert!(accepted(IpAddress, good), "{good}");
        }
        for bad in [
            "",
            "256.1.1.1",
            "1.2.3",
            "192.0.2.1/33",
            "::1/129",
            "::1/+1",
            "fe80::1%eth0",
            "1.2.3.4/",
            " 1.2.3.4",
            "01.2.3.4",
        ] {
            assert!(!accepted(IpAddress, bad), "{bad}");
        }
    }

    #[test]
    fn recovery_passwords() {
        let with_last = |last: &str| format!("{}{last}", "000011-".repeat(7));
        assert!(accepted(BitlockerKey, &with_last("720885")));
        for last in ["720896", "000012", "11", "00001a", "", "000011-000011"] {
            assert!(!accepted(BitlockerKey, &with_last(last)), "{last}");
        }
    }

    #[test]
    fn lengths_and_emptiness() {
        assert!(accepted(PlainText, "") && accepted(PlainText, &"é".repeat(32 * 1024)));
        assert!(!accepted(PlainText, &"x".repeat(64 * 1024 + 1)));
        assert!(!accepted(Password, "") && !accepted(GenericSecret, "") && !accepted(LicenseKey, "  "));
        assert!(!accepted(LicenseKey, "one\ntwo") && accepted(LicenseKey, "AB12-CD34 2024"));
    }
}
