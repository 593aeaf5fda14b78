//! The log of the whole run, for tests that look for something in it or make sure that it is not there.

use std::io::Write;
use std::sync::{Mutex, PoisonError};

use tracing_subscriber::EnvFilter;
use ttscm::config::LogFormat;
use ttscm::telemetry;

static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Sink;

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOG.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Starts the log, as talkative as it can be.
pub fn start() {
    telemetry::start_with(LogFormat::Json, EnvFilter::new("trace,hyper=info,reqwest=info"), || Sink);
}

/// The lines so far that contain `part`.
pub fn lines_with(part: &str) -> Vec<String> {
    let log = LOG.lock().unwrap_or_else(PoisonError::into_inner);
    String::from_utf8_lossy(&log).lines().filter(|line| line.contains(part)).map(str::to_owned).collect()
}
