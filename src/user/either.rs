//! One address for one's own account and those of others, which take different nodes.

use super::{OtherChange, User, others, own, update_own};
use crate::access::{Caller, Permission};
use crate::app::App;
use crate::error::Result;
use crate::id;

/// Whether it is the caller's own account that is meant.
pub(super) fn is_own(caller: &Caller, identifier: &str) -> bool {
    let asked = id::parse(identifier);
    asked.is_some() && asked == caller.actor.id
}

/// One's own account by `user.read`, that of somebody else by `user.read.other`.
///
/// # Errors
/// [`crate::error::Error::NotFound`], [`crate::error::Error::Forbidden`].
pub async fn find_either(app: &App, caller: &Caller, identifier: &str) -> Result<User> {
    if is_own(caller, identifier) {
        caller.require_somewhere(&[Permission::UserRead])?;
        return own(app, caller).await;
    }
    let needed = [Permission::UserReadOther];
    caller.require_somewhere(&needed)?;
    others::find(app, caller, &needed, identifier).await
}

/// Changes one's own account by `user.write`, and by `user.write.other` that of somebody else, or of one's own
/// what nobody may change for themselves.
///
/// # Errors
/// As [`others::update`].
pub async fn update_either(
    app: &App,
    caller: &Caller,
    identifier: &str,
    wanted: OtherChange,
) -> Result<User> {
    if is_own(caller, identifier) && wanted.is_of_profile() {
        caller.require_somewhere(&[Permission::UserWrite])?;
        return update_own(app, caller, &wanted.profile).await;
    }
    let needed = [Permission::UserWriteOther];
    caller.require_somewhere(&needed)?;
    others::update(app, caller, &needed, identifier, wanted).await
}
