//! Putting back what was deleted, as it was. Nobody is made stronger by it: who brings a role back to
//! people must be able to give it, and what was taken away meanwhile stays away.

mod store;

use uuid::Uuid;

use super::{Entry, Kind, record, reserve};
use crate::access::permission::covers;
use crate::access::{Caller, Change, Permission};
use crate::app::App;
use crate::credential::history;
use crate::error::{Error, OnConstraint, Result};

/// Puts everything of an entry back.
///
/// # Errors
/// [`Error::NotFound`], also for what was restored or purged already; [`Error::Forbidden`];
/// [`Error::Conflict`], saying what to do, where something that it needs is in the trash itself or a name
/// that it has is taken.
pub async fn restore(app: &App, caller: &Caller, identifier: &str) -> Result<Entry> {
    let mut change = Change::begin(app, caller).await?;
    let judge = change.caller.clone();
    let entry = super::hold(change.connection(), app, &judge, Permission::TrashRestore, identifier).await?;
    refuse_missing(&mut change, &entry).await?;
    match entry.kind {
        Kind::Credential => {}
        Kind::CredentialType => put_type_back(&mut change, &entry).await?,
        Kind::Company => put_company_back(&mut change, &entry).await?,
    }
    store::hold_types(change.connection(), entry.id).await?;
    store::put_credentials_back(change.connection(), entry.id).await?;
    // as a change of the type would have done to them
    let without_place = store::values_without_place(change.connection(), entry.id).await?;
    history::clear(change.connection(), app, caller, without_place).await?;
    super::store::remove(change.connection(), entry.id).await?;
    let action = match entry.kind {
        Kind::Credential => "credential.restore",
        Kind::CredentialType => "credential_type.restore",
        Kind::Company => "company.restore",
    };
    record(change.connection(), app, caller, action, &entry).await?;
    change.commit().await?;
    Ok(entry)
}

/// Refuses an entry with credentials whose type or company is in the trash itself.
async fn refuse_missing(change: &mut Change<'_>, entry: &Entry) -> Result<()> {
    let missing = store::missing(change.connection(), entry.id).await?;
    if missing.is_empty() {
        return Ok(());
    }
    let named: Vec<_> =
        missing.iter().map(|(kind, name)| format!("the {} '{name}'", kind.in_words())).collect();
    Err(Error::Conflict(format!(
        "The {} '{}' cannot be restored yet, because it needs what is in the trash too: restore {} first",
        entry.kind.in_words(),
        entry.name,
        named.join(" and ")
    )))
}

async fn put_type_back(change: &mut Change<'_>, entry: &Entry) -> Result<()> {
    let put = store::put_type_back(change.connection(), entry.id).await;
    put.on_constraint(|constraint| {
        let taken = || {
            Error::Conflict(format!(
                "The name '{}' has been taken by another credential type: rename that one first",
                entry.name
            ))
        };
        (constraint == "credential_types_name_key").then(taken)
    })
}

async fn put_company_back(change: &mut Change<'_>, entry: &Entry) -> Result<()> {
    refuse_taken_monikers(change, entry.id).await?;
    let made_here = store::nodes(change.connection(), entry.id).await?;
    refuse_taken_nodes(change, &made_here).await?;
    for held in store::held_roles(change.connection(), entry.id).await? {
        // a wildcard covers what comes back with it too
        let covered = made_here.iter().filter(|node| held.iter().any(|grant| covers(grant, node)));
        let nodes = held.iter().chain(covered).map(String::as_str);
        change.check_grantable(nodes, Some(entry.target_id))?;
    }
    store::put_company_back(change.connection(), entry.id, entry.target_id).await
}

async fn refuse_taken_monikers(change: &mut Change<'_>, entry: Uuid) -> Result<()> {
    match store::taken_monikers(change.connection(), entry).await?.first() {
        None => Ok(()),
        Some(moniker) => Err(Error::Conflict(format!(
            "The moniker '{moniker}' of one of its roles has been taken by another role: change that one first"
        ))),
    }
}

/// Refuses permissions that have come to mean something else.
async fn refuse_taken_nodes(change: &mut Change<'_>, nodes: &[String]) -> Result<()> {
    let mut known: Vec<_> = Permission::ALL.iter().map(|known| known.node().to_owned()).collect();
    known.extend(change.caller.grants.type_nodes().map(|(_, node)| node));
    known.extend(change.custom_nodes().iter().map(|custom| custom.node.clone()));
    known.extend(reserve::type_nodes(change.connection()).await?);
    match nodes.iter().find(|node| known.contains(node)) {
        None => Ok(()),
        Some(node) => Err(Error::Conflict(format!(
            "The permission '{node}' of this company has come to exist elsewhere: delete or rename that one first"
        ))),
    }
}
