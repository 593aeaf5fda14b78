//! The one who calls.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::grants::{Grants, Reach};
use super::key;
use super::permission::Permission;
use super::shown::Shown;
use super::store::{self, Loaded};
use crate::app::App;
use crate::error::{Error, Result};

/// What kind of caller it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActorKind {
    /// A person with an account.
    User,
    /// A service with an API key.
    ApiKey,
    /// The program itself, at a start or a command on its machine.
    System,
}

impl ActorKind {
    /// The word for it in the audit record.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::ApiKey => "api_key",
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

    /// A service, by its key's id and name.
    pub fn key(id: Uuid, name: impl Into<String>) -> Self {
        Self { id: Some(id), name: name.into(), kind: ActorKind::ApiKey }
    }

    /// Somebody who could not show who they are.
    #[must_use]
    pub fn unknown() -> Self {
        Self { id: None, name: "unknown".to_owned(), kind: ActorKind::User }
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

/// Somebody whose token or key was verified, with all that they hold. Only [`authenticate`] makes one from
/// outside.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who it is.
    pub actor: Actor,
    /// The session of a person.
    pub session: Option<Uuid>,
    /// The account that it acts for: a person's own, or that of the maker of an API key; the program has none.
    pub account: Option<Uuid>,
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
        Self {
            actor: Actor::system(),
            session: None,
            account: None,
            origin: Origin::default(),
            grants: Arc::new(grants),
        }
    }

    /// Somebody who has no account yet, and holds nothing.
    #[must_use]
    pub fn stranger(name: &str, origin: Origin) -> Self {
        let actor = Actor { id: None, name: name.to_owned(), kind: ActorKind::User };
        Self { actor, session: None, account: None, origin, grants: Arc::default() }
    }

    /// The account of a person; neither the program nor an API key has one of its own.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for an API key, [`Error::Unauthenticated`] for any other caller that is no person.
    pub fn user_id(&self) -> Result<Uuid> {
        self.refuse_key()?;
        self.actor.id.ok_or_else(Error::unauthenticated)
    }

    /// The session of a person.
    ///
    /// # Errors
    /// As [`Self::user_id`].
    pub fn session_id(&self) -> Result<Uuid> {
        self.refuse_key()?;
        self.session.ok_or_else(Error::unauthenticated)
    }

    /// Refuses an API key what is about a person's own account, sessions or keys.
    ///
    /// # Errors
    /// [`Error::Forbidden`].
    pub fn refuse_key(&self) -> Result<()> {
        if self.actor.kind != ActorKind::ApiKey {
            return Ok(());
        }
        Err(Error::Forbidden {
            message: "An API key has no account of its own: sign in as a person for this".to_owned(),
            required: Vec::new(),
        })
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

/// Finds out who shows an access token or an API key: whether the program gave it out, then the session or key
/// and the account as they are now, so that a sign-out, a revocation and a disabled account count at once.
///
/// # Errors
/// [`Error::Unauthenticated`] for anything but a token or key that is good now.
pub async fn authenticate(app: &App, bearer: &str, origin: Origin) -> Result<Caller> {
    let now = app.clock.now();
    let shown = Shown::read(&app.tokens, bearer, now).ok_or_else(Error::unauthenticated)?;
    let known = known(app, shown).await?.ok_or_else(Error::unauthenticated)?;
    let actor = match known.key {
        Some(key) => {
            app.key_uses.note(key, origin.address, now);
            Actor::key(key, &*known.name)
        }
        None => Actor::user(known.user, &*known.name),
    };
    Ok(Caller { actor, session: shown.session(), account: Some(known.user), origin, grants: known.grants })
}

/// What is known of who shows this, where it is good now.
pub(super) async fn known(app: &App, shown: Shown) -> Result<Option<Loaded>> {
    let now = app.clock.now();
    if let Some(known) = app.remembered.get(shown, now) {
        return Ok(Some(known));
    }
    let since = app.remembered.generation();
    let mut connection = app.pool.acquire().await?;
    let loaded = load(&mut connection, shown, now).await?;
    if let Some(loaded) = &loaded {
        app.remembered.put(shown, loaded.clone(), since);
    }
    Ok(loaded)
}

/// The same, as the database has it.
pub(super) async fn load(
    connection: &mut PgConnection,
    shown: Shown,
    now: DateTime<Utc>,
) -> Result<Option<Loaded>> {
    match shown {
        Shown::Session { user, session } => store::load_caller(connection, user, session, now).await,
        Shown::Key(hash) => key::load(connection, key::Known::Hash(&hash), now).await,
        Shown::KeyToken(id) => key::load(connection, key::Known::Id(id), now).await,
    }
}

/// What an account holds, whether or not it is signed in.
///
/// # Errors
/// Where the database fails.
pub async fn grants_of(connection: &mut PgConnection, user: Uuid) -> Result<Option<Grants>> {
    store::grants_of(connection, user).await
}
