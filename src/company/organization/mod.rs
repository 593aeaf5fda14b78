//! Companies as organizations: what they say of themselves, and who looks after them. Their administrators
//! are the people with the company's own built-in role.

mod store;

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::{Company, not_found, permitted, record, refuse_foreign};
use crate::access::{Caller, Change, Permission, Reach};
use crate::app::App;
use crate::error::{Error, Result};
use crate::id;
use crate::page::{Paged, Paging, Window};
use crate::role;
use crate::user;

/// A company as an organization.
#[derive(Debug, Clone)]
pub struct Organization {
    /// The company's id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// What it is.
    pub description: String,
    /// Its domain name.
    pub domain: Option<String>,
    /// Whether it is a client still.
    pub active: bool,
    /// The accounts of its administrators.
    pub admin_ids: Vec<Uuid>,
    /// When it was made here.
    pub created_at: DateTime<Utc>,
    /// When it was last changed here.
    pub updated_at: DateTime<Utc>,
}

/// A change of an organization, or what a new one is to be. What is absent stays.
#[derive(Debug, Clone, Default)]
pub struct Edit {
    /// The name.
    pub name: Option<String>,
    /// What it is.
    pub description: Option<String>,
    /// Its domain name; `Some(None)` takes it away.
    pub domain: Option<Option<String>>,
    /// Whether it is a client still.
    pub active: Option<bool>,
    /// The ids of exactly the accounts that are to be its administrators.
    pub admin_ids: Option<Vec<String>>,
}

/// The organizations that the caller may list, by name.
///
/// # Errors
/// Where the database fails.
pub async fn list(app: &App, caller: &Caller, paging: Option<Paging>) -> Result<Paged<Organization>> {
    let reach = caller.reach(Permission::CompanyFetchMany);
    Paged::fetch(paging, |window| store::list(&*app.pool, &reach, None, window)).await
}

/// The organization with this id, where the caller holds all of `needed` in it.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Forbidden`].
pub async fn find(
    app: &App,
    caller: &Caller,
    needed: &[Permission],
    identifier: &str,
) -> Result<Organization> {
    let company = super::find(app, caller, needed, identifier).await?;
    load(&*app.pool, company.id).await
}

async fn load(executor: impl PgExecutor<'_>, id: Uuid) -> Result<Organization> {
    let window = Window { limit: Some(1), offset: 0 };
    let found = store::list(executor, &Reach::everything(), Some(id), window).await?.pop();
    found.map(|(organization, _)| organization).ok_or_else(|| not_found(&id.to_string()))
}

/// Makes an organization.
///
/// # Errors
/// [`Error::Forbidden`] for who may not make companies everywhere or not name these administrators;
/// [`Error::NotFoundInInput`] naming an administrator who is not there.
pub async fn create(app: &App, caller: &Caller, name: &str, edit: Edit) -> Result<Organization> {
    let mut change = Change::begin(app, caller).await?;
    change.caller.require_everywhere(Permission::CompanyCreate)?;
    let (id, now) = (id::new(), app.clock.now());
    super::store::insert(change.connection(), id, name.trim(), now).await?;
    let new = Organization {
        id,
        name: name.trim().to_owned(),
        description: edit.description.unwrap_or_default(),
        domain: edit.domain.flatten(),
        active: edit.active.unwrap_or(true),
        admin_ids: Vec::new(),
        created_at: now,
        updated_at: now,
    };
    store::update(change.connection(), id, &new, now).await?;
    appoint(&mut change, id, &edit.admin_ids.unwrap_or_default()).await?;
    record(change.connection(), app, caller, "company.create", id, &new.name).await?;
    let kept = load(change.connection(), id).await?;
    change.commit().await?;
    Ok(kept)
}

/// Changes an organization. One that came from ConnectWise keeps its name.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Conflict`]; else as [`create`].
pub async fn update(app: &App, caller: &Caller, identifier: &str, edit: Edit) -> Result<Organization> {
    let mut change = Change::begin(app, caller).await?;
    let judge = change.caller.clone();
    let company = permitted(change.connection(), &judge, &[Permission::CompanyUpdate], identifier).await?;
    let name = edit.name.map(|name| name.trim().to_owned()).filter(|name| *name != company.name);
    if name.is_some() {
        refuse_foreign(&company)?;
    }
    let Company { id, name: old_name, .. } = company;
    let old = load(change.connection(), id).await?;
    let new = Organization {
        name: name.unwrap_or(old_name),
        description: edit.description.unwrap_or(old.description),
        domain: edit.domain.unwrap_or(old.domain),
        active: edit.active.unwrap_or(old.active),
        ..old
    };
    store::update(change.connection(), id, &new, app.clock.now()).await?;
    if let Some(admins) = &edit.admin_ids {
        appoint(&mut change, id, admins).await?;
    }
    record(change.connection(), app, caller, "company.update", id, &new.name).await?;
    let kept = load(change.connection(), id).await?;
    change.commit().await?;
    Ok(kept)
}

/// Makes these, and no others, the administrators of a company. To name one is to grant the company's role.
async fn appoint(change: &mut Change<'_>, company: Uuid, identifiers: &[String]) -> Result<()> {
    let judge = change.caller.clone();
    let role = role::company_admin(change.connection(), company).await?;
    let old = role::holders_of(change.connection(), role.id).await?;
    let mut new = Vec::with_capacity(identifiers.len());
    for identifier in identifiers {
        let known = id::parse(identifier).filter(|user| old.contains(user));
        new.push(match known {
            Some(user) => user,
            None => {
                user::find_seen(change.connection(), &judge, identifier).await.map_err(Error::in_input)?
            }
        });
    }
    let is_granted = new.iter().any(|user| !old.contains(user));
    let is_moved = is_granted || old.iter().any(|user| !new.contains(user));
    if is_moved && !judge.reach(Permission::UserRolesOther).covers_company(company) {
        return Err(Error::forbidden([Permission::UserRolesOther.node()]));
    }
    if is_granted {
        change.check_grantable(role.permissions.iter().map(String::as_str), Some(company))?;
    }
    role::set_holders(change.connection(), role.id, &new).await
}
