//! The log: to standard error, for people or as JSON.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::LogFormat;

/// What is logged where `RUST_LOG` says nothing else.
const DEFAULT_FILTER: &str = "info,sqlx=warn,reqwest_retry=error";

/// Libraries that would write to the log what passes through them, tokens included.
const TOO_TALKATIVE: [&str; 2] = ["tungstenite=info", "tokio_tungstenite=info"];

/// Starts the log of the process. A second call changes nothing.
pub fn start(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT_FILTER));
    start_with(format, filter, std::io::stderr);
}

/// Starts the log with a filter and a place of one's own.
pub fn start_with<W>(format: LogFormat, filter: EnvFilter, writer: W)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let quieter = TOO_TALKATIVE.iter().filter_map(|directive| directive.parse().ok());
    let filter = quieter.fold(filter, EnvFilter::add_directive);
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    let started = match format {
        LogFormat::Json => builder.json().flatten_event(true).finish().try_init(),
        LogFormat::Pretty => {
            builder.with_target(false).with_ansi(std::io::stderr().is_terminal()).finish().try_init()
        }
    };
    if started.is_err() {
        tracing::debug!("the log was started before");
    }
}
