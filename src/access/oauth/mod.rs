//! Signing in elsewhere: where to send the browser, and who comes back.

mod call;
mod github;
mod google;
mod microsoft;
mod oidc;

use std::str::FromStr;
use std::time::Duration;

use anyhow::anyhow;
use oauth2::{PkceCodeVerifier, RedirectUrl};
use openidconnect::Nonce;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::config::{self, SignInRules};
use crate::error::{Error, Result};
use github::Github;
use google::Google;
use microsoft::Microsoft;

/// How long a provider may take for all that a step of a sign-in asks of it.
const TIMEOUT: Duration = Duration::from_secs(10);

/// With whom a person can sign in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// Microsoft Entra ID.
    #[default]
    Microsoft,
    /// Google.
    Google,
    /// GitHub.
    Github,
}

impl Provider {
    /// Its name in requests and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Microsoft => "microsoft",
            Self::Google => "google",
            Self::Github => "github",
        }
    }

    /// Its name for people.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Microsoft => "Microsoft",
            Self::Google => "Google",
            Self::Github => "GitHub",
        }
    }
}

impl FromStr for Provider {
    type Err = anyhow::Error;

    fn from_str(name: &str) -> anyhow::Result<Self> {
        let mut all = [Self::Microsoft, Self::Google, Self::Github].into_iter();
        all.find(|provider| provider.as_str() == name)
            .ok_or_else(|| anyhow!("no provider is called {name:?}"))
    }
}

/// Who a provider says that somebody is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The provider.
    pub provider: Provider,
    /// The one that vouches for it, an address.
    pub issuer: String,
    /// The Microsoft tenant; empty where the provider has none.
    pub tenant: String,
    /// The person, by an id that never changes and belongs to nobody else.
    pub subject: String,
    /// The display name.
    pub name: String,
    /// What to call the account: the user name there.
    pub login: String,
    /// The e-mail address.
    pub email: Option<String>,
    /// The picture, as an `https:` or `data:` URL.
    pub picture: Option<String>,
    /// Whether somebody vouches for the person who may: then they get an account where they have none.
    pub is_vouched_for: bool,
}

/// Why a provider's answer lets nobody in.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It says who it is, and they may not sign in. The text is for them.
    #[error("{0}")]
    Denied(String),
    /// It cannot be reached or trusted.
    #[error("the provider's answer is of no use")]
    Failed(#[from] anyhow::Error),
}

/// What a provider's answer must fit. It is kept sealed while the browser is away.
#[derive(Serialize, Deserialize)]
pub struct Expected {
    nonce: Nonce,
    pkce: PkceCodeVerifier,
    /// Where the browser was to come back to.
    redirect_uri: RedirectUrl,
}

/// A sign-in that was begun at a provider.
pub struct Begun {
    /// Where to send the browser.
    pub uri: String,
    /// What the answer must fit.
    pub expected: Expected,
}

/// What a provider sends the browser back with.
pub struct Answer {
    /// The authorization code.
    pub code: SecretString,
    /// Who says so (RFC 9207); not every provider does.
    pub issuer: Option<String>,
}

/// The providers that are configured.
pub struct Providers {
    microsoft: Option<Microsoft>,
    google: Option<Google>,
    github: Option<Github>,
}

impl Providers {
    /// Those of the configuration.
    ///
    /// # Errors
    /// Where no client for them can be built.
    pub fn new(
        microsoft: Option<config::Microsoft>,
        google: Option<config::Google>,
        github: Option<config::Github>,
        rules: &SignInRules,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            microsoft: microsoft.map(|settings| Microsoft::new(settings, rules)).transpose()?,
            google: google.map(Google::new).transpose()?,
            github: github.map(Github::new).transpose()?,
        })
    }

    fn find(&self, provider: Provider) -> Result<Found<'_>> {
        let found = match provider {
            Provider::Microsoft => self.microsoft.as_ref().map(Found::Microsoft),
            Provider::Google => self.google.as_ref().map(Found::Google),
            Provider::Github => self.github.as_ref().map(Found::Github),
        };
        found.ok_or(Error::NotConfigured {
            code: "SignInNotConfigured",
            message: "Sign-in with this provider is not configured: sign in with a password",
        })
    }

    /// Begins a sign-in, which is called `state`. The browser comes back to `redirect_uri`.
    ///
    /// # Errors
    /// [`Error::NotConfigured`], and [`Error::Upstream`] where the provider does not answer.
    pub async fn begin(
        &self,
        provider: Provider,
        state: &str,
        redirect_uri: String,
        clock: &dyn Clock,
    ) -> Result<Begun> {
        let found = self.find(provider)?;
        let redirect_uri = RedirectUrl::new(redirect_uri).map_err(Error::internal)?;
        let begun = async {
            match found {
                Found::Microsoft(microsoft) => microsoft.begin(state, redirect_uri, clock.now()).await,
                Found::Google(google) => google.begin(state, redirect_uri, clock.now()).await,
                Found::Github(github) => Ok(github.begin(state, redirect_uri)),
            }
        };
        in_time(begun).await.map_err(|cause| Error::Upstream {
            message: "The provider cannot be reached, try again later",
            timed_out: false,
            cause,
        })
    }

    /// Finds out who came back.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn identify(
        &self,
        provider: Provider,
        answer: Answer,
        expected: Expected,
        clock: &dyn Clock,
    ) -> Result<Identity, Refused> {
        let found = self.find(provider).map_err(anyhow::Error::from)?;
        match found {
            Found::Microsoft(microsoft) => microsoft.identify(answer, expected, clock.now()).await,
            Found::Google(google) => google.identify(answer, expected, clock.now()).await,
            Found::Github(github) => github.identify(answer, expected).await,
        }
    }
}

/// Waits for a provider, but not too long.
async fn in_time<T, E: From<anyhow::Error>>(asked: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    let answered = tokio::time::timeout(TIMEOUT, asked).await;
    answered.unwrap_or_else(|_| Err(anyhow!("the provider took too long").into()))
}

/// A provider that is configured.
enum Found<'a> {
    Microsoft(&'a Microsoft),
    Google(&'a Google),
    Github(&'a Github),
}

/// The longest display name, in characters.
const MAX_NAME: usize = 200;

/// Characters that are not seen, but turn the text around them.
const TURNING: [std::ops::RangeInclusive<char>; 3] =
    ['\u{200e}'..='\u{200f}', '\u{202a}'..='\u{202e}', '\u{2066}'..='\u{2069}'];

/// A provider's text as a display name: one line of what can be seen, cut where it is long.
fn display_name(text: &str) -> Option<String> {
    let is_no_part =
        |c: char| c.is_whitespace() || c.is_control() || TURNING.iter().any(|range| range.contains(&c));
    let words: Vec<_> = text.split(is_no_part).filter(|word| !word.is_empty()).collect();
    let name: String = words.join(" ").chars().take(MAX_NAME).collect();
    Some(name).filter(|name| !name.is_empty())
}

/// Whether a text can be the name of something: not empty, not long, of printable characters.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.len() <= 320 && !text.chars().any(char::is_control)
}

/// The longest address of a picture, in bytes.
const MAX_PICTURE_ADDRESS: usize = 2000;

/// Whether a text is the address of a picture that a browser may be sent to.
fn is_picture_address(text: &str) -> bool {
    text.starts_with("https://") && text.len() <= MAX_PICTURE_ADDRESS
}
