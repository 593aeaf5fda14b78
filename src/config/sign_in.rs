//! The settings of signing in with a provider.

use std::str::FromStr;

use secrecy::SecretString;
use url::{Host, Url};

use super::variables::Settings;
use super::{ConfigError, Result};

/// The program as an application of Microsoft Entra ID.
pub struct Microsoft {
    /// `MICROSOFT_CLIENT_ID`: the application.
    pub client_id: String,
    /// `MICROSOFT_CLIENT_SECRET`.
    pub client_secret: SecretString,
    /// `MICROSOFT_TENANT_ID`: the one tenant; none where the issuer stands for several.
    pub tenant: Option<String>,
    /// `MICROSOFT_ISSUER_URL`, by default the tenant's issuer in the public cloud. No slash at its end.
    pub issuer: String,
    /// `MICROSOFT_GRAPH_URL`, by default Microsoft Graph of the public cloud. No slash at its end.
    pub graph_url: String,
}

/// The program as an application of Google.
pub struct Google {
    /// `GOOGLE_CLIENT_ID`: the application.
    pub client_id: String,
    /// `GOOGLE_CLIENT_SECRET`.
    pub client_secret: SecretString,
    /// `GOOGLE_ISSUER_URL`, by default Google's own. No slash at its end.
    pub issuer: String,
    /// `GOOGLE_HOSTED_DOMAIN`: the Google Workspace domain whose people get an account by signing in.
    pub hosted_domain: Option<String>,
}

/// The program as an OAuth application of GitHub.
pub struct Github {
    /// `GITHUB_CLIENT_ID`: the application.
    pub client_id: String,
    /// `GITHUB_CLIENT_SECRET`.
    pub client_secret: SecretString,
    /// `GITHUB_URL`, by default GitHub's own; another for GitHub Enterprise. No slash at its end.
    pub url: String,
    /// `GITHUB_API_URL`, by default that of github.com. No slash at its end.
    pub api_url: String,
}

/// Who may sign in with a provider, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInRules {
    /// `SIGN_IN_CONFIRM`.
    pub confirm: Confirm,
    /// `SIGN_IN_ALLOWED_TENANTS`: ids of Microsoft tenants; none: every one that the issuer stands for.
    pub allowed_tenants: Vec<String>,
    /// `SIGN_IN_ALLOWED_DOMAINS`: of e-mail addresses, in lower case; none: all.
    pub allowed_domains: Vec<String>,
    /// `SIGN_IN_KNOWN_USERS_ONLY`: nobody gets an account by signing in.
    pub known_users_only: bool,
    /// `SIGN_IN_MAX_PENDING`: how many sign-ins from one address may be under way, 50 by default.
    pub max_pending: i64,
}

/// Whose browser is asked for the number that the app shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Confirm {
    /// Everybody's, but the browser that began the sign-in and those on the server's own machine.
    #[default]
    Always,
    /// The same, but for browsers at the address of the app too.
    Address,
}

impl FromStr for Confirm {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "always" => Ok(Self::Always),
            "address" => Ok(Self::Address),
            _ => Err(()),
        }
    }
}

/// The names by which an issuer of Microsoft stands for the tenants of all organizations.
const SEVERAL_TENANTS: [&str; 2] = ["organizations", "common"];

impl Settings<'_> {
    pub fn microsoft(&self) -> Result<Option<Microsoft>> {
        let names = ["MICROSOFT_CLIENT_ID", "MICROSOFT_CLIENT_SECRET", "MICROSOFT_TENANT_ID"];
        let [client_id, client_secret, tenant] = names.map(|name| self.text(name));
        let issuer = self.address("MICROSOFT_ISSUER_URL")?;
        let graph_url = self.address("MICROSOFT_GRAPH_URL")?;
        if let (None, None, None) = (&client_id, &client_secret, &tenant) {
            return Ok(None);
        }
        let missing = |name: &str| {
            ConfigError(format!(
                "{name} must be set too: MICROSOFT_CLIENT_ID, _CLIENT_SECRET and _TENANT_ID go together"
            ))
        };
        let client_id = client_id.ok_or_else(|| missing(names[0]))?;
        let client_secret = client_secret.ok_or_else(|| missing(names[1]))?;
        let tenant = tenant.ok_or_else(|| missing(names[2]))?.to_lowercase();
        if !tenant.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return Err(ConfigError(
                "MICROSOFT_TENANT_ID must be the tenant's id, not its domain".to_owned(),
            ));
        }
        let stands_for_several = SEVERAL_TENANTS.contains(&tenant.as_str());
        if stands_for_several && self.list("SIGN_IN_ALLOWED_TENANTS").is_empty() {
            return Err(ConfigError(format!(
                "SIGN_IN_ALLOWED_TENANTS must list the tenants where MICROSOFT_TENANT_ID is '{tenant}'"
            )));
        }
        Ok(Some(Microsoft {
            client_id,
            client_secret: client_secret.into(),
            issuer: issuer.unwrap_or_else(|| format!("https://login.microsoftonline.com/{tenant}/v2.0")),
            graph_url: graph_url.unwrap_or_else(|| "https://graph.microsoft.com/v1.0".to_owned()),
            tenant: Some(tenant).filter(|_| !stands_for_several),
        }))
    }

    pub fn google(&self) -> Result<Option<Google>> {
        let issuer = self.address("GOOGLE_ISSUER_URL")?;
        let hosted_domain = self.text("GOOGLE_HOSTED_DOMAIN").map(|domain| domain.to_lowercase());
        let client = self.client("GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET")?;
        Ok(client.map(|(client_id, client_secret)| Google {
            client_id,
            client_secret,
            issuer: issuer.unwrap_or_else(|| "https://accounts.google.com".to_owned()),
            hosted_domain,
        }))
    }

    pub fn github(&self) -> Result<Option<Github>> {
        let (url, api_url) = (self.address("GITHUB_URL")?, self.address("GITHUB_API_URL")?);
        let client = self.client("GITHUB_CLIENT_ID", "GITHUB_CLIENT_SECRET")?;
        Ok(client.map(|(client_id, client_secret)| Github {
            client_id,
            client_secret,
            url: url.unwrap_or_else(|| "https://github.com".to_owned()),
            api_url: api_url.unwrap_or_else(|| "https://api.github.com".to_owned()),
        }))
    }

    /// The id and the secret of an application, which go together.
    fn client(&self, id: &str, secret: &str) -> Result<Option<(String, SecretString)>> {
        match (self.text(id), self.text(secret)) {
            (None, None) => Ok(None),
            (Some(id), Some(secret)) => Ok(Some((id, secret.into()))),
            _ => Err(ConfigError(format!("{id} and {secret} must be set together"))),
        }
    }

    pub fn sign_in(&self) -> Result<SignInRules> {
        let lower = |name: &str| self.list(name).iter().map(|part| part.to_lowercase()).collect::<Vec<_>>();
        let allowed_domains = lower("SIGN_IN_ALLOWED_DOMAINS");
        if let Some(bad) = allowed_domains.iter().find(|domain| Host::parse(domain).is_err()) {
            return Err(ConfigError(format!(
                "SIGN_IN_ALLOWED_DOMAINS must be domains such as example.com with commas between, and '{bad}' is none"
            )));
        }
        let rule = "a number from 1 to 10000";
        let max_pending = self.parsed("SIGN_IN_MAX_PENDING", rule)?.unwrap_or(50);
        if !(1..=10_000).contains(&max_pending) {
            return Err(ConfigError(format!("SIGN_IN_MAX_PENDING must be {rule}")));
        }
        Ok(SignInRules {
            confirm: self.parsed("SIGN_IN_CONFIRM", "always or address")?.unwrap_or_default(),
            allowed_tenants: lower("SIGN_IN_ALLOWED_TENANTS"),
            allowed_domains,
            known_users_only: self.switch("SIGN_IN_KNOWN_USERS_ONLY")?,
            max_pending,
        })
    }

    /// An address that secrets are sent to: https, but on this machine.
    fn address(&self, name: &str) -> Result<Option<String>> {
        let check = |text: String| {
            let url = text.trim_end_matches('/').to_owned();
            match Url::parse(&url) {
                Ok(parsed) if parsed.scheme() == "https" || is_plain_and_local(&parsed) => Ok(url),
                _ => Err(ConfigError(format!("{name} must be an address such as https://login.example.com"))),
            }
        };
        self.text(name).map(check).transpose()
    }
}

/// Whether an address is on this machine, by plain http.
fn is_plain_and_local(url: &Url) -> bool {
    url.scheme() == "http" && super::is_local(url)
}
