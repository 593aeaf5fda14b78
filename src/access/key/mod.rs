//! API keys: what services show in the place of the people who made them. A key holds of its nodes what its
//! maker holds at that very moment, and never a node that gives people or keys more.

mod exchange;
mod secret;
mod store;
mod uses;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;
use uuid::Uuid;

use super::grants::{Grants, Reach};
use super::{Caller, Change, Permission};
use crate::app::App;
use crate::audit::{self, Event, Target};
use crate::database;
use crate::error::{Error, Result, Step, Violation};
use crate::id;
use crate::page::{Paged, Paging, Window};
use crate::role;

pub use exchange::exchange;
pub use secret::{hash, is_one};
pub(super) use store::{Known, load};
pub use uses::{Uses, write_uses};

/// A key, without what opens anything.
#[derive(Debug, Clone)]
pub struct ApiKey {
    /// Its id.
    pub id: Uuid,
    /// Its name; two keys may share one.
    pub name: String,
    /// How it begins.
    pub prefix: String,
    /// The nodes that it holds where its maker holds them.
    pub permissions: Vec<String>,
    /// The companies in which it holds them; wherever its maker does where none.
    pub company_ids: Option<Vec<Uuid>>,
    /// The account that made it.
    pub user_id: Uuid,
    /// The display name of that account.
    pub user_name: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// From when on it is refused.
    pub expires_at: DateTime<Utc>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
    /// From which address that was.
    pub last_used_address: Option<String>,
}

/// A key to be made.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// Its name.
    pub name: String,
    /// The nodes that it is to hold.
    pub permissions: Vec<String>,
    /// The ids of the companies in which it is to hold them.
    pub company_ids: Option<Vec<String>>,
    /// From when on it is to be refused; in 90 days where none.
    pub expires_at: Option<DateTime<Utc>>,
}

/// How long a key is good for where nobody says.
const LIFETIME: TimeDelta = TimeDelta::days(90);

/// How long a key may be good for.
const LONGEST_LIFETIME: TimeDelta = TimeDelta::days(365);

/// How many nodes times companies a key may have: each is judged at every use of the key.
const MOST_GRANTS: usize = 2000;

/// The first segments of nodes that no key holds: they give people or keys more.
const WITHHELD: [&str; 4] = ["*", "api_key", "role", "permission"];

/// Whether a key may hold a node or wildcard at all. A wildcard covers nothing but what begins as it does.
fn may_be_held(node: &str) -> bool {
    let first = node.split('.').next().unwrap_or_default();
    !WITHHELD.contains(&first)
}

/// What a key holds that was given `nodes`, everywhere or in `companies`, by somebody who holds `makers`.
fn held(nodes: &[String], companies: Option<&[Uuid]>, makers: &Grants) -> Grants {
    let nodes: Vec<_> = nodes.iter().filter(|node| may_be_held(node)).cloned().collect();
    makers.narrowed(&nodes, companies)
}

/// Makes a key of the caller's own. What it opens anything with is in the answer and nowhere else.
///
/// # Errors
/// [`Error::Invalid`] for a node that is unknown or that no key can hold, for too many nodes in too many companies,
/// and for a time of expiry out of bounds;
/// [`Error::NotFoundInInput`] for a company that the caller may not see; [`Error::Forbidden`] naming a node that
/// they do not hold wherever the key is to.
pub async fn create(app: &App, caller: &Caller, new: NewKey) -> Result<(ApiKey, SecretString)> {
    let mut change = Change::begin(app, caller).await?;
    let user_id = change.caller.user_id()?;
    let now = app.clock.now();
    let expires_at = expiry(now, new.expires_at)?;
    check_size(&new)?;
    let company_ids = companies(&mut change, new.company_ids.as_deref()).await?;
    check_nodes(&change, &new.permissions, company_ids.as_deref())?;
    let made = secret::make();
    let key = ApiKey {
        id: id::new(),
        name: new.name.trim().to_owned(),
        prefix: made.prefix,
        permissions: role::distinct(new.permissions),
        company_ids,
        user_id,
        user_name: change.caller.actor.name.clone(),
        created_at: now,
        expires_at,
        last_used_at: None,
        last_used_address: None,
    };
    store::insert(change.connection(), &key, &made.hash).await?;
    audit::record_by(change.connection(), app, caller, event("api_key.create", &key)).await?;
    change.commit().await?;
    Ok((key, made.secret))
}

fn expiry(now: DateTime<Utc>, wanted: Option<DateTime<Utc>>) -> Result<DateTime<Utc>> {
    let Some(at) = wanted else { return Ok(now + LIFETIME) };
    if at <= now || at > now + LONGEST_LIFETIME {
        let rule = format!("Must be in the future, and at most {} days away", LONGEST_LIFETIME.num_days());
        return Err(Error::invalid("expiresAt", rule));
    }
    Ok(at)
}

/// Refuses a key that would take long to judge.
fn check_size(new: &NewKey) -> Result<()> {
    let companies = new.company_ids.as_ref().map_or(1, Vec::len);
    if new.permissions.len() * companies <= MOST_GRANTS {
        return Ok(());
    }
    let rule = format!("Must be so few that permissions times companies are at most {MOST_GRANTS}");
    Err(Error::invalid("companyIds", rule))
}

/// The companies with these ids, each once, where the caller may make keys in all of them; everywhere where a key
/// is to be bound to none.
async fn companies(change: &mut Change<'_>, wanted: Option<&[String]>) -> Result<Option<Vec<Uuid>>> {
    let Some(wanted) = wanted else {
        return role::bound_to(change, None, Permission::ApiKeyCreate).await.map(|_| None);
    };
    let mut companies = Vec::with_capacity(wanted.len());
    for identifier in wanted {
        companies.extend(role::bound_to(change, Some(identifier), Permission::ApiKeyCreate).await?);
    }
    companies.sort_unstable();
    companies.dedup();
    Ok(Some(companies))
}

/// Refuses nodes that no key can hold or that are unknown, then those that the caller does not hold in each place.
fn check_nodes(change: &Change<'_>, nodes: &[String], companies: Option<&[Uuid]>) -> Result<()> {
    let withheld = nodes.iter().enumerate().filter(|(_, node)| !may_be_held(node));
    let violation = |(index, node): (usize, &String)| {
        let path: [Step; 2] = ["permissions".into(), index.into()];
        let shown: String = node.chars().take(200).collect();
        Violation::new(path, format!("'{shown}' is nothing that an API key can hold"))
    };
    let violations: Vec<_> = withheld.map(violation).collect();
    if !violations.is_empty() {
        return Err(Error::Invalid(violations));
    }
    let places: Vec<_> =
        companies.map_or_else(|| vec![None], |companies| companies.iter().copied().map(Some).collect());
    places.iter().try_for_each(|place| change.check_known(nodes, &[], *place))?;
    places.iter().try_for_each(|place| change.check_held(nodes.iter().map(String::as_str), *place))
}

/// The caller's own keys, and those of others within reach of `api_key.fetch.many`, the newest first. Who holds
/// that in companies only reaches the keys that work in no others.
///
/// # Errors
/// Where the database fails.
pub async fn list(app: &App, caller: &Caller, paging: Option<Paging>) -> Result<Paged<ApiKey>> {
    let (user, reach) = (caller.user_id()?, caller.reach(Permission::ApiKeyFetchMany));
    Paged::fetch(paging, |window| store::list(&app.pool, Some(user), &reach, None, window)).await
}

/// Revokes a key of the caller's own, or of others within reach of `api_key.delete`: it is refused from now on, and
/// so is every token that was given for it.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Forbidden`].
pub async fn revoke(app: &App, caller: &Caller, identifier: &str) -> Result<ApiKey> {
    let not_found = || Error::not_found("ApiKeyNotFound", "API key", identifier);
    let id = id::parse(identifier).ok_or_else(not_found)?;
    let window = Window { limit: Some(1), offset: 0 };
    let found = store::list(&app.pool, None, &Reach::everything(), Some(id), window).await?;
    let (key, _) = found.into_iter().next().ok_or_else(not_found)?;
    if caller.user_id()? != key.user_id {
        let covers = |reach: &Reach| is_reached(reach, &key);
        caller.permit(&[Permission::ApiKeyDelete], &[Permission::ApiKeyFetchMany], covers, not_found)?;
    }
    let mut transaction = database::begin(&app.pool).await?;
    if !store::revoke(&mut transaction, id, app.clock.now()).await? {
        return Err(not_found());
    }
    audit::record_by(&mut transaction, app, caller, event("api_key.delete", &key)).await?;
    transaction.commit().await?;
    app.remembered.forget();
    Ok(key)
}

/// Whether a node that reaches so far reaches a key; the SQL of the list says the same.
fn is_reached(reach: &Reach, key: &ApiKey) -> bool {
    let is_within = |companies: &Vec<Uuid>| companies.iter().all(|company| reach.covers_company(*company));
    reach.is_everywhere() || key.company_ids.as_ref().is_some_and(is_within)
}

fn event<'a>(action: &'static str, key: &'a ApiKey) -> Event<'a> {
    let company = match key.company_ids.as_deref() {
        Some([only]) => Some(*only),
        _ => None,
    };
    Event { company, ..Event::new(action, Target::named("api_key", key.id, &key.name)) }
}
