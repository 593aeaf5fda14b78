//! People with an account.

mod either;
mod email;
mod members;
mod names;
mod others;
mod password;
mod registration;
mod roles;
mod store;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::access::{Caller, Reach};
use crate::app::App;
use crate::audit::{self, Event, Target};
use crate::database;
use crate::error::{Error, OnConstraint, Result};
use crate::role;

pub use either::{find_either, update_either};
pub(crate) use members::find_seen;
pub use names::Names;
pub use others::{OtherChange, Wanted, delete, find, holds, list, roles, update};
pub use password::change_password;
pub use registration::{NewAccount, create_account, register};
pub use store::none_exists;

/// A person with an account.
#[derive(Debug, Clone)]
pub struct User {
    /// Its id.
    pub id: Uuid,
    /// The name for signing in, in lower case.
    pub login: String,
    /// The e-mail address, in lower case.
    pub email: Option<String>,
    /// The display name.
    pub name: String,
    /// The address of a picture.
    pub image: Option<String>,
    /// Given names, where they are known apart.
    pub first_name: Option<String>,
    /// Family name, where it is known apart.
    pub last_name: Option<String>,
    /// Whether they may sign in.
    pub active: bool,
    /// Whether the e-mail address is known to be theirs.
    pub email_verified: bool,
    /// How they first signed in: `local` with a password.
    pub auth_provider: String,
    /// When they last signed in.
    pub last_login: Option<DateTime<Utc>>,
    /// The monikers of the roles.
    pub roles: Vec<String>,
    /// The ids of the roles, in the same order.
    pub role_ids: Vec<Uuid>,
    /// The ids of the companies that they belong to.
    pub company_ids: Vec<Uuid>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// An account to be made.
#[derive(Debug, Clone)]
pub struct NewUser<'a> {
    /// The name for signing in.
    pub login: &'a str,
    /// The e-mail address.
    pub email: Option<&'a str>,
    /// The display name.
    pub name: &'a str,
    /// The hash of the password, where there is one.
    pub password_hash: Option<String>,
    /// The ids of the roles.
    pub roles: &'a [Uuid],
}

/// A change of one's own account. What is absent stays.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// The display name.
    pub name: Option<String>,
    /// Given names, of which the display name is made anew.
    pub first_name: Option<String>,
    /// Family name, of which the display name is made anew.
    pub last_name: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
    /// The picture; `Some(None)` takes it away.
    pub image: Option<Option<String>>,
}

/// The spelling under which logins and e-mail addresses are kept and compared.
#[must_use]
pub fn canonical_name(name: &str) -> String {
    name.trim().to_lowercase()
}

/// The account with this id, with the roles that are unbound or within reach.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn by_id(connection: &mut PgConnection, id: Uuid, shown: &Reach) -> Result<User> {
    store::by_id(connection, id, shown).await?.ok_or_else(|| not_found(&id.to_string()))
}

/// Makes an account.
///
/// # Errors
/// [`Error::Conflict`] where the login or the e-mail address is taken.
pub async fn create(
    connection: &mut PgConnection,
    app: &App,
    caller: &Caller,
    new: &NewUser<'_>,
) -> Result<Uuid> {
    let id = crate::id::new();
    let login = canonical_name(new.login);
    let email = new.email.map(canonical_name);
    let inserted = store::insert(connection, id, &login, email.as_deref(), new, app.clock.now()).await;
    inserted.on_constraint(|name| match name {
        "users_login_key" => Some(Error::Conflict(format!("The login '{login}' is taken"))),
        "users_email_key" => Some(Error::Conflict("The e-mail address is taken".to_owned())),
        _ => None,
    })?;
    role::assign(connection, id, new.roles).await?;
    audit::record_by(connection, app, caller, Event::new("user.create", Target::named("user", id, new.name)))
        .await?;
    Ok(id)
}

/// The caller's own account.
///
/// # Errors
/// Where the account is gone, or the database fails.
pub async fn own(app: &App, caller: &Caller) -> Result<User> {
    let mut connection = app.pool.acquire().await?;
    by_id(&mut connection, caller.user_id()?, &Reach::everything()).await
}

/// Changes the caller's own account.
///
/// # Errors
/// [`Error::Invalid`], [`Error::Conflict`] where the e-mail address is taken.
pub async fn update_own(app: &App, caller: &Caller, change: &Change) -> Result<User> {
    let id = caller.user_id()?;
    let mut transaction = database::begin(&app.pool).await?;
    let old = by_id(&mut transaction, id, &Reach::everything()).await?;
    let names = names::changed(&old, change)?;
    store::update(&mut transaction, id, names.as_ref(), change.image.as_ref(), app.clock.now()).await?;
    if let Some(email) = &change.email {
        email::change(&mut transaction, &old, email).await?;
    }
    let user = by_id(&mut transaction, id, &Reach::everything()).await?;
    let event = Event::new("user.update", Target::named("user", id, &user.name));
    audit::record_by(&mut transaction, app, caller, event).await?;
    transaction.commit().await?;
    app.remembered.forget();
    Ok(user)
}

pub(crate) fn not_found(identifier: &str) -> Error {
    Error::not_found("UserNotFound", "User", identifier)
}
