//! Traces: what happens for a request, as spans that are sent to a collector by OTLP over HTTP.
//!
//! A span of a trace is a `debug_span!` of this program, and nothing else is: neither what the log is told nor
//! what libraries say. Its fields are words of the program, templates, numbers and ids.

use std::time::Duration;

use futures_util::future::BoxFuture;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{TraceContextExt, TracerProvider};
use opentelemetry::{Context, Key, KeyValue};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use secrecy::ExposeSecret;
use tokio::runtime::Handle;
use tracing::{Level, Metadata, Span, Subscriber, field};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::registry::LookupSpan;
use uuid::Uuid;

use crate::config::Collector;
use crate::outgoing;

pub use opentelemetry_http::HeaderExtractor as Headers;

/// How long the collector has for one delivery.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How long it has for the last one, when the program stops.
const LAST_TIMEOUT: Duration = Duration::from_secs(3);

/// The most of its answers that is read, in bytes.
const MAX_ANSWER: usize = 64 * 1024;

/// What the program calls itself where `OTEL_SERVICE_NAME` does not say otherwise.
const SERVICE: &str = "ttscm";

/// The way to the collector. Spans wait for it in a queue that has an end: where it does not answer they are
/// lost, and nobody waits.
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// Begins to send spans, from within the runtime that is to send them.
    ///
    /// # Errors
    /// Where no call can be made at all.
    pub fn start(collector: &Collector) -> anyhow::Result<Self> {
        let headers = collector.headers.iter();
        let headers = headers.map(|(name, value)| (name.clone(), value.expose_secret().to_owned()));
        let client = Client { http: outgoing::client(TIMEOUT)?, runtime: Handle::current() };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(collector.url.as_str())
            .with_timeout(TIMEOUT)
            .with_headers(headers.collect())
            .build()?;
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter);
        Ok(Self(provider.with_resource(resource()).build()))
    }

    /// Makes spans of what is traced.
    pub(super) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        tracing_opentelemetry::layer()
            .with_tracer(self.0.tracer(SERVICE))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_filter(filter_fn(is_traced).with_max_level_hint(LevelFilter::DEBUG))
    }

    /// Sends what is left.
    pub(super) fn stop(self) {
        if let Err(error) = self.0.shutdown_with_timeout(LAST_TIMEOUT) {
            tracing::warn!(%error, "the last spans could not be sent");
        }
    }
}

fn is_traced(metadata: &Metadata<'_>) -> bool {
    let library = metadata.target().split("::").next();
    metadata.is_span() && *metadata.level() == Level::DEBUG && library == Some(env!("CARGO_CRATE_NAME"))
}

/// What is said of the program with its spans.
fn resource() -> Resource {
    let told = Resource::builder().build().get(&Key::new("service.name"));
    let name = told.filter(|name| !name.as_str().starts_with("unknown_service"));
    Resource::builder()
        .with_service_name(name.unwrap_or(SERVICE.into()))
        .with_attributes([
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", crate::id::new().to_string()),
        ])
        .build()
}

/// The span of a request, in the trace of the caller where they say so (W3C Trace Context). Where nothing is
/// traced it costs nothing.
pub fn of_request(method: &'static str, route: &str, id: Uuid, headers: &Headers<'_>) -> Span {
    let span = tracing::debug_span!(
        "request",
        otel.name = format!("{method} {route}"),
        otel.kind = "server",
        otel.status_code = field::Empty,
        http.request.method = method,
        http.route = route,
        http.response.status_code = field::Empty,
        ttscm.request_id = %id,
    );
    if !span.is_disabled() {
        let caller = TraceContextPropagator::new().extract_with_context(&Context::new(), headers);
        if caller.span().span_context().is_valid() {
            // refused by a log that shows spans while nothing is traced
            drop(span.set_parent(caller));
        }
    }
    span
}

/// Says how the request of a span ended.
pub fn answered(span: &Span, status: u16) {
    span.record("http.response.status_code", status);
    if status >= 500 {
        span.record("otel.status_code", "ERROR");
    }
}

/// Sends with the program's own client. Spans are sent from a thread outside of the runtime.
#[derive(Debug)]
struct Client {
    http: reqwest::Client,
    runtime: Handle,
}

impl HttpClient for Client {
    fn send_bytes<'a, 'b>(
        &'a self,
        request: Request<Bytes>,
    ) -> BoxFuture<'b, Result<Response<Bytes>, HttpError>>
    where
        'a: 'b,
        Self: 'b,
    {
        let http = self.http.clone();
        let sent = self.runtime.spawn(async move {
            let answer = http.execute(request.try_into()?).await.map_err(reqwest::Error::without_url)?;
            let (status, headers) = (answer.status(), answer.headers().clone());
            let mut response = Response::new(outgoing::body(answer, MAX_ANSWER).await?.into());
            (*response.status_mut(), *response.headers_mut()) = (status, headers);
            Ok(response)
        });
        Box::pin(async move { sent.await? })
    }
}
