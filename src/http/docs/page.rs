//! `/openapi.json`, and `/docs`: Swagger UI, served from the program itself.

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use utoipa_swagger_ui::{Config, serve};

use crate::app::App;

const DOCUMENT: &str = "/openapi.json";

/// The page may do no more than it must: run its own scripts and styles, and talk to this server.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The document and the page.
pub fn router() -> Router<Arc<App>> {
    Router::new()
        .route(DOCUMENT, get(document))
        .route("/docs", get(file))
        .route("/docs/", get(file))
        .route("/docs/{*file}", get(file))
}

async fn document() -> Response {
    static TEXT: LazyLock<String> = LazyLock::new(|| super::openapi().to_string());
    ([(header::CONTENT_TYPE, "application/json")], TEXT.as_str()).into_response()
}

async fn file(request: Request) -> Response {
    let path = request.uri().path().trim_start_matches("/docs").trim_start_matches('/');
    let config = Arc::new(Config::from(DOCUMENT).use_base_layout());
    match serve(path, config) {
        Ok(Some(file)) => {
            let headers = [
                (header::CONTENT_TYPE, file.content_type),
                (header::CONTENT_SECURITY_POLICY, POLICY.to_owned()),
            ];
            (headers, rooted(path, &file.bytes)).into_response()
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

/// The start page asks for its parts beside itself; it must find them below `/docs/` without a slash too.
fn rooted(path: &str, bytes: &[u8]) -> Vec<u8> {
    match std::str::from_utf8(bytes) {
        Ok(text) if path.is_empty() || path == "index.html" => {
            text.replace("\"./", "\"/docs/").replace("\"index.css", "\"/docs/index.css").into_bytes()
        }
        _ => bytes.to_vec(),
    }
}
