//! The audit record.

use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;

use super::V1;
use crate::access::Permission::AuditRead;
use crate::audit::{self, EventView, Filter};
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
