//! The trash: what is deleted is moved here whole, out of every table that requests look into, and can be
//! put back as it was for 30 days. What was deleted as one thing is one entry.

mod purge;
mod put;
mod reserve;
mod restore;
mod store;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::access::{Caller, Permission, Reach};
use crate::app::App;
use crate::audit::{self, Event, Target};
use crate::error::{Error, Result};
use crate::id;
use crate::page::{Paged, Paging};

pub use purge::{keep_time, purge, purge_due};
pub(crate) use put::{Thing, put, seal};
pub(crate) use reserve::{forget_grants, forget_roles_of, refuse_node, refuse_scope, type_nodes};
pub use restore::restore;
pub(crate) use store::{count_sealed, held, swap};

/// How long what was deleted can be restored.
pub const KEPT: TimeDelta = TimeDelta::days(30);

/// What kind of thing an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Kind {
    /// A credential.
    Credential,
    /// A credential type with its credentials.
    CredentialType,
    /// A company with its credentials, and the roles and permissions that are bound to it.
    Company,
}

impl Kind {
    /// The word for it, as in the audit record.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Credential => "credential",
            Self::CredentialType => "credential_type",
            Self::Company => "company",
        }
    }

    /// The words for it in a sentence.
    fn in_words(self) -> &'static str {
        match self {
            Self::Credential => "credential",
            Self::CredentialType => "credential type",
            Self::Company => "company",
        }
    }
}

/// Something in the trash.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The id of the entry.
    pub id: Uuid,
    /// What kind of thing it is.
    pub kind: Kind,
    /// The id of the thing itself, which it has again when it is restored.
    pub target_id: Uuid,
    /// Its name when it was deleted.
    pub name: String,
    /// The company that a credential is of, or that it is.
    pub company_id: Option<Uuid>,
    /// The scope of a type.
    pub permission_scope: Option<String>,
    /// When it was deleted.
    pub deleted_at: DateTime<Utc>,
    /// Who deleted it; none for the program itself.
    pub deleted_by_id: Option<Uuid>,
    /// Their name at that time.
    pub deleted_by_name: String,
    /// When it is removed for good.
    pub purge_at: DateTime<Utc>,
    /// How many credentials it holds.
    pub credentials: i64,
}

impl Entry {
    /// Whether a node that reaches so far reaches it: a credential is where its company is, a type is
    /// everywhere, and so is a company that nobody is in any more.
    fn is_within(&self, reach: &Reach) -> bool {
        match (self.kind, self.company_id) {
            (Kind::Credential, Some(company)) => reach.covers_company(company),
            _ => reach.is_everywhere(),
        }
    }
}

/// What is in the trash, as far as the caller may list it, newest first.
///
/// # Errors
/// Where the database fails.
pub async fn list(app: &App, caller: &Caller, paging: Option<Paging>) -> Result<Paged<Entry>> {
    let (reach, now) = (caller.reach(Permission::TrashFetchMany), app.clock.now());
    Paged::fetch(paging, |window| store::list(&app.pool, &reach, now, window)).await
}

/// Locks an entry whose time is not over, where the caller holds `needed` on it.
async fn hold(
    connection: &mut PgConnection,
    app: &App,
    caller: &Caller,
    needed: Permission,
    identifier: &str,
) -> Result<Entry> {
    let missing = || Error::not_found("TrashEntryNotFound", "Trash entry", identifier);
    let id = id::parse(identifier).ok_or_else(missing)?;
    let entry = store::hold(connection, id, app.clock.now()).await?.ok_or_else(missing)?;
    caller.permit(&[needed], &[Permission::TrashFetchMany], |reach| entry.is_within(reach), missing)?;
    Ok(entry)
}

async fn record(
    connection: &mut PgConnection,
    app: &App,
    caller: &Caller,
    action: &'static str,
    entry: &Entry,
) -> Result<()> {
    let target = Target::named(entry.kind.as_str(), entry.target_id, &entry.name);
    let event = Event { company: entry.company_id, ..Event::new(action, target) };
    audit::record_by(connection, app, caller, event).await
}
