//! The numbers for operators, at an address of their own that is not for clients: `GET /metrics`, and nothing
//! besides.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::app::App;
use crate::metrics::{CONTENT_TYPE, Now};

pub fn router(app: &Arc<App>) -> Router {
    let nothing = async || StatusCode::NOT_FOUND;
    Router::new().route("/metrics", get(numbers)).fallback(nothing).with_state(Arc::clone(app))
}

async fn numbers(State(app): State<Arc<App>>) -> Response {
    let (all, idle) = (app.pool.size(), u32::try_from(app.pool.num_idle()).unwrap_or(u32::MAX));
    let now = Now {
        used: all.saturating_sub(idle),
        idle,
        most: app.pool.options().get_max_connections(),
        listens: app.remembered.is_hearing(),
    };
    match app.metrics.text(now) {
        Ok(text) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "the metrics could not be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
