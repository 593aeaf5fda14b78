//! Whether the program is there (`/health/live`) and can work (`/health/ready`), for balancers and
//! supervisors. Beside the contracts, without an envelope.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::middleware;
use axum::response::Response;
use axum::routing::get;
use serde::Serialize;

use super::contract::json;
use super::leave::{self, Leave};
use crate::app::App;
use crate::database;

/// How long the database has to answer.
const PATIENCE: Duration = Duration::from_secs(3);

pub fn router(leave: &Arc<Leave>) -> Router<Arc<App>> {
    let ready = get(ready).layer(middleware::from_fn_with_state(Arc::clone(leave), leave::watch));
    Router::new().route("/health/live", get(live)).route("/health/ready", ready)
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    checks: Option<Checks>,
}

/// What the program needs, each with a word.
#[derive(Serialize)]
struct Checks {
    /// It answers.
    database: &'static str,
    /// What other servers announce is heard.
    listener: &'static str,
    /// The schema is that of this program, or of a newer one.
    migrations: &'static str,
}

async fn live() -> Response {
    json(StatusCode::OK, &Health { status: word(true), checks: None })
}

async fn ready(State(app): State<Arc<App>>) -> Response {
    let look = async { (database::answers(&app.pool).await.is_ok(), is_migrated(&app).await) };
    let (database, migrations) = tokio::time::timeout(PATIENCE, look).await.unwrap_or((false, false));
    let listener = app.remembered.is_hearing();
    let is_ready = database && listener && migrations;
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let checks = Checks { database: word(database), listener: word(listener), migrations: word(migrations) };
    json(status, &Health { status: word(is_ready), checks: Some(checks) })
}

async fn is_migrated(app: &App) -> bool {
    database::is_migrated(&app.pool).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "the migrations cannot be seen");
        false
    })
}

fn word(is_well: bool) -> &'static str {
    if is_well { "ok" } else { "unavailable" }
}
