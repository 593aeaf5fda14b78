//! The first administrator.

use anyhow::Context;
use secrecy::{ExposeSecret, SecretString};

use super::App;
use crate::access::Caller;
use crate::access::token;
use crate::config::Admin;
use crate::database;
use crate::role;
use crate::user::{self, NewUser};

/// The address of the administrator of an embedded database.
const LOCAL_ADMIN: &str = "admin@localhost";

/// Makes the administrator that the configuration names, where there is no account yet. On the embedded
/// database one is made all the same; its random password is in the answer, and nowhere else.
pub(super) async fn make_first_admin(
    app: &App,
    configured: Option<Admin>,
    is_embedded: bool,
) -> anyhow::Result<Option<Admin>> {
    let mut transaction = database::begin(&app.pool).await?;
    database::one_at_a_time(&mut transaction).await?;
    if !user::none_exists(&mut transaction).await? {
        return Ok(None);
    }
    let is_told = configured.is_some();
    let random = || Admin { email: LOCAL_ADMIN.to_owned(), password: token::new_secret().0 };
    let Some(admin) = configured.or_else(|| is_embedded.then(random)) else {
        tracing::warn!("there is no account yet: set ADMIN_EMAIL and ADMIN_PASSWORD and start again");
        return Ok(None);
    };
    let password = SecretString::from(admin.password.expose_secret());
    let new = NewUser {
        login: &admin.email,
        email: Some(&admin.email),
        name: "Administrator",
        password_hash: Some(app.passwords.hash(password).await?),
        roles: &[role::ADMIN_ID, role::USER_ID],
    };
    user::create(&mut transaction, app, &Caller::system(), &new)
        .await
        .context("the administrator cannot be made")?;
    transaction.commit().await?;
    Ok((!is_told).then_some(admin))
}
