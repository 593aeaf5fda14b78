//! The audit record: who did what to what, from where, with which outcome. Never a secret.
//!
//! [`record`] takes the connection of the transaction that does the thing, so that neither is there
//! without the other.

mod budget;
pub mod chain;
mod exposure;
mod store;
mod view;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Datelike, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::access::{Actor, Caller, Origin, Permission};
use crate::app::App;
use crate::error::{Error, Result};

pub use budget::{Reveal, record_no_reveal, record_reveal, used_up};
pub use chain::Chain;
pub use exposure::{Exposed, exposure};
pub use view::EventView;

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Success,
    /// It was refused.
    Denied,
    /// It was allowed, but failed.
    Failure,
}

impl Outcome {
    /// The word for it in the record.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Denied => "denied",
            Self::Failure => "failure",
        }
    }
}

/// What it was done to.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// `credential`, `credential_type`, `company`, `user`, `session`, …
    pub kind: &'static str,
    /// Its id, where it has one.
    pub id: Option<Uuid>,
    /// Its name at that time.
    pub name: Option<&'a str>,
}

impl<'a> Target<'a> {
    /// Something with an id and a name.
    #[must_use]
    pub fn named(kind: &'static str, id: Uuid, name: &'a str) -> Self {
        Self { kind, id: Some(id), name: Some(name) }
    }

    /// A session.
    #[must_use]
    pub fn session(id: Uuid) -> Self {
        Self { kind: "session", id: Some(id), name: None }
    }
}

/// Something that happened.
#[derive(Debug, Clone, Copy)]
pub struct Event<'a> {
    /// What was done, such as `credential.reveal`.
    pub action: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// What it was done to.
    pub target: Target<'a>,
    /// The company that the target is in.
    pub company: Option<Uuid>,
    /// The field, where it was about one.
    pub field: Option<&'a str>,
}

impl<'a> Event<'a> {
    /// A success without company and field.
    #[must_use]
    pub fn new(action: &'static str, target: Target<'a>) -> Self {
        Self { action, outcome: Outcome::Success, target, company: None, field: None }
    }

    /// The same, inside a company.
    #[must_use]
    pub fn in_company(self, company: Uuid) -> Self {
        Self { company: Some(company), ..self }
    }
}

/// Writes an event in the caller's own transaction.
///
/// # Errors
/// Where the database fails; the transaction must then not be committed.
pub async fn record(
    connection: &mut PgConnection,
    actor: &Actor,
    origin: &Origin,
    at: DateTime<Utc>,
    event: Event<'_>,
) -> Result<()> {
    store::insert(connection, actor, origin, at, event).await
}

/// Writes that `caller` did something, in their own transaction.
///
/// # Errors
/// As [`record`].
pub async fn record_by(
    connection: &mut PgConnection,
    app: &App,
    caller: &Caller,
    event: Event<'_>,
) -> Result<()> {
    record(connection, &caller.actor, &caller.origin, app.clock.now(), event).await
}

/// A row of the record.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its id.
    pub id: Uuid,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// What was done, such as `credential.reveal`.
    pub action: String,
    /// `success`, `denied` or `failure`.
    pub outcome: String,
    /// `user`, `api_key` or `system`.
    pub actor_kind: String,
    /// Who did it, where they are known.
    pub actor_id: Option<Uuid>,
    /// Their name at that time.
    pub actor_name: String,
    /// What kind of thing it was done to.
    pub target_kind: String,
    /// The id of that thing, where it has one.
    pub target_id: Option<Uuid>,
    /// Its name at that time.
    pub target_name: Option<String>,
    /// The company that it is in.
    pub company_id: Option<Uuid>,
    /// The field, where it was about one.
    pub field_id: Option<String>,
    /// Where the request came from.
    pub address: Option<String>,
    /// The request.
    pub request_id: Option<Uuid>,
}

/// Which rows to read. An id that cannot be one matches nothing.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// By this person or key.
    pub user: Option<String>,
    /// About things in this company.
    pub company: Option<String>,
    /// About this credential.
    pub credential: Option<String>,
    /// With this action.
    pub action: Option<String>,
    /// At this time or later.
    pub from: Option<DateTime<Utc>>,
    /// Before this time.
    pub to: Option<DateTime<Utc>>,
    /// After the row that an earlier answer ended with.
    pub cursor: Option<String>,
    /// How many rows at the most.
    pub limit: i64,
}

/// The place in the record after which the next page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    at: DateTime<Utc>,
    id: Uuid,
}

impl Cursor {
    /// As answers give it.
    #[must_use]
    pub fn encode(self) -> String {
        URL_SAFE_NO_PAD.encode([&self.at.timestamp_micros().to_be_bytes()[..], self.id.as_bytes()].concat())
    }

    /// Reads what [`Self::encode`] wrote, in its one spelling.
    #[must_use]
    pub fn decode(text: &str) -> Option<Self> {
        let bytes: [u8; 24] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let (at, id) = bytes.split_first_chunk::<8>()?;
        let at = DateTime::from_timestamp_micros(i64::from_be_bytes(*at))?;
        // the years that a row can have, and every database knows
        (0..10_000).contains(&at.year()).then_some(Self { at, id: Uuid::from_slice(id).ok()? })
    }
}

/// The newest rows that match and that the caller may see, and the cursor of the next page where there
/// is more. Who holds `audit.read` in companies only sees the rows about those.
///
/// # Errors
/// [`Error::Invalid`] for a cursor that no answer gave.
pub async fn list(app: &App, caller: &Caller, filter: &Filter) -> Result<(Vec<Row>, Option<String>)> {
    let cursor = match filter.cursor.as_deref() {
        Some(text) => Some(
            Cursor::decode(text)
                .ok_or_else(|| Error::invalid("cursor", "Must be the nextCursor of an earlier answer"))?,
        ),
        None => None,
    };
    let ids = [&filter.user, &filter.company, &filter.credential];
    if ids.iter().any(|id| id.as_deref().is_some_and(|id| crate::id::parse(id).is_none())) {
        return Ok((Vec::new(), None));
    }
    let mut rows = store::list(&app.pool, &caller.reach(Permission::AuditRead), filter, cursor).await?;
    let page = usize::try_from(filter.limit).unwrap_or_default();
    let more = rows.len() > page;
    rows.truncate(page);
    let next = rows.last().filter(|_| more).map(|row| Cursor { at: row.at, id: row.id }.encode());
    Ok((rows, next))
}

/// How many rows an export holds at once.
const EXPORTED_AT_ONCE: usize = 1000;

/// Gives every row from `from` on and before `to`, the oldest first, to `take`, until that answers no.
///
/// # Errors
/// Where the database fails.
pub async fn export(
    app: &App,
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
    mut take: impl FnMut(Row) -> bool,
) -> Result<()> {
    let (limit, mut cursor) = (EXPORTED_AT_ONCE, None);
    loop {
        let rows =
            store::page_of_export(&app.pool, from, to, cursor, i64::try_from(limit).unwrap_or(1)).await?;
        let is_last = rows.len() < limit;
        cursor = rows.last().map(|row| Cursor { at: row.at, id: row.id });
        if !rows.into_iter().all(&mut take) || is_last {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, SystemClock};

    #[test]
    fn a_cursor_is_read_back_and_nothing_else_is_one() {
        let cursor = Cursor { at: SystemClock.now(), id: crate::id::new() };
        assert_eq!(Cursor::decode(&cursor.encode()), Some(cursor));
        let far = Cursor { at: DateTime::<Utc>::MIN_UTC, ..cursor }.encode();
        for other in ["", "x", "AAAA", "%00", &"A".repeat(33), &far] {
            assert_eq!(Cursor::decode(other), None, "{other}");
        }
    }
}
