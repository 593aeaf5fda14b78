//! Copying companies from ConnectWise, and what ConnectWise tells by itself.

use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::V1;
use crate::access::Permission::CompanySync;
use crate::clock::Timestamp;
use crate::company::callback;
use crate::company::sync::{self, State, Status};
use crate::error::Result;
use crate::http::guard::{Allowed, Visitor};
use crate::http::input::{ContentSignature, Query, RawBody};
use crate::http::route::{Route, get, post};

pub fn routes() -> Vec<Route> {
    vec![
        post("/company/sync", "Start Company Sync", start)
            .needs([CompanySync])
            .answers::<V1>(StatusCode::ACCEPTED, "Company Sync Started Successfully!"),
        get("/company/sync", "Get Company Sync", fetch)
            .needs([CompanySync])
            .answers::<V1>(StatusCode::OK, "Company Sync Fetched Successfully!"),
        post("/company/connectwise/callback", "Receive ConnectWise Callback", receive)
            .public("ConnectWise signs what it sends")
            .asks_another_server()
            .answers::<V1>(StatusCode::OK, "Callback Received Successfully!"),
    ]
}

/// What the copying does.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum StateView {
    Idle,
    Running,
    Failed,
    NotConfigured,
}

/// The run that is on, or the last one.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct SyncView {
    /// `failed` where the last run was not complete.
    state: StateView,
    /// `full` or `incremental`; `null` before the first run.
    #[schemars(example = &"incremental")]
    mode: Option<String>,
    started_at: Option<Timestamp>,
    finished_at: Option<Timestamp>,
    /// How many companies were read.
    #[schemars(example = 1342)]
    read: i64,
    /// How many were made or changed here.
    #[schemars(example = 12)]
    written: i64,
    /// How many were found to be gone.
    #[schemars(example = 1)]
    marked: i64,
    /// Why it was not complete, in one sentence.
    #[schemars(example = &None::<String>)]
    error: Option<String>,
}

impl From<Status> for SyncView {
    fn from(status: Status) -> Self {
        Self {
            state: match status.state {
                State::Idle => StateView::Idle,
                State::Running => StateView::Running,
                State::Failed => StateView::Failed,
                State::NotConfigured => StateView::NotConfigured,
            },
            mode: status.mode,
            started_at: status.started_at.map(Timestamp),
            finished_at: status.finished_at.map(Timestamp),
            read: status.progress.read,
            written: status.progress.written,
            marked: status.progress.marked,
            error: status.error,
        }
    }
}

/// How to copy.
#[derive(Deserialize, JsonSchema)]
struct StartQuery {
    /// Whether to read every company, not only those changed since the last complete run.
    #[serde(default)]
    full: bool,
}

async fn start(allowed: Allowed, Query(query): Query<StartQuery>) -> Result<SyncView> {
    Ok(sync::start(&allowed.app, &allowed.caller, query.full).await?.into())
}

async fn fetch(allowed: Allowed) -> Result<SyncView> {
    Ok(sync::status(&allowed.app, &allowed.caller).await?.into())
}

/// What ConnectWise tells of a change. It has more members than these.
#[derive(JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[expect(dead_code, reason = "it documents bytes that are verified as they came")]
struct Callback {
    /// `added`, `updated` or `deleted`.
    #[schemars(example = &"updated")]
    action: String,
    /// What has changed; only companies are looked after.
    #[schemars(example = &"company")]
    r#type: String,
    /// Its number.
    #[serde(rename = "ID")]
    #[schemars(example = 250)]
    id: i64,
    /// Counts once.
    #[schemars(example = &"6dd82302-5e46-47c0-8c84-702868125b76")]
    message_id: String,
    metadata: Metadata,
}

/// How it is signed.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it documents bytes that are verified as they came")]
struct Metadata {
    /// Where the signing key is to be had: at the configured ConnectWise.
    #[schemars(example = &"https://na.myconnectwise.net/v2026_3//system/callbackkey/index.rails?companyName=NWMSP&id=89966c04-9889-46ad-8d5e-421103aca922")]
    key_url: String,
}

async fn receive(
    visitor: Visitor,
    ContentSignature(signature): ContentSignature,
    body: RawBody<Callback>,
) -> Result<()> {
    callback::receive(&visitor.app, &body.bytes, &signature).await
}
