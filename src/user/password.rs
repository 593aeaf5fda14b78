//! Another password: one's own where one knows the one so far, and somebody else's where one could do no more
//! with that account than one can already.

use secrecy::SecretString;

use super::either::is_own;
use super::find;
use super::others::load;
use super::roles::check_mastery;
use crate::access::{Caller, Change, Permission, sign_in};
use crate::app::App;
use crate::error::{Error, Result};

/// Gives an account another password: one's own with the one so far, which ends one's other sessions; that of
/// somebody else without it, which ends all of theirs.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Forbidden`] also where the account holds more than the caller,
/// [`Error::Invalid`] for a wrong password so far or a new one that nobody may have; [`Error::TooMany`].
pub async fn change_password(
    app: &App,
    caller: &Caller,
    identifier: &str,
    current: Option<SecretString>,
    new: SecretString,
) -> Result<()> {
    if !is_own(caller, identifier) {
        caller.require_somewhere(&[Permission::UserWriteOther])?;
        return set_password(app, caller, identifier, new).await;
    }
    caller.require_somewhere(&[Permission::UserWrite])?;
    let current = current.ok_or_else(|| Error::invalid("currentPassword", "Field is required"))?;
    sign_in::change_password(app, caller, current, new).await
}

async fn set_password(app: &App, caller: &Caller, identifier: &str, new: SecretString) -> Result<()> {
    let needed = [Permission::UserWriteOther];
    let user = find(app, caller, &needed, identifier).await?;
    caller.require_everywhere(Permission::UserWriteOther)?;
    sign_in::check_new_password(&user, &new)?;
    // hashing takes long, and changes come one after another
    let hash = app.passwords.hash(new).await?;
    let mut change = Change::begin(app, caller).await?;
    let judge = change.caller.clone();
    let user = load(change.connection(), &judge, &needed, identifier).await?;
    judge.require_everywhere(Permission::UserWriteOther)?;
    check_mastery(&mut change, user.id).await?;
    sign_in::replace_password(change.connection(), app, caller, &user, &hash, None).await?;
    change.commit().await
}
