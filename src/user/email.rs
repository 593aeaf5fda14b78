//! The e-mail address of an account: a name to sign in with beside the password. It proves nothing about
//! who somebody is, so no sign-in elsewhere ever leads to an account by it.

use sqlx::PgConnection;

use super::roles::check_mastery;
use super::{User, canonical_name, store};
use crate::access::{self, Permission};
use crate::config;
use crate::error::{Error, OnConstraint, Result};

/// Gives an account another e-mail address, which nobody knows to be theirs then.
///
/// # Errors
/// [`Error::Invalid`], [`Error::Conflict`] where another account has it, or signs in by that name.
pub(super) async fn change(connection: &mut PgConnection, user: &User, email: &str) -> Result<()> {
    if is_theirs(user, email) {
        return Ok(());
    }
    let email = canonical_name(email);
    if !config::is_email(&email) {
        return Err(Error::invalid("email", "Must be an e-mail address"));
    }
    let taken = || Error::Conflict("The e-mail address is taken".to_owned());
    let set = store::set_email(connection, user.id, &email).await;
    let is_set = set.on_constraint(|name| (name == "users_email_key").then(taken))?;
    if is_set { Ok(()) } else { Err(taken()) }
}

/// The same for somebody else's account, which takes that the caller holds all that it does: who signs in by
/// which name is part of the way into it.
///
/// # Errors
/// As [`change`]; [`Error::Forbidden`].
pub(super) async fn change_other(
    change: &mut access::Change<'_>,
    user: &User,
    email: Option<&str>,
) -> Result<()> {
    let Some(email) = email.filter(|email| !is_theirs(user, email)) else {
        return Ok(());
    };
    change.caller.require_everywhere(Permission::UserWriteOther)?;
    check_mastery(change, user.id).await?;
    self::change(change.connection(), user, email).await
}

fn is_theirs(user: &User, email: &str) -> bool {
    user.email.as_deref() == Some(canonical_name(email).as_str())
}
