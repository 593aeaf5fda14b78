//! What ConnectWise says of a company now, or where it does not answer, what it said last.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use serde_json::{Map, Value};

use super::sync::{self, Sent};
use super::{Company, find, store};
use crate::access::{Caller, Permission};
use crate::app::App;
use crate::connectwise::{Configuration, ConnectWise, Failure, Patience};
use crate::database;
use crate::error::{Error, Result};
use crate::together::Together;

/// How long a reader waits for ConnectWise before being told what is known.
const PATIENCE: Duration = Duration::from_millis(1500);

/// How long a reader waits for what only ConnectWise knows.
const LONG_PATIENCE: Duration = Duration::from_secs(9);

/// A company with what ConnectWise says of it.
#[derive(Debug, Clone)]
pub struct Fresh {
    /// The company.
    pub company: Company,
    /// What ConnectWise says of it; nothing where it was made by hand.
    pub data: Map<String, Value>,
    /// Whether ConnectWise could not be asked now.
    pub is_stale: bool,
    /// When ConnectWise said it.
    pub fetched_at: Option<DateTime<Utc>>,
}

/// The questions after companies that are under way, by the company's number: when each was asked, or none where
/// there is no answer.
pub type Looks = Together<i64, Option<DateTime<Utc>>>;

/// Reads a company, after asking ConnectWise for it where it came from there.
///
/// # Errors
/// As [`find`].
pub async fn read(app: &Arc<App>, caller: &Caller, needed: &[Permission], identifier: &str) -> Result<Fresh> {
    let company = find(app, caller, needed, identifier).await?;
    let Some(number) = company.cw_company_id else {
        return Ok(Fresh { company, data: Map::new(), is_stale: false, fetched_at: None });
    };
    let looked = match app.connectwise {
        Some(_) => look_together(app, number).await,
        None => None,
    };
    let mut connection = app.pool.acquire().await?;
    let known = store::known(&mut connection, company.id).await?;
    let (company, data, known_at) = known.ok_or_else(|| super::not_found(identifier))?;
    Ok(Fresh { company, data, is_stale: looked.is_none(), fetched_at: looked.or(known_at) })
}

async fn look_together(app: &Arc<App>, number: i64) -> Option<DateTime<Utc>> {
    let ask = || {
        let app = Arc::clone(app);
        let look = async move {
            let looked = look(&app, Patience::Short, number).await;
            looked.inspect_err(|cause| tracing::warn!("a company is not fresh: {cause:#}")).ok()
        };
        look.boxed()
    };
    tokio::time::timeout(PATIENCE, app.looks.join(number, ask)).await.ok().flatten()
}

/// Asks ConnectWise for a company and writes down what it says; when it was asked.
pub(super) async fn look(app: &App, patience: Patience, number: i64) -> anyhow::Result<DateTime<Utc>> {
    let connectwise =
        app.connectwise.as_ref().ok_or_else(|| anyhow::anyhow!("ConnectWise is not configured"))?;
    let asked_at = app.clock.now();
    let found = connectwise.company(patience, number).await?;
    let now = app.clock.now();
    let mut transaction = database::begin(&app.pool).await?;
    match found {
        None => {
            sync::mark_gone(&mut transaction, &[number], asked_at, now).await?;
        }
        Some(company) => {
            sync::write(&mut transaction, &Sent::new(vec![company])?, asked_at, now).await?;
            sync::mark_deleted(&mut transaction, &[number], now).await?;
        }
    }
    sync::touch(&mut transaction, number, asked_at).await?;
    transaction.commit().await?;
    Ok(asked_at)
}

/// What ConnectWise keeps of a company's configurations, those in use only unless told otherwise; nothing
/// for one that was made by hand.
///
/// # Errors
/// As [`find`]; [`Error::NotConfigured`] for a company of a ConnectWise that is not connected;
/// [`Error::Upstream`] where it does not answer.
pub async fn configurations(
    app: &App,
    caller: &Caller,
    needed: &[Permission],
    identifier: &str,
    with_inactive: bool,
) -> Result<Vec<Configuration>> {
    let Some(number) = find(app, caller, needed, identifier).await?.cw_company_id else {
        return Ok(Vec::new());
    };
    let connectwise = app.connectwise.as_ref().ok_or(Error::NotConfigured {
        code: "ConnectWiseNotConfigured",
        message: "The company comes from ConnectWise, which is not connected",
    })?;
    ask_for_configurations(connectwise, number, with_inactive).await.map_err(upstream)
}

async fn ask_for_configurations(
    connectwise: &ConnectWise,
    number: i64,
    with_inactive: bool,
) -> std::result::Result<Vec<Configuration>, Failure> {
    let asked = connectwise.configurations(number, with_inactive);
    tokio::time::timeout(LONG_PATIENCE, asked).await.unwrap_or(Err(Failure::TimedOut))
}

/// What a caller is told where ConnectWise gives no answer that can be used.
pub(super) fn upstream(failure: Failure) -> Error {
    let timed_out = failure.is_slowness();
    let message = if timed_out {
        "ConnectWise did not answer in time"
    } else {
        "ConnectWise did not answer, or not as it should"
    };
    Error::Upstream { message, timed_out, cause: anyhow::Error::new(failure).context(message) }
}
