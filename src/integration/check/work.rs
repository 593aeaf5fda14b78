//! The checks that are made from time to time.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::future::join_all;
use tokio::time::MissedTickBehavior;

use super::{check_unasked, store};
use crate::app::App;
use crate::error::Result;

/// How many are made at once.
const AT_ONCE: i64 = 8;

/// After which time one that was begun and not ended, because its server died, is begun again.
const GIVEN_UP: TimeDelta = TimeDelta::minutes(5);

/// How often it is looked whether the time of one has come, at the least.
const LONGEST_TURN: Duration = Duration::from_secs(5);

/// Checks integrations as often as is configured, until `stop`.
pub async fn work(app: Arc<App>, stop: impl Future<Output = ()>) {
    let Some(interval) = app.settings.check_interval else { return };
    let mut turns = tokio::time::interval((interval / 2).min(LONGEST_TURN));
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let always = async {
        loop {
            turns.tick().await;
            if let Err(error) = check_due(&app).await {
                tracing::warn!(%error, "no integrations can be checked");
            }
        }
    };
    tokio::select! {
        () = always => {}
        () = stop => {}
    }
}

/// Checks the integrations whose time has come, each on one server only; how many there were.
///
/// # Errors
/// Where the database fails.
pub async fn check_due(app: &Arc<App>) -> Result<usize> {
    let mut checked = 0;
    loop {
        let now = app.clock.now();
        let due = store::claim(&app.pool, now, now + GIVEN_UP, AT_ONCE).await?;
        if due.is_empty() {
            return Ok(checked);
        }
        checked += due.len();
        join_all(due.into_iter().map(|(id, revision)| check_unasked(app, id, revision))).await;
    }
}
