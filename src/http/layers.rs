//! What happens around every request.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use tower_http::cors::{AllowCredentials, AllowOrigin, CorsLayer};
use tower_http::set_header::SetResponseHeaderLayer;
use tracing::Instrument;

use super::client::{self, RequestId};
use super::contract::Failure;
use crate::app::{App, Settings};

/// The most that a request's headers may hold together, in bytes.
const MAX_HEADERS: usize = 32 * 1024;

/// Headers that say one thing. Of two of them each server on the way might believe another.
static ONCE: [(HeaderName, &str); 4] = [
    (header::AUTHORIZATION, "More than one Authorization header"),
    (header::CONTENT_TYPE, "More than one Content-Type header"),
    (header::HOST, "More than one Host header"),
    (HeaderName::from_static("x-refresh-token"), "More than one x-refresh-token header"),
];

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Gives the request an id, bounds its headers, writes its one line to the log and puts the headers on
/// the answer that all answers have.
pub async fn around(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let (id, began) = (crate::id::new(), Instant::now());
    request.extensions_mut().insert(RequestId(id));
    let (parts, body) = request.into_parts();
    let address = client::address(&parts, &app.settings.trusted_proxies);
    let method = parts.method.clone();
    let route = parts.extensions.get::<MatchedPath>().cloned();
    let span = tracing::info_span!("request", %id);
    let mut response = match refused(&parts.headers) {
        Some(failure) => super::refuse_at(parts.uri.path(), &failure),
        None => next.run(Request::from_parts(parts, body)).instrument(span.clone()).await,
    };
    let microseconds = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
    let address = address.map(|(address, _)| address.to_string()).unwrap_or_default();
    let route = route.as_ref().map_or("-", MatchedPath::as_str);
    span.in_scope(|| {
        tracing::info!(%method, route, status = response.status().as_u16(), microseconds, address, "answered");
    });
    if let Ok(id) = HeaderValue::from_str(&id.to_string()) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    secure(response.headers_mut(), &app.settings);
    response
}

/// Why no request with these headers is looked at.
fn refused(headers: &HeaderMap) -> Option<Failure> {
    if header_bytes(headers) > MAX_HEADERS {
        let rule = "The headers must be at most 32 KiB";
        return Some(Failure::Http(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, rule));
    }
    let twice = ONCE.iter().find(|(name, _)| headers.get_all(name).iter().nth(1).is_some());
    twice.map(|(_, rule)| Failure::Http(StatusCode::BAD_REQUEST, rule))
}

fn header_bytes(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum()
}

/// Headers that keep a browser from doing anything with an answer but hand it to its script. An answer
/// may have its own for what it needs.
fn secure(headers: &mut HeaderMap, settings: &Settings) {
    let common = [
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ];
    let is_https = settings.is_https();
    let strict = is_https.then_some((header::STRICT_TRANSPORT_SECURITY, "max-age=31536000"));
    for (name, value) in common.into_iter().chain(strict) {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}

/// Marks the answers at an older path (RFC 9745), which had a newer one from 2026-02-17 on.
pub fn deprecated() -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::overriding(
        HeaderName::from_static("deprecation"),
        HeaderValue::from_static("@1771286400"),
    )
}

/// The one address at which scripts of other origins may be given a cookie: that of the browser that begins
/// a sign-in, which opens nothing else.
const SIGN_IN: &str = "/v1/auth/uri";

/// Lets scripts of the configured origins, where there are any, and of no others, read answers; with cookies
/// at [`SIGN_IN`] only.
pub fn cors(settings: &Settings) -> Option<CorsLayer> {
    if settings.cors_allowed_origins.is_empty() {
        return None;
    }
    let origins =
        settings.cors_allowed_origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok());
    let layer = CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_credentials(AllowCredentials::predicate(|_, parts| parts.uri.path() == SIGN_IN))
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            HeaderName::from_static("x-refresh-token"),
        ])
        .expose_headers([REQUEST_ID, header::RETRY_AFTER])
        .max_age(std::time::Duration::from_hours(1));
    Some(layer)
}
