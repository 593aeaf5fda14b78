//! Whose account an identity is. It is found by what the provider never changes; an e-mail address or a
//! user name proves nothing.

mod store;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::oauth::Identity;
use super::{Caller, Origin, sign_in};
use crate::app::{App, Settings};
use crate::audit::{self, Event, Target};
use crate::config::SignInRules;
use crate::database;
use crate::error::{Error, Result};
use crate::role;
use crate::user::{self, NewUser};

/// What an identity opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Door {
    /// This account.
    Account(Uuid),
    /// An account that is to be made.
    New,
    /// None.
    Closed(Closed),
}

/// Why an identity opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed {
    /// The reason, for the person.
    pub message: &'static str,
    /// The account, where there is one.
    pub account: Option<Uuid>,
}

const OTHER_DOMAIN: &str = "Your e-mail address is not one of those that may sign in here.";
pub(super) const DISABLED: &str = "Your account is disabled. Ask an administrator to enable it.";
const UNKNOWN: &str = "There is no account for you here. Ask an administrator to make one.";
const SIGNED_OUT: &str = "You have been signed out meanwhile. Sign in again, then link.";
const ANOTHERS: &str = "This sign-in belongs to another account here.";
const TAKEN: &str = "There is an account with your e-mail address or user name already, and it does not belong to \
     this sign-in yet. Sign in to it the way you did before, and link this sign-in there.";

/// What `identity` opens, as things are now.
///
/// # Errors
/// Where the database fails.
pub async fn door(connection: &mut PgConnection, settings: &Settings, identity: &Identity) -> Result<Door> {
    let rules = &settings.sign_in;
    // in this order: where the account is being made at this moment, its name is not taken, or it is known
    let is_taken = store::is_taken(connection, identity).await?;
    let known = store::account_of(connection, identity).await?;
    let account = known.as_ref().map(|known| known.id);
    let may_be_new = identity.is_vouched_for || settings.self_registration;
    let closed = |message| Ok(Door::Closed(Closed { message, account }));
    if !is_of_allowed_domain(rules, identity) {
        return closed(OTHER_DOMAIN);
    }
    match known {
        Some(known) if known.active => Ok(Door::Account(known.id)),
        Some(_) => closed(DISABLED),
        None if is_taken => closed(TAKEN),
        None if rules.known_users_only || !may_be_new => closed(UNKNOWN),
        None => Ok(Door::New),
    }
}

/// Whether every address that the identity goes by is in one of the domains, where any are set.
fn is_of_allowed_domain(rules: &SignInRules, identity: &Identity) -> bool {
    let domain_of = |name: &str| name.rsplit_once('@').map(|(_, domain)| domain.to_lowercase());
    let names = [identity.email.as_deref(), Some(&*identity.login)];
    let domains: Vec<_> = names.into_iter().flatten().filter_map(domain_of).collect();
    rules.allowed_domains.is_empty()
        || (!domains.is_empty() && domains.iter().all(|domain| rules.allowed_domains.contains(domain)))
}

/// The account of an identity, whatever it may do.
///
/// # Errors
/// Where the database fails.
pub(super) async fn account(pool: &PgPool, identity: &Identity) -> Result<Option<Uuid>> {
    let mut connection = pool.acquire().await?;
    Ok(store::account_of(&mut connection, identity).await?.map(|known| known.id))
}

/// The account that `identity` opens, which is made where there is none yet; its name and picture become
/// those that the provider gives. The client is at `origin`.
///
/// # Errors
/// Where the database fails.
pub(super) async fn admit(
    connection: &mut PgConnection,
    app: &App,
    origin: &Origin,
    identity: &Identity,
) -> Result<Result<Uuid, Closed>> {
    let settings = &app.settings;
    let mut found = door(connection, settings, identity).await?;
    if found == Door::New {
        // two first sign-ins of one person, or of two who would share a name, come one after the other
        database::one_at_a_time(connection).await?;
        found = door(connection, settings, identity).await?;
    }
    let program = Caller { origin: origin.clone(), ..Caller::system() };
    let account = match found {
        Door::Account(account) => account,
        Door::New => make_account(connection, app, &program, identity).await?,
        Door::Closed(closed) => return Ok(Err(closed)),
    };
    if store::refresh(connection, account, identity, app.clock.now()).await? {
        let event = Event::new("user.update", Target::named("user", account, &identity.name));
        audit::record_by(connection, app, &program, event).await?;
    }
    Ok(Ok(account))
}

/// An identity that an account is linked to.
#[derive(Debug, Clone)]
pub struct Linked {
    /// Its id.
    pub id: Uuid,
    /// The provider's name.
    pub provider: String,
    /// When it was linked.
    pub created_at: DateTime<Utc>,
    /// When it was last used to sign in.
    pub last_used_at: DateTime<Utc>,
}

/// Links `identity` to the account whose session this is, as long as that is good.
///
/// # Errors
/// Where the database fails.
pub(super) async fn link(
    connection: &mut PgConnection,
    app: &App,
    origin: &Origin,
    session: Uuid,
    identity: &Identity,
) -> Result<Result<Uuid, Closed>> {
    database::one_at_a_time(connection).await?;
    let now = app.clock.now();
    let Some(account) = store::account_of_session(connection, session, now).await? else {
        return Ok(Err(Closed { message: SIGNED_OUT, account: None }));
    };
    match store::account_of(connection, identity).await? {
        Some(known) if known.id == account => return Ok(Ok(account)),
        Some(_) => return Ok(Err(Closed { message: ANOTHERS, account: Some(account) })),
        None => store::insert(connection, crate::id::new(), account, identity, now).await?,
    }
    let person = sign_in::person(connection, account).await?.ok_or_else(Error::unauthenticated)?;
    let event = Event::new("identity.link", Target::named("user", account, &person.name));
    audit::record(connection, &person, origin, now, event).await?;
    Ok(Ok(account))
}

/// The identities that the caller's own account is linked to, the oldest first.
///
/// # Errors
/// Where the database fails.
pub async fn list(app: &App, caller: &Caller) -> Result<Vec<Linked>> {
    store::of_account(&app.pool, caller.user_id()?).await
}

/// Takes an identity from the caller's own account, which must keep a way in.
///
/// # Errors
/// [`Error::NotFound`] for one that is not theirs, [`Error::Conflict`] for the last way in.
pub async fn unlink(app: &App, caller: &Caller, identifier: &str) -> Result<()> {
    let not_found = || Error::not_found("IdentityNotFound", "Identity", identifier);
    let id = crate::id::parse(identifier).ok_or_else(not_found)?;
    let account = caller.user_id()?;
    let mut transaction = database::begin(&app.pool).await?;
    // two who take the last two would each leave the other one
    database::one_at_a_time(&mut transaction).await?;
    if !store::delete(&mut transaction, id, account).await? {
        return Err(not_found());
    }
    if !store::has_a_way_in(&mut transaction, account).await? {
        let message = "This is the only way into the account: set a password or link another sign-in first";
        return Err(Error::Conflict(message.to_owned()));
    }
    let event = Event::new("identity.unlink", Target::named("user", account, &caller.actor.name));
    audit::record_by(&mut transaction, app, caller, event).await?;
    Ok(transaction.commit().await?)
}

async fn make_account(
    connection: &mut PgConnection,
    app: &App,
    program: &Caller,
    identity: &Identity,
) -> Result<Uuid> {
    let new = NewUser {
        login: &identity.login,
        email: identity.email.as_deref(),
        name: &identity.name,
        password_hash: None,
        roles: &[role::USER_ID],
    };
    let account = user::create(connection, app, program, &new).await?;
    store::insert(connection, crate::id::new(), account, identity, app.clock.now()).await?;
    store::mark_provider(connection, account, identity).await?;
    Ok(account)
}
