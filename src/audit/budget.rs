//! Reveals on record, within what somebody may reveal in an hour.

use std::time::Duration;

use chrono::TimeDelta;
use tracing::Instrument;
use uuid::Uuid;

use super::{Outcome, Target, store};
use crate::access::Caller;
use crate::app::App;
use crate::error::{Error, Result};

/// How long a budget lasts, from the first reveal on.
pub(super) const WINDOW: TimeDelta = TimeDelta::hours(1);

/// Fields of a credential that somebody is about to see.
#[derive(Debug, Clone, Copy)]
pub struct Reveal<'a> {
    /// The credential.
    pub target: Target<'a>,
    /// Its company.
    pub company: Uuid,
    /// The fields.
    pub fields: &'a [&'a str],
    /// Whether it is a canary: each field is then on record once more, by an action of its own.
    pub canary: bool,
}

/// Writes a row for each field, and counts the fields against what the caller may reveal in an hour. Both is
/// one statement, and one transaction: reveals at the same moment, on whatever server, wait for each other at
/// the caller's count. Answers, once it is committed, whether it was within the budget; where not, nothing is
/// written.
///
/// # Errors
/// Where the database fails.
pub async fn record_reveal(app: &App, caller: &Caller, reveal: Reveal<'_>) -> Result<bool> {
    if reveal.fields.is_empty() {
        return Ok(true);
    }
    let limit = app.settings.audit.reveal_limit;
    let written = store::insert_reveal(app, caller, (reveal, Outcome::Success), limit);
    Ok(written.instrument(tracing::debug_span!("record reveal")).await? > 0)
}

/// Writes a row for each field that was not revealed after all. That costs nothing of the budget.
///
/// # Errors
/// As [`record_reveal`].
pub async fn record_no_reveal(
    app: &App,
    caller: &Caller,
    reveal: Reveal<'_>,
    outcome: Outcome,
) -> Result<()> {
    store::insert_reveal(app, caller, (reveal, outcome), None).await?;
    Ok(())
}

/// The refusal of a reveal beyond the budget, which says when the next hour begins.
///
/// # Errors
/// Where the database fails.
pub async fn used_up(app: &App, caller: &Caller) -> Result<Error> {
    let now = app.clock.now();
    let began_at = store::budget_began_at(&app.pool, caller.actor.id).await?;
    let ends_at = began_at.filter(|began_at| *began_at + WINDOW > now).unwrap_or(now) + WINDOW;
    Ok(Error::TooMany {
        message: "You have revealed as many secure values as you may within an hour, try again later",
        retry_after: (ends_at - now).to_std().unwrap_or(Duration::from_secs(1)),
    })
}
