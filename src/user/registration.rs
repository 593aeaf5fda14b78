//! Making accounts: by administrators for others, and by people for themselves.

use secrecy::{ExposeSecret, SecretString};
use sqlx::PgConnection;
use uuid::Uuid;

use super::members::change_companies;
use super::roles::{grantable, load_roles};
use super::{Names, NewUser, User, by_id, store};
use crate::access::{Caller, Change, Origin, Permission, Reach, password};
use crate::app::App;
use crate::database;
use crate::error::{Error, Result, Violation};
use crate::role;

/// An account to be made.
pub struct NewAccount {
    /// What the person is called; by the login where that is nothing.
    pub names: Names,
    /// The e-mail address.
    pub email: String,
    /// The name for signing in; the e-mail address where there is none.
    pub login: Option<String>,
    /// The password; without one, the person signs in in another way.
    pub password: Option<SecretString>,
    /// The ids or monikers of exactly the roles to give; the role `user` where there are none.
    pub roles: Option<Vec<String>>,
    /// The ids of the companies to belong to.
    pub companies: Vec<String>,
    /// Whether they may sign in.
    pub active: bool,
    /// How they will first sign in; with a password where that is not said.
    pub auth_provider: Option<String>,
}

impl Default for NewAccount {
    fn default() -> Self {
        Self {
            names: Names::Whole(String::new()),
            email: String::new(),
            login: None,
            password: None,
            roles: None,
            companies: Vec::new(),
            active: true,
            auth_provider: None,
        }
    }
}

impl NewAccount {
    fn login(&self) -> &str {
        self.login.as_deref().unwrap_or(&self.email)
    }
}

/// Makes an account with roles whose nodes the caller holds themselves.
///
/// # Errors
/// [`Error::Invalid`], [`Error::Conflict`] where the login or the e-mail address is taken,
/// [`Error::NotFound`] naming a role, [`Error::Forbidden`].
pub async fn create_account(app: &App, caller: &Caller, mut new: NewAccount) -> Result<User> {
    caller.require_everywhere(Permission::UserCreate)?;
    check_account(&new)?;
    let password_hash = match new.password.take() {
        Some(password) => Some(app.passwords.hash(password).await?),
        None => None,
    };
    let mut change = Change::begin(app, caller).await?;
    change.caller.require_everywhere(Permission::UserCreate)?;
    let roles = match &new.roles {
        Some(roles) => {
            let roles = load_roles(&mut change, roles).await?;
            roles.iter().try_for_each(|role| grantable(&change, role))?;
            roles
        }
        None => load_roles(&mut change, &["user".to_owned()]).await?,
    };
    let roles: Vec<Uuid> = roles.iter().map(|role| role.id).collect();
    let id = insert(change.connection(), app, caller, &new, password_hash, &roles).await?;
    change_companies(&mut change, id, Permission::UserCreate, &new.companies).await?;
    let user = by_id(change.connection(), id, &Reach::everything()).await?;
    change.commit().await?;
    Ok(user)
}

fn check_account(new: &NewAccount) -> Result<()> {
    let login = new.login();
    let mut violations = Vec::new();
    if !crate::config::is_email(new.email.trim()) {
        violations.push(Violation::field("email", "Must be an e-mail address"));
    }
    if login.trim().is_empty() || login.chars().any(char::is_control) {
        violations.push(Violation::field("login", "Must not be blank"));
    }
    if let Some(password) = &new.password {
        let names = [login, &new.email];
        if let Err(rule) = password::check_new(password.expose_secret(), &names) {
            violations.push(Violation::field("password", rule));
        }
    }
    if violations.is_empty() { Ok(()) } else { Err(Error::Invalid(violations)) }
}

/// Inserts the row and what is known of it besides.
async fn insert(
    connection: &mut PgConnection,
    app: &App,
    caller: &Caller,
    new: &NewAccount,
    password_hash: Option<String>,
    roles: &[Uuid],
) -> Result<Uuid> {
    let mut name = new.names.display();
    if name.is_empty() {
        new.login().trim().clone_into(&mut name);
    }
    let row = NewUser { login: new.login(), email: Some(&new.email), name: &name, password_hash, roles };
    let id = super::create(connection, app, caller, &row).await?;
    let provider = new.auth_provider.as_deref().unwrap_or("local");
    store::complete(connection, id, &new.names, new.active, provider).await?;
    Ok(id)
}

/// Makes an account that somebody asks for themselves, with the role `user` and nothing else.
///
/// # Errors
/// [`Error::Invalid`], [`Error::Conflict`] where the login or the e-mail address is taken.
pub async fn register(app: &App, origin: &Origin, mut new: NewAccount) -> Result<User> {
    check_account(&new)?;
    let Some(password) = new.password.take() else {
        return Err(Error::invalid("password", "Field is required"));
    };
    let password_hash = Some(app.passwords.hash(password).await?);
    let caller = Caller::stranger(&new.names.display(), origin.clone());
    let mut transaction = database::begin(&app.pool).await?;
    let id = insert(&mut transaction, app, &caller, &new, password_hash, &[role::USER_ID]).await?;
    let user = by_id(&mut transaction, id, &Reach::everything()).await?;
    transaction.commit().await?;
    Ok(user)
}
