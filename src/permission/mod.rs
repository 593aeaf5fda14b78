//! Permissions: what can be granted, and those that administrators make besides the built-in ones.

mod known;
mod store;

use sqlx::PgConnection;
use uuid::Uuid;

use crate::access::permission::{covers, is_node};
use crate::access::{Caller, Change, Permission};
use crate::app::App;
use crate::audit::{self, Event, Target};
use crate::error::{Error, OnConstraint, Result, Violation};
use crate::id;
use crate::page::{Paged, Paging};
use crate::role;
use crate::trash;

pub use known::{Known, Origin};

/// A permission to be made.
#[derive(Debug, Clone)]
pub struct New {
    /// Its name for people.
    pub name: String,
    /// What holding it allows.
    pub description: String,
    /// What it is about: the first segments of its node.
    pub resource: String,
    /// What may be done: the last segment of its node.
    pub action: String,
    /// The id of the company in whose roles alone it may be granted.
    pub company_id: Option<String>,
}

/// A change of a permission. What is absent stays.
#[derive(Debug, Clone, Default)]
pub struct Edit {
    /// Its name for people.
    pub name: Option<String>,
    /// What holding it allows.
    pub description: Option<String>,
    /// What it is about.
    pub resource: Option<String>,
    /// What may be done.
    pub action: Option<String>,
}

/// Which permissions to list.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Those that are bound to this company.
    pub company: Option<String>,
    /// Those about this.
    pub resource: Option<String>,
    /// Those to do this.
    pub action: Option<String>,
}

/// Whether the caller sees a permission: what is bound to a company, by `role.read` in it.
fn is_seen(caller: &Caller, known: &Known) -> bool {
    let reach = caller.reach(Permission::RoleRead);
    known.company_id.map_or_else(|| !reach.is_empty(), |company| reach.covers_company(company))
}

/// The permissions that the caller may see, by node.
///
/// # Errors
/// Where the database fails.
pub async fn list(
    app: &App,
    caller: &Caller,
    filter: &Filter,
    paging: Option<Paging>,
) -> Result<Paged<Known>> {
    let mut connection = app.pool.acquire().await?;
    let is = |wanted: &Option<String>, text: &str| wanted.as_deref().is_none_or(|wanted| wanted == text);
    let mut all = known::all(&mut connection).await?;
    all.retain(|known| {
        let company = known.company_id.map(|company| company.to_string()).unwrap_or_default();
        is_seen(caller, known)
            && is(&filter.company, &company)
            && is(&filter.resource, known.resource())
            && is(&filter.action, known.action())
    });
    Ok(Paged::of(all, paging))
}

/// The permissions that administrators made and the caller may see, by node.
///
/// # Errors
/// Where the database fails.
pub async fn custom(app: &App, caller: &Caller) -> Result<Vec<Known>> {
    let mut connection = app.pool.acquire().await?;
    let mut custom = store::custom(&mut connection).await?;
    custom.retain(|known| is_seen(caller, known));
    Ok(custom)
}

/// The permission with this id.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn find(app: &App, caller: &Caller, identifier: &str) -> Result<Known> {
    let mut connection = app.pool.acquire().await?;
    load(&mut connection, caller, identifier).await
}

async fn load(connection: &mut PgConnection, caller: &Caller, identifier: &str) -> Result<Known> {
    let all = known::all(connection).await?;
    let found = id::parse(identifier).and_then(|id| all.into_iter().find(|known| known.id == id));
    found.filter(|known| is_seen(caller, known)).ok_or_else(|| not_found(identifier))
}

/// The nodes with these ids, in order.
///
/// # Errors
/// [`Error::NotFoundInInput`] naming the first that is not there for the caller.
pub async fn nodes(app: &App, caller: &Caller, identifiers: &[String]) -> Result<Vec<String>> {
    let mut connection = app.pool.acquire().await?;
    let all = known::all(&mut connection).await?;
    let node = |identifier: &String| {
        let id = id::parse(identifier);
        let found = all.iter().find(|known| Some(known.id) == id && is_seen(caller, known));
        found.map(|known| known.node.clone()).ok_or_else(|| not_found(identifier).in_input())
    };
    identifiers.iter().map(node).collect()
}

/// The ids of what each of these lists of nodes grants.
///
/// # Errors
/// Where the database fails.
pub async fn ids(app: &App, lists: &[&[String]]) -> Result<Vec<Vec<Uuid>>> {
    let mut connection = app.pool.acquire().await?;
    let custom = store::custom(&mut connection).await?;
    Ok(lists.iter().map(|nodes| known::ids(nodes, &custom)).collect())
}

/// Makes a permission. Nobody holds it by that.
///
/// # Errors
/// [`Error::Invalid`] for what makes no node, [`Error::Conflict`] for a node that is known already,
/// [`Error::NotFoundInInput`] for a company that the caller may not see, [`Error::Forbidden`].
pub async fn create(app: &App, caller: &Caller, new: New) -> Result<Known> {
    let mut change = Change::begin(app, caller).await?;
    let company =
        role::bound_to(&mut change, new.company_id.as_deref(), Permission::PermissionCreate).await?;
    let now = app.clock.now();
    let made = Known {
        id: id::new(),
        name: new.name.trim().to_owned(),
        description: new.description,
        node: node_of(&new.resource, &new.action)?,
        company_id: company,
        origin: Origin::Custom,
        created_at: now,
        updated_at: now,
    };
    refuse_known(&mut change, &made.node).await?;
    taken(store::insert(change.connection(), &made).await, &made.node)?;
    record(change, app, "permission.create", &made).await?;
    Ok(made)
}

/// Changes a permission that was made. Its node stays as it is while somebody has it.
///
/// # Errors
/// As [`create`]; [`Error::NotFound`], [`Error::Conflict`] also for a built-in one, and for one in use.
pub async fn update(app: &App, caller: &Caller, identifier: &str, edit: Edit) -> Result<Known> {
    let mut change = Change::begin(app, caller).await?;
    let old = changeable(&mut change, Permission::PermissionUpdate, identifier).await?;
    let node = node_of(
        edit.resource.as_deref().unwrap_or_else(|| old.resource()),
        edit.action.as_deref().unwrap_or_else(|| old.action()),
    )?;
    if node != old.node {
        refuse_known(&mut change, &node).await?;
        refuse_used(&mut change, &old).await?;
    }
    let new = Known {
        name: edit.name.map_or_else(|| old.name.clone(), |name| name.trim().to_owned()),
        description: edit.description.unwrap_or_else(|| old.description.clone()),
        node,
        updated_at: app.clock.now(),
        ..old
    };
    taken(store::update(change.connection(), &new).await, &new.node)?;
    record(change, app, "permission.update", &new).await?;
    Ok(new)
}

/// Deletes a permission that was made and that nobody has.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Forbidden`], [`Error::Conflict`] for a built-in one, and for one in use,
/// naming where.
pub async fn delete(app: &App, caller: &Caller, identifier: &str) -> Result<Known> {
    let mut change = Change::begin(app, caller).await?;
    let known = changeable(&mut change, Permission::PermissionDelete, identifier).await?;
    refuse_used(&mut change, &known).await?;
    store::delete(change.connection(), known.id).await?;
    record(change, app, "permission.delete", &known).await?;
    Ok(known)
}

/// The permission, where the caller may change it and it can be changed.
async fn changeable(change: &mut Change<'_>, needed: Permission, identifier: &str) -> Result<Known> {
    let judge = change.caller.clone();
    let known = load(change.connection(), &judge, identifier).await?;
    if !role::covers(&judge.reach(needed), known.company_id) {
        return Err(Error::forbidden([needed.node()]));
    }
    match known.origin {
        Origin::Custom => Ok(known),
        Origin::BuiltIn => Err(Error::Conflict(format!(
            "The built-in permission '{}' cannot be changed or deleted",
            known.node
        ))),
    }
}

fn node_of(resource: &str, action: &str) -> Result<String> {
    let mut violations = Vec::new();
    let rule = "lower-case letters, digits and '_', beginning with a letter";
    if !is_node(resource) {
        violations
            .push(Violation::field("resource", format!("Must be segments of {rule}, with dots between")));
    }
    if action.contains('.') || !is_node(action) {
        violations.push(Violation::field("action", format!("Must be one segment of {rule}")));
    }
    let node = format!("{resource}.{action}");
    if violations.is_empty() && !is_node(&node) {
        violations.push(Violation::field("resource", "Must have, with the action, at most 200 characters"));
    }
    if violations.is_empty() { Ok(node) } else { Err(Error::Invalid(violations)) }
}

/// Refuses a node that means something already.
async fn refuse_known(change: &mut Change<'_>, node: &str) -> Result<()> {
    let all = known::all(change.connection()).await?;
    if all.iter().any(|known| known.node == node) {
        return Err(conflict(node));
    }
    trash::refuse_node(change.connection(), node).await
}

fn conflict(node: &str) -> Error {
    Error::Conflict(format!("The permission '{node}' exists already"))
}

/// Refuses to take away a node that a role or account has, by itself or through a wildcard over nothing
/// else. Roles in the trash stand in nobody's way: they lose it.
async fn refuse_used(change: &mut Change<'_>, known: &Known) -> Result<()> {
    let all = known::all(change.connection()).await?.into_iter().map(|other| other.node);
    let mut others: Vec<_> = all.filter(|node| *node != known.node && !node.ends_with('*')).collect();
    others.extend(trash::type_nodes(change.connection()).await?);
    let mut grants = vec![known.node.clone()];
    grants.extend(known::above(&known.node).filter(|above| !others.iter().any(|other| covers(above, other))));
    let names = store::users_of(change.connection(), &grants).await?;
    if names.is_empty() {
        return trash::forget_grants(change.connection(), &grants).await;
    }
    Err(Error::Conflict(format!("The permission '{}' is in use by {}", known.node, names.join(", "))))
}

/// Gives the unique constraint of nodes its meaning.
fn taken<T>(done: std::result::Result<T, sqlx::Error>, node: &str) -> Result<T> {
    done.on_constraint(|constraint| (constraint == "permissions_node_key").then(|| conflict(node)))
}

/// Puts it on record and ends the change.
async fn record(mut change: Change<'_>, app: &App, action: &'static str, known: &Known) -> Result<()> {
    let target = Target::named("permission", known.id, &known.node);
    let event = Event { company: known.company_id, ..Event::new(action, target) };
    let by = change.caller.clone();
    audit::record_by(change.connection(), app, &by, event).await?;
    change.commit().await
}

fn not_found(identifier: &str) -> Error {
    Error::not_found("PermissionNotFound", "Permission", identifier)
}
