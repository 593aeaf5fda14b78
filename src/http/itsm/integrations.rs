//! Integrations.

use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::list::{Counted, PageQuery};
use super::{Beside, Itsm, Told, ToldWith};
use crate::access::Permission::{
    IntegrationCheck, IntegrationCreate, IntegrationDelete, IntegrationFetch, IntegrationFetchMany,
    IntegrationUpdate,
};
use crate::error::{Error, Result};
use crate::http::guard::Allowed;
use crate::http::input::{Body, Path, Query};
use crate::http::integration::{HealthView, New, Shown, Update};
use crate::http::route::{Route, delete, get, post, put};
use crate::integration::{self, Integration, Kind};

pub fn routes() -> Vec<Route> {
    vec![
        get("/integration", "Get All Integrations", list)
            .needs([IntegrationFetchMany])
            .answers::<Beside>(StatusCode::OK, "The integrations"),
        get("/integration/{id}", "Get Integration by ID", fetch)
            .signed_in()
            .sometimes([IntegrationFetch])
            .answers::<Itsm>(StatusCode::OK, "The integration"),
        get("/integration/type/{type}", "Get Integrations by Type", list_of_type)
            .needs([IntegrationFetchMany])
            .answers::<Beside>(StatusCode::OK, "The integrations"),
        post("/integration", "Create Integration", create)
            .needs([IntegrationCreate])
            .answers::<ToldWith>(StatusCode::CREATED, "Integration created successfully"),
        put("/integration/{id}", "Update Integration", update)
            .signed_in()
            .sometimes([IntegrationUpdate])
            .answers::<ToldWith>(StatusCode::OK, "Integration updated successfully"),
        delete("/integration/{id}", "Delete Integration", remove)
            .needs([IntegrationDelete])
            .answers::<Told>(StatusCode::OK, "Integration deleted successfully"),
        post("/integration/{id}/check-health", "Check Integration Health", check)
            .signed_in()
            .sometimes([IntegrationCheck])
            .answers::<ToldWith>(StatusCode::OK, "Health check performed"),
    ]
}

/// An integration.
#[derive(Serialize, JsonSchema)]
struct IntegrationView {
    /// The integration's id.
    #[serde(rename = "_id")]
    id: Uuid,
    #[serde(flatten)]
    shown: Shown,
}

impl From<Integration> for IntegrationView {
    fn from(integration: Integration) -> Self {
        Self { id: integration.id, shown: integration.into() }
    }
}

async fn list(allowed: Allowed, Query(page): Query<PageQuery>) -> Result<Counted<IntegrationView>> {
    let found = integration::list(&allowed.app, &allowed.caller, None, None, page.paging()).await?;
    Ok(found.map(IntegrationView::from).into())
}

async fn list_of_type(
    allowed: Allowed,
    Path([kind]): Path<1>,
    Query(page): Query<PageQuery>,
) -> Result<Counted<IntegrationView>> {
    let words = || Kind::ALL.map(Kind::as_str).join(", ");
    let kind: Kind =
        kind.parse().map_err(|_| Error::invalid("type", format!("Must be one of {}", words())))?;
    let found = integration::list(&allowed.app, &allowed.caller, Some(kind), None, page.paging()).await?;
    Ok(found.map(IntegrationView::from).into())
}

async fn fetch(allowed: Allowed, Path([id]): Path<1>) -> Result<IntegrationView> {
    Ok(integration::find(&allowed.app, &allowed.caller, IntegrationFetch, &id).await?.into())
}

async fn create(allowed: Allowed, Body(input): Body<New>) -> Result<IntegrationView> {
    Ok(integration::create(&allowed.app, &allowed.caller, input.into()).await?.into())
}

async fn update(allowed: Allowed, Path([id]): Path<1>, Body(input): Body<Update>) -> Result<IntegrationView> {
    Ok(integration::update(&allowed.app, &allowed.caller, &id, input.into()).await?.into())
}

async fn remove(allowed: Allowed, Path([id]): Path<1>) -> Result<()> {
    integration::delete(&allowed.app, &allowed.caller, &id).await
}

async fn check(allowed: Allowed, Path([id]): Path<1>) -> Result<HealthView> {
    Ok(integration::check(&allowed.app, &allowed.caller, &id).await?.into())
}
