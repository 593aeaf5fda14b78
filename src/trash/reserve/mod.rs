//! What the trash keeps for what is in it, and what it must not bring back.

mod store;

use sqlx::PgConnection;

use crate::access::permission::credential_actions;
use crate::error::{Error, Result};

pub(super) use store::revoke_scope;
pub(crate) use store::{forget_grants, forget_roles_of};

/// Every node of a scope.
fn nodes(scope: &str) -> impl Iterator<Item = String> {
    credential_actions().map(move |action| format!("{scope}.{action}"))
}

/// The nodes of the types that are in the trash.
pub(crate) async fn type_nodes(connection: &mut PgConnection) -> Result<Vec<String>> {
    let kinds = store::kinds(connection).await?;
    Ok(kinds.iter().flat_map(|kind| nodes(&kind.scope)).collect())
}

/// Refuses a scope for a new type that would have a node of a type in the trash: roles have those still.
pub(crate) async fn refuse_scope(connection: &mut PgConnection, scope: &str) -> Result<()> {
    let own: Vec<_> = nodes(scope).collect();
    let kinds = store::kinds(connection).await?;
    match kinds.iter().find(|kind| nodes(&kind.scope).any(|node| own.contains(&node))) {
        None => Ok(()),
        Some(kind) => Err(Error::Conflict(format!(
            "The permissionScope '{scope}' is kept for the credential type '{}', which is in the trash: restore that one, or purge it first",
            kind.name
        ))),
    }
}

/// Refuses a node for a new permission that is a node of a type in the trash.
pub(crate) async fn refuse_node(connection: &mut PgConnection, node: &str) -> Result<()> {
    let kinds = store::kinds(connection).await?;
    match kinds.iter().find(|kind| nodes(&kind.scope).any(|known| known == node)) {
        None => Ok(()),
        Some(kind) => Err(Error::Conflict(format!(
            "The permission '{node}' is kept for the credential type '{}', which is in the trash: restore that one, or purge it first",
            kind.name
        ))),
    }
}
