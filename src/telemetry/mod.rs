//! The log: to standard error, for people or as JSON.

mod panic;

use std::io::IsTerminal;

use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::LogFormat;

/// What is logged where `RUST_LOG` says nothing else.
const DEFAULT_FILTER: &str = "info,sqlx=warn,reqwest_retry=error";

/// Libraries that write to the log what passes through them, tokens included, where they are let.
const TOO_TALKATIVE: [&str; 2] = ["tungstenite", "tokio_tungstenite"];

/// Whether something may be logged, whatever `RUST_LOG` says.
fn is_discreet(metadata: &Metadata<'_>) -> bool {
    let library = metadata.target().split("::").next().unwrap_or_default();
    *metadata.level() <= Level::INFO || !TOO_TALKATIVE.contains(&library)
}

/// Starts the log of the process. A second call changes nothing.
pub fn start(format: LogFormat) {
    std::panic::set_hook(Box::new(panic::tell));
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT_FILTER));
    start_with(format, filter, std::io::stderr);
}

/// Starts the log with a filter and a place of one's own.
pub fn start_with<W>(format: LogFormat, filter: EnvFilter, writer: W)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let log = tracing_subscriber::registry().with(filter).with(filter_fn(is_discreet));
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    let started = match format {
        LogFormat::Json => log.with(lines.json().flatten_event(true)).try_init(),
        LogFormat::Pretty => {
            log.with(lines.with_target(false).with_ansi(std::io::stderr().is_terminal())).try_init()
        }
    };
    if started.is_err() {
        tracing::debug!("the log was started before");
    }
}
