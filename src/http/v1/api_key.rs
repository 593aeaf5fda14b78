//! API keys.

use axum::http::StatusCode;
use schemars::JsonSchema;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::V1;
use crate::access::Permission::{ApiKeyCreate, ApiKeyDelete, ApiKeyFetchMany};
use crate::access::key::{self, ApiKey, NewKey};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::http::contract::Listed;
use crate::http::guard::Allowed;
use crate::http::input::{Body, PageQuery, Path, Query, time};
use crate::http::route::{Route, delete, get, post};

pub fn routes() -> Vec<Route> {
    vec![
        post("/api-key", "Create API Key", create)
            .needs([ApiKeyCreate])
            .of_oneself()
            .answers::<V1>(StatusCode::CREATED, "API Key Created Successfully!"),
        get("/api-key", "Get API Keys", list)
            .signed_in()
            .sometimes([ApiKeyFetchMany])
            .of_oneself()
            .answers::<V1>(StatusCode::OK, "API Keys Fetched Successfully!"),
        delete("/api-key/{id}", "Delete API Key", revoke)
            .signed_in()
            .sometimes([ApiKeyDelete])
            .of_oneself()
            .answers::<V1>(StatusCode::OK, "API Key Deleted Successfully!"),
    ]
}

/// A key.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct KeyView {
    /// The key's id.
    id: Uuid,
    /// Its name for people.
    #[schemars(example = &"Nightly backup")]
    name: String,
    /// How the key begins, to tell it from others.
    #[schemars(example = &"ttscm_4fK9aT")]
    prefix: String,
    /// The nodes that it holds as long as its maker does.
    #[schemars(example = ["credential.fetch", "credential.fetch.many"])]
    permissions: Vec<String>,
    /// The companies in which it holds them; wherever its maker does where `null`.
    company_ids: Option<Vec<Uuid>>,
    /// Who made it.
    user: Maker,
    created_at: Timestamp,
    /// From when on it is refused.
    expires_at: Timestamp,
    /// When it was last used, to the minute.
    last_used_at: Option<Timestamp>,
    /// From which address that was.
    #[schemars(example = &"203.0.113.9")]
    last_used_address: Option<String>,
}

/// The account of a person.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Maker {
    id: Uuid,
    /// The display name.
    #[schemars(example = &"Jane Doe")]
    name: String,
}

impl From<ApiKey> for KeyView {
    fn from(key: ApiKey) -> Self {
        Self {
            id: key.id,
            name: key.name,
            prefix: key.prefix,
            permissions: key.permissions,
            company_ids: key.company_ids,
            user: Maker { id: key.user_id, name: key.user_name },
            created_at: Timestamp(key.created_at),
            expires_at: Timestamp(key.expires_at),
            last_used_at: key.last_used_at.map(Timestamp),
            last_used_address: key.last_used_address,
        }
    }
}

/// A key that was just made.
#[derive(Serialize, JsonSchema)]
struct NewKeyView {
    #[serde(flatten)]
    view: KeyView,
    /// The key itself, which is shown this once: `Authorization: Bearer` and this.
    #[schemars(example = &"ttscm_4fK9aT...")]
    key: String,
}

/// A key to be made.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreateKey {
    /// Its name for people.
    #[schemars(length(min = 1, max = 200), regex(pattern = r"\S"), example = &"Nightly backup")]
    name: String,
    /// The nodes that it is to hold, all of which the caller holds. `*`, and nodes of API keys, roles and
    /// permissions are none that a key can hold.
    #[schemars(length(min = 1, max = 200), example = ["credential.fetch", "credential.fetch.many"])]
    permissions: Vec<String>,
    /// The companies in which it is to hold them; everywhere without it. Permissions times companies are at most
    /// 2000.
    #[serde(default)]
    #[schemars(length(min = 1, max = 200), example = None::<Vec<String>>)]
    company_ids: Option<Vec<String>>,
    /// From when on it is refused (RFC 3339): at most 365 days away; in 90 days without it.
    #[serde(default)]
    #[schemars(example = None::<String>)]
    expires_at: Option<String>,
}

async fn create(allowed: Allowed, Body(input): Body<CreateKey>) -> Result<NewKeyView> {
    let new = NewKey {
        name: input.name,
        permissions: input.permissions,
        company_ids: input.company_ids,
        expires_at: time("expiresAt", input.expires_at.as_deref())?,
    };
    let (made, secret) = key::create(&allowed.app, &allowed.caller, new).await?;
    Ok(NewKeyView { view: made.into(), key: secret.expose_secret().to_owned() })
}

async fn list(allowed: Allowed, Query(page): Query<PageQuery>) -> Result<Listed<KeyView>> {
    Ok(key::list(&allowed.app, &allowed.caller, page.paging()).await?.map(KeyView::from).into())
}

async fn revoke(allowed: Allowed, Path([id]): Path<1>) -> Result<KeyView> {
    Ok(key::revoke(&allowed.app, &allowed.caller, &id).await?.into())
}
