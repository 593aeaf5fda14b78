//! Looking after the data keys while a server runs: new ones are heard of, one that has sealed enough is
//! followed by another, and those that nothing is sealed with any more are retired.

use std::time::Duration;

use chrono::TimeDelta;
use tokio::time::MissedTickBehavior;

use super::SealedStore;
use crate::access::Caller;
use crate::app::App;
use crate::audit::{self, Event, Target};
use crate::database;
use crate::error::{Error, Result};
use crate::vault::{self, DataKey, ENOUGH_SEALS};

/// How often the keys are looked after.
const INTERVAL: Duration = Duration::from_mins(1);

/// How long a key stays after there is a newer one. A request that has sealed with it is over by then.
const GRACE: TimeDelta = TimeDelta::minutes(1);

/// Looks after the data keys until `stop`.
pub async fn keep(app: &App, stop: impl Future<Output = ()>) {
    let mut interval = tokio::time::interval(INTERVAL);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // what the start has just loaded is known
    interval.tick().await;
    let always = async {
        loop {
            let done = tokio::select! {
                () = app.vault.heard() => app.vault.refresh().await.map(drop).map_err(Error::Internal),
                _ = interval.tick() => look_after(app).await,
            };
            if let Err(error) = done {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the data keys were not looked after"
                );
            }
        }
    };
    tokio::select! {
        () = always => {}
        () = stop => {}
    }
}

/// Loads new keys, makes one where the newest has sealed enough, and retires those that are of no use.
///
/// # Errors
/// Where the database fails.
pub async fn look_after(app: &App) -> Result<()> {
    app.vault.refresh().await.map_err(Error::Internal)?;
    let keys = vault::data_keys(&*app.pool).await?;
    if let Some(newest) = keys.last().filter(|newest| newest.seals >= ENOUGH_SEALS) {
        make_key(app, &Caller::system(), newest.id, false).await?;
    }
    retire_unused(app).await.map(drop)
}

/// Makes the key that follows `newest` and puts it on record; none where somebody else has made it.
pub(super) async fn make_key(
    app: &App,
    caller: &Caller,
    newest: i32,
    is_rotation: bool,
) -> Result<Option<i32>> {
    let mut transaction = database::begin(&app.pool).await?;
    let made = vault::make_key(&mut transaction, &app.vault, newest, is_rotation, app.clock.now()).await?;
    if let Some(id) = made {
        record(&mut transaction, app, caller, "key.create", id).await?;
    }
    transaction.commit().await?;
    app.vault.refresh().await.map_err(Error::Internal)?;
    Ok(made)
}

/// Retires the keys that nothing is sealed with and that have been followed by another for a while.
pub(super) async fn retire_unused(app: &App) -> Result<Vec<i32>> {
    let keys = vault::data_keys(&*app.pool).await?;
    let followed_before = app.clock.now() - GRACE;
    let may_go = |pair: &[DataKey]| (pair[1].created_at <= followed_before).then_some(pair[0].id);
    let mut retired = Vec::new();
    for key in keys.windows(2).filter_map(may_go) {
        // most often something is, and nobody has to be held back to see that
        if !is_used(&mut *app.pool.acquire().await?, key).await? && retire(app, key).await? {
            retired.push(key);
        }
    }
    Ok(retired)
}

/// Retires a key, unless something is sealed with it after all.
async fn retire(app: &App, key: i32) -> Result<bool> {
    let mut transaction = database::begin(&app.pool).await?;
    if !vault::hold_back(&mut transaction, key).await? || is_used(&mut transaction, key).await? {
        return Ok(false);
    }
    vault::retire(&mut transaction, key).await?;
    record(&mut transaction, app, &Caller::system(), "key.delete", key).await?;
    transaction.commit().await?;
    tracing::info!(key, "a data key that nothing is sealed with was retired");
    Ok(true)
}

async fn is_used(connection: &mut sqlx::PgConnection, key: i32) -> Result<bool> {
    for store in SealedStore::ALL {
        if store.count(connection).await?.iter().any(|(of, _)| *of == Some(key)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Puts on record what was done with a data key.
pub(super) async fn record(
    connection: &mut sqlx::PgConnection,
    app: &App,
    caller: &Caller,
    action: &'static str,
    key: i32,
) -> Result<()> {
    let name = format!("data key {key}");
    let target = Target { kind: "key", id: None, name: Some(&name) };
    audit::record_by(connection, app, caller, Event::new(action, target)).await
}
