//! Waiting for what another process does: there is no event to wait for, so it is looked at often.

use std::time::{Duration, Instant};

/// How long anything may take, on a slow machine with other work.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(10);

/// Waits until `holds`, and fails with `what` where that takes too long.
pub async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    let mut pauses = tokio::time::interval(PAUSE);
    while !holds().await {
        assert!(Instant::now() < deadline, "not in time: {what}");
        pauses.tick().await;
    }
}
