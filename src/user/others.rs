//! Accounts in the hands of those who look after them.
//!
//! A node of accounts that is bound to a company reaches its people: its members, and those who have a role
//! there.

use sqlx::PgConnection;
use uuid::Uuid;

use super::members::{change_companies, is_one_of};
use super::{User, by_id, names, not_found, store};
use crate::access::{self, Caller, Change, Permission, Reach};
use crate::app::App;
use crate::audit::{self, Event, Target};
use crate::error::{Error, Result};
use crate::id;
use crate::page::{Paged, Paging};
use crate::role::{self, Role};
use crate::trash;

/// The nodes by which a caller sees an account.
pub(super) const SIGHT: [Permission; 2] = [Permission::UserReadOther, Permission::UserListOther];

/// A change of somebody's account. What is absent stays.
#[derive(Debug, Clone, Default)]
pub struct OtherChange {
    /// What they could change themselves.
    pub profile: super::Change,
    /// Whether they may sign in.
    pub active: Option<bool>,
    /// The ids or monikers of exactly the roles that they are to have.
    pub roles: Option<Vec<String>>,
    /// The ids of exactly the companies that they are to belong to, as far as the caller reaches.
    pub companies: Option<Vec<String>>,
    /// Exactly the nodes that they are to hold directly.
    pub permissions: Option<Vec<String>>,
}

/// Which accounts to list.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted<'a> {
    /// Those whose name, login or e-mail address has it as a part or nearly so.
    pub search: Option<&'a str>,
    /// Those that belong to this company.
    pub company: Option<&'a str>,
}

/// The accounts that the caller may list, by name.
///
/// # Errors
/// Where the database fails.
pub async fn list(
    app: &App,
    caller: &Caller,
    wanted: Wanted<'_>,
    paging: Option<Paging>,
) -> Result<Paged<User>> {
    let reach = caller.reach(Permission::UserListOther);
    Paged::fetch(paging, |window| store::list(&app.pool, &reach, wanted, window)).await
}

/// The account with this id, where the caller holds all of `needed` on it.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Forbidden`].
pub async fn find(app: &App, caller: &Caller, needed: &[Permission], identifier: &str) -> Result<User> {
    let mut connection = app.pool.acquire().await?;
    load(&mut connection, caller, needed, identifier).await
}

async fn load(
    connection: &mut PgConnection,
    caller: &Caller,
    needed: &[Permission],
    identifier: &str,
) -> Result<User> {
    let missing = || not_found(identifier);
    let id = id::parse(identifier).ok_or_else(missing)?;
    let companies = store::companies_of(connection, id).await?;
    let shown = caller.reach(Permission::UserReadOther);
    let user = store::by_id(connection, id, &shown).await?.ok_or_else(missing)?;
    let covers = |reach: &Reach| is_one_of(reach, &companies);
    caller.permit(needed, &SIGHT, covers, missing)?;
    Ok(user)
}

/// The roles of an account that the caller may see.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Forbidden`].
pub async fn roles(app: &App, caller: &Caller, identifier: &str) -> Result<Vec<Role>> {
    let mut connection = app.pool.acquire().await?;
    let user = load(&mut connection, caller, &[Permission::UserReadOther], identifier).await?;
    let reach = caller.reach(Permission::RoleRead);
    let mut roles = role::of_user(&mut connection, user.id).await?;
    roles.retain(|role| role::covers(&reach, role.company_id));
    Ok(roles)
}

/// What an account holds. Who may read accounts in companies only can ask for one of these companies only.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Forbidden`].
pub async fn holds(
    app: &App,
    caller: &Caller,
    needed: &[Permission],
    identifier: &str,
    company: Option<&str>,
) -> Result<access::Grants> {
    let mut connection = app.pool.acquire().await?;
    let user = load(&mut connection, caller, needed, identifier).await?;
    let asked = company.and_then(id::parse);
    let covers = |reach: &Reach| asked.map_or(reach.is_everywhere(), |company| reach.covers_company(company));
    caller.permit(needed, &SIGHT, covers, || Error::forbidden(needed.iter().map(|node| node.node())))?;
    access::caller::grants_of(&mut connection, user.id).await?.ok_or_else(|| not_found(identifier))
}

/// Changes an account, where the caller holds all of `needed` on it; its roles and its direct nodes where
/// they hold `user.roles.other` and `user.permissions.other` too. What is added must be theirs to give.
///
/// # Errors
/// [`Error::NotFound`] also naming a role, [`Error::Forbidden`], [`Error::Invalid`] for an unknown node,
/// [`Error::Conflict`] where nobody would be left who may do everything.
pub async fn update(
    app: &App,
    caller: &Caller,
    needed: &[Permission],
    identifier: &str,
    wanted: OtherChange,
) -> Result<User> {
    let mut change = Change::begin(app, caller).await?;
    let judge = change.caller.clone();
    let user = load(change.connection(), &judge, needed, identifier).await?;
    if let Some(roles) = &wanted.roles {
        change_roles(&mut change, user.id, roles).await?;
    }
    if let Some(companies) = &wanted.companies {
        change_companies(&mut change, user.id, Permission::UserWriteOther, companies).await?;
    }
    if let Some(nodes) = wanted.permissions {
        change_permissions(&mut change, user.id, nodes).await?;
    }
    if wanted.active.is_some() {
        judge.require_everywhere(Permission::UserWriteOther)?;
    }
    if wanted.active == Some(true) && !user.active {
        check_return(&mut change, user.id).await?;
    }
    let now = app.clock.now();
    let (names, image) = (names::changed(&user, &wanted.profile)?, wanted.profile.image.as_ref());
    store::update(change.connection(), user.id, names.as_ref(), image, now).await?;
    store::set_active(change.connection(), user.id, wanted.active).await?;
    if wanted.active == Some(false) {
        access::session::end_all(change.connection(), user.id, now).await?;
    }
    let shown = judge.reach(Permission::UserReadOther);
    let user = by_id(change.connection(), user.id, &shown).await?;
    let event = Event::new("user.update", Target::named("user", user.id, &user.name));
    audit::record_by(change.connection(), app, caller, event).await?;
    change.commit().await?;
    Ok(user)
}

/// Gives an account exactly these roles. Each that comes or goes must be within reach of
/// `user.roles.other`; what comes must be the caller's to give.
async fn change_roles(change: &mut Change<'_>, user: Uuid, identifiers: &[String]) -> Result<()> {
    let reach = change.caller.reach(Permission::UserRolesOther);
    let refuse = || Error::Forbidden {
        message: "You do not have permission to modify roles on another user.".to_owned(),
        required: vec![Permission::UserRolesOther.node().to_owned()],
    };
    if reach.is_empty() {
        return Err(refuse());
    }
    let old = role::of_user(change.connection(), user).await?;
    let new = load_roles(change, identifiers).await?;
    let is_in = |roles: &[Role], role: &Role| roles.iter().any(|other| other.id == role.id);
    let added: Vec<_> = new.iter().filter(|role| !is_in(&old, role)).collect();
    let mut moved = added.iter().copied().chain(old.iter().filter(|role| !is_in(&new, role)));
    if moved.any(|role| !role::covers(&reach, role.company_id)) {
        return Err(refuse());
    }
    added.into_iter().try_for_each(|role| grantable(change, role))?;
    let ids: Vec<Uuid> = new.iter().map(|role| role.id).collect();
    role::assign(change.connection(), user, &ids).await?;
    // those that a restored company would bring back are none of these
    if reach.is_everywhere() { trash::forget_roles_of(change.connection(), user).await } else { Ok(()) }
}

/// The roles with these ids or monikers. One that is bound to a company is there only for who sees roles
/// of that company, or may give them.
pub(super) async fn load_roles(change: &mut Change<'_>, identifiers: &[String]) -> Result<Vec<Role>> {
    let sight = [Permission::RoleRead, Permission::RoleList, Permission::UserRolesOther];
    let reaches = sight.map(|permission| change.caller.reach(permission));
    let mut roles = Vec::with_capacity(identifiers.len());
    for identifier in identifiers {
        let role = role::by_identifier(change.connection(), identifier).await.map_err(Error::in_input)?;
        if role.company_id.is_some() && !reaches.iter().any(|reach| role::covers(reach, role.company_id)) {
            return Err(role::not_found(identifier).in_input());
        }
        roles.push(role);
    }
    Ok(roles)
}

/// Refuses to let somebody in again who would hold what is not the caller's to give.
async fn check_return(change: &mut Change<'_>, user: Uuid) -> Result<()> {
    let direct = store::permissions(change.connection(), user).await?;
    change.check_grantable(direct.iter().map(String::as_str), None)?;
    let roles = role::of_user(change.connection(), user).await?;
    roles.iter().filter(|role| role.id != role::USER_ID).try_for_each(|role| grantable(change, role))
}

/// Refuses a role whose nodes are not the caller's to give.
pub(super) fn grantable(change: &Change<'_>, role: &Role) -> Result<()> {
    change.check_grantable(role.permissions.iter().map(String::as_str), role.company_id)
}

/// Gives an account exactly these nodes directly.
async fn change_permissions(change: &mut Change<'_>, user: Uuid, nodes: Vec<String>) -> Result<()> {
    if !change.caller.reach(Permission::UserPermissionsOther).is_everywhere() {
        return Err(Error::Forbidden {
            message: "You do not have permission to modify permissions on another user.".to_owned(),
            required: vec![Permission::UserPermissionsOther.node().to_owned()],
        });
    }
    let old = store::permissions(change.connection(), user).await?;
    change.check_known(&nodes, &old, None)?;
    change.check_grantable(nodes.iter().filter(|node| !old.contains(node)).map(String::as_str), None)?;
    store::set_permissions(change.connection(), user, &role::distinct(nodes)).await
}

/// Deletes an account with its sessions.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Forbidden`], [`Error::Conflict`] where nobody would be left who may do
/// everything.
pub async fn delete(app: &App, caller: &Caller, identifier: &str) -> Result<User> {
    let mut change = Change::begin(app, caller).await?;
    let judge = change.caller.clone();
    let user = load(change.connection(), &judge, &[Permission::UserDeleteOther], identifier).await?;
    judge.require_everywhere(Permission::UserDeleteOther)?;
    store::delete(change.connection(), user.id).await?;
    let event = Event::new("user.delete", Target::named("user", user.id, &user.name));
    audit::record_by(change.connection(), app, caller, event).await?;
    change.commit().await?;
    Ok(user)
}
