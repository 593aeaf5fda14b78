//! Whether the program is there (`/health/live`) and can work (`/health/ready`), for balancers and
//! supervisors. Beside the contracts, without an envelope.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::leave::{self, Leave};
use crate::app::App;

/// How long the database has to answer.
const PATIENCE: Duration = Duration::from_secs(3);

pub fn router(leave: &Arc<Leave>) -> Router<Arc<App>> {
    let ready = get(ready).layer(middleware::from_fn_with_state(Arc::clone(leave), leave::watch));
    Router::new().route("/health/live", get(live)).route("/health/ready", ready)
}

async fn live() -> Response {
    answer(StatusCode::OK, r#"{"status":"ok"}"#)
}

async fn ready(State(app): State<Arc<App>>) -> Response {
    let asked = tokio::time::timeout(PATIENCE, crate::database::answers(&app.pool)).await;
    match asked {
        Ok(Ok(())) => answer(StatusCode::OK, r#"{"status":"ok","checks":{"database":"ok"}}"#),
        _ => answer(
            StatusCode::SERVICE_UNAVAILABLE,
            r#"{"status":"unavailable","checks":{"database":"unavailable"}}"#,
        ),
    }
}

fn answer(status: StatusCode, body: &'static str) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}
