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

/// The checks that are under way.
pub type Checks = Together<Uuid, std::result::Result<(), Arc<Error>>>;

/// Checks an integration now, for whoever may. Those who ask at once ask the product once, and what was found a
/// moment ago is told again. Where it is switched off nobody asks.
///
/// # Errors
/// As [`super::find`]; [`Error::Internal`] where its credentials do not open.
pub async fn check(app: &Arc<App>, caller: &Caller, identifier: &str) -> Result<Health> {
    let mut transaction = database::begin(&app.pool).await?;
    let integration = load(&mut *transaction, caller, Permission::IntegrationCheck, identifier).await?;
    record(&mut transaction, app, caller, "integration.check", &integration).await?;
    transaction.commit().await?;
    let is_new = app.clock.now() - integration.health.last_checked < NEW;
    match integration.health.status {
        Status::Inactive => return Ok(integration.health),
        Status::Healthy | Status::Unhealthy if is_new => return Ok(integration.health),
        _ => check_together(app, integration.id).await?,
    }
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

/// Makes a check, or waits for the one that is under way.
async fn check_together(app: &Arc<App>, id: Uuid) -> Result<()> {
    let make = || {
        let app = Arc::clone(app);
        async move { make(&app, id).await.map_err(Arc::new) }.boxed()
    };
    let question = app.checks.join(id, make);
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
async fn make(app: &App, id: Uuid) -> Result<()> {
    let Some(integration) = super::store::by_id(&*app.pool, id).await?.filter(|found| found.is_active) else {
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
    let found = Check { at, status, verdict, message: finding.message, duration_ms };
    store::keep(&mut transaction, integration.id, &found, failures, next).await?;
    store::insert(&mut transaction, id::new(), integration.id, &found, KEPT).await?;
    Ok(transaction.commit().await?)
}
