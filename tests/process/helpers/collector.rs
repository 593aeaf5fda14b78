//! A collector of traces of a test's own.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

/// What it was sent.
#[derive(Default)]
struct Sent {
    headers: Vec<HeaderMap>,
    requests: Vec<ExportTraceServiceRequest>,
    bytes: Vec<u8>,
}

/// A server that takes spans by OTLP over HTTP. It ends with the test.
#[derive(Clone)]
pub struct Collector {
    address: SocketAddr,
    sent: Arc<Mutex<Sent>>,
}

impl Collector {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let collector = Self { address: listener.local_addr().expect("an address"), sent: Arc::default() };
        let sent = Arc::clone(&collector.sent);
        let take = move |headers: HeaderMap, body: Bytes| async move {
            let mut sent = sent.lock().unwrap_or_else(PoisonError::into_inner);
            sent.headers.push(headers);
            sent.bytes.extend_from_slice(&body);
            sent.requests.push(ExportTraceServiceRequest::decode(body).expect("spans"));
        };
        let router = Router::new().route("/v1/traces", post(take));
        tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        collector
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every span so far.
    pub fn spans(&self) -> Vec<Span> {
        let sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        let of_program = sent.requests.iter().flat_map(|request| &request.resource_spans);
        of_program.flat_map(|spans| &spans.scope_spans).flat_map(|spans| spans.spans.clone()).collect()
    }

    /// What the sender says of itself.
    pub fn resource(&self, name: &str) -> Option<String> {
        let sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        let of_program = sent.requests.iter().flat_map(|request| &request.resource_spans);
        let mut resources = of_program.filter_map(|spans| spans.resource.as_ref());
        resources.find_map(|resource| attribute(&resource.attributes, name))
    }

    /// A header of every delivery.
    pub fn headers(&self, name: &str) -> Vec<String> {
        let sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        let text =
            |headers: &HeaderMap| headers.get(name).map(|value| value.to_str().expect("text").to_owned());
        sent.headers.iter().filter_map(text).collect()
    }

    /// Whether these bytes are anywhere in what was sent.
    pub fn was_sent(&self, part: &str) -> bool {
        let sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        sent.bytes.windows(part.len()).any(|bytes| bytes == part.as_bytes())
    }
}

/// An attribute as text.
pub fn attribute(attributes: &[KeyValue], name: &str) -> Option<String> {
    let value = attributes.iter().find(|attribute| attribute.key == name)?.value.clone()?.value?;
    Some(match value {
        Value::StringValue(text) => text,
        Value::IntValue(number) => number.to_string(),
        other => panic!("{name} is {other:?}"),
    })
}
