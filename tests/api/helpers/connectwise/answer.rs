//! How ConnectWise writes what it says.

use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::{Value, json};

use super::fault::Fault;
use super::world::Call;

/// JSON with a status.
pub fn json_with(status: u16, body: &Value) -> Response {
    let status = StatusCode::from_u16(status).expect("a status");
    (status, [(header::CONTENT_TYPE, "application/json; charset=utf-8")], body.to_string()).into_response()
}

/// An error as the API writes most of them.
pub fn error(status: u16, code: &str, message: &str) -> Response {
    json_with(status, &json!({"code": code, "message": message, "errors": null}))
}

/// A page for people.
pub fn page(status: u16) -> Response {
    let status = StatusCode::from_u16(status).expect("a status");
    let text = "\r\n<!DOCTYPE html><html><body>We will be back soon</body></html>";
    (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], text).into_response()
}

/// What a fault answers by itself, before anything is looked up.
pub fn fault(fault: Fault, call: &Call) -> Option<Response> {
    Some(match fault {
        Fault::Busy(seconds) => {
            let message = format!("Too many requests. Please try again in {seconds} seconds.");
            let mut response = json_with(429, &json!({"error": "ConnectWiseAPI", "message": message}));
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
            response
        }
        Fault::BusyPage => page(429),
        Fault::Blocked => page(403),
        Fault::Timeout => error(500, "ConnectWiseApi", "A timeout has occured. Please try again."),
        Fault::BadGateway => page(502),
        Fault::Maintenance => page(200),
        Fault::Half => {
            let body = r#"[{"id": 1, "identifier": "Half", "name": "Ha"#;
            ([(header::CONTENT_TYPE, "application/json")], body).into_response()
        }
        Fault::Break => {
            let parts = [Ok(Bytes::from_static(b"[{\"id\": 1,")), Err(std::io::Error::other("broken"))];
            ([(header::CONTENT_TYPE, "application/json")], Body::from_stream(stream::iter(parts)))
                .into_response()
        }
        Fault::Unauthorized => error(401, "Unauthorized", "UserNotAuthenticated"),
        Fault::Elsewhere => error(404, "ConnectWiseApi", "The endpoint does not exist."),
        Fault::Redirect => {
            let to = "http://127.0.0.1:9/elsewhere";
            (StatusCode::FOUND, [(header::LOCATION, to)]).into_response()
        }
        Fault::Echo => error(400, &format!("{:?}", call.headers), &format!("{call:?}")),
        Fault::NoLink | Fault::Short | Fault::Gap | Fault::Lost | Fault::Silence => return None,
    })
}
