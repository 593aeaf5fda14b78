//! HTTP: the wire contracts, each a table of routes, behind layers that all share.

mod browser;
mod client;
mod contract;
pub mod docs;
mod guard;
mod handler;
mod health;
mod input;
mod integration;
pub mod itsm;
mod layers;
mod leave;
mod metrics;
mod provider;
pub mod rbac;
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
use guard::GuardLayer;
use leave::Leave;
use route::Route;

pub use guard::bearer;
pub use serve::{serve, serve_metrics};

/// Everything that the program answers.
fn router(app: &Arc<App>, leave: &Arc<Leave>) -> Router {
    let v1 = mount::<v1::V1>(app, v1::routes());
    let rbac = mount::<rbac::Rbac>(app, rbac::routes());
    let itsm = mount::<itsm::Itsm>(app, itsm::routes());
    let outside = Router::new().merge(health::router(leave)).merge(docs::router());
    let outside =
        outside.method_not_allowed_fallback(method_not_allowed::<v1::V1>).fallback(not_found::<v1::V1>);
    let all = outside.nest(v1::V1::PREFIX, v1).nest(rbac::Rbac::PREFIX, rbac).nest(itsm::Itsm::PREFIX, itsm);
    let all = all.with_state(Arc::clone(app));
    let contained = all.layer(CatchPanicLayer::custom(panicked::<v1::V1>));
    let readable = match layers::cors(&app.settings) {
        Some(cors) => contained.layer(cors),
        None => contained,
    };
    readable.layer(middleware::from_fn_with_state(Arc::clone(app), layers::around))
}

/// A refusal in the bytes of the contract that is mounted above this path; of the native one where none is.
fn refuse_at(path: &str, failure: &Failure) -> Response {
    let is_below = |prefix: &str| path.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/'));
    if is_below(rbac::Rbac::PREFIX) {
        failure.write::<rbac::Rbac>()
    } else if is_below(itsm::Itsm::PREFIX) {
        failure.write::<itsm::Itsm>()
    } else {
        failure.write::<v1::V1>()
    }
}

/// The routes of a contract, and its own answers to what it has no route for.
fn mount<C: Contract>(app: &Arc<App>, routes: Vec<Route>) -> Router<Arc<App>> {
    let mut mounted = Router::new();
    for Route { row, service } in routes {
        let service = service.layer(GuardLayer::<C>::new(Arc::clone(app), Arc::clone(&row)));
        for alias in &row.aliases {
            mounted = mounted.route(alias, service.clone().layer(layers::deprecated()));
        }
        mounted = mounted.route(row.path, service);
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

/// What the panic says is for nobody: it may be what was worked on.
fn panicked<C: Contract>(_: Box<dyn std::any::Any + Send>) -> Response<axum::body::Body> {
    let cause = anyhow::anyhow!("a handler panicked");
    Failure::Core(crate::error::Error::Internal(cause)).answer::<C>()
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use tower::Service;

    use super::*;

    #[tokio::test]
    async fn a_panic_answers_500_and_says_nothing() {
        let boom = async || -> Response { panic!("the secret is hunter2") };
        let router = Router::<()>::new().route("/boom", axum::routing::get(boom));
        let mut contained = router.layer(CatchPanicLayer::custom(panicked::<v1::V1>));
        let request = axum::http::Request::get("/boom").body(axum::body::Body::empty()).unwrap();
        let response = contained.call(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(&body[..], br#"{"status":500,"message":"Internal server error","successful":false}"#);
    }
}
