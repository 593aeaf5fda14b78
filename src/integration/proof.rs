//! How a product is shown who asks: credentials as headers.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};

use super::address::is_jira_cloud;
use super::{AuthType, Credentials, Kind, Product};

/// What is missing to ask a product, by the names of the parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Missing(pub Vec<&'static str>);

impl Missing {
    /// A sentence for people.
    pub fn sentence(&self) -> String {
        format!("The credentials are not complete; what is missing: {}", self.0.join(", "))
    }
}

/// What a product is shown.
pub(super) enum Proof<'a> {
    /// Headers.
    Headers(HeaderMap),
    /// A token, which is to be asked for with these.
    Grant(&'a Credentials),
}

/// What a product is to be shown.
pub(super) fn proof(product: &Product) -> Result<Proof<'_>, Missing> {
    let none = || Missing(product.auth_type.required().collect());
    let credentials = product.credentials.as_ref().ok_or_else(none)?;
    let part = |name: &'static str| credentials.part(name).ok_or_else(|| Missing(vec![name]));
    let mut headers = HeaderMap::new();
    let (name, value) = match product.auth_type {
        AuthType::Basic => (AUTHORIZATION, basic(part("username")?, part("password")?)),
        AuthType::Bearer => (AUTHORIZATION, format!("Bearer {}", part("token")?)),
        AuthType::Token => token(product, credentials, part("apiToken")?)?,
        AuthType::ApiKey => {
            let name = HeaderName::from_bytes(part("header")?.as_bytes());
            (name.map_err(|_| Missing(vec!["header"]))?, part("value")?.to_owned())
        }
        AuthType::Oauth => {
            let needed: &[_] = match product.kind {
                Kind::Servicenow => &["clientId", "clientSecret"],
                _ => &["clientId", "clientSecret", "tokenUrl"],
            };
            needed.iter().try_for_each(|name| part(name).map(drop))?;
            return Ok(Proof::Grant(credentials));
        }
        AuthType::Connectwise => {
            headers.insert(HeaderName::from_static("clientid"), secret(part("clientId")?, "clientId")?);
            let user = format!("{}+{}", part("companyId")?, part("publicKey")?);
            (AUTHORIZATION, basic(&user, part("privateKey")?))
        }
    };
    headers.insert(name, secret(&value, "value")?);
    Ok(Proof::Headers(headers))
}

/// An API token, as each product takes it.
fn token(product: &Product, credentials: &Credentials, token: &str) -> Result<(HeaderName, String), Missing> {
    let owner = credentials.part("email").or_else(|| credentials.part("username"));
    let needed = || owner.ok_or_else(|| Missing(vec!["email"]));
    Ok(match (product.kind, owner) {
        (Kind::Zendesk, _) => {
            let owner = needed()?;
            (AUTHORIZATION, basic(&format!("{}/token", owner.strip_suffix("/token").unwrap_or(owner)), token))
        }
        (Kind::Jira, _) if is_jira_cloud(&product.base_url) => (AUTHORIZATION, basic(needed()?, token)),
        (Kind::Servicenow, None) => (HeaderName::from_static("x-sn-apikey"), token.to_owned()),
        // a personal access token of a Data Center says by itself whose it is
        (Kind::Jira, _) | (_, None) => (AUTHORIZATION, format!("Bearer {token}")),
        (_, Some(owner)) => (AUTHORIZATION, basic(owner, token)),
    })
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// A header that is not shown in what is written for people who look for faults.
pub(super) fn secret(text: &str, part: &'static str) -> Result<HeaderValue, Missing> {
    let mut value = HeaderValue::from_str(text).map_err(|_| Missing(vec![part]))?;
    value.set_sensitive(true);
    Ok(value)
}
