//! Microsoft Entra ID: `OpenID` Connect with tenants. Claims: Microsoft's "ID token claims reference";
//! a person is the pair of `tid` and `oid`, and nothing that they or their administrator can change.

use std::time::Duration;

use anyhow::{Context, anyhow};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use oauth2::RedirectUrl;
use reqwest::Response;
use reqwest::header::CONTENT_TYPE;
use secrecy::{ExposeSecret, SecretString};

use super::oidc::{Claims, Issuer, Oidc, TENANT};
use super::{Answer, Begun, Expected, Identity, Provider, Refused, display_name, in_time, is_plain};
use crate::config::{self, SignInRules, is_email};
use crate::outgoing;

/// How long the picture may hold a sign-in up.
const PICTURE_TIMEOUT: Duration = Duration::from_secs(2);

/// The longest picture, as a `data:` URL, in bytes.
const MAX_PICTURE: usize = 64 * 1024;

/// The pictures that are kept, which are those that no script can hide in.
const PICTURE_TYPES: [&str; 4] = ["image/jpeg", "image/png", "image/gif", "image/webp"];

/// Where Microsoft Graph has the person's picture: a small one, else the one there is.
const PICTURE_PATHS: [&str; 2] = ["/me/photos/96x96/$value", "/me/photo/$value"];

/// Microsoft, as configured.
pub struct Microsoft {
    oidc: Oidc,
    http: reqwest::Client,
    graph_url: String,
    /// The one tenant; none where there are several, which `allowed_tenants` lists.
    tenant: Option<String>,
    allowed_tenants: Vec<String>,
}

impl Microsoft {
    /// Microsoft by these settings.
    ///
    /// # Errors
    /// Where no client for it can be built.
    pub fn new(settings: config::Microsoft, rules: &SignInRules) -> anyhow::Result<Self> {
        let issuer = match &settings.tenant {
            Some(_) => Issuer::One(settings.issuer.clone()),
            None => Issuer::OfTenants(template(&settings.issuer)),
        };
        let client = (settings.client_id, settings.client_secret);
        let scopes = &["profile", "email", "User.Read"];
        Ok(Self {
            oidc: Oidc::new(&settings.issuer, issuer, client, scopes)?,
            http: outgoing::client(PICTURE_TIMEOUT)?,
            graph_url: settings.graph_url,
            tenant: settings.tenant,
            allowed_tenants: rules.allowed_tenants.clone(),
        })
    }

    /// Begins a sign-in that is called `state`.
    ///
    /// # Errors
    /// Where Microsoft does not answer.
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
    /// [`Refused`], for people of other tenants too.
    pub async fn identify(
        &self,
        answer: Answer,
        expected: Expected,
        now: DateTime<Utc>,
    ) -> Result<Identity, Refused> {
        let person = in_time(self.oidc.redeem(answer, expected, now)).await?;
        let mut identity = identity(&person.claims)?;
        let is_own = self.tenant.as_ref().is_none_or(|tenant| *tenant == identity.tenant);
        let is_allowed = self.allowed_tenants.is_empty() || self.allowed_tenants.contains(&identity.tenant);
        if !is_own || !is_allowed {
            return Err(Refused::Denied("Your organization may not sign in here.".to_owned()));
        }
        identity.picture = self.picture(&person.access_token).await;
        Ok(identity)
    }

    /// The person's picture, where Microsoft Graph gives one in time.
    async fn picture(&self, access_token: &SecretString) -> Option<String> {
        let look = async {
            for path in PICTURE_PATHS {
                match self.picture_at(path, access_token).await {
                    Ok(Some(picture)) => return Some(picture),
                    Ok(None) => {}
                    Err(error) => tracing::debug!("no picture from Microsoft Graph: {error:#}"),
                }
            }
            None
        };
        tokio::time::timeout(PICTURE_TIMEOUT, look).await.unwrap_or_default()
    }

    async fn picture_at(&self, path: &str, access_token: &SecretString) -> anyhow::Result<Option<String>> {
        let request = self.http.get(format!("{}{path}", self.graph_url));
        let sent = request.bearer_auth(access_token.expose_secret()).send().await;
        let response = sent.map_err(outgoing::CallError::from)?;
        if !response.status().is_success() {
            return Ok(None);
        }
        let Some(kind) = picture_type(&response) else {
            return Ok(None);
        };
        let bytes = outgoing::body(response, MAX_PICTURE).await?;
        let picture = format!("data:{kind};base64,{}", STANDARD.encode(bytes));
        Ok(Some(picture).filter(|picture| picture.len() <= MAX_PICTURE))
    }
}

/// What kind of picture an answer is, where it is one that is kept.
fn picture_type(response: &Response) -> Option<&'static str> {
    let header = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = header.and_then(|header| header.split(';').next()).unwrap_or_default().trim();
    PICTURE_TYPES.into_iter().find(|known| kind.eq_ignore_ascii_case(known))
}

/// The issuers of the tenants that an issuer stands for.
fn template(issuer: &str) -> String {
    issuer.replacen("/organizations/", &format!("/{TENANT}/"), 1).replacen(
        "/common/",
        &format!("/{TENANT}/"),
        1,
    )
}

fn identity(claims: &Claims) -> anyhow::Result<Identity> {
    let more = claims.additional_claims();
    let present = |claim: &Option<String>| claim.clone().filter(|text| is_plain(text));
    let tenant = present(&more.tid).context("the ID token names no tenant (tid)")?.to_lowercase();
    let subject = present(&more.oid).context("the ID token names no person (oid)")?;
    let user_name = claims.preferred_username().map(|name| name.trim().to_lowercase());
    let email = claims
        .email()
        .map(|email| email.trim().to_lowercase())
        .filter(|email| is_email(email) && is_plain(email));
    let login = user_name.filter(|name| is_plain(name)).or_else(|| email.clone());
    let login = login.unwrap_or_else(|| format!("microsoft:{subject}"));
    let name = claims.name().and_then(|name| name.get(None)).and_then(|name| display_name(name));
    Ok(Identity {
        provider: Provider::Microsoft,
        issuer: claims.issuer().to_string(),
        tenant,
        subject,
        name: name.or_else(|| display_name(&login)).ok_or_else(|| anyhow!("the ID token has no name"))?,
        login,
        email,
        picture: None,
        is_vouched_for: true,
    })
}
