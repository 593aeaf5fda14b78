//! Sealing: one server at a time takes the events that were committed since, and makes batches of them.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use hmac::Mac;
use sqlx::PgConnection;
use tokio::time::MissedTickBehavior;

use super::store::Waiting;
use super::{Batch, Chain, End, content, retention, store};
use crate::app::App;
use crate::database;
use crate::error::{Error, Result};

/// How many events are sealed together at the most.
const BATCH: i64 = 2000;

/// How often is looked for batches that have been kept long enough.
const HOUSEKEEPING: Duration = Duration::from_hours(1);

/// Seals events as often as is configured and drops those that have been kept long enough, until `stop`;
/// then what is left is sealed.
pub async fn keep(app: Arc<App>, stop: impl Future<Output = ()>) {
    let Some(interval) = app.settings.audit.seal_interval else {
        return;
    };
    let turns = |period| {
        let mut turns = tokio::time::interval(period);
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        turns
    };
    let (mut seals, mut drops) = (turns(interval), turns(HOUSEKEEPING));
    let mut stop = std::pin::pin!(stop);
    loop {
        tokio::select! {
            _ = seals.tick() => try_to_seal(&app).await,
            _ = drops.tick() => {
                if let Err(error) = retention::drop_expired(&app).await {
                    tracing::warn!(error = &error as &dyn std::error::Error, "old audit events are not dropped");
                }
            }
            () = &mut stop => break,
        }
    }
    try_to_seal(&app).await;
}

async fn try_to_seal(app: &App) {
    if let Err(error) = seal(app).await {
        tracing::warn!(error = &error as &dyn std::error::Error, "audit events are not sealed");
    }
}

/// Seals what waits for it, unless another server is doing so; how many events it were. What comes meanwhile
/// waits for the next time: otherwise there were no end to small batches while much is going on.
///
/// # Errors
/// Where the database fails, or the end of the chain was changed.
pub async fn seal(app: &App) -> Result<usize> {
    let mut sealed = 0;
    loop {
        let batch = seal_batch(app).await?;
        sealed += batch.sealed;
        if !batch.is_full {
            return Ok(sealed);
        }
    }
}

/// What was taken for a batch.
#[derive(Default)]
struct Taken {
    /// How many events are in it.
    sealed: usize,
    /// Whether more may wait.
    is_full: bool,
}

/// Seals a batch, unless nothing waits, or another server is at it.
async fn seal_batch(app: &App) -> Result<Taken> {
    let mut transaction = database::begin(&app.pool).await?;
    if !store::lock(&mut transaction).await? {
        return Ok(Taken::default());
    }
    database::look_up_by_index(&mut transaction).await?;
    let end = trusted_end(&mut transaction, &app.chain).await.map_err(Error::Internal)?;
    let mut waiting = store::take_waiting(&mut transaction, &end, BATCH).await?;
    if waiting.is_empty() {
        return Ok(Taken::default());
    }
    let is_full = i64::try_from(waiting.len()).is_ok_and(|taken| taken >= BATCH);
    waiting.retain(|event| !event.is_sealed);
    waiting.sort_by_key(|event| (event.at, event.id));
    waiting.dedup_by_key(|event| event.id);
    append(&mut transaction, app, end, &waiting).await?;
    transaction.commit().await?;
    Ok(Taken { sealed: waiting.len(), is_full })
}

/// The end of the chain, where it is as the program left it.
pub(super) async fn trusted_end(connection: &mut PgConnection, chain: &Chain) -> anyhow::Result<End> {
    let end = store::end(connection).await?.context("the end of the audit chain is gone")?;
    let is_ours = chain.end_mac(&end).verify_slice(&end.mac).is_ok();
    is_ours
        .then_some(end)
        .ok_or_else(|| anyhow!("the end of the audit chain was changed: run ttscm audit verify"))
}

/// Adds a batch of these events, in this order, to the chain.
async fn append(connection: &mut PgConnection, app: &App, end: End, events: &[Waiting]) -> Result<()> {
    let (Some(first), Some(last)) = (events.first(), events.last()) else {
        return Ok(());
    };
    let ids: Vec<_> = events.iter().map(|event| event.id).collect();
    let digests: Vec<u8> = events.iter().flat_map(|event| event.digest).collect();
    let chain_first_at = end.first_at.map_or(first.at, |at| at.min(first.at));
    let chain_last_at = end.last_at.map_or(last.at, |at| at.max(last.at));
    let mut batch = Batch {
        number: end.number + 1,
        previous: end.seal,
        first_at: first.at,
        last_at: last.at,
        chain_first_at,
        chain_last_at,
        event_count: i32::try_from(events.len()).map_err(Error::internal)?,
        content: content(&digests).to_vec(),
        seal: Vec::new(),
        sealed_at: end.now,
    };
    batch.seal = app.chain.batch_mac(&batch).finalize().into_bytes().to_vec();
    store::insert(connection, &batch, &ids, &digests).await?;
    let (first_at, last_at) = (Some(chain_first_at), Some(chain_last_at));
    let mut end =
        End { number: batch.number, seal: batch.seal, first_at, last_at, mac: Vec::new(), now: end.now };
    end.mac = app.chain.end_mac(&end).finalize().into_bytes().to_vec();
    store::move_end(connection, &end).await
}
