//! `ttscm company`: companies and ConnectWise, from the command line.

use std::process::ExitCode;
use std::sync::Arc;

use super::bar::{Bar, is_seen, say, tell};
use crate::access::Caller;
use crate::app::{App, Started};
use crate::clock::SystemClock;
use crate::company::callback::{self, Registered};
use crate::company::sync::{Progress, Run};
use crate::config::{CONNECTWISE_VARIABLES, Config};

/// What a command about companies is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Copy the companies.
    Sync {
        /// Whether to read every company.
        full: bool,
    },
    /// See to it that ConnectWise tells of changes.
    EnsureCallbacks,
    /// Show what ConnectWise was asked to tell.
    ListCallbacks,
    /// Ask ConnectWise to tell no more.
    RemoveCallbacks,
}

/// The copy is not complete, or ConnectWise did not do as it was asked.
const INCOMPLETE: u8 = 1;
/// There is no ConnectWise.
const NOT_CONFIGURED: u8 = 2;
/// Another run is on.
const RUN_IS_ON: u8 = 3;

/// Carries an order out, and says how it went by the code that the program exits with.
///
/// # Errors
/// One sentence that says what is wrong.
pub async fn run(mut config: Config, order: Order) -> anyhow::Result<ExitCode> {
    let Some(connectwise) = &mut config.connectwise else {
        tell(&format!("ConnectWise is not configured: set {}", CONNECTWISE_VARIABLES.join(", ")));
        return Ok(ExitCode::from(NOT_CONFIGURED));
    };
    // what is copied is copied by this order
    connectwise.sync_interval = None;
    let started = Started::start(config, Arc::new(SystemClock)).await?;
    let done = match order {
        Order::Sync { full } => sync(&started.app, full).await,
        Order::EnsureCallbacks | Order::ListCallbacks | Order::RemoveCallbacks => {
            callbacks(&started.app, order).await
        }
    };
    started.stop().await?;
    done
}

async fn sync(app: &App, full: bool) -> anyhow::Result<ExitCode> {
    let Some(run) = Run::claim(app, &Caller::system(), full).await? else {
        tell("A run is on: wait for its end");
        return Ok(ExitCode::from(RUN_IS_ON));
    };
    // nobody is asked how far there is to go where nobody sees it
    let expected = if is_seen() { run.expected(app).await } else { None };
    let bar = Bar::new(expected, "companies read");
    let show = |progress: Progress| {
        bar.says(u64::try_from(progress.read).unwrap_or_default(), words(progress));
    };
    let (progress, reason) = run.finish(app, show).await?;
    bar.end();
    say(&words(progress))?;
    Ok(match reason {
        None => ExitCode::SUCCESS,
        Some(reason) => {
            tell(&reason);
            ExitCode::from(INCOMPLETE)
        }
    })
}

fn words(progress: Progress) -> String {
    let Progress { read, written, marked } = progress;
    format!("{read} companies read, {written} written, {marked} of them marked as gone")
}

async fn callbacks(app: &App, order: Order) -> anyhow::Result<ExitCode> {
    let done = match order {
        Order::EnsureCallbacks => callback::ensure(app).await,
        Order::RemoveCallbacks => callback::remove(app).await,
        Order::ListCallbacks | Order::Sync { .. } => callback::registered(app).await,
    };
    match done {
        Ok(registered) => {
            registered.iter().try_for_each(|one| say(&line(one)))?;
            Ok(ExitCode::SUCCESS)
        }
        Err(failure) => {
            tell(&failure.to_string());
            Ok(ExitCode::from(INCOMPLETE))
        }
    }
}

fn line(registered: &Registered) -> String {
    let Registered { number, url, kind, level, is_active } = registered;
    let state = if *is_active { "on" } else { "switched off" };
    format!("{number} {kind}/{level} {state} {url}")
}
