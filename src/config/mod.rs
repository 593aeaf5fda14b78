//! Every setting, read once from the environment (and a `.env` file) into types.

mod audit;
mod connectwise;
mod integration;
mod operations;
mod sign_in;
mod variables;

use std::collections::HashMap;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use ipnet::IpNet;
use secrecy::SecretString;
use sqlx::postgres::PgConnectOptions;
use zeroize::Zeroizing;

pub use audit::AuditRules;
pub use connectwise::{CONNECTWISE_VARIABLES, ConnectWise, connectwise_api_host};
pub use integration::Integration;
pub use operations::{Collector, Operations, TlsFiles};
pub use sign_in::{Confirm, Github, Google, Microsoft, SignInRules};
use variables::{Settings, default_public_url};
pub use variables::{is_local, parse_key};

/// The length of every key.
pub const KEY_BYTES: usize = 32;

/// A key of 256 bits.
pub type Key = Zeroizing<[u8; KEY_BYTES]>;

/// The keys that `.env.example` shows. They are public, so they are refused.
pub const EXAMPLE_KEYS: [&str; 2] =
    ["ZXhhbXBsZS1leGFtcGxlLWV4YW1wbGUtZXhhbXBsZSE=", "dG9rZW4tZXhhbXBsZS10b2tlbi1leGFtcGxlLXRva2U="];

/// The settings of a server.
pub struct Config {
    /// `DATABASE_URL`; none: the embedded Postgres.
    pub database: Option<PgConnectOptions>,
    /// `DATABASE_MAX_CONNECTIONS`, 20 by default.
    pub database_max_connections: u32,
    /// `DATA_DIR`; none: the default of the embedded Postgres.
    pub data_dir: Option<PathBuf>,
    /// `BIND_ADDRESS`, 127.0.0.1:3000 by default. Port 0 asks for any free one.
    pub bind_address: SocketAddr,
    /// `PUBLIC_URL` without a slash at its end; the bind address by default.
    pub public_url: String,
    /// `VAULT_MASTER_KEY`.
    pub vault_master_key: Option<Key>,
    /// `VAULT_MASTER_KEY_FILE`: where the master key stands instead.
    pub vault_master_key_file: Option<PathBuf>,
    /// `VAULT_MASTER_KEY_PREVIOUS`, while the master key is being changed.
    pub vault_master_key_previous: Option<Key>,
    /// `TOKEN_SECRET`.
    pub token_secret: Option<Key>,
    /// `TOKEN_SECRET_PREVIOUS`, while the secret is being changed.
    pub token_secret_previous: Option<Key>,
    /// `ADMIN_EMAIL` and `ADMIN_PASSWORD`: the first administrator.
    pub admin: Option<Admin>,
    /// `CORS_ALLOWED_ORIGINS`: exact origins, none by default.
    pub cors_allowed_origins: Vec<String>,
    /// `TRUSTED_PROXIES`: the networks whose `X-Forwarded-For` is believed, none by default.
    pub trusted_proxies: Vec<IpNet>,
    /// `MICROSOFT_CLIENT_ID` and what belongs to it; none: nobody signs in with Microsoft.
    pub microsoft: Option<Microsoft>,
    /// `GOOGLE_CLIENT_ID` and what belongs to it; none: nobody signs in with Google.
    pub google: Option<Google>,
    /// `GITHUB_CLIENT_ID` and what belongs to it; none: nobody signs in with GitHub.
    pub github: Option<Github>,
    /// The `SIGN_IN_…` variables.
    pub sign_in: SignInRules,
    /// `CONNECTWISE_…`: where companies come from; none where all are made by hand.
    pub connectwise: Option<ConnectWise>,
    /// `INTEGRATION_…`: how integrations with other products are reached and watched.
    pub integration: Integration,
    /// The `AUDIT_…` variables and `REVEAL_LIMIT_PER_HOUR`.
    pub audit: AuditRules,
    /// TLS, metrics and traces.
    pub operations: Operations,
    /// `SELF_REGISTRATION`: whether anybody may make an account for themselves; off by default.
    pub self_registration: bool,
    /// `LOG_FORMAT`.
    pub log_format: LogFormat,
}

/// The first administrator.
pub struct Admin {
    /// The e-mail address, which is the login too.
    pub email: String,
    /// The password.
    pub password: SecretString,
}

/// How the log is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Pretty,
    /// For programs, an object a line.
    Json,
}

impl FromStr for LogFormat {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "pretty" => Ok(Self::Pretty),
            "json" => Ok(Self::Json),
            _ => Err(()),
        }
    }
}

/// A setting that cannot be used, as one sentence that names its variable.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

type Result<T, E = ConfigError> = std::result::Result<T, E>;

impl Config {
    /// Reads the environment; what it does not set may stand in a `.env` file of the working directory.
    ///
    /// # Errors
    /// [`ConfigError`] for the first setting that cannot be used.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    pub fn from_env() -> Result<Self> {
        let file = env_file()?;
        Self::read(&|name| std::env::var(name).ok().or_else(|| file.get(name).cloned()))
    }

    /// Reads settings from anything that knows variables by name. An empty one counts as not set.
    ///
    /// # Errors
    /// [`ConfigError`] for the first setting that cannot be used.
    pub fn read(variable: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        let settings = Settings { variable };
        let bind_address = settings
            .parsed("BIND_ADDRESS", "an address with a port, such as 127.0.0.1:3000")?
            .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 3000)));
        let operations = settings.operations()?;
        let config = Self {
            database: settings
                .parsed("DATABASE_URL", "a URL such as postgres://user:password@host/database")?,
            database_max_connections: settings
                .parsed("DATABASE_MAX_CONNECTIONS", "a number from 1 to 1000")?
                .unwrap_or(20),
            data_dir: settings.text("DATA_DIR").map(PathBuf::from),
            bind_address,
            public_url: settings.public_url(bind_address, operations.tls.is_some())?,
            vault_master_key: settings.key("VAULT_MASTER_KEY")?,
            vault_master_key_file: settings.text("VAULT_MASTER_KEY_FILE").map(PathBuf::from),
            vault_master_key_previous: settings.key("VAULT_MASTER_KEY_PREVIOUS")?,
            token_secret: settings.key("TOKEN_SECRET")?,
            token_secret_previous: settings.key("TOKEN_SECRET_PREVIOUS")?,
            admin: settings.admin()?,
            cors_allowed_origins: settings.origins()?,
            trusted_proxies: settings.networks("TRUSTED_PROXIES")?,
            microsoft: settings.microsoft()?,
            google: settings.google()?,
            github: settings.github()?,
            sign_in: settings.sign_in()?,
            connectwise: settings.connectwise()?,
            integration: settings.integration()?,
            audit: settings.audit()?,
            operations,
            self_registration: settings.switch("SELF_REGISTRATION")?,
            log_format: settings.parsed("LOG_FORMAT", "pretty or json")?.unwrap_or_default(),
        };
        config.check()
    }

    /// The same, listening on `address`. The default of `public_url` follows it.
    #[must_use]
    pub fn bound_to(mut self, address: SocketAddr) -> Self {
        let is_tls = self.operations.tls.is_some();
        if self.public_url == default_public_url(self.bind_address, is_tls) {
            self.public_url = default_public_url(address, is_tls);
        }
        self.bind_address = address;
        self
    }

    fn check(self) -> Result<Self> {
        if !(1..=1000).contains(&self.database_max_connections) {
            return Err(ConfigError("DATABASE_MAX_CONNECTIONS must be a number from 1 to 1000".to_owned()));
        }
        if self.vault_master_key.is_some() && self.vault_master_key_file.is_some() {
            return Err(ConfigError(
                "VAULT_MASTER_KEY and VAULT_MASTER_KEY_FILE must not both be set".to_owned(),
            ));
        }
        let has_master_key = self.vault_master_key.is_some() || self.vault_master_key_file.is_some();
        let needed = [("VAULT_MASTER_KEY", has_master_key), ("TOKEN_SECRET", self.token_secret.is_some())];
        let first_missing = needed.into_iter().find(|(_, is_set)| !is_set).map(|(name, _)| name);
        match first_missing {
            Some(name) if self.database.is_some() => Err(ConfigError(format!(
                "{name} must be set where DATABASE_URL is: 32 random bytes in base64, as `openssl rand -base64 32` makes them"
            ))),
            _ => Ok(self),
        }
    }
}

/// The variables of the `.env` file, none where there is no such file. A line of it may hold a secret, so
/// that a bad one is told by its number.
fn env_file() -> Result<HashMap<String, String>> {
    let text = match std::fs::read_to_string(".env") {
        Ok(text) => Zeroizing::new(text),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(HashMap::new()),
        Err(error) => return Err(ConfigError(format!("the file .env cannot be read: {error}"))),
    };
    let parse = |text: &str| dotenvy::from_read_iter(text.as_bytes()).collect::<Result<_, _>>();
    parse(&text).map_err(|_| {
        let number = text.lines().take_while(|line| parse(line).is_ok()).count() + 1;
        ConfigError(format!("line {number} of the file .env cannot be read: write NAME='a value'"))
    })
}

/// Whether `text` looks like an e-mail address: something, an `@`, something, no spaces.
#[must_use]
pub fn is_email(text: &str) -> bool {
    text.split_once('@')
        .is_some_and(|(name, host)| !name.is_empty() && !host.is_empty() && !host.contains('@'))
        && !text.chars().any(|character| character.is_whitespace() || character.is_control())
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Config> {
        let find = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        Config::read(&find)
    }

    fn refused(variables: &[(&str, &str)]) -> String {
        read(variables).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn nothing_needs_to_be_set() {
        let config = read(&[]).unwrap();
        assert!(config.database.is_none() && config.vault_master_key.is_none() && config.admin.is_none());
        assert_eq!(config.public_url, "http://127.0.0.1:3000");
    }

    #[test]
    fn keys_are_32_bytes_of_base64_that_nobody_else_knows() {
        for bad in [
            "short",
            "not base64 !",
            "AAAA",
            EXAMPLE_KEYS[0],
            EXAMPLE_KEYS[1],
            &STANDARD.encode([0; 32]),
            &STANDARD.encode([1; 33]),
        ] {
            for name in
                ["VAULT_MASTER_KEY", "VAULT_MASTER_KEY_PREVIOUS", "TOKEN_SECRET", "TOKEN_SECRET_PREVIOUS"]
            {
                assert!(refused(&[(name, bad)]).starts_with(name), "{name}={bad}");
            }
        }
        let good = STANDARD.encode(std::array::from_fn::<u8, 32, _>(|index| u8::try_from(index).unwrap()));
        assert!(read(&[("VAULT_MASTER_KEY", &good)]).is_ok());
    }

    #[test]
    fn the_example_keys_have_the_right_length() {
        assert!(EXAMPLE_KEYS.iter().all(|key| STANDARD.decode(key).unwrap().len() == KEY_BYTES));
    }

    #[test]
    fn a_database_of_ones_own_needs_keys_of_ones_own() {
        assert!(
            refused(&[("DATABASE_URL", "postgres://localhost/x")])
                .starts_with("VAULT_MASTER_KEY must be set")
        );
    }

    #[test]
    fn origins_are_exact() {
        for bad in
            ["*", "example.com", "https://example.com/path", "https://a@example.com", "ftp://example.com"]
        {
            assert!(refused(&[("CORS_ALLOWED_ORIGINS", bad)]).contains("CORS_ALLOWED_ORIGINS"), "{bad}");
        }
        let config =
            read(&[("CORS_ALLOWED_ORIGINS", "https://a.example.com, http://localhost:5173")]).unwrap();
        assert_eq!(config.cors_allowed_origins, ["https://a.example.com", "http://localhost:5173"]);
        assert_eq!(
            read(&[("PUBLIC_URL", "https://vault.example.com/")]).unwrap().public_url,
            "https://vault.example.com"
        );
    }

    #[test]
    fn the_public_url_follows_the_real_address() {
        let free_port = [("BIND_ADDRESS", "127.0.0.1:0")];
        let real = SocketAddr::from(([127, 0, 0, 1], 4321));
        assert_eq!(read(&free_port).unwrap().bound_to(real).public_url, "http://127.0.0.1:4321");
        let told = [free_port[0], ("PUBLIC_URL", "https://vault.example.com")];
        assert_eq!(read(&told).unwrap().bound_to(real).public_url, "https://vault.example.com");
        assert_eq!(read(&[("BIND_ADDRESS", "0.0.0.0:80")]).unwrap().public_url, "http://0.0.0.0");
        assert_eq!(read(&[("BIND_ADDRESS", "[::1]:8080")]).unwrap().public_url, "http://[::1]:8080");
    }

    #[test]
    fn the_administrator_is_whole_or_not_there() {
        assert!(refused(&[("ADMIN_EMAIL", "a@example.com")]).contains("together"));
        assert!(
            refused(&[("ADMIN_EMAIL", "nobody"), ("ADMIN_PASSWORD", "long enough")]).contains("ADMIN_EMAIL")
        );
    }
}
