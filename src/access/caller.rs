//! The one who calls.

use std::sync::Arc;

use sqlx::PgConnection;
use uuid::Uuid;

use super::grants::{Grants, Reach};
use super::permission::Permission;
use super::store::{self, Loaded};
use super::token;
use crate::app::App;
use crate::error::{Error, Result};

/// What kind of caller it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActorKind {
    /// A person with an account.
    User,
    /// The program itself, at a start or a command on its machine.
    System,
}

impl ActorKind {
    /// The word for it in the audit record.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::System => "system",
        }
    }
}

/// Who acts, as the audit record names them.
#[derive(Debug, Clone)]
pub struct Actor {
    /// None for the program itself, and for somebody who is not known yet.
    pub id: Option<Uuid>,
    /// The display name at that time.
    pub name: String,
    /// What kind it is.
    pub kind: ActorKind,
}

impl Actor {
    /// The program itself.
    #[must_use]
    pub fn system() -> Self {
        Self { id: None, name: "ttscm".to_owned(), kind: ActorKind::System }
    }

    /// A person.
    pub fn user(id: Uuid, name: impl Into<String>) -> Self {
        Self { id: Some(id), name: name.into(), kind: ActorKind::User }
    }
}

/// Where a request comes from.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// The client's address; behind trusted proxies, the one that they vouch for.
    pub address: Option<std::net::IpAddr>,
    /// The request's id.
    pub request: Option<Uuid>,
    /// The client's own description, cut to 200 characters.
    pub user_agent: Option<String>,
    /// How it came here.
    pub way: Way,
}

/// How a request came here, as far as it shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Way {
    /// Straight from the client.
    Direct,
    /// Through proxies that are all trusted.
    Trusted,
    /// Through who knows what: the address is not sure to be the client's own.
    #[default]
    Unknown,
}

/// Somebody whose token was verified, with all that they hold. Only [`authenticate`] makes one from
/// outside.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who it is.
    pub actor: Actor,
    /// The session of a person.
    pub session: Option<Uuid>,
    /// Where the request comes from.
    pub origin: Origin,
    /// What they hold.
    pub grants: Arc<Grants>,
}

impl Caller {
    /// The program itself, which may do everything.
    #[must_use]
    pub fn system() -> Self {
        let all = super::grants::Grant { node: "*".to_owned(), company: None };
        let grants = Grants::new(vec![all], [].into());
        Self { actor: Actor::system(), session: None, origin: Origin::default(), grants: Arc::new(grants) }
    }

    /// Somebody who has no account yet, and holds nothing.
    #[must_use]
    pub fn stranger(name: &str, origin: Origin) -> Self {
        let actor = Actor { id: None, name: name.to_owned(), kind: ActorKind::User };
        Self { actor, session: None, origin, grants: Arc::default() }
    }

    /// The account of a person; the program has none.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for a caller that is no person.
    pub fn user_id(&self) -> Result<Uuid> {
        self.actor.id.ok_or_else(Error::unauthenticated)
    }

    /// How far the caller holds `permission`.
    #[must_use]
    pub fn reach(&self, permission: Permission) -> Arc<Reach> {
        self.grants.reach(permission)
    }

    /// Refuses a caller who holds one of `permissions` nowhere at all, naming those.
    ///
    /// # Errors
    /// [`Error::Forbidden`].
    pub fn require_somewhere(&self, permissions: &[Permission]) -> Result<()> {
        require(permissions, |permission| !self.reach(permission).is_empty())
    }

    /// Refuses a caller who does not hold `permission` everywhere.
    ///
    /// # Errors
    /// [`Error::Forbidden`].
    pub fn require_everywhere(&self, permission: Permission) -> Result<()> {
        require(&[permission], |permission| self.grants.hold(permission.node()))
    }

    /// Judges whether the caller may do to a thing what takes all of `needed`, by whether each reaches
    /// the place where the thing is. Who lacks one of them, but sees the thing by one of `sight`, is
    /// told what is missing; to anyone else it is not there.
    ///
    /// # Errors
    /// [`Error::Forbidden`] naming the missing nodes, or `not_found`.
    pub fn permit(
        &self,
        needed: &[Permission],
        sight: &[Permission],
        covers: impl Fn(&Reach) -> bool,
        not_found: impl FnOnce() -> Error,
    ) -> Result<()> {
        let holds = |permission: Permission| covers(&self.reach(permission));
        let permitted = require(needed, holds);
        if permitted.is_ok() || sight.iter().copied().any(holds) { permitted } else { Err(not_found()) }
    }
}

/// Refuses a caller who lacks one of `permissions` by `holds`, naming those.
fn require(permissions: &[Permission], holds: impl Fn(Permission) -> bool) -> Result<()> {
    let missing: Vec<_> = permissions
        .iter()
        .filter(|permission| !holds(**permission))
        .map(|permission| permission.node())
        .collect();
    if missing.is_empty() { Ok(()) } else { Err(Error::forbidden(missing)) }
}

/// Finds out who holds an access token: its signature and claims, then the session and the account as
/// they are now, so that a sign-out and a disabled account count at once.
///
/// # Errors
/// [`Error::Unauthenticated`] for anything but a token that is good now.
pub async fn authenticate(app: &App, token: &str, origin: Origin) -> Result<Caller> {
    let claims = token::verify(&app.tokens, token, app.clock.now()).ok_or_else(Error::unauthenticated)?;
    let remembered = app.remembered.get(claims.sid, app.clock.now()).filter(|known| known.user == claims.sub);
    let known = match remembered {
        Some(known) => known,
        None => load(app, claims.sub, claims.sid).await?.ok_or_else(Error::unauthenticated)?,
    };
    let actor = Actor::user(claims.sub, &*known.name);
    Ok(Caller { actor, session: Some(claims.sid), origin, grants: known.grants })
}

async fn load(app: &App, user: Uuid, session: Uuid) -> Result<Option<Loaded>> {
    let since = app.remembered.generation();
    let mut connection = app.pool.acquire().await?;
    let loaded = store::load_caller(&mut connection, user, session, app.clock.now()).await?;
    if let Some(loaded) = &loaded {
        app.remembered.put(session, loaded.clone(), since);
    }
    Ok(loaded)
}

/// What an account holds, whether or not it is signed in.
///
/// # Errors
/// Where the database fails.
pub async fn grants_of(connection: &mut PgConnection, user: Uuid) -> Result<Option<Grants>> {
    store::grants_of(connection, user).await
}
