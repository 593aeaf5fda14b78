//! What is done for companies beside the requests: runs of the copying, and questions after single ones.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Interval, MissedTickBehavior};

use super::fresh;
use super::sync::{self, Run};
use crate::app::App;
use crate::connectwise::Patience;
use crate::error::{Error, Result};

/// How much may wait to be done.
const WAITING: usize = 1000;

/// How many companies are asked for at once.
const AT_ONCE: usize = 8;

/// What is to be done.
#[derive(Default)]
pub struct Work {
    runs: Queue<Run>,
    companies: Queue<i64>,
}

struct Queue<T> {
    give: mpsc::Sender<T>,
    take: Mutex<mpsc::Receiver<T>>,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        let (give, take) = mpsc::channel(WAITING);
        Self { give, take: Mutex::new(take) }
    }
}

impl<T> Queue<T> {
    /// Room for one more thing.
    fn place(&self) -> Result<mpsc::Permit<'_, T>> {
        let full = |_| Error::TooMany {
            message: "Too many changes are waiting, try again soon",
            retry_after: Duration::from_secs(5),
        };
        self.give.try_reserve().map_err(full)
    }
}

/// Room for one more company to be asked for.
pub(super) struct Place<'a>(mpsc::Permit<'a, i64>);

impl Place<'_> {
    /// Lets ConnectWise be asked for a company.
    pub fn ask_for(self, number: i64) {
        self.0.send(number);
    }
}

impl Work {
    /// Room for one more company to be asked for.
    ///
    /// # Errors
    /// [`Error::TooMany`] where too much is waiting.
    pub(super) fn place(&self) -> Result<Place<'_>> {
        self.companies.place().map(Place)
    }

    /// Lets a run go on.
    ///
    /// # Errors
    /// As [`Work::place`].
    pub(super) fn run(&self, run: Run) -> Result<()> {
        self.runs.place()?.send(run);
        Ok(())
    }
}

/// Does what is to be done, and copies by itself as often as is configured, until `stop`.
pub async fn work(app: Arc<App>, stop: impl Future<Output = ()>) {
    if app.connectwise.is_none() {
        return;
    }
    // what is not done then is cut off
    tokio::select! {
        () = copy_always(&app) => {}
        () = ask_always(&app) => {}
        () = stop => {}
    }
}

/// Runs what others have begun, and begins runs by itself.
async fn copy_always(app: &Arc<App>) {
    let mut runs = app.work.runs.take.lock().await;
    let mut jobs = JoinSet::new();
    let mut turns = app.settings.sync_interval.map(turns);
    let mut is_first = true;
    loop {
        tokio::select! {
            Some(run) = runs.recv() => {
                let app = Arc::clone(app);
                jobs.spawn(async move { finish(&app, run).await });
            }
            interval = next(turns.as_mut()) => {
                let since = (!std::mem::take(&mut is_first)).then_some(interval);
                jobs.spawn(copy_by_itself(Arc::clone(app), since));
            }
            Some(ended) = jobs.join_next(), if !jobs.is_empty() => judge(ended),
        }
    }
}

/// Asks for the companies of which others have heard that they have changed.
async fn ask_always(app: &Arc<App>) {
    let mut companies = app.work.companies.take.lock().await;
    let mut jobs = JoinSet::new();
    loop {
        tokio::select! {
            Some(number) = companies.recv(), if jobs.len() < AT_ONCE => {
                jobs.spawn(ask_for(Arc::clone(app), number));
            }
            Some(ended) = jobs.join_next(), if !jobs.is_empty() => judge(ended),
        }
    }
}

fn judge(ended: std::result::Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "work for companies came to a bad end");
    }
}

/// Turns for copying: one at once, then one after each interval.
fn turns(interval: Duration) -> Interval {
    let mut turns = tokio::time::interval(interval);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    turns
}

/// Resolves when the next turn comes, where there are any.
async fn next(turns: Option<&mut Interval>) -> Duration {
    match turns {
        Some(turns) => {
            turns.tick().await;
            turns.period()
        }
        None => std::future::pending().await,
    }
}

async fn ask_for(app: Arc<App>, number: i64) {
    if let Err(cause) = fresh::look(&app, Patience::Long, number).await {
        tracing::warn!(number, "a company that has changed is not fresh: {cause:#}");
    }
}

/// Copies at the start, and later unless another server has just done so within the interval.
async fn copy_by_itself(app: Arc<App>, interval: Option<Duration>) {
    let begun = match interval {
        None => sync::start_by_itself(&app).await,
        Some(interval) => sync::start_when_due(&app, interval).await,
    };
    match begun {
        Ok(Some(run)) => finish(&app, run).await,
        Ok(None) => {}
        Err(error) => tracing::warn!(%error, "the companies cannot be copied"),
    }
}

async fn finish(app: &App, run: Run) {
    if let Err(error) = run.finish(app, |_| {}).await {
        tracing::warn!(%error, "the end of a run cannot be written down");
    }
}
