//! HTTP: the wire contracts, each a table of routes, behind layers that all share.

mod client;
mod contract;
pub mod docs;
mod guard;
mod handler;
mod health;
mod input;
mod layers;
pub mod route;
mod schema;
mod serve;
pub mod v1;

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware;
use axum::response::Response;
use tower_http::catch_panic::CatchPanicLayer;

use crate::app::App;
use contract::{Contract, Failure};
use route::Route;

pub use serve::serve;

/// Everything that the program answers.
pub fn router(app: &Arc<App>) -> Router {
    let v1 = mount::<v1::V1>(v1::routes());
    let outside = Router::new().merge(health::router()).fallback(not_found::<v1::V1>);
    let all = outside.nest(v1::V1::PREFIX, v1).with_state(Arc::clone(app));
    let contained = all.layer(CatchPanicLayer::custom(panicked::<v1::V1>));
    let with_cors = contained.layer(layers::cors(&app.settings));
    with_cors.layer(middleware::from_fn_with_state(Arc::clone(app), layers::around))
}

/// The routes of a contract, and its own answers to what it has no route for.
fn mount<C: Contract>(routes: Vec<Route>) -> Router<Arc<App>> {
    let mut mounted = Router::new();
    for route in routes {
        mounted = mounted.route(route.row.path, route.service);
    }
    mounted
        .method_not_allowed_fallback(method_not_allowed::<C>)
        .fallback(not_found::<C>)
        .layer(CatchPanicLayer::custom(panicked::<C>))
}

async fn not_found<C: Contract>(_: Request) -> Response {
    C::failure(&Failure::Http(StatusCode::NOT_FOUND, "Resource not found"))
}

async fn method_not_allowed<C: Contract>(_: Request) -> Response {
    C::failure(&Failure::Http(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed"))
}

#[expect(clippy::needless_pass_by_value, reason = "tower-http hands the panic over")]
fn panicked<C: Contract>(panic: Box<dyn std::any::Any + Send>) -> Response<axum::body::Body> {
    let text =
        panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let failure =
        Failure::Core(crate::error::Error::Internal(anyhow::anyhow!("panic: {}", text.unwrap_or("?"))));
    failure.log();
    C::failure(&failure)
}
