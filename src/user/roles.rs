//! The roles of an account, and what an account holds as against the one who changes it.

use uuid::Uuid;

use super::store;
use crate::access::{Change, Permission};
use crate::error::{Error, Result};
use crate::integration;
use crate::role::{self, Rank, Role};
use crate::trash;

/// Gives an account exactly these roles.
pub(super) async fn change_roles(change: &mut Change<'_>, user: Uuid, identifiers: &[String]) -> Result<()> {
    if change.caller.reach(Permission::UserRolesOther).is_empty() {
        return Err(refusal());
    }
    let new = load_roles(change, identifiers).await?;
    replace(change, user, &new).await?;
    // those that a restored company would bring back are none of these
    let reach = change.caller.reach(Permission::UserRolesOther);
    if reach.is_everywhere() { trash::forget_roles_of(change.connection(), user).await } else { Ok(()) }
}

/// Gives an account this one of the ranks; its other roles stay.
pub(super) async fn change_rank(change: &mut Change<'_>, user: Uuid, rank: Rank) -> Result<()> {
    // a rank is bound to no company
    if !change.caller.reach(Permission::UserRolesOther).is_everywhere() {
        return Err(refusal());
    }
    let mut roles = role::of_user(change.connection(), user).await?;
    roles.retain(|role| Rank::ALL.iter().all(|rank| rank.role_id() != role.id));
    roles.push(role::by_identifier(change.connection(), rank.moniker()).await?);
    replace(change, user, &roles).await
}

fn refusal() -> Error {
    Error::Forbidden {
        message: "You do not have permission to modify roles on another user.".to_owned(),
        required: vec![Permission::UserRolesOther.node().to_owned()],
    }
}

/// Makes these the roles of an account. Each that comes or goes must be within reach of `user.roles.other`;
/// what comes must be the caller's to give.
async fn replace(change: &mut Change<'_>, user: Uuid, new: &[Role]) -> Result<()> {
    let reach = change.caller.reach(Permission::UserRolesOther);
    let old = role::of_user(change.connection(), user).await?;
    let is_in = |roles: &[Role], role: &Role| roles.iter().any(|other| other.id == role.id);
    let added: Vec<_> = new.iter().filter(|role| !is_in(&old, role)).collect();
    let mut moved = added.iter().copied().chain(old.iter().filter(|role| !is_in(new, role)));
    if moved.any(|role| !role::covers(&reach, role.company_id)) {
        return Err(refusal());
    }
    added.into_iter().try_for_each(|role| grantable(change, role))?;
    let ids: Vec<Uuid> = new.iter().map(|role| role.id).collect();
    role::assign(change.connection(), user, &ids).await
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

/// Refuses to let somebody in again who would hold what is not the caller's to give. The automatic role `user`
/// is no grant.
pub(super) async fn check_return(change: &mut Change<'_>, user: Uuid) -> Result<()> {
    check_all(change, user, |role| role.id != role::USER_ID).await
}

/// Refuses the way into an account that holds what is not the caller's to give: by it they would hold that
/// themselves, so that every role counts, and what the account may do with integrations of its own.
pub(super) async fn check_mastery(change: &mut Change<'_>, user: Uuid) -> Result<()> {
    let checked = match check_all(change, user, |_| true).await {
        Ok(()) if integration::has_own(change.connection(), user).await? => {
            change.check_grantable(integration::OWN.map(Permission::node), None)
        }
        checked => checked,
    };
    checked.map_err(|error| match error {
        Error::Forbidden { required, .. } => Error::Forbidden {
            message: format!("The account holds '{}', which you do not hold yourself", required.join("', '")),
            required,
        },
        other => other,
    })
}

async fn check_all(change: &mut Change<'_>, user: Uuid, counts: impl Fn(&Role) -> bool) -> Result<()> {
    let direct = store::permissions(change.connection(), user).await?;
    change.check_grantable(direct.iter().map(String::as_str), None)?;
    let roles = role::of_user(change.connection(), user).await?;
    roles.iter().filter(|role| counts(role)).try_for_each(|role| grantable(change, role))
}

/// Refuses a role whose nodes are not the caller's to give.
pub(super) fn grantable(change: &Change<'_>, role: &Role) -> Result<()> {
    change.check_grantable(role.permissions.iter().map(String::as_str), role.company_id)
}
