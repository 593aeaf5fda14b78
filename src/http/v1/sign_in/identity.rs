//! Whom else one is: the identities that an account is linked to.

use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ProviderName, REDIRECT, UriView, V1, view};
use crate::access::hand_over::{self, Wish};
use crate::access::identity::{self, Linked};
use crate::access::oauth::Provider;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::http::contract::Headed;
use crate::http::guard::Allowed;
use crate::http::input::{Path, Query};
use crate::http::route::{Route, delete, get, post};

pub fn routes() -> Vec<Route> {
    vec![
        get("/auth/identities", "Get Identities", list)
            .signed_in()
            .of_oneself()
            .answers::<V1>(StatusCode::OK, "Identities Fetched Successfully!"),
        post("/auth/identities", "Link Identity", link)
            .signed_in()
            .asks_another_server()
            .of_oneself()
            .answers::<V1>(StatusCode::OK, "Successfully fetch Auth URI"),
        delete("/auth/identities/{id}", "Unlink Identity", unlink)
            .signed_in()
            .of_oneself()
            .answers::<V1>(StatusCode::OK, "Identity Unlinked Successfully!"),
    ]
}

/// A way to sign in with a provider.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct IdentityView {
    /// Its id.
    #[schemars(example = &"ckx...")]
    id: String,
    /// The provider.
    #[schemars(example = &"google")]
    provider: String,
    /// When it was linked.
    created_at: Timestamp,
    /// When it was last used to sign in.
    last_used_at: Timestamp,
}

impl From<Linked> for IdentityView {
    fn from(linked: Linked) -> Self {
        let Linked { id, provider, created_at, last_used_at } = linked;
        let (created_at, last_used_at) = (Timestamp(created_at), Timestamp(last_used_at));
        Self { id: id.to_string(), provider, created_at, last_used_at }
    }
}

/// With whom to sign in from now on too.
#[derive(Deserialize, JsonSchema)]
struct LinkQuery {
    /// The provider (default: `microsoft`).
    #[serde(default)]
    #[schemars(with = "Option<ProviderName>")]
    provider: Option<Provider>,
}

async fn list(allowed: Allowed) -> Result<Vec<IdentityView>> {
    Ok(identity::list(&allowed.app, &allowed.caller).await?.into_iter().map(Into::into).collect())
}

async fn link(allowed: Allowed, Query(query): Query<LinkQuery>) -> Result<Headed<UriView>> {
    let provider = query.provider.unwrap_or_default();
    let wish = Wish { provider, come_back_to: REDIRECT, code_challenge: None };
    let begun = hand_over::begin_linking(&allowed.app, &allowed.caller, wish).await?;
    view(&allowed.app.settings, begun)
}

async fn unlink(allowed: Allowed, Path([id]): Path<1>) -> Result<()> {
    identity::unlink(&allowed.app, &allowed.caller, &id).await
}
