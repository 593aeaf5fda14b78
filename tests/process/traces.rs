//! Traces: spans that a collector is sent.

use opentelemetry_proto::tonic::trace::v1::Span;

use crate::helpers::client::SECRET;
use crate::helpers::collector::{Collector, attribute};
use crate::helpers::external::Database;
use crate::helpers::{Client, Start, eventually};

/// A trace that a caller is in already, and their span.
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn traced(database: &Database, collector: &Collector) -> Start {
    database
        .ttscm()
        .set("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url())
        .set("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20of-the-collector")
        .set("OTEL_BSP_SCHEDULE_DELAY", "50")
}

/// The spans of this name, once there are any.
async fn named(collector: &Collector, name: &str) -> Vec<Span> {
    let spans = || collector.spans().into_iter().filter(|span| span.name == name).collect::<Vec<_>>();
    eventually(name, async || !spans().is_empty()).await;
    spans()
}

#[tokio::test]
async fn a_request_is_a_span_in_the_trace_of_its_caller() {
    let (database, collector) = (Database::new().await, Collector::start().await);
    let server = traced(&database, &collector).ready().await;
    let admin = Database::administrator(&server).await;
    let id = admin.store_secret().await;
    let path = format!("/v1/credential/credentials/{id}/secure-values");
    let traceparent = format!("00-{TRACE}-{PARENT}-01");
    assert_eq!(admin.status_with(&path, &[("traceparent", &traceparent)]).await, 200);

    let template = "/v1/credential/credentials/{id}/secure-values";
    let spans = named(&collector, &format!("GET {template}")).await;
    let span = &spans[0];
    assert_eq!((hex(&span.trace_id), hex(&span.parent_span_id)), (TRACE.to_owned(), PARENT.to_owned()));
    assert_eq!(span.kind, 2, "a server's");
    for (name, value) in
        [("http.request.method", "GET"), ("http.route", template), ("http.response.status_code", "200")]
    {
        assert_eq!(attribute(&span.attributes, name).as_deref(), Some(value), "{name}");
    }
    assert!(attribute(&span.attributes, "ttscm.request_id").is_some());
    for part in ["authenticate", "record reveal"] {
        let parts = named(&collector, part).await;
        assert!(parts.iter().any(|part| part.parent_span_id == span.span_id), "{part}");
    }
    assert_eq!(collector.resource("service.name").as_deref(), Some("ttscm"));
    assert!(collector.headers("authorization").iter().all(|value| value == "Bearer of-the-collector"));

    for secret in [SECRET, admin.token.as_str(), id.as_str(), "an administrator's password", "Acme"] {
        assert!(!collector.was_sent(secret), "{secret}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_caller_without_a_trace_or_with_a_broken_one_begins_another() {
    let (database, collector) = (Database::new().await, Collector::start().await);
    let server = traced(&database, &collector).ready().await;
    let admin = Database::administrator(&server).await;
    let broken = format!("00-{TRACE}-not-a-span-01");
    for headers in [&[][..], &[("traceparent", broken.as_str())]] {
        assert_eq!(admin.status_with("/v1/company/companies", headers).await, 200);
    }
    // what is left is sent at the end
    server.stop().await;
    let name = "GET /v1/company/companies";
    let spans: Vec<_> = collector.spans().into_iter().filter(|span| span.name == name).collect();
    assert_eq!(spans.len(), 2);
    assert!(spans.iter().all(|span| span.parent_span_id.is_empty() && hex(&span.trace_id) != TRACE));
}

#[tokio::test]
async fn a_collector_that_is_away_holds_nobody_up() {
    let database = Database::new().await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let endpoint = format!("http://{closed}");
    let server = database.ttscm().set("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint).ready().await;
    let admin: Client = Database::administrator(&server).await;
    assert_eq!(admin.status("/v1/company/companies").await, 200);
    server.stop().await;
}
