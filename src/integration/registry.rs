//! Integrations: the products that a provider works with besides, such as Jira or Zendesk. They belong to no
//! company, so that only nodes that are held everywhere count.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use crate::access::{ActorKind, Caller, Permission};
use crate::app::App;
use crate::audit::{self, Event, Target};
use crate::error::{Error, Result};
use crate::id;
use crate::page::{Paged, Paging};

use super::{AuthType, Endpoint, Health, Kind, store};

/// An integration, without its credentials.
#[derive(Debug, Clone)]
pub struct Integration {
    /// Its id.
    pub id: Uuid,
    /// Its name; two integrations may share one.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The product.
    pub kind: Kind,
    /// Where the product is, without a slash at its end.
    pub base_url: String,
    /// How one proves to the product who one is.
    pub auth_type: AuthType,
    /// Whether it has the credentials for that.
    pub has_credentials: bool,
    /// The requests that it knows by name.
    pub endpoints: Vec<Endpoint>,
    /// Whether it is in use.
    pub is_active: bool,
    /// How it is doing.
    pub health: Health,
    /// Counts the changes of what a check is about.
    pub(super) revision: i64,
    /// How many checks of this state have failed one after another.
    pub(super) failures: i32,
    /// Who made it; none where that account is gone, and where no person did.
    pub created_by: Option<Uuid>,
    /// Who looks after it besides.
    pub managers: Vec<Uuid>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// What of an integration can be changed.
pub(super) struct Values {
    pub name: String,
    pub description: String,
    pub base_url: String,
    pub auth_type: AuthType,
    pub endpoints: Vec<Endpoint>,
    pub is_active: bool,
}

/// The integrations, by name; of one product where a kind is given. With a `search`, those whose name has it
/// as a part or nearly so, best match first.
///
/// # Errors
/// [`Error::Forbidden`].
pub async fn list(
    app: &App,
    caller: &Caller,
    kind: Option<Kind>,
    search: Option<&str>,
    paging: Option<Paging>,
) -> Result<Paged<Integration>> {
    caller.require_everywhere(Permission::IntegrationFetchMany)?;
    let wanted = store::Wanted { id: None, kind, search };
    Paged::fetch(paging, |window| store::list(&*app.pool, wanted, window)).await
}

/// The integration with this id, for whoever holds `needed` and for those whose own it is.
///
/// # Errors
/// [`Error::Forbidden`]; [`Error::NotFound`] for a caller who may know which integrations there are.
pub async fn find(app: &App, caller: &Caller, needed: Permission, identifier: &str) -> Result<Integration> {
    load(&*app.pool, caller, needed, identifier).await
}

/// To who holds neither `needed` nor the list, an integration that is not theirs and one that is not there are
/// the same.
pub(super) async fn load(
    executor: impl PgExecutor<'_>,
    caller: &Caller,
    needed: Permission,
    identifier: &str,
) -> Result<Integration> {
    let found = match id::parse(identifier) {
        Some(id) => store::by_id(executor, id).await?,
        None => None,
    };
    let allowed = caller.require_everywhere(needed);
    let sees_all = allowed.is_ok() || caller.require_everywhere(Permission::IntegrationFetchMany).is_ok();
    match found {
        Some(integration) if is_own(&integration, caller) => Ok(integration),
        Some(integration) => allowed.map(|()| integration),
        None if sees_all => Err(not_found(identifier)),
        None => Err(allowed.err().unwrap_or_else(|| not_found(identifier))),
    }
}

/// What whoever made or manages an integration may do with it.
pub const OWN: [Permission; 3] =
    [Permission::IntegrationFetch, Permission::IntegrationUpdate, Permission::IntegrationCheck];

/// Whether a person made or manages an integration.
///
/// # Errors
/// Where the database fails.
pub async fn has_own(connection: &mut PgConnection, person: Uuid) -> Result<bool> {
    store::has_own(connection, person).await
}

/// Whether the caller is a person who made or manages the integration.
fn is_own(integration: &Integration, caller: &Caller) -> bool {
    person(caller).is_some_and(|person| {
        integration.created_by == Some(person) || integration.managers.contains(&person)
    })
}

/// The account of a caller who is a person.
pub(super) fn person(caller: &Caller) -> Option<Uuid> {
    caller.actor.id.filter(|_| caller.actor.kind == ActorKind::User)
}

pub(super) async fn record(
    connection: &mut PgConnection,
    app: &App,
    caller: &Caller,
    action: &'static str,
    integration: &Integration,
) -> Result<()> {
    audit::record_by(connection, app, caller, event(action, integration)).await
}

/// That something was done to an integration.
pub(super) fn event<'a>(action: &'static str, integration: &'a Integration) -> Event<'a> {
    Event::new(action, Target::named("integration", integration.id, &integration.name))
}

pub(super) fn not_found(identifier: &str) -> Error {
    Error::not_found("IntegrationNotFound", "Integration", identifier)
}
