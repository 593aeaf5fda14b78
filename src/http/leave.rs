//! How a server leaves: where a balancer asks whether it is ready, that one is told first, and sends no more
//! requests; only then does the server let nobody in any more.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::watch;

/// Whoever asked within this time will ask again.
const LATELY: Duration = Duration::from_secs(10);

/// How often a balancer is told, which may want to hear it more than once.
const TIMES: u32 = 3;

/// How long the server waits to be asked so often.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether the server is about to leave, and who has been told.
#[derive(Default)]
pub struct Leave {
    asked: Mutex<Option<Instant>>,
    is_leaving: watch::Sender<bool>,
    told: watch::Sender<u32>,
}

/// Resolves when the server may leave, after `stop` came.
pub async fn leave(state: Arc<Leave>, stop: impl Future<Output = ()>) {
    stop.await;
    let asked = *state.asked.lock().unwrap_or_else(PoisonError::into_inner);
    if asked.is_some_and(|asked| asked.elapsed() < LATELY) {
        tracing::info!("whoever asks whether this server is ready is told that it leaves");
        state.is_leaving.send_replace(true);
        let mut told = state.told.subscribe();
        let is_told = told.wait_for(|told| *told >= TIMES);
        if tokio::time::timeout(PATIENCE, is_told).await.is_err() {
            tracing::debug!("nobody has asked often enough to be sure");
        }
    }
}

/// Stands before the answer whether the server is ready.
pub async fn watch(State(state): State<Arc<Leave>>, request: Request, next: Next) -> Response {
    *state.asked.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    if !*state.is_leaving.borrow() {
        return next.run(request).await;
    }
    state.told.send_modify(|told| *told += 1);
    let json = [(header::CONTENT_TYPE, "application/json")];
    (StatusCode::SERVICE_UNAVAILABLE, json, r#"{"status":"leaving"}"#).into_response()
}
