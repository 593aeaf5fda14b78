//! Retention: events that have been kept long enough are dropped by the batch, and their seals stay.

use chrono::TimeDelta;
use hmac::Mac;

use super::store;
use crate::access::Caller;
use crate::app::App;
use crate::audit::{self, Event, Target};
use crate::database;
use crate::error::{Error, Result};

/// How many batches are dropped in one go.
const AT_ONCE: i64 = 50;

/// Drops whole batches of events that are all older than `AUDIT_RETENTION`, and puts that on record.
///
/// # Errors
/// Where the database fails.
pub async fn drop_expired(app: &App) -> Result<()> {
    let Some(kept) = app.settings.audit.retention else {
        return Ok(());
    };
    let before = app.clock.now() - TimeDelta::from_std(kept).map_err(Error::internal)?;
    loop {
        let mut transaction = database::begin(&app.pool).await?;
        if !store::lock(&mut transaction).await? {
            return Ok(());
        }
        let expired = store::expired(&mut transaction, before, AT_ONCE).await?;
        let (Some((first, _)), Some((last, _))) = (expired.first(), expired.last()) else {
            return Ok(());
        };
        let mut count = 0;
        for (number, seal) in &expired {
            let mark = app.chain.drop_mac(*number, seal).finalize().into_bytes();
            count += store::drop_batch(&mut transaction, *number, app.clock.now(), &mark).await?;
        }
        let name = format!("{count} events of {} audit batches from {first} to {last}", expired.len());
        let target = Target { kind: "setting", id: None, name: Some(&name) };
        audit::record_by(&mut transaction, app, &Caller::system(), Event::new("audit.drop", target)).await?;
        transaction.commit().await?;
    }
}
