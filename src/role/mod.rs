//! Roles: permission nodes under a name, for people to hold. A role that is bound to a company grants
//! its nodes inside that company only.

mod name;
mod rank;
mod store;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::access::{Caller, Change, Permission, Reach};
use crate::app::App;
use crate::audit::{self, Event, Target};
use crate::company;
use crate::error::{Error, OnConstraint, Result};
use crate::id;
use crate::page::{Paged, Paging};

use name::{canonical, made_moniker, parse_moniker, refuse_title};
pub use rank::Rank;
pub(crate) use store::{assign, holders_of, of_user, set_holders};

/// A role.
#[derive(Debug, Clone)]
pub struct Role {
    /// Its id.
    pub id: Uuid,
    /// Its name for people.
    pub title: String,
    /// Its name for programs, in lower case; no two roles share one.
    pub moniker: String,
    /// What it is for.
    pub description: String,
    /// The nodes that it grants.
    pub permissions: Vec<String>,
    /// The company that it is bound to.
    pub company_id: Option<Uuid>,
    /// Whether the program made it.
    pub builtin: bool,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// A role to be made.
#[derive(Debug, Clone)]
pub struct NewRole {
    /// Its name for people.
    pub title: String,
    /// Its name for programs. Without one it is made from the title, which no other role of the same
    /// company, or none that is unbound, may have then.
    pub moniker: Option<String>,
    /// What it is for.
    pub description: String,
    /// The nodes that it grants.
    pub permissions: Vec<String>,
    /// The id of the company to bind it to.
    pub company_id: Option<String>,
}

/// A change of a role. What is absent stays.
#[derive(Debug, Clone, Default)]
pub struct Edit {
    /// Its name for people.
    pub title: Option<String>,
    /// Whether no other role of the same company, or none that is unbound, may have that name.
    pub unique_title: bool,
    /// Its name for programs.
    pub moniker: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// All the nodes that it grants.
    pub permissions: Option<Vec<String>>,
    /// The id of the company to bind it to; `Some(None)` unbinds it.
    pub company_id: Option<Option<String>>,
}

/// A person who has a role.
#[derive(Debug, Clone)]
pub struct Holder {
    /// The account.
    pub id: Uuid,
    /// The display name.
    pub name: String,
    /// The name for signing in.
    pub login: String,
    /// The ids of all their roles.
    pub role_ids: Vec<Uuid>,
    /// When the account was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// The built-in role that holds everything. Nobody can change it.
pub const ADMIN_ID: Uuid = Uuid::from_u128(0x0000_0000_0000_7000_8000_0000_0000_0001);

/// The built-in role that a new account has.
pub const USER_ID: Uuid = Uuid::from_u128(0x0000_0000_0000_7000_8000_0000_0000_0002);

/// The built-in role of those who look after integrations.
pub const INTEGRATOR_ID: Uuid = Uuid::from_u128(0x0000_0000_0000_7000_8000_0000_0000_0003);

/// The nodes by which a caller sees a role.
const SIGHT: [Permission; 2] = [Permission::RoleRead, Permission::RoleList];

/// The roles that the caller may list, by title; of one company where one is given.
///
/// # Errors
/// Where the database fails.
pub async fn list(
    app: &App,
    caller: &Caller,
    company: Option<&str>,
    paging: Option<Paging>,
) -> Result<Paged<Role>> {
    let reach = caller.reach(Permission::RoleList);
    let company = company.map(|company| id::parse(company).unwrap_or_default());
    Paged::fetch(paging, |window| store::list(&app.pool, &reach, company, window)).await
}

/// The role with this id or moniker, where the caller holds all of `needed` on it.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Forbidden`].
pub async fn find(app: &App, caller: &Caller, needed: &[Permission], identifier: &str) -> Result<Role> {
    let mut connection = app.pool.acquire().await?;
    load(&mut connection, caller, needed, identifier).await
}

async fn load(
    connection: &mut PgConnection,
    caller: &Caller,
    needed: &[Permission],
    identifier: &str,
) -> Result<Role> {
    let role = by_identifier(connection, identifier).await?;
    caller.permit(needed, &SIGHT, |reach| covers(reach, role.company_id), || not_found(identifier))?;
    Ok(role)
}

/// The role with this id or moniker, whoever asks.
pub(crate) async fn by_identifier(connection: &mut PgConnection, identifier: &str) -> Result<Role> {
    let found = match id::parse(identifier) {
        Some(id) => store::by_id(connection, id).await?,
        None => store::by_moniker(connection, &canonical(identifier)).await?,
    };
    found.ok_or_else(|| not_found(identifier))
}

/// Whether a node that reaches so far reaches a role that is bound so: an unbound role is everywhere.
pub(crate) fn covers(reach: &Reach, company: Option<Uuid>) -> bool {
    company.map_or_else(|| reach.is_everywhere(), |company| reach.covers_company(company))
}

/// The people who have a role, by name, as far as the caller may see them.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Forbidden`].
pub async fn holders(
    app: &App,
    caller: &Caller,
    identifier: &str,
    paging: Option<Paging>,
) -> Result<Paged<Holder>> {
    let role = find(app, caller, &[Permission::RoleRead], identifier).await?;
    let shown = caller.reach(Permission::RoleRead);
    Paged::fetch(paging, |window| store::holders(&app.pool, role.id, &shown, window)).await
}

/// Makes a role of nodes that the caller holds themselves.
///
/// # Errors
/// [`Error::Invalid`] for an unknown node or a malformed moniker, [`Error::Conflict`] where the moniker is
/// taken, [`Error::NotFound`] for a company that the caller may not see, [`Error::Forbidden`].
pub async fn create(app: &App, caller: &Caller, new: NewRole) -> Result<Role> {
    let mut change = Change::begin(app, caller).await?;
    let company = bound_to(&mut change, new.company_id.as_deref(), Permission::RoleCreate).await?;
    change.check_known(&new.permissions, &[], company)?;
    let (id, now) = (id::new(), app.clock.now());
    let moniker = match &new.moniker {
        Some(moniker) => parse_moniker(moniker)?,
        None => made_moniker(&mut change, &new.title, company, id).await?,
    };
    let role = Role {
        id,
        title: new.title.trim().to_owned(),
        moniker,
        description: new.description,
        permissions: distinct(new.permissions),
        company_id: company,
        builtin: false,
        created_at: now,
        updated_at: now,
    };
    change.check_grantable(role.permissions.iter().map(String::as_str), company)?;
    taken(store::insert(change.connection(), &role).await, &role)?;
    record(&mut change, app, "role.create", &role).await?;
    change.commit().await?;
    Ok(role)
}

/// Changes a role. Only what it adds must be the caller's own to give; a new binding adds all of it.
///
/// # Errors
/// As [`create`]; [`Error::Conflict`] also for a built-in role that cannot change so, and where nobody
/// would be left who may do everything.
pub async fn update(app: &App, caller: &Caller, identifier: &str, edit: Edit) -> Result<Role> {
    let mut change = Change::begin(app, caller).await?;
    let old = modifiable(&mut change, identifier).await?;
    let company = match &edit.company_id {
        None => old.company_id,
        Some(company) => bound_to(&mut change, company.as_deref(), Permission::RoleModify).await?,
    };
    // what may be granted in one company is nothing in another
    let before = if company == old.company_id { &old.permissions[..] } else { &[] };
    change.check_known(edit.permissions.as_ref().unwrap_or(&old.permissions), before, company)?;
    if let Some(title) = edit.title.as_deref().filter(|_| edit.unique_title) {
        refuse_title(&mut change, title, company, old.id).await?;
    }
    let new = Role {
        title: edit.title.map_or_else(|| old.title.clone(), |title| title.trim().to_owned()),
        moniker: edit.moniker.as_deref().map_or_else(|| Ok(old.moniker.clone()), parse_moniker)?,
        description: edit.description.unwrap_or_else(|| old.description.clone()),
        permissions: edit.permissions.map_or_else(|| old.permissions.clone(), distinct),
        company_id: company,
        ..old.clone()
    };
    save(app, change, &old, new, "role.update").await
}

/// Adds nodes to a role.
///
/// # Errors
/// As [`update`].
pub async fn add_permissions(
    app: &App,
    caller: &Caller,
    identifier: &str,
    nodes: Vec<String>,
) -> Result<Role> {
    let mut change = Change::begin(app, caller).await?;
    let old = modifiable(&mut change, identifier).await?;
    change.check_known(&nodes, &old.permissions, old.company_id)?;
    let permissions = distinct(old.permissions.iter().cloned().chain(nodes).collect());
    let new = Role { permissions, ..old.clone() };
    save(app, change, &old, new, "role.update").await
}

/// Takes nodes from a role. One that it does not have is no matter.
///
/// # Errors
/// As [`update`].
pub async fn remove_permissions(
    app: &App,
    caller: &Caller,
    identifier: &str,
    nodes: &[String],
) -> Result<Role> {
    let mut change = Change::begin(app, caller).await?;
    let old = modifiable(&mut change, identifier).await?;
    let permissions = old.permissions.iter().filter(|node| !nodes.contains(node)).cloned().collect();
    let new = Role { permissions, ..old.clone() };
    save(app, change, &old, new, "role.update").await
}

/// Deletes a role; nobody has it any more.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Forbidden`], [`Error::Conflict`] for a built-in one and where nobody would
/// be left who may do everything.
pub async fn delete(app: &App, caller: &Caller, identifier: &str) -> Result<Role> {
    let mut change = Change::begin(app, caller).await?;
    let judge = change.caller.clone();
    let role = load(change.connection(), &judge, &[Permission::RoleDelete], identifier).await?;
    if role.builtin {
        return Err(Error::Conflict(format!("The built-in role '{}' cannot be deleted", role.moniker)));
    }
    store::delete(change.connection(), role.id).await?;
    record(&mut change, app, "role.delete", &role).await?;
    change.commit().await?;
    Ok(role)
}

/// The role, where the caller may change it and it can be changed.
async fn modifiable(change: &mut Change<'_>, identifier: &str) -> Result<Role> {
    let judge = change.caller.clone();
    let role = load(change.connection(), &judge, &[Permission::RoleModify], identifier).await?;
    if role.builtin && role.id != USER_ID {
        return Err(Error::Conflict(format!("The built-in role '{}' cannot be changed", role.moniker)));
    }
    Ok(role)
}

/// Keeps a changed role, where what it adds is the caller's to give.
async fn save(
    app: &App,
    mut change: Change<'_>,
    old: &Role,
    new: Role,
    action: &'static str,
) -> Result<Role> {
    if new.builtin && (new.moniker != old.moniker || new.company_id != old.company_id) {
        return Err(Error::Conflict(format!(
            "The built-in role '{}' keeps its moniker and is not bound",
            old.moniker
        )));
    }
    let is_rebound = new.company_id != old.company_id;
    let added = new.permissions.iter().filter(|node| is_rebound || !old.permissions.contains(node));
    change.check_grantable(added.map(String::as_str), new.company_id)?;
    let new = Role { updated_at: app.clock.now(), ..new };
    taken(store::update(change.connection(), &new).await, &new)?;
    record(&mut change, app, action, &new).await?;
    change.commit().await?;
    Ok(new)
}

/// The company that a role or permission is to be bound to, where the caller holds `permission` there; everywhere
/// where it is to be bound to none.
pub(crate) async fn bound_to(
    change: &mut Change<'_>,
    company: Option<&str>,
    permission: Permission,
) -> Result<Option<Uuid>> {
    let judge = change.caller.clone();
    let Some(identifier) = company else {
        return judge.require_everywhere(permission).map(|()| None);
    };
    let company = company::hold(change.connection(), identifier).await.map_err(Error::in_input)?;
    let is_held = judge.reach(permission).covers_company(company);
    match (is_held, company::is_seen(&judge, company)) {
        (true, _) => Ok(Some(company)),
        (false, true) => Err(Error::forbidden([permission.node()])),
        (false, false) => Err(company::not_found(identifier).in_input()),
    }
}

/// The role of a company's administrators, which is there as long as the company is.
pub(crate) async fn company_admin(connection: &mut PgConnection, company: Uuid) -> Result<Role> {
    let role = store::company_admin(connection, company).await?;
    role.ok_or_else(|| Error::internal(anyhow::anyhow!("a company without its role")))
}

/// The nodes, each once, in the order of their first place.
pub(crate) fn distinct(nodes: Vec<String>) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    nodes.into_iter().filter(|node| seen.insert(node.clone())).collect()
}

fn taken<T>(done: std::result::Result<T, sqlx::Error>, role: &Role) -> Result<T> {
    let meaning = || Error::Conflict(format!("The moniker '{}' is taken", role.moniker));
    done.on_constraint(|constraint| (constraint == "roles_moniker_key").then(meaning))
}

async fn record(change: &mut Change<'_>, app: &App, action: &'static str, role: &Role) -> Result<()> {
    let event =
        Event { company: role.company_id, ..Event::new(action, Target::named("role", role.id, &role.title)) };
    let by = change.caller.clone();
    audit::record_by(change.connection(), app, &by, event).await
}

pub(crate) fn not_found(identifier: &str) -> Error {
    Error::not_found("RoleNotFound", "Role", identifier)
}
