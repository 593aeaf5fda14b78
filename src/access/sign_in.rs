//! The one way in. However a person shows who they are, [`finish`] decides whether they may enter and
//! opens the session, so that no check can be left out on a side path.

use secrecy::{ExposeSecret, SecretString};
use sqlx::PgConnection;

use super::attempts::{self, Guess};
use super::caller::{Actor, Caller, Origin};
use super::grants::Reach;
use super::session::{self, Tokens};
use super::{password, store};
use crate::app::App;
use crate::audit::{self, Event, Outcome, Target};
use crate::database;
use crate::error::{Error, Result};
use crate::user::{self, NewAccount, User};

/// The action of a sign-in in the record, however it ended.
const SIGN_IN: &str = "session.create";

/// By which name a person signs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name<'a> {
    /// Their e-mail address.
    Email(&'a str),
    /// Their login.
    Login(&'a str),
}

impl Name<'_> {
    /// The spelling under which the account is kept.
    fn canonical(self) -> String {
        let (Self::Email(name) | Self::Login(name)) = self;
        user::canonical_name(name)
    }
}

/// An account, as much as sign-in must know of it.
pub(super) struct Account {
    pub id: uuid::Uuid,
    pub name: String,
    pub password_hash: Option<String>,
}

/// Signs in with a password.
///
/// # Errors
/// [`Error::Unauthenticated`], the same and after the same time for an unknown name, a wrong password and
/// a disabled account; [`Error::TooMany`] after too many failures, for the right password too.
pub async fn with_password(
    app: &App,
    origin: &Origin,
    name: Name<'_>,
    password: SecretString,
) -> Result<(Tokens, User)> {
    check_length("password", &password)?;
    let canonical = name.canonical();
    let account = match name {
        Name::Email(_) => store::account_by_email(&app.pool, &canonical).await?,
        Name::Login(_) => store::account_by_login(&app.pool, &canonical).await?,
    };
    // whichever name was asked for: to count otherwise would tell that the other one exists
    let named = store::account_named(&app.pool, &canonical).await?;
    let subject = named.map_or(canonical, |id| id.to_string());
    let hash = account.as_ref().and_then(|account| account.password_hash.clone());
    let (matches, attempt) = attempts::verify(app, &subject, origin.address, hash, password).await?;
    match account {
        Some(account) if matches => {
            let signed_in = enter(app, origin, account).await?;
            attempt.succeeded(&app.pool).await?;
            Ok(signed_in)
        }
        account => Err(refuse(app, origin, account).await?),
    }
}

/// Makes an account that somebody asks for themselves, and signs them in.
///
/// # Errors
/// [`Error::Forbidden`] where accounts are made by administrators only; [`Error::TooMany`] from an address
/// that has made too many; else as [`user::register`].
pub async fn register(app: &App, origin: &Origin, new: NewAccount) -> Result<(Tokens, User)> {
    if !app.settings.self_registration {
        return Err(Error::Forbidden {
            message: "Self-registration is switched off: ask an administrator for an account".to_owned(),
            required: Vec::new(),
        });
    }
    attempts::count_failure(app, Guess::Password, origin.address).await?;
    let user = user::register(app, origin, new).await?;
    enter(app, origin, Account { id: user.id, name: user.name, password_hash: None }).await
}

/// Gives the caller another password, where they know the one that they have. Their other sessions end.
///
/// # Errors
/// [`Error::Invalid`] for a wrong password or a new one that nobody may have; [`Error::TooMany`].
pub async fn change_password(
    app: &App,
    caller: &Caller,
    current: SecretString,
    new: SecretString,
) -> Result<()> {
    let (id, kept) = (caller.user_id()?, caller.session_id()?);
    let own = user::own(app, caller).await?;
    check_new_password(&own, &new)?;
    check_length("currentPassword", &current)?;
    let hash = store::password_hash(&app.pool, id).await?;
    let subject = id.to_string();
    let (matches, attempt) = attempts::verify(app, &subject, caller.origin.address, hash, current).await?;
    if !matches {
        let event = Event::new("user.password", Target::named("user", id, &own.name));
        let event = Event { outcome: Outcome::Denied, ..event };
        let mut connection = app.pool.acquire().await?;
        audit::record_by(&mut connection, app, caller, event).await?;
        return Err(Error::invalid("currentPassword", "Is not the password of this account"));
    }
    let hash = app.passwords.hash(new).await?;
    let mut transaction = database::begin(&app.pool).await?;
    replace_password(&mut transaction, app, caller, &own, &hash, Some(kept)).await?;
    transaction.commit().await?;
    app.remembered.forget();
    attempt.succeeded(&app.pool).await
}

/// Refuses a password that an account may not have.
///
/// # Errors
/// [`Error::Invalid`] naming `newPassword`.
pub(crate) fn check_new_password(user: &User, new: &SecretString) -> Result<()> {
    let names = [user.login.as_str(), user.email.as_deref().unwrap_or_default()];
    password::check_new(new.expose_secret(), &names).map_err(|rule| Error::invalid("newPassword", rule))
}

/// Gives an account another password, on record. Its sessions end, but for one that is `kept`.
///
/// # Errors
/// Where the database fails.
pub(crate) async fn replace_password(
    connection: &mut PgConnection,
    app: &App,
    caller: &Caller,
    user: &User,
    hash: &str,
    kept: Option<uuid::Uuid>,
) -> Result<()> {
    let now = app.clock.now();
    store::set_password(connection, user.id, hash, now).await?;
    match kept {
        Some(kept) => session::end_others(connection, user.id, kept, now).await?,
        None => session::end_all(connection, user.id, now).await?,
    }
    let event = Event::new("user.password", Target::named("user", user.id, &user.name));
    audit::record_by(connection, app, caller, event).await
}

fn check_length(field: &str, password: &SecretString) -> Result<()> {
    if password.expose_secret().len() > password::MAX_BYTES {
        return Err(Error::invalid(field, format!("Must be at most {} bytes", password::MAX_BYTES)));
    }
    Ok(())
}

/// Lets an account in whose password was right.
async fn enter(app: &App, origin: &Origin, account: Account) -> Result<(Tokens, User)> {
    let mut transaction = database::begin(&app.pool).await?;
    let person = Actor::user(account.id, &*account.name);
    if let Some(signed_in) = finish(&mut transaction, app, origin, &person).await? {
        transaction.commit().await?;
        return Ok(signed_in);
    }
    drop(transaction);
    Err(refuse(app, origin, Some(account)).await?)
}

/// Lets a person in who has shown who they are; none where they are disabled.
pub(super) async fn finish(
    connection: &mut PgConnection,
    app: &App,
    origin: &Origin,
    person: &Actor,
) -> Result<Option<(Tokens, User)>> {
    let id = person.id.ok_or_else(Error::unauthenticated)?;
    // it may have been disabled or deleted while they showed who they are
    if !store::hold_active_account(connection, id).await? {
        return Ok(None);
    }
    store::note_sign_in(connection, id, app.clock.now()).await?;
    let tokens = session::open(connection, app, person, origin).await?;
    let user = user::by_id(connection, id, &Reach::everything()).await?;
    app.metrics.signed_in(Outcome::Success.as_str());
    Ok(Some((tokens, user)))
}

/// Puts a refused sign-in on record. What was typed as a name is not: it may be a password.
async fn refuse(app: &App, origin: &Origin, account: Option<Account>) -> Result<Error> {
    let mut connection = app.pool.acquire().await?;
    let person = account.map(|account| Actor::user(account.id, account.name));
    record(&mut connection, app, origin, person.as_ref(), (SIGN_IN, Outcome::Denied)).await?;
    Ok(Error::Unauthenticated { code: Some("InvalidCredentials"), message: "Wrong name or password" })
}

/// The person of an account, where it is still there.
pub(super) async fn person(connection: &mut PgConnection, id: uuid::Uuid) -> Result<Option<Actor>> {
    Ok(store::name_of(connection, id).await?.map(|name| Actor::user(id, name)))
}

/// Puts on record that somebody, perhaps unknown, was not let in.
pub(super) async fn record(
    connection: &mut PgConnection,
    app: &App,
    origin: &Origin,
    person: Option<&Actor>,
    (action, outcome): (&'static str, Outcome),
) -> Result<()> {
    let target = Target { kind: "session", id: None, name: None };
    let event = Event { outcome, ..Event::new(action, target) };
    if action == SIGN_IN {
        app.metrics.signed_in(outcome.as_str());
    }
    audit::record(connection, person.unwrap_or(&Actor::unknown()), origin, app.clock.now(), event).await
}
