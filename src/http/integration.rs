//! What the contracts have in common where they speak of integrations.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::input::present;
use crate::clock::Timestamp;
use crate::integration::{
    AuthType, Change, Endpoint, Given, Health, Integration, Kind, NewIntegration, Status, Verdict,
};

/// An integration to be made.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct New {
    /// Its name; two integrations may share one.
    #[schemars(length(min = 1, max = 200), regex(pattern = r"\S"), example = &"Zendesk Integration")]
    name: String,
    /// What it is for.
    #[serde(default)]
    #[schemars(length(max = 10_000), example = &"Integration with Zendesk for support tickets")]
    description: String,
    /// The product, which never changes.
    r#type: Kind,
    config: Config,
    /// The requests that it knows by name.
    #[serde(default)]
    #[schemars(length(max = 100))]
    endpoints: Vec<Endpoint>,
    /// The ids of the accounts that look after it besides.
    #[serde(default)]
    #[schemars(length(max = 100), example = [""; 0])]
    managers: Vec<String>,
    /// Whether it is in use (default: true).
    #[serde(default)]
    #[schemars(with = "bool", example = true)]
    is_active: Option<bool>,
}

impl From<New> for NewIntegration {
    fn from(new: New) -> Self {
        Self {
            name: new.name,
            description: new.description,
            kind: new.r#type,
            base_url: new.config.base_url,
            auth_type: new.config.auth.r#type,
            credentials: new.config.auth.credentials,
            endpoints: new.endpoints,
            managers: new.managers,
            is_active: new.is_active.unwrap_or(true),
        }
    }
}

/// A change of an integration. What is left out stays.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Update {
    /// Its name.
    #[serde(default)]
    #[schemars(with = "String", length(min = 1, max = 200), regex(pattern = r"\S"), example = &"Updated Zendesk Integration")]
    name: Option<String>,
    /// What it is for.
    #[serde(default)]
    #[schemars(with = "String", length(max = 10_000), example = &"Updated description")]
    description: Option<String>,
    /// May be sent, but must be the one that it has.
    #[serde(default)]
    #[schemars(with = "Kind")]
    r#type: Option<Kind>,
    #[serde(default)]
    #[schemars(with = "ConfigChange")]
    config: Option<ConfigChange>,
    /// All the requests that it knows by name.
    #[serde(default)]
    #[schemars(with = "Vec<Endpoint>", length(max = 100))]
    endpoints: Option<Vec<Endpoint>>,
    /// The ids of exactly the accounts that look after it besides.
    #[serde(default)]
    #[schemars(with = "Vec<String>", length(max = 100), example = [""; 0])]
    managers: Option<Vec<String>>,
    /// Whether it is in use.
    #[serde(default)]
    #[schemars(with = "bool", example = false)]
    is_active: Option<bool>,
}

impl From<Update> for Change {
    fn from(update: Update) -> Self {
        let config = update.config.unwrap_or_default();
        let auth = config.auth.unwrap_or_default();
        Self {
            name: update.name,
            description: update.description,
            kind: update.r#type,
            base_url: config.base_url,
            auth_type: auth.r#type,
            credentials: auth.credentials,
            endpoints: update.endpoints,
            managers: update.managers,
            is_active: update.is_active,
        }
    }
}

/// Where the product is, and how one proves to it who one is.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
struct Config {
    /// The product's address; `https` on the public internet, unless the operator allows its network.
    #[schemars(length(min = 1, max = 2000), example = &"https://example.zendesk.com")]
    base_url: String,
    /// How one proves to the product who one is.
    auth: Auth,
}

/// How one proves to the product who one is, and with what.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
struct Auth {
    /// The way.
    r#type: AuthType,
    /// What that takes, which may also come later. It is never shown again.
    #[serde(default)]
    #[schemars(with = "Option<Parts>", example = json!({"apiToken": "your_zendesk_api_token"}))]
    credentials: Option<Given>,
}

/// The parts of credentials, by name.
type Parts = BTreeMap<String, Option<String>>;

/// A change of where the product is and how one proves to it who one is. Where either changes, the credentials
/// that are known are forgotten unless others come with it.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
struct ConfigChange {
    /// The product's address.
    #[serde(default)]
    #[schemars(with = "String", length(min = 1, max = 2000), example = &"https://example.zendesk.com")]
    base_url: Option<String>,
    /// How one proves to the product who one is.
    #[serde(default)]
    #[schemars(with = "AuthChange")]
    auth: Option<AuthChange>,
}

/// A change of how one proves to the product who one is.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
struct AuthChange {
    /// The way.
    #[serde(default)]
    #[schemars(with = "AuthType")]
    r#type: Option<AuthType>,
    /// All that it takes; `null` forgets what is known.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<Parts>", example = json!({"clientId": "client_id", "clientSecret": "client_secret"}))]
    credentials: Option<Option<Given>>,
}

/// What every contract shows of an integration, besides its id. Its credentials are never shown.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Shown {
    /// Its name; two integrations may share one.
    #[schemars(example = &"Zendesk Integration")]
    name: String,
    /// What it is for.
    #[schemars(example = &"Integration with Zendesk for support tickets")]
    description: String,
    /// The product.
    r#type: Kind,
    config: ConfigView,
    /// The requests that it knows by name.
    endpoints: Vec<Endpoint>,
    /// Whether it is in use.
    #[schemars(example = true)]
    is_active: bool,
    health: HealthView,
    /// The id of the account that made it; `null` where that is gone.
    created_by: Option<Uuid>,
    /// The ids of the accounts that look after it besides.
    managers: Vec<Uuid>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<Integration> for Shown {
    fn from(integration: Integration) -> Self {
        Self {
            config: ConfigView::from(&integration),
            name: integration.name,
            description: integration.description,
            r#type: integration.kind,
            endpoints: integration.endpoints,
            is_active: integration.is_active,
            health: integration.health.into(),
            created_by: integration.created_by,
            managers: integration.managers,
            created_at: Timestamp(integration.created_at),
            updated_at: Timestamp(integration.updated_at),
        }
    }
}

/// Where the product is, and how one proves to it who one is.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
struct ConfigView {
    /// The product's address.
    #[schemars(example = &"https://example.zendesk.com")]
    base_url: String,
    /// How one proves to the product who one is.
    auth: AuthView,
}

/// How one proves to the product who one is.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
struct AuthView {
    /// The way.
    r#type: AuthType,
    /// Whether the credentials for it are known.
    #[schemars(example = true)]
    has_credentials: bool,
}

impl From<&Integration> for ConfigView {
    fn from(integration: &Integration) -> Self {
        let auth = AuthView { r#type: integration.auth_type, has_credentials: integration.has_credentials };
        Self { base_url: integration.base_url.clone(), auth }
    }
}

/// How an integration is doing, in a word.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum StatusView {
    Healthy,
    Unhealthy,
    /// Nobody has looked yet.
    Unknown,
    /// It is switched off.
    Inactive,
}

impl From<Status> for StatusView {
    fn from(status: Status) -> Self {
        match status {
            Status::Healthy => Self::Healthy,
            Status::Unhealthy => Self::Unhealthy,
            Status::Unknown => Self::Unknown,
            Status::Inactive => Self::Inactive,
        }
    }
}

/// How an integration is doing.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct HealthView {
    /// In a word.
    status: StatusView,
    /// What the last check found; `null` before it, and while the integration is switched off.
    verdict: Option<Verdict>,
    /// When it was last looked at; before that, when it was made.
    last_checked: Timestamp,
    /// The same for a person.
    #[schemars(example = &"Integration is active and responding")]
    message: String,
}

impl From<Health> for HealthView {
    fn from(health: Health) -> Self {
        Self {
            status: health.status.into(),
            verdict: health.verdict,
            last_checked: Timestamp(health.last_checked),
            message: health.message,
        }
    }
}
