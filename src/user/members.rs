//! Who belongs to which company. By itself this grants nothing; but a node of accounts that is bound to a
//! company reaches its people.

use sqlx::PgConnection;
use uuid::Uuid;

use super::others::SIGHT;
use super::{not_found, store};
use crate::access::{Caller, Change, Permission, Reach};
use crate::company;
use crate::error::{Error, Result};
use crate::id;

/// Makes these the companies of an account, as far as the caller's `permission` reaches: the others stay.
pub(super) async fn change_companies(
    change: &mut Change<'_>,
    user: Uuid,
    permission: Permission,
    identifiers: &[String],
) -> Result<()> {
    let judge = change.caller.clone();
    let reach = judge.reach(permission);
    let old = store::companies(change.connection(), user).await?;
    let mut new: Vec<_> = old.iter().copied().filter(|company| !reach.covers_company(*company)).collect();
    for identifier in identifiers {
        let missing = || company::not_found(identifier).in_input();
        let company = company::hold(change.connection(), identifier).await.map_err(Error::in_input)?;
        if reach.covers_company(company) {
            new.push(company);
        } else if !old.contains(&company) {
            let is_seen = company::is_seen(&judge, company);
            return Err(if is_seen { Error::forbidden([permission.node()]) } else { missing() });
        }
    }
    store::set_companies(change.connection(), user, &new).await
}

/// The account with this id, where the caller sees it: everywhere, or as one of a company's people.
pub(crate) async fn find_seen(
    connection: &mut PgConnection,
    caller: &Caller,
    identifier: &str,
) -> Result<Uuid> {
    let missing = || not_found(identifier);
    let user = id::parse(identifier).ok_or_else(missing)?;
    if !store::exists(connection, user).await? {
        return Err(missing());
    }
    let companies = store::companies_of(connection, user).await?;
    let sees = |reach: &Reach| is_one_of(reach, &companies);
    if SIGHT.iter().any(|node| sees(&caller.reach(*node))) { Ok(user) } else { Err(missing()) }
}

/// Whether a node that reaches so far reaches somebody of these companies.
pub(super) fn is_one_of(reach: &Reach, companies: &[Uuid]) -> bool {
    reach.is_everywhere() || companies.iter().any(|company| reach.covers_company(*company))
}
