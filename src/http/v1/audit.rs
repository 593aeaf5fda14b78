//! The audit record.

use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::V1;
use crate::access::Permission::AuditRead;
use crate::audit::{self, Filter, Row};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::http::contract::Listed;
use crate::http::guard::Allowed;
use crate::http::input::{Query, time};
use crate::http::route::{Route, get};

pub fn routes() -> Vec<Route> {
    vec![
        get("/audit", "Get Audit Events", list)
            .needs([AuditRead])
            .answers::<V1>(StatusCode::OK, "Audit Events Fetched Successfully!"),
    ]
}

/// Something that happened.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct EventView {
    id: Uuid,
    /// When.
    at: Timestamp,
    /// What was done.
    #[schemars(example = &"credential.reveal")]
    action: String,
    /// `success`, `denied` or `failure`.
    #[schemars(example = &"success")]
    outcome: String,
    /// Who did it.
    actor: Actor,
    /// What it was done to.
    target: Target,
    /// The company that it is in.
    company_id: Option<Uuid>,
    /// The field, where it was about one.
    #[schemars(example = &"secretAccessKey")]
    field_id: Option<String>,
    /// The client's address.
    #[schemars(example = &"203.0.113.9")]
    address: Option<String>,
    /// The request, as its answer's `x-request-id` had it.
    request_id: Option<Uuid>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Actor {
    id: Option<Uuid>,
    /// The name at that time.
    #[schemars(example = &"Jane Doe")]
    name: String,
    /// `user`, `api_key`, or `system` for the program itself.
    #[schemars(example = &"user")]
    kind: String,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Target {
    /// `credential`, `credential_type`, `company`, `user`, `session`, …
    #[schemars(example = &"credential")]
    kind: String,
    id: Option<Uuid>,
    /// The name at that time.
    #[schemars(example = &"Production AWS Credentials")]
    name: Option<String>,
}

impl From<Row> for EventView {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            at: Timestamp(row.at),
            action: row.action,
            outcome: row.outcome,
            actor: Actor { id: row.actor_id, name: row.actor_name, kind: row.actor_kind },
            target: Target { kind: row.target_kind, id: row.target_id, name: row.target_name },
            company_id: row.company_id,
            field_id: row.field_id,
            address: row.address,
            request_id: row.request_id,
        }
    }
}

/// Which events to list, newest first.
#[derive(Deserialize, JsonSchema)]
struct ListQuery {
    /// By this user or API key.
    #[serde(default)]
    user: Option<String>,
    /// About things in this company.
    #[serde(default)]
    company: Option<String>,
    /// About this credential.
    #[serde(default)]
    credential: Option<String>,
    /// With this action.
    #[serde(default)]
    action: Option<String>,
    /// At this time or later (RFC 3339).
    #[serde(default)]
    from: Option<String>,
    /// Before this time (RFC 3339).
    #[serde(default)]
    to: Option<String>,
    /// The `nextCursor` of an earlier answer.
    #[serde(default)]
    cursor: Option<String>,
    /// How many events (default: 50).
    #[schemars(range(min = 1, max = 200))]
    #[serde(default)]
    limit: Option<i64>,
}

async fn list(allowed: Allowed, Query(query): Query<ListQuery>) -> Result<Listed<EventView>> {
    let filter = Filter {
        from: time("from", query.from.as_deref())?,
        to: time("to", query.to.as_deref())?,
        user: query.user,
        company: query.company,
        credential: query.credential,
        action: query.action,
        cursor: query.cursor,
        limit: query.limit.unwrap_or(50),
    };
    let (rows, next_cursor) = audit::list(&allowed.app, &allowed.caller, &filter).await?;
    Ok(Listed::with_cursor(rows.into_iter().map(EventView::from).collect(), next_cursor))
}
