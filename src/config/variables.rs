//! Variables as types.

use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ipnet::IpNet;
use url::{Host, Url};
use zeroize::Zeroizing;

use super::{Admin, ConfigError, EXAMPLE_KEYS, KEY_BYTES, Key, Result, is_email};

/// Typed looks at the variables.
pub(super) struct Settings<'a> {
    pub variable: &'a dyn Fn(&str) -> Option<String>,
}

impl Settings<'_> {
    pub fn text(&self, name: &str) -> Option<String> {
        (self.variable)(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    pub fn parsed<T: FromStr>(&self, name: &str, what: &str) -> Result<Option<T>> {
        let parse = |text: String| text.parse().map_err(|_| ConfigError(format!("{name} must be {what}")));
        self.text(name).map(parse).transpose()
    }

    /// A duration such as `90s`, `15m` or `2h`; none for `0`.
    pub fn interval(&self, name: &str, default: Duration) -> Result<Option<Duration>> {
        let Some(text) = self.text(name) else { return Ok(Some(default)) };
        duration(&text, &[("s", 1), ("m", 60), ("h", 3600)]).ok_or_else(|| {
            ConfigError(format!("{name} must be a time such as 90s, 15m or 2h, or 0 for never"))
        })
    }

    /// How long something is kept, such as `12h` or `365d`; none, for ever, for `0` and where it is not set.
    pub fn retention(&self, name: &str) -> Result<Option<Duration>> {
        let Some(text) = self.text(name) else { return Ok(None) };
        duration(&text, &[("m", 60), ("h", 3600), ("d", 86_400)])
            .ok_or_else(|| ConfigError(format!("{name} must be a time such as 12h or 365d, or 0 for ever")))
    }

    pub fn switch(&self, name: &str) -> Result<bool> {
        match self.text(name).as_deref() {
            None | Some("off") => Ok(false),
            Some("on") => Ok(true),
            Some(_) => Err(ConfigError(format!("{name} must be on or off"))),
        }
    }

    pub fn list(&self, name: &str) -> Vec<String> {
        let text = self.text(name).unwrap_or_default();
        text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }

    pub fn key(&self, name: &str) -> Result<Option<Key>> {
        self.text(name).map(Zeroizing::new).map(|text| parse_key(name, &text)).transpose()
    }

    pub fn public_url(&self, bind_address: SocketAddr, is_tls: bool) -> Result<String> {
        let url = self.text("PUBLIC_URL").unwrap_or_else(|| default_public_url(bind_address, is_tls));
        match origin_of(&url) {
            Some(origin) => Ok(origin.to_owned()),
            None => {
                Err(ConfigError("PUBLIC_URL must be an origin such as https://vault.example.com".to_owned()))
            }
        }
    }

    pub fn origins(&self) -> Result<Vec<String>> {
        let origins = self.list("CORS_ALLOWED_ORIGINS");
        match origins.iter().find(|origin| origin_of(origin) != Some(origin.as_str())) {
            None => Ok(origins),
            Some(origin) => Err(ConfigError(format!(
                "CORS_ALLOWED_ORIGINS must be origins such as https://app.example.com with commas between, and '{origin}' is none"
            ))),
        }
    }

    pub fn networks(&self, name: &str) -> Result<Vec<IpNet>> {
        let parse = |text: String| {
            let network = text.parse().or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from));
            network.map_err(|_| {
                ConfigError(format!(
                    "{name} must be networks such as 10.0.0.0/8 with commas between, and '{text}' is none"
                ))
            })
        };
        self.list(name).into_iter().map(parse).collect()
    }

    pub fn admin(&self) -> Result<Option<Admin>> {
        let password = (self.variable)("ADMIN_PASSWORD").filter(|password| !password.is_empty());
        match (self.text("ADMIN_EMAIL"), password) {
            (None, None) => Ok(None),
            (Some(email), Some(password)) => {
                if !is_email(&email) {
                    return Err(ConfigError("ADMIN_EMAIL must be an e-mail address".to_owned()));
                }
                Ok(Some(Admin { email, password: password.into() }))
            }
            _ => Err(ConfigError("ADMIN_EMAIL and ADMIN_PASSWORD must be set together".to_owned())),
        }
    }
}

/// A number with one of these units, each with its seconds, or `0`: no time at all.
fn duration(text: &str, units: &[(&str, u64)]) -> Option<Option<Duration>> {
    let seconds = units
        .iter()
        .find_map(|(unit, seconds)| Some(u64::from(text.strip_suffix(unit)?.parse::<u32>().ok()?) * seconds))
        .or((text == "0").then_some(0))?;
    Some(Some(Duration::from_secs(seconds)).filter(|time| !time.is_zero()))
}

/// Where clients on this machine find the server. The scheme's own port is not written.
pub(super) fn default_public_url(address: SocketAddr, is_tls: bool) -> String {
    let (scheme, port) = if is_tls { ("https", ":443") } else { ("http", ":80") };
    let url = format!("{scheme}://{address}");
    url.strip_suffix(port).map(str::to_owned).unwrap_or(url)
}

/// Reads a key of 32 bytes in base64 that stands under `name`.
///
/// # Errors
/// [`ConfigError`] where it is none, or one that anybody can know.
pub fn parse_key(name: &str, text: &str) -> Result<Key> {
    let rule = "must be 32 random bytes in base64, as `openssl rand -base64 32` makes them";
    let bytes =
        STANDARD.decode(text).map(Zeroizing::new).map_err(|_| ConfigError(format!("{name} {rule}")))?;
    let key: [u8; KEY_BYTES] = bytes
        .as_slice()
        .try_into()
        .map_err(|_| ConfigError(format!("{name} {rule}, and has {} bytes", bytes.len())))?;
    let key = Zeroizing::new(key);
    if EXAMPLE_KEYS.contains(&text) || key.iter().all(|byte| *byte == key[0]) {
        return Err(ConfigError(format!("{name} is an example that anybody can know: it {rule}")));
    }
    Ok(key)
}

/// The origin (scheme, host and port) that `url` is, where it is nothing more but for a slash at its end.
pub fn origin_of(url: &str) -> Option<&str> {
    let origin = url.strip_suffix('/').unwrap_or(url);
    let parsed = Url::parse(origin).ok()?;
    let is_web = matches!(parsed.scheme(), "http" | "https");
    (is_web && parsed.origin().ascii_serialization() == origin).then_some(origin)
}

/// Whether the host of an address is this machine.
#[must_use]
pub fn is_local(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}
