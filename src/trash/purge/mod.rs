//! Removing for good what is in the trash: when somebody says so, or when its time is over.

mod store;

use std::time::Duration;

use super::{Entry, Kind, record, reserve};
use crate::access::{Caller, Change, Permission};
use crate::app::App;
use crate::credential::kind;
use crate::database;
use crate::error::Result;

/// Removes an entry for good, with what else in the trash cannot be without it. The nodes of a type leave
/// every role and account with it.
///
/// # Errors
/// [`crate::error::Error::NotFound`], [`crate::error::Error::Forbidden`].
pub async fn purge(app: &App, caller: &Caller, identifier: &str) -> Result<()> {
    let mut change = Change::begin(app, caller).await?;
    let judge = change.caller.clone();
    let entry = super::hold(change.connection(), app, &judge, Permission::TrashPurge, identifier).await?;
    remove(change, app, caller, &entry).await
}

async fn remove(mut change: Change<'_>, app: &App, caller: &Caller, entry: &Entry) -> Result<()> {
    let connection = change.connection();
    store::remove_dependent(connection, entry).await?;
    super::store::remove(connection, entry.id).await?;
    if let Some(scope) = &entry.permission_scope {
        kind::revoke_scope(connection, scope, app.clock.now()).await?;
        reserve::revoke_scope(connection, scope).await?;
    }
    let action = match entry.kind {
        Kind::Credential => "credential.purge",
        Kind::CredentialType => "credential_type.purge",
        Kind::Company => "company.purge",
    };
    record(connection, app, caller, action, entry).await?;
    change.commit().await
}

/// How many credentials are removed in one go, so that nobody waits for long.
const BATCH: i64 = 500;

/// Removes what is past its time, unless another server is at it.
///
/// # Errors
/// Where the database fails; what was removed until then stays removed.
pub async fn purge_due(app: &App) -> Result<()> {
    while remove_some(app).await? {}
    while store::is_any_due(&app.pool, app.clock.now()).await? {
        let mut change = Change::begin(app, &Caller::system()).await?;
        match super::store::hold_due(change.connection(), app.clock.now()).await? {
            Some(entry) => remove(change, app, &Caller::system(), &entry).await?,
            None => return Ok(()),
        }
    }
    Ok(())
}

/// Removes some credentials of entries that are past their time; whether there were any. Nobody can
/// restore those entries any more.
async fn remove_some(app: &App) -> Result<bool> {
    let mut transaction = database::begin(&app.pool).await?;
    let removed = store::takes_turn(&mut transaction).await?
        && store::remove_some(&mut transaction, app.clock.now(), BATCH).await? > 0;
    transaction.commit().await?;
    Ok(removed)
}

/// How often it is seen whether something is past its time.
const EVERY: Duration = Duration::from_mins(10);

/// Removes what is past its time, until `stop`.
pub async fn keep_time(app: &App, stop: impl Future<Output = ()>) {
    let turns = async {
        let mut interval = tokio::time::interval(EVERY);
        loop {
            interval.tick().await;
            if let Err(error) = purge_due(app).await {
                tracing::warn!(%error, "what is past its time in the trash could not be removed");
            }
        }
    };
    tokio::select! {
        () = turns => {}
        () = stop => {}
    }
}
