//! Verifying: whether the record is as it was sealed.

use std::collections::HashMap;
use std::fmt;

use hmac::Mac;
use sqlx::PgConnection;
use uuid::Uuid;

use super::store::{self, Listed};
use super::{HASH_BYTES, Row, content, digest};
use crate::app::App;
use crate::database;
use crate::error::{Error, Result};

/// How many batches are looked at in one go, so that memory stays bounded.
const AT_ONCE: i64 = 20;

/// How many strays are told of at the most.
const MOST_STRAYS: i64 = 1000;

/// What was done to the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Something is not as it was sealed.
    Changed,
    /// Something that was sealed is gone.
    Removed,
    /// Something is there that was never sealed, nor waits for it as it should.
    Inserted,
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Changed => "changed",
            Self::Removed => "removed",
            Self::Inserted => "inserted",
        })
    }
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The batch, where it is of one.
    pub batch: Option<i64>,
    /// What was done.
    pub kind: Kind,
    /// To what.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.batch {
            Some(number) => write!(formatter, "batch {number}: {}: {}", self.kind, self.what),
            None => write!(formatter, "outside of batches: {}: {}", self.kind, self.what),
        }
    }
}

/// What was found.
#[derive(Debug, Default)]
pub struct Report {
    /// How many batches there are.
    pub batches: i64,
    /// How many events are as they were sealed.
    pub events: i64,
    /// How many events were dropped by the program itself, after `AUDIT_RETENTION`.
    pub dropped: i64,
    /// How many events are not sealed yet.
    pub unsealed: i64,
    /// What is not as it should be.
    pub faults: Vec<Fault>,
}

impl Report {
    fn fault(&mut self, batch: impl Into<Option<i64>>, kind: Kind, what: impl Into<String>) {
        self.faults.push(Fault { batch: batch.into(), kind, what: what.into() });
    }
}

/// Holds the whole record against its seals, as it is at one moment.
///
/// # Errors
/// Where the database fails.
pub async fn verify(app: &App) -> Result<Report> {
    let mut transaction = database::begin(&app.pool).await?;
    store::hold_still(&mut transaction).await?;
    let mut report = Report::default();
    let Some(end) = store::end(&mut transaction).await? else {
        report.fault(None, Kind::Removed, "the end of the chain and its key");
        return Ok(report);
    };
    if app.chain.end_mac(&end).verify_slice(&end.mac).is_err() {
        report.fault(None, Kind::Changed, "the end of the chain");
    }
    let mut known = Link { number: 0, seal: vec![0; HASH_BYTES] };
    loop {
        let listed = store::batches(&mut transaction, known.number, AT_ONCE).await?;
        if listed.is_empty() {
            break;
        }
        check_events(&mut transaction, &listed, &mut report).await?;
        for listed in listed {
            known = check_batch(app, listed, &known, &mut report);
        }
    }
    if known.number < end.number {
        report.fault(known.number + 1, Kind::Removed, gone(known.number + 1, end.number));
    } else if known.number > end.number || known.seal != end.seal {
        report.fault(known.number, Kind::Changed, "it is not the one that the chain ends with");
    }
    for stray in store::strays(&mut transaction, MOST_STRAYS).await? {
        report.fault(stray.batch, Kind::Inserted, format!("event {} of {}", stray.id, stray.at.to_rfc3339()));
    }
    for id in store::lost(&mut transaction, MOST_STRAYS).await? {
        report.fault(None, Kind::Removed, format!("event {id}, before it was sealed"));
    }
    report.unsealed = store::count_waiting(&mut transaction).await?;
    Ok(report)
}

/// What the next batch has to follow.
struct Link {
    number: i64,
    seal: Vec<u8>,
}

fn gone(first: i64, last: i64) -> String {
    if first == last { "the whole batch".to_owned() } else { format!("the whole batches {first} to {last}") }
}

/// Whether a batch itself is as it was sealed, and follows the one before it.
fn check_batch(app: &App, listed: Listed, known: &Link, report: &mut Report) -> Link {
    let batch = listed.batch;
    report.batches += 1;
    if batch.number > known.number + 1 {
        report.fault(known.number + 1, Kind::Removed, gone(known.number + 1, batch.number - 1));
    } else if batch.previous != known.seal {
        report.fault(batch.number, Kind::Changed, "it does not follow the batch before it");
    }
    if app.chain.batch_mac(&batch).verify_slice(&batch.seal).is_err() {
        report.fault(batch.number, Kind::Changed, "its seal does not fit");
    }
    let is_marked = listed
        .drop_mark
        .is_some_and(|mark| app.chain.drop_mac(batch.number, &batch.seal).verify_slice(&mark).is_ok());
    match &listed.events {
        Some((ids, digests)) => {
            let is_whole = usize::try_from(batch.event_count)
                .is_ok_and(|count| count == ids.len() && count * HASH_BYTES == digests.len());
            if !is_whole || content(digests)[..] != batch.content[..] || listed.is_dropped {
                report.fault(batch.number, Kind::Changed, "the list of its events");
            }
        }
        None if is_marked => report.dropped += i64::from(batch.event_count),
        None => report.fault(batch.number, Kind::Removed, format!("all of its {} events", batch.event_count)),
    }
    Link { number: batch.number, seal: batch.seal }
}

/// Whether the events of some batches are as they were sealed.
async fn check_events(connection: &mut PgConnection, listed: &[Listed], report: &mut Report) -> Result<()> {
    let lists = || listed.iter().filter_map(|listed| Some((listed.batch.number, listed.events.as_ref()?)));
    let ids: Vec<Uuid> = lists().flat_map(|(_, (ids, _))| ids.iter().copied()).collect();
    let rows = store::events(connection, &ids).await?;
    let digests: HashMap<Uuid, _> =
        tokio::task::spawn_blocking(move || rows.iter().map(|row: &Row| (row.id, digest(row))).collect())
            .await
            .map_err(Error::internal)?;
    for (number, (ids, sealed)) in lists() {
        for (id, sealed) in ids.iter().zip(sealed.chunks(HASH_BYTES)) {
            match digests.get(id) {
                Some(digest) if digest[..] == *sealed => report.events += 1,
                Some(_) => report.fault(number, Kind::Changed, format!("event {id}")),
                None => report.fault(number, Kind::Removed, format!("event {id}")),
            }
        }
    }
    Ok(())
}
