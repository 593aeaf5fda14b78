//! Integrations.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::V1;
use crate::access::Permission::{
    IntegrationCall, IntegrationCheck, IntegrationCreate, IntegrationDelete, IntegrationFetch,
    IntegrationFetchMany, IntegrationUpdate,
};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::http::contract::Listed;
use crate::http::guard::Allowed;
use crate::http::input::{Body, ListQuery, Path, Query};
use crate::http::integration::{HealthView, New, Shown, StatusView, Update};
use crate::http::route::{Route, delete, get, patch, post};
use crate::integration::call::Reply;
use crate::integration::{self, Check, Integration, Kind, Verdict};

pub fn routes() -> Vec<Route> {
    vec![
        get("/integration", "Get All Integrations", list)
            .needs([IntegrationFetchMany])
            .answers::<V1>(StatusCode::OK, "Integrations Fetched Successfully!"),
        post("/integration", "Create Integration", create)
            .needs([IntegrationCreate])
            .answers::<V1>(StatusCode::CREATED, "Integration Created Successfully!"),
        get("/integration/{id}", "Get Integration by ID", fetch)
            .signed_in()
            .sometimes([IntegrationFetch])
            .answers::<V1>(StatusCode::OK, "Integration Fetched Successfully!"),
        patch("/integration/{id}", "Update Integration", update)
            .signed_in()
            .sometimes([IntegrationUpdate])
            .answers::<V1>(StatusCode::OK, "Integration Updated Successfully!"),
        delete("/integration/{id}", "Delete Integration", remove)
            .needs([IntegrationDelete])
            .answers::<V1>(StatusCode::OK, "Integration Deleted Successfully!"),
        post("/integration/{id}/check", "Check Integration", check)
            .signed_in()
            .sometimes([IntegrationCheck])
            .answers::<V1>(StatusCode::OK, "Integration Checked Successfully!"),
        get("/integration/{id}/checks", "Get Integration Checks", checks)
            .signed_in()
            .sometimes([IntegrationFetch])
            .answers::<V1>(StatusCode::OK, "Integration Checks Fetched Successfully!"),
        post("/integration/{id}/endpoints/{name}/call", "Call Integration Endpoint", call)
            .needs([IntegrationCall])
            .asks_another_server()
            .answers::<V1>(StatusCode::OK, "Integration Endpoint Called Successfully!"),
    ]
}

/// An integration.
#[derive(Serialize, JsonSchema)]
struct IntegrationView {
    /// The integration's id.
    id: Uuid,
    #[serde(flatten)]
    shown: Shown,
}

impl From<Integration> for IntegrationView {
    fn from(integration: Integration) -> Self {
        Self { id: integration.id, shown: integration.into() }
    }
}

/// Which integrations to list.
#[derive(Deserialize, JsonSchema)]
struct IntegrationListQuery {
    #[serde(flatten)]
    list: ListQuery,
    /// The product that they are for.
    #[serde(default)]
    #[schemars(with = "Kind")]
    r#type: Option<Kind>,
}

async fn list(
    allowed: Allowed,
    Query(query): Query<IntegrationListQuery>,
) -> Result<Listed<IntegrationView>> {
    let IntegrationListQuery { list, r#type: kind } = query;
    let Allowed { app, caller, .. } = &allowed;
    let integrations = integration::list(app, caller, kind, list.search(), list.paging()).await?;
    Ok(integrations.map(IntegrationView::from).into())
}

/// An integration to be made, and nothing else.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(transform = close)]
struct CreateIntegration(New);

async fn create(allowed: Allowed, Body(input): Body<CreateIntegration>) -> Result<IntegrationView> {
    Ok(integration::create(&allowed.app, &allowed.caller, input.0.into()).await?.into())
}

async fn fetch(allowed: Allowed, Path([id]): Path<1>) -> Result<IntegrationView> {
    Ok(integration::find(&allowed.app, &allowed.caller, IntegrationFetch, &id).await?.into())
}

/// A change of an integration, and nothing else.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(transform = close)]
struct UpdateIntegration(Update);

/// Refuses fields that are not known.
fn close(schema: &mut Schema) {
    schema.insert("additionalProperties".to_owned(), Value::Bool(false));
}

async fn update(
    allowed: Allowed,
    Path([id]): Path<1>,
    Body(input): Body<UpdateIntegration>,
) -> Result<IntegrationView> {
    Ok(integration::update(&allowed.app, &allowed.caller, &id, input.0.into()).await?.into())
}

async fn remove(allowed: Allowed, Path([id]): Path<1>) -> Result<()> {
    integration::delete(&allowed.app, &allowed.caller, &id).await
}

async fn check(allowed: Allowed, Path([id]): Path<1>) -> Result<HealthView> {
    Ok(integration::check(&allowed.app, &allowed.caller, &id).await?.into())
}

/// A check that was made.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct CheckView {
    /// When it began.
    at: Timestamp,
    /// What it came to.
    status: StatusView,
    /// What it found.
    verdict: Verdict,
    /// The same for a person.
    #[schemars(example = &"Integration is active and responding")]
    message: String,
    /// How long it took, in milliseconds.
    #[schemars(example = 120)]
    duration_ms: i64,
}

impl From<Check> for CheckView {
    fn from(check: Check) -> Self {
        Self {
            at: Timestamp(check.at),
            status: check.status.into(),
            verdict: check.verdict,
            message: check.message,
            duration_ms: check.duration_ms,
        }
    }
}

async fn checks(allowed: Allowed, Path([id]): Path<1>) -> Result<Vec<CheckView>> {
    let checks = integration::history(&allowed.app, &allowed.caller, &id).await?;
    Ok(checks.into_iter().map(CheckView::from).collect())
}

/// What to send to an endpoint.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CallEndpoint {
    /// The query's parameters.
    #[serde(default)]
    #[schemars(extend("maxProperties" = 100), example = json!({"page": "2"}))]
    query: BTreeMap<String, String>,
    /// The body, which is sent as JSON; none is sent where it is left out or `null`.
    #[serde(default)]
    #[schemars(example = json!({"ticket": {"subject": "The printer is on fire"}}))]
    body: Option<Value>,
}

/// What the product answered, whatever that is.
#[derive(Serialize, JsonSchema)]
struct ReplyView {
    /// The status.
    #[schemars(example = 200)]
    status: u16,
    /// Those of its headers that a client may need.
    #[schemars(example = json!({"content-type": "application/json"}))]
    headers: BTreeMap<String, String>,
    /// The body: JSON where it is JSON, else its text.
    #[schemars(example = json!({"tickets": []}))]
    body: Value,
}

impl From<Reply> for ReplyView {
    fn from(reply: Reply) -> Self {
        Self { status: reply.status, headers: reply.headers, body: reply.body }
    }
}

async fn call(
    allowed: Allowed,
    Path([id, name]): Path<2>,
    Body(input): Body<CallEndpoint>,
) -> Result<ReplyView> {
    let CallEndpoint { query, body } = input;
    let Allowed { app, caller, .. } = &allowed;
    Ok(integration::call_endpoint(app, caller, &id, &name, query, body).await?.into())
}
