//! What the program tells of itself while it runs: the log, to standard error, for people or as JSON; and
//! traces, for a collector.

mod panic;
mod traces;

use std::io::IsTerminal;

use tracing::{Level, Metadata};
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::config::LogFormat;

pub use traces::{Headers, Traces, answered, of_request};

/// What is logged where `RUST_LOG` says nothing else.
const DEFAULT_FILTER: &str = "info,sqlx=warn,reqwest_retry=error";

/// Libraries that write to the log what passes through them, tokens included, where they are let.
const TOO_TALKATIVE: [&str; 3] = ["tungstenite", "tokio_tungstenite", "opentelemetry_otlp"];

/// Whether something may be logged, whatever `RUST_LOG` says.
fn is_discreet(metadata: &Metadata<'_>) -> bool {
    let library = metadata.target().split("::").next().unwrap_or_default();
    *metadata.level() <= Level::INFO || !TOO_TALKATIVE.contains(&library)
}

/// The telemetry of the process, for as long as it runs.
#[must_use]
pub struct Telemetry(Option<Traces>);

impl Telemetry {
    /// Sends what is left, when nothing happens any more.
    pub fn stop(self) {
        if let Some(traces) = self.0 {
            traces.stop();
        }
    }
}

/// Starts the log of the process, and with it the traces where there are any.
pub fn start(format: LogFormat, traces: Option<Traces>) -> Telemetry {
    std::panic::set_hook(Box::new(panic::tell));
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT_FILTER));
    match &traces {
        None => start_with(format, filter, std::io::stderr),
        Some(traces) => {
            // each has a filter of its own, which is dearer than one for all
            let log = lines(format, std::io::stderr).with_filter(filter.and(filter_fn(is_discreet)));
            note(tracing_subscriber::registry().with(log).with(traces.layer()).try_init().is_ok());
        }
    }
    Telemetry(traces)
}

/// Starts the log with a filter and a place of one's own. A second call changes nothing.
pub fn start_with<W>(format: LogFormat, filter: EnvFilter, writer: W)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let log = tracing_subscriber::registry().with(filter).with(filter_fn(is_discreet));
    note(log.with(lines(format, writer)).try_init().is_ok());
}

fn note(is_started: bool) {
    if !is_started {
        tracing::debug!("the log was started before");
    }
}

fn lines<S, W>(format: LogFormat, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    match format {
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
        LogFormat::Pretty => lines.with_target(false).with_ansi(std::io::stderr().is_terminal()).boxed(),
    }
}
