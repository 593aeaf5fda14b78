//! The time, passed in so that tests can move it.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, SubsecRound, Utc};
use futures_util::future::BoxFuture;
use serde::{Serialize, Serializer};

/// Tells the time.
pub trait Clock: Send + Sync + 'static {
    /// Now, to the microsecond, which is what the database keeps.
    fn now(&self) -> DateTime<Utc>;

    /// Resolves when this time has passed, for what has nothing else to wait for.
    fn pass(&self, time: Duration) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let end = tokio::time::Instant::now() + time;
            // the first tick comes then; a period has to be given
            tokio::time::interval_at(end, Duration::from_secs(1)).tick().await;
        })
    }
}

/// The machine's clock.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the machine")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now().trunc_subsecs(6)
    }
}

/// A time as every contract writes it: RFC 3339, UTC, milliseconds, `Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub DateTime<Utc>);

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

impl schemars::JsonSchema for Timestamp {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Timestamp".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "format": "date-time", "examples": ["2026-02-14T00:00:00.000Z"]})
    }
}
