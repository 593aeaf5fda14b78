//! The copy of the companies of ConnectWise: how it is made, and what is known of the last time.
//!
//! One run at a time reads them page by page and writes what is new. A run has a database connection of its
//! own with a lock on it, and writes through that alone: where it dies, the lock goes with it, and where the
//! connection breaks, it can write no more, so that two are never at it.

mod run;
mod store;

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::access::{Caller, Permission};
use crate::app::App;
use crate::config::CONNECTWISE_VARIABLES;
use crate::error::{Error, Result};

pub use run::Run;
pub(super) use store::{Sent, mark_deleted, mark_gone, touch, write};

/// How far back an incremental run looks beyond the last complete one: the clocks of two machines differ.
const OVERLAP: TimeDelta = TimeDelta::minutes(5);

/// How old the last full run may be before the next one by itself is full.
const FULL_AFTER: TimeDelta = TimeDelta::hours(24);

/// How a run reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Every company, so that it is seen which are gone.
    Full,
    /// Those changed since the last complete run.
    Incremental,
}

impl Mode {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Incremental => "incremental",
        }
    }
}

/// What the copying does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nothing; the last run, where there was one, was complete.
    Idle,
    /// A run is on.
    Running,
    /// Nothing; the last run was not complete.
    Failed,
    /// There is no ConnectWise to copy from.
    NotConfigured,
}

/// How far a run has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// How many companies were read.
    pub read: i64,
    /// How many were made or changed here.
    pub written: i64,
    /// How many were found to be gone.
    pub marked: i64,
}

/// What is known of the last run, or of the one that is on.
#[derive(Debug, Clone)]
pub struct Status {
    /// What the copying does.
    pub state: State,
    /// `full` or `incremental`; none before the first run.
    pub mode: Option<String>,
    /// When it began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// How far it came.
    pub progress: Progress,
    /// Why it was not complete, in one sentence.
    pub error: Option<String>,
}

/// What is known of the copying.
///
/// # Errors
/// [`Error::Forbidden`].
pub async fn status(app: &App, caller: &Caller) -> Result<Status> {
    caller.require_everywhere(Permission::CompanySync)?;
    let status = store::status(&app.pool).await?;
    Ok(match app.connectwise {
        Some(_) => status,
        None => Status { state: State::NotConfigured, ..status },
    })
}

/// Begins a run, which goes on beside the requests.
///
/// # Errors
/// [`Error::Forbidden`]; [`Error::Conflict`] where a run is on, or ConnectWise is not configured.
pub async fn start(app: &App, caller: &Caller, full: bool) -> Result<Status> {
    caller.require_everywhere(Permission::CompanySync)?;
    if app.connectwise.is_none() {
        return Err(Error::Conflict(format!(
            "ConnectWise is not configured: set {}",
            CONNECTWISE_VARIABLES.join(", ")
        )));
    }
    let is_on = || Error::Conflict("A run is on: wait for its end".to_owned());
    let run = Run::claim(app, caller, full).await?.ok_or_else(is_on)?;
    let begun = status(app, caller).await?;
    app.work.run(run)?;
    Ok(begun)
}

/// Begins a run by itself; none where another one is on. In full where that was long ago.
pub(super) async fn start_by_itself(app: &App) -> Result<Option<Run>> {
    let last = store::last(&app.pool).await?.full_at;
    let full = last.is_none_or(|last| app.clock.now() - last >= FULL_AFTER);
    Run::claim(app, &Caller::system(), full).await
}

/// The same, unless another server has just done so.
pub(super) async fn start_when_due(app: &App, interval: Duration) -> Result<Option<Run>> {
    let complete = store::last(&app.pool).await?.complete_at;
    let now = app.clock.now();
    // a little less than the interval, which no two clocks measure alike
    let interval = TimeDelta::from_std(interval.mul_f64(0.9)).unwrap_or(TimeDelta::MAX);
    if complete.is_some_and(|complete| complete <= now && now - complete < interval) {
        return Ok(None);
    }
    start_by_itself(app).await
}

/// Refuses to go on with the ConnectWise of another tenant: the numbers of its companies mean others.
///
/// # Errors
/// One sentence that says so.
pub(crate) async fn check_tenant(app: &App) -> anyhow::Result<()> {
    let Some(connectwise) = &app.connectwise else { return Ok(()) };
    match store::last(&app.pool).await?.tenant {
        Some(known) if !known.eq_ignore_ascii_case(connectwise.tenant()) => anyhow::bail!(
            "the companies of this database come from the ConnectWise company '{known}', and CONNECTWISE_COMPANY_ID is '{}'",
            connectwise.tenant()
        ),
        _ => Ok(()),
    }
}
