//! What roles are called: titles for people, monikers for programs.

use uuid::Uuid;

use super::store;
use crate::access::Change;
use crate::access::permission::is_node;
use crate::error::{Error, Result};

/// A moniker made from a title that no other role there has.
pub(super) async fn made_moniker(
    change: &mut Change<'_>,
    title: &str,
    company: Option<Uuid>,
    id: Uuid,
) -> Result<String> {
    refuse_title(change, title, company, id).await?;
    let words = title.to_lowercase();
    let words = words.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let mut moniker = words.collect::<Vec<_>>().join("_");
    if !moniker.starts_with(|first: char| first.is_ascii_lowercase()) {
        moniker.insert_str(0, "role_");
    }
    moniker.truncate(80);
    if store::by_moniker(change.connection(), &moniker).await?.is_some() {
        moniker = format!("{moniker}_{}", &id.simple().to_string()[20..]);
    }
    Ok(moniker)
}

/// Refuses a title that another role of the same company has, or another unbound one.
pub(super) async fn refuse_title(
    change: &mut Change<'_>,
    title: &str,
    company: Option<Uuid>,
    role: Uuid,
) -> Result<()> {
    let title = title.trim();
    if store::title_is_taken(change.connection(), title, company, role).await? {
        return Err(Error::Conflict(format!("The role name '{title}' is taken")));
    }
    Ok(())
}

/// The spelling under which monikers are kept.
pub(super) fn canonical(moniker: &str) -> String {
    moniker.trim().to_lowercase()
}

/// A moniker as somebody wrote it.
pub(super) fn parse_moniker(text: &str) -> Result<String> {
    let moniker = canonical(text);
    if is_node(&moniker) && !moniker.contains('.') {
        return Ok(moniker);
    }
    Err(Error::invalid("moniker", "Must begin with a letter and have only letters, digits and '_'"))
}
