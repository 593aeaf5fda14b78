//! `ttscm vault`: the keys that everything is sealed with.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use super::bar::{Bar, say, tell};
use crate::access::Caller;
use crate::app::{App, Started};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::sealing::{self, Damage, KeyStatus, Rotation, Status};

/// What is to be done with the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Seal everything anew with a new data key.
    Rotate,
    /// Wrap the data keys with the new master key.
    Rewrap,
    /// Show the keys.
    Status {
        /// For programs.
        json: bool,
    },
    /// Open everything that is sealed.
    Check,
}

/// Something does not open.
const DAMAGED: u8 = 1;
/// Another run is on.
const RUN_IS_ON: u8 = 3;

/// Carries an order out, and says how it went by the code that the program exits with.
///
/// # Errors
/// One sentence that says what is wrong.
pub async fn run(mut config: Config, order: Order) -> anyhow::Result<ExitCode> {
    if let Some(connectwise) = &mut config.connectwise {
        connectwise.sync_interval = None;
    }
    let started = Started::beside(config, Arc::new(SystemClock)).await?;
    let app = &started.app;
    let done = match order {
        Order::Rotate => rotate(app).await,
        Order::Rewrap => rewrap(app).await,
        Order::Status { json } => status(app, json).await,
        Order::Check => check(app).await,
    };
    started.stop().await?;
    done
}

async fn rotate(app: &App) -> anyhow::Result<ExitCode> {
    let Some(rotation) = Rotation::begin(app, &Caller::system()).await? else {
        tell("Another rotation is on: wait for its end");
        return Ok(ExitCode::from(RUN_IS_ON));
    };
    let bar = Bar::new(Some(rotation.total()), "values sealed anew");
    let rotated = rotation.finish(app, |progress| bar.at(progress.done)).await?;
    bar.end();
    say(&format!("{} values were sealed anew with data key {}", rotated.values, rotated.key))?;
    for key in &rotated.retired {
        say(&format!("data key {key} was retired"))?;
    }
    Ok(report(&rotated.damaged))
}

/// Tells what does not open; the code to exit with.
fn report(damaged: &[Damage]) -> ExitCode {
    for Damage { table, id, part, reason } in damaged {
        tell(&format!("{table} {id} {part} does not open: {reason}"));
    }
    if damaged.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(DAMAGED) }
}

async fn rewrap(app: &App) -> anyhow::Result<ExitCode> {
    let count = sealing::rewrap(app, &Caller::system()).await?;
    say(&match count {
        0 => "Every data key is wrapped by VAULT_MASTER_KEY already".to_owned(),
        _ => format!(
            "{count} data keys are wrapped by VAULT_MASTER_KEY now: VAULT_MASTER_KEY_PREVIOUS is not needed any more"
        ),
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn check(app: &App) -> anyhow::Result<ExitCode> {
    let bar = Bar::new(None, "values opened");
    let (opened, damaged) = sealing::check(app, |opened| bar.at(opened)).await?;
    bar.end();
    say(&format!("{opened} values open, {} do not", damaged.len()))?;
    Ok(report(&damaged))
}

async fn status(app: &App, json: bool) -> anyhow::Result<ExitCode> {
    let status = sealing::status(app).await?;
    if json {
        writeln!(std::io::stdout(), "{}", serde_json::to_string(&status)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let Status { keys, rotating, without_key, new_key_after } = status;
    keys.iter().try_for_each(|key| say(&line(key)))?;
    if rotating {
        say("A rotation is not complete: `ttscm vault rotate` carries it on")?;
    }
    if without_key > 0 {
        say(&format!("{without_key} values name no key of these: `ttscm vault check` tells which"))?;
    }
    say(&format!("A new key is made by itself after {new_key_after} seals"))?;
    Ok(ExitCode::SUCCESS)
}

fn line(key: &KeyStatus) -> String {
    let KeyStatus { id, newest, age_seconds, values, seals, .. } = key;
    let (days, hours) = (age_seconds / 86_400, age_seconds / 3_600 % 24);
    let seals_new = if *newest { ", seals new values" } else { "" };
    format!(
        "data key {id}: {values} values, at most {seals} seals made, {days} days {hours} hours old{seals_new}"
    )
}
