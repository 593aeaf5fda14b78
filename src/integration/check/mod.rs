//! Checks: asking a product whether it answers and takes the credentials, when somebody wants to know and
//! from time to time.

mod schedule;
mod store;
mod work;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt;
use uuid::Uuid;

use super::registry::{find, load, record};
use super::{Finding, Health, Integration, Status, Verdict, probe, sealed};
use crate::access::{Caller, Permission};
use crate::app::App;
use crate::database;
use crate::error::{Error, Result};
use crate::id;
use crate::together::Together;

pub use work::{check_due, work};

/// How many checks of an integration are kept.
const KEPT: i64 = 50;

/// For how long a finding is new: whoever asks within this time is told it again. A product locks accounts that
/// are tried too often, and a refusal would only make clients ask once more for what is known already.
const NEW: TimeDelta = TimeDelta::seconds(3);

/// After how many failures in a row rejected credentials are not shown again, whoever asks.
const ENOUGH: i32 = 3;

/// What is told then.
const GIVEN_UP: &str =
    "It is not asked again until credentials are sent anew (the same ones, where they were mended there)";

/// How long a finding may stand where this server checks nothing by itself: another one may.
const SOME_TIME: Duration = Duration::from_mins(15);

/// A check that was made.
#[derive(Debug, Clone)]
pub struct Check {
    /// When it began.
    pub at: DateTime<Utc>,
    /// What it came to.
    pub status: Status,
    /// What it found.
    pub verdict: Verdict,
    /// The same for a person.
    pub message: String,
    /// How long it took, in milliseconds.
    pub duration_ms: i64,
}

/// The checks that are under way on this server, by the integration and its revision.
pub type Checks = Together<(Uuid, i64), std::result::Result<(), Arc<Error>>>;

/// Checks an integration now, for whoever may. Those who ask at once ask the product once, and what was found a
/// moment ago is told again. Where it is switched off nobody asks, nor where credentials were rejected often.
///
/// # Errors
/// As [`super::find`]; [`Error::Internal`] where its credentials do not open.
pub async fn check(app: &Arc<App>, caller: &Caller, identifier: &str) -> Result<Health> {
    let mut transaction = database::begin(&app.pool).await?;
    let integration = load(&mut *transaction, caller, Permission::IntegrationCheck, identifier).await?;
    record(&mut transaction, app, caller, "integration.check", &integration).await?;
    transaction.commit().await?;
    if is_known(app, &integration) {
        return Ok(integration.health);
    }
    check_together(app, integration.id, integration.revision, is_known).await?;
    Ok(load(&*app.pool, caller, Permission::IntegrationCheck, identifier).await?.health)
}

/// The last checks of an integration, the newest first, for whoever may read it.
///
/// # Errors
/// As [`super::find`].
pub async fn history(app: &App, caller: &Caller, identifier: &str) -> Result<Vec<Check>> {
    let integration = find(app, caller, Permission::IntegrationFetch, identifier).await?;
    store::last(&app.pool, integration.id, KEPT).await
}

/// Whether what was found is told again to whoever asks.
fn is_known(app: &App, integration: &Integration) -> bool {
    let is_new = app.clock.now() - integration.health.last_checked < NEW;
    match integration.health.status {
        Status::Inactive => true,
        Status::Healthy | Status::Unhealthy => is_new || is_given_up(integration),
        Status::Unknown => false,
    }
}

/// Whether the credentials were rejected so often that they are not shown again before they change: many products
/// lock an account that goes on trying.
pub(super) fn is_given_up(integration: &Integration) -> bool {
    integration.health.verdict == Some(Verdict::BadCredentials) && integration.failures >= ENOUGH
}

/// Checks an integration that has just refused a call, so that it is known whether it takes the credentials still.
/// Nobody waits for that.
pub(super) fn look_again(app: &Arc<App>, integration: &Integration) {
    let (app, id, revision) = (Arc::clone(app), integration.id, integration.revision);
    tokio::spawn(async move { check_unasked(&app, id, revision).await });
}

/// Makes a check that nobody has asked for; the log hears where it cannot be made.
async fn check_unasked(app: &Arc<App>, id: Uuid, revision: i64) {
    if let Err(error) = check_together(app, id, revision, |_, _| false).await {
        tracing::error!(integration = %id, "an integration cannot be checked: {:#}", anyhow::Error::new(error));
    }
}

/// Makes a check, or waits for the one of the same revision that is under way. None is made where by then it
/// `is_needless`: another may have ended since it was looked.
async fn check_together(
    app: &Arc<App>,
    id: Uuid,
    revision: i64,
    is_needless: fn(&App, &Integration) -> bool,
) -> Result<()> {
    let make = || {
        let app = Arc::clone(app);
        async move { make(&app, id, is_needless).await.map_err(Arc::new) }.boxed()
    };
    let question = app.checks.join((id, revision), make);
    // what the product was asked counts, also where the client goes away
    tokio::spawn(question.clone());
    question.await.map_err(|error| match &*error {
        Error::Unavailable { message, retry_after, .. } => {
            Error::Unavailable { message, retry_after: *retry_after, cause: anyhow::Error::new(error) }
        }
        _ => Error::internal(error),
    })
}

/// Asks the product and writes down what was found, unless the integration has changed meanwhile.
async fn make(app: &App, id: Uuid, is_needless: fn(&App, &Integration) -> bool) -> Result<()> {
    let found = super::store::by_id(&*app.pool, id).await?;
    let Some(integration) = found.filter(|found| found.is_active && !is_needless(app, found)) else {
        return Ok(());
    };
    let Some(product) = sealed::open(app, &integration).await? else { return Ok(()) };
    let at = app.clock.now();
    let finding = probe::probe(&app.products, &product).await;
    let duration_ms = (app.clock.now() - at).num_milliseconds().max(0);
    keep(app, &integration, at, duration_ms, finding).await
}

async fn keep(
    app: &App,
    integration: &Integration,
    at: DateTime<Utc>,
    duration_ms: i64,
    finding: Finding,
) -> Result<()> {
    let mut transaction = database::begin(&app.pool).await?;
    let held = store::hold_failures(&mut transaction, integration.id, integration.revision).await?;
    let Some(earlier) = held else { return Ok(()) };
    let failures = if finding.verdict == Verdict::Healthy { 0 } else { earlier.saturating_add(1) };
    let interval = app.settings.check_interval.unwrap_or(SOME_TIME);
    let wait = schedule::wait(&finding, failures.unsigned_abs(), interval, rand::random());
    let next = wait.and_then(|wait| at.checked_add_signed(TimeDelta::from_std(wait).ok()?));
    let (status, verdict) = (Status::of(finding.verdict), finding.verdict);
    let is_enough = verdict == Verdict::BadCredentials && failures >= ENOUGH;
    let message = if is_enough { format!("{}. {GIVEN_UP}", finding.message) } else { finding.message };
    let found = Check { at, status, verdict, message, duration_ms };
    store::keep(&mut transaction, integration.id, &found, failures, next).await?;
    store::insert(&mut transaction, id::new(), integration.id, &found, KEPT).await?;
    transaction.commit().await?;
    app.metrics.checked(integration.kind.as_str(), verdict.as_str());
    Ok(())
}
