//! What one shows to a product: the ways to do so, and the parts of each.

use std::collections::BTreeMap;
use std::str::FromStr;

use anyhow::{Context, ensure};
use reqwest::header::HeaderName;
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::Kind;
use crate::config::is_email;
use crate::error::{Step, Violation};
use crate::outgoing::Guard;

/// The way in which one shows who one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum AuthType {
    /// A user name and a password.
    Basic,
    /// An API token, with whose it is where the product asks for that.
    Token,
    /// A token that says all by itself.
    Bearer,
    /// A header of the product's own.
    ApiKey,
    /// OAuth 2 client credentials, which are traded for a token.
    Oauth,
    /// The keys of a ConnectWise API member.
    Connectwise,
}

/// A part of credentials.
struct Part {
    name: &'static str,
    is_required: bool,
}

const fn part(name: &'static str) -> Part {
    Part { name, is_required: true }
}

const fn maybe(name: &'static str) -> Part {
    Part { name, is_required: false }
}

impl AuthType {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Basic, Self::Token, Self::Bearer, Self::ApiKey, Self::Oauth, Self::Connectwise];

    /// Its word in requests and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Basic => "basic",
            Self::Token => "token",
            Self::Bearer => "bearer",
            Self::ApiKey => "api_key",
            Self::Oauth => "oauth",
            Self::Connectwise => "connectwise",
        }
    }

    /// Holds the way against the kind of product: ConnectWise has one of its own. The violation is that of
    /// the input at `path`.
    ///
    /// # Errors
    /// The [`Violation`], where the product cannot be shown credentials so.
    pub fn check_for(self, kind: Kind, path: impl IntoIterator<Item = Step>) -> Result<(), Violation> {
        let rule = match (self == Self::Connectwise, kind == Kind::Connectwise) {
            (true, false) => "'connectwise' is for integrations of the type 'connectwise' only",
            (false, true) => "ConnectWise takes the type 'connectwise' only",
            _ => return Ok(()),
        };
        Err(Violation::new(path, rule))
    }

    fn parts(self) -> &'static [Part] {
        match self {
            Self::Basic => &const { [part("username"), part("password")] },
            Self::Token => &const { [part("apiToken"), maybe("email"), maybe("username")] },
            Self::Bearer => &const { [part("token")] },
            Self::ApiKey => &const { [part("header"), part("value")] },
            Self::Oauth => &const { [part("clientId"), part("clientSecret"), maybe("tokenUrl")] },
            Self::Connectwise => {
                &const { [part("companyId"), part("publicKey"), part("privateKey"), part("clientId")] }
            }
        }
    }

    /// The names of the parts that it cannot do without.
    pub(super) fn required(self) -> impl Iterator<Item = &'static str> {
        self.parts().iter().filter(|part| part.is_required).map(|part| part.name)
    }
}

impl FromStr for AuthType {
    type Err = anyhow::Error;

    fn from_str(word: &str) -> anyhow::Result<Self> {
        let found = Self::ALL.into_iter().find(|auth_type| auth_type.as_str() == word);
        found.ok_or_else(|| anyhow::anyhow!("no way to show credentials is called {word:?}"))
    }
}

/// The parts as a client sends them; `null` counts as left out.
pub type Given = BTreeMap<String, Option<SecretString>>;

/// Credentials that keep every rule. They have no `Debug`.
pub struct Credentials {
    auth_type: AuthType,
    parts: BTreeMap<&'static str, SecretString>,
}

impl Credentials {
    /// Credentials of what a client sends. The violations are those of the input at `path`.
    ///
    /// # Errors
    /// The [`Violation`]s, each of which names its part.
    pub fn check(
        auth_type: AuthType,
        given: Given,
        guard: &Guard,
        path: &[Step],
    ) -> Result<Self, Vec<Violation>> {
        let at = |name: &str| path.iter().cloned().chain([Step::from(name)]);
        let given: BTreeMap<_, _> =
            given.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        let missing = auth_type.required().filter(|name| !given.contains_key(*name));
        let mut violations: Vec<_> =
            missing.map(|name| Violation::new(at(name), format!("{name} is required"))).collect();
        let mut parts = BTreeMap::new();
        for (name, value) in given {
            match auth_type.parts().iter().find(|part| part.name == name) {
                None => violations.push(Violation::new(
                    at(&name),
                    format!("Credentials of the type '{}' have no such part", auth_type.as_str()),
                )),
                Some(part) => match check_part(auth_type, part.name, value.expose_secret(), guard) {
                    Ok(()) => drop(parts.insert(part.name, value)),
                    Err(rule) => violations.push(Violation::new(at(&name), rule)),
                },
            }
        }
        if violations.is_empty() { Ok(Self { auth_type, parts }) } else { Err(violations) }
    }

    /// The text that is sealed.
    ///
    /// # Errors
    /// Never, as far as is known: text can be written as JSON.
    pub fn to_text(&self) -> anyhow::Result<SecretString> {
        let parts = self.parts.iter().map(|(name, value)| (*name, value.expose_secret()));
        let all: BTreeMap<_, _> = parts.chain([("type", self.auth_type.as_str())]).collect();
        Ok(serde_json::to_string(&all).context("credentials cannot be written")?.into())
    }

    /// Reads what [`Self::to_text`] wrote.
    ///
    /// # Errors
    /// Where the text is none of these, or one for another type. Nothing of it is in the error.
    pub fn from_text(auth_type: AuthType, text: &SecretString) -> anyhow::Result<Self> {
        let all: BTreeMap<String, SecretString> = serde_json::from_str(text.expose_secret())
            .map_err(|_| anyhow::anyhow!("stored credentials are not understood"))?;
        let written = all.get("type").map(ExposeSecret::expose_secret);
        ensure!(written == Some(auth_type.as_str()), "stored credentials are of another type");
        let mut all = all;
        let parts = auth_type.parts().iter().filter_map(|part| Some((part.name, all.remove(part.name)?)));
        Ok(Self { auth_type, parts: parts.collect() })
    }

    /// Their type.
    #[must_use]
    pub fn auth_type(&self) -> AuthType {
        self.auth_type
    }

    /// A part, where it is there.
    pub(super) fn part(&self, name: &str) -> Option<&str> {
        self.parts.get(name).map(ExposeSecret::expose_secret)
    }
}

/// The longest part, in bytes.
const MAX_PART: usize = 8192;

/// Headers that are not a product's to choose: they say where a request ends, who carries it and what is in
/// it.
const TAKEN_HEADERS: [&str; 17] = [
    "host",
    "content-length",
    "content-type",
    "content-encoding",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authorization",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "accept",
    "accept-encoding",
    "range",
    "user-agent",
];

fn check_part(auth_type: AuthType, name: &str, value: &str, guard: &Guard) -> Result<(), String> {
    if value.is_empty() {
        return Err(format!("{name} must not be empty"));
    }
    if value.len() > MAX_PART {
        return Err(format!("{name} must be at most {MAX_PART} bytes long"));
    }
    if value.chars().any(char::is_control) {
        return Err(format!("{name} must not have line breaks or other control characters"));
    }
    if name != "password" && value.trim() != value {
        return Err(format!("{name} must not begin or end with a space"));
    }
    match (auth_type, name) {
        (AuthType::Basic | AuthType::Token, "username")
        | (AuthType::Connectwise, "companyId" | "publicKey")
            if value.contains(':') =>
        {
            Err(format!("{name} must not have a colon"))
        }
        (_, "email") if !is_email(value) || value.contains(':') => {
            Err("email must be an e-mail address".to_owned())
        }
        (_, "token" | "apiToken" | "value") | (AuthType::Connectwise, "clientId") if !value.is_ascii() => {
            Err(format!("{name} must be of ASCII characters"))
        }
        (_, "tokenUrl") => match guard.check([], value) {
            Ok(_) => Ok(()),
            Err(violation) => Err(violation.message),
        },
        (_, "header") => check_header(value),
        _ => Ok(()),
    }
}

fn check_header(name: &str) -> Result<(), String> {
    match HeaderName::from_bytes(name.as_bytes()) {
        Ok(name) if TAKEN_HEADERS.contains(&name.as_str()) => {
            Err(format!("'{name}' is not a header that can hold a key"))
        }
        Ok(_) => Ok(()),
        Err(_) => Err("header must be the name of a header, such as X-Api-Key".to_owned()),
    }
}
