//! Google: `OpenID` Connect. Claims: Google's "`OpenID` Connect" guide; a person is `sub`, and `hd` is the
//! Workspace domain that vouches for them.

use anyhow::Context;
use chrono::{DateTime, Utc};
use oauth2::RedirectUrl;

use super::oidc::{Claims, Issuer, Oidc};
use super::{
    Answer, Begun, Expected, Identity, Provider, Refused, display_name, in_time, is_picture_address, is_plain,
};
use crate::config::{self, is_email};

/// Google, as configured.
pub struct Google {
    oidc: Oidc,
    hosted_domain: Option<String>,
}

impl Google {
    /// Google by these settings.
    ///
    /// # Errors
    /// Where no client for it can be built.
    pub fn new(settings: config::Google) -> anyhow::Result<Self> {
        let issuer = Issuer::One(settings.issuer.clone());
        let client = (settings.client_id, settings.client_secret);
        let oidc = Oidc::new(&settings.issuer, issuer, client, &["profile", "email"])?;
        Ok(Self { oidc, hosted_domain: settings.hosted_domain })
    }

    /// Begins a sign-in that is called `state`.
    ///
    /// # Errors
    /// Where Google does not answer.
    pub async fn begin(
        &self,
        state: &str,
        redirect_uri: RedirectUrl,
        now: DateTime<Utc>,
    ) -> anyhow::Result<Begun> {
        self.oidc.begin(state, redirect_uri, now).await
    }

    /// Finds out who came back.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn identify(
        &self,
        answer: Answer,
        expected: Expected,
        now: DateTime<Utc>,
    ) -> Result<Identity, Refused> {
        let person = in_time(self.oidc.redeem(answer, expected, now)).await?;
        let domain = person.claims.additional_claims().hd.as_ref().map(|domain| domain.to_lowercase());
        let is_vouched_for = domain.is_some() && domain == self.hosted_domain;
        Ok(Identity { is_vouched_for, ..identity(&person.claims)? })
    }
}

fn identity(claims: &Claims) -> anyhow::Result<Identity> {
    let subject = claims.subject().to_string();
    anyhow::ensure!(is_plain(&subject), "the ID token names no person (sub)");
    let is_verified = claims.email_verified() == Some(true);
    let email = claims.email().filter(|_| is_verified).map(|email| email.trim().to_lowercase());
    let email = email.filter(|email| is_email(email) && is_plain(email));
    let login = email.clone().unwrap_or_else(|| format!("google:{subject}"));
    let name = claims.name().and_then(|name| name.get(None)).and_then(|name| display_name(name));
    let picture = claims.picture().and_then(|picture| picture.get(None)).map(|picture| picture.to_string());
    Ok(Identity {
        provider: Provider::Google,
        issuer: claims.issuer().to_string(),
        tenant: String::new(),
        subject,
        name: name.or_else(|| display_name(&login)).context("the ID token has no name")?,
        login,
        email,
        picture: picture.filter(|picture| is_picture_address(picture)),
        is_vouched_for: false,
    })
}
