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
use crate::metrics::Answered;
use crate::telemetry::{self, Headers};

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

/// What stands for the template of the route where a path has none.
const NO_ROUTE: &str = "-";

/// Gives the request an id, bounds its headers, writes its one line to the log, measures it and puts the
/// headers on the answer that all answers have.
pub async fn around(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let (id, began) = (crate::id::new(), Instant::now());
    request.extensions_mut().insert(RequestId(id));
    let (parts, body) = request.into_parts();
    let address = client::address(&parts, &app.settings.trusted_proxies);
    let method = method(&parts.method);
    let route = parts.extensions.get::<MatchedPath>().map_or(NO_ROUTE, MatchedPath::as_str).to_owned();
    let trace = telemetry::of_request(method, &route, id, &Headers(&parts.headers));
    let span = tracing::info_span!("request", %id);
    let mut response = if let Some(failure) = refused(&parts.headers) {
        super::refuse_at(parts.uri.path(), &failure)
    } else {
        let answer = next.run(Request::from_parts(parts, body));
        answer.instrument(span.clone()).instrument(trace.clone()).await
    };
    let (status, took) = (response.status().as_u16(), began.elapsed());
    let microseconds = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    let address = address.map(|(address, _)| address.to_string()).unwrap_or_default();
    span.in_scope(|| tracing::info!(method, route, status, microseconds, address, "answered"));
    telemetry::answered(&trace, status);
    let what = Answered { http_request_method: method, http_route: route, http_response_status_code: status };
    app.metrics.answered(&what, took);
    if let Ok(id) = HeaderValue::from_str(&id.to_string()) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    secure(response.headers_mut(), &app.settings);
    response
}

/// The name of a method; OpenTelemetry's word for one that is none of HTTP's, which a client can make up.
fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::CONNECT => "CONNECT",
        Method::TRACE => "TRACE",
        _ => "_OTHER",
    }
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
