//! What is done for companies beside the requests: runs of the copying, and questions after single ones.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Interval, MissedTickBehavior};

use super::fresh;
use super::sync::{self, Run};
use crate::app::App;
use crate::connectwise::Patience;
use crate::error::{Error, Result};

/// How much may wait to be done.
const WAITING: usize = 1000;

/// How much is done at once.
const AT_ONCE: usize = 8;

enum Task {
    Run(Box<Run>),
    AskFor(i64),
}

/// What is to be done.
pub struct Work {
    give: mpsc::Sender<Task>,
    take: Mutex<mpsc::Receiver<Task>>,
}

impl Default for Work {
    fn default() -> Self {
        let (give, take) = mpsc::channel(WAITING);
        Self { give, take: Mutex::new(take) }
    }
}

/// Room for one more thing to be done.
pub(super) struct Place<'a>(mpsc::Permit<'a, Task>);

impl Place<'_> {
    /// Lets ConnectWise be asked for a company.
    pub fn ask_for(self, number: i64) {
        self.0.send(Task::AskFor(number));
    }
}

impl Work {
    /// Room for one more thing.
    ///
    /// # Errors
    /// [`Error::TooMany`] where too much is waiting.
    pub(super) fn place(&self) -> Result<Place<'_>> {
        let full = |_| Error::TooMany {
            message: "Too many changes are waiting, try again soon",
            retry_after: Duration::from_secs(5),
        };
        self.give.try_reserve().map(Place).map_err(full)
    }

    /// Lets a run go on.
    ///
    /// # Errors
    /// As [`Work::place`].
    pub(super) fn run(&self, run: Run) -> Result<()> {
        self.place()?.0.send(Task::Run(Box::new(run)));
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
        () = work_always(&app) => {}
        () = stop => {}
    }
}

async fn work_always(app: &Arc<App>) {
    let mut tasks = app.work.take.lock().await;
    let mut jobs = JoinSet::new();
    let mut turns = app.settings.sync_interval.map(turns);
    loop {
        tokio::select! {
            Some(task) = tasks.recv(), if jobs.len() < AT_ONCE => {
                jobs.spawn(perform(Arc::clone(app), task));
            }
            Some(ended) = jobs.join_next(), if !jobs.is_empty() => {
                if let Err(error) = ended {
                    tracing::error!(%error, "work for companies came to a bad end");
                }
            }
            interval = next(turns.as_mut()) => {
                jobs.spawn(copy_when_due(Arc::clone(app), interval));
            }
        }
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

async fn perform(app: Arc<App>, task: Task) {
    match task {
        Task::Run(run) => finish(&app, *run).await,
        Task::AskFor(number) => {
            if let Err(cause) = fresh::look(&app, Patience::Long, number).await {
                tracing::warn!(number, "a company that has changed is not fresh: {cause:#}");
            }
        }
    }
}

async fn copy_when_due(app: Arc<App>, interval: Duration) {
    match sync::start_when_due(&app, interval).await {
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
