//! The client's side: it waits at a socket and takes the tokens.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq;
use tokio::sync::Notify;
use uuid::Uuid;

use super::waiting::GONE_AFTER;
use super::{SignIn, State, WAITS_FOR_CLIENT, store};
use crate::access::caller::{Actor, Origin};
use crate::access::session::Tokens;
use crate::access::{identity, sign_in, token};
use crate::app::App;
use crate::audit;
use crate::database;
use crate::error::{Error, Result};
use crate::user::User;

/// What a client is told that does not know the verifier.
pub const WRONG_VERIFIER: &str = "The code verifier is wrong.";

/// How a sign-in ended, for its client.
pub enum Outcome {
    /// These are the tokens, and whose they are.
    Tokens(Tokens, Box<User>),
    /// The browser took the tokens itself.
    Completed,
    /// The person said no, or may not sign in.
    Denied(String),
    /// The provider or its answer is of no use.
    Failed(String),
    /// It took too long.
    Expired,
    /// This server stops; another will do.
    Closing,
}

/// What a look at a sign-in takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Take {
    Tokens,
    Nothing,
}

/// The one socket of a sign-in.
pub struct Claim {
    app: Arc<App>,
    id: Uuid,
    socket: Uuid,
    origin: Origin,
    code_challenge: Option<String>,
    wake: Arc<Notify>,
    is_over: AtomicBool,
}

/// Seats a client that knows the key of a sign-in.
///
/// # Errors
/// [`Error::NotFound`] for an unknown key, [`Error::Conflict`] where another socket has the seat, or the
/// tokens have been taken.
pub async fn claim(app: &Arc<App>, origin: Origin, key: &str) -> Result<Claim> {
    let sign_in = store::by_key(&app.pool, &token::hash(key)).await?.ok_or_else(|| Error::NotFound {
        code: "CallbackKeyNotFound",
        message: "There is no sign-in with this callbackKey".to_owned(),
    })?;
    let (id, socket, now) = (sign_in.id, crate::id::new(), app.clock.now());
    let address = origin.address.map(|address| address.to_string()).unwrap_or_default();
    if !store::seat(&app.pool, id, socket, &address, now, now - GONE_AFTER).await? {
        return Err(Error::Conflict(
            "The sign-in is waited for at another socket, or its tokens have been taken".to_owned(),
        ));
    }
    let wake = app.waiting.sit(id, socket, sign_in.expires_at);
    let code_challenge = sign_in.code_challenge;
    let is_over = AtomicBool::new(false);
    Ok(Claim { app: Arc::clone(app), id, socket, origin, code_challenge, wake, is_over })
}

impl Claim {
    /// Whether the client must show the verifier of its code challenge before anything else.
    #[must_use]
    pub fn is_bound(&self) -> bool {
        self.code_challenge.is_some()
    }

    /// Whether this is the verifier (RFC 7636, S256). A wrong one ends the sign-in.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn verify(&self, verifier: &str) -> Result<bool> {
        let shown = URL_SAFE_NO_PAD.encode(token::hash(verifier));
        let expected = self.code_challenge.as_deref().unwrap_or_default();
        if shown.as_bytes().ct_eq(expected.as_bytes()).into() {
            return Ok(true);
        }
        let mut transaction = database::begin(&self.app.pool).await?;
        store::end(&mut transaction, self.id, State::Failed, WRONG_VERIFIER).await?;
        let refused = ("session.create", audit::Outcome::Denied);
        sign_in::record(&mut transaction, &self.app, &self.origin, None, refused).await?;
        transaction.commit().await?;
        Ok(false)
    }

    /// Resolves when something may have happened.
    pub async fn woken(&self) {
        self.wake.notified().await;
    }

    /// How the sign-in ended, where it has; tokens are given once.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn outcome(&self) -> Result<Option<Outcome>> {
        self.look(Take::Tokens).await
    }

    /// How the sign-in ended without tokens, where it has.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn end(&self) -> Result<Option<Outcome>> {
        self.look(Take::Nothing).await
    }

    async fn look(&self, what: Take) -> Result<Option<Outcome>> {
        if self.app.waiting.is_closing() {
            return Ok(Some(Outcome::Closing));
        }
        let _turn = self.app.waiting.turn().await;
        let outcome = self.look_now(what).await?;
        self.is_over.store(outcome.is_some(), Ordering::Relaxed);
        Ok(outcome)
    }

    async fn look_now(&self, what: Take) -> Result<Option<Outcome>> {
        let Some(sign_in) = store::by_id(&self.app.pool, self.id).await? else {
            return Ok(Some(Outcome::Expired));
        };
        let message = sign_in.message.clone().unwrap_or_default();
        Ok(match sign_in.state {
            State::HandedOver => Some(Outcome::Completed),
            State::Denied => Some(Outcome::Denied(message)),
            State::Failed => Some(Outcome::Failed(message)),
            _ if sign_in.is_over(self.app.clock.now()) => Some(Outcome::Expired),
            State::Approved if what == Take::Tokens => self.take(&sign_in).await?,
            State::Approved | State::Waiting | State::Arrived | State::Confirming => None,
        })
    }

    async fn take(&self, sign_in: &SignIn) -> Result<Option<Outcome>> {
        let mut transaction = database::begin(&self.app.pool).await?;
        let origin = sign_in.origin(self.origin.request);
        let taken = take(&mut transaction, &self.app, sign_in, Some(self.socket), &origin).await?;
        transaction.commit().await?;
        Ok(taken)
    }
}

/// The seat is given back, so that the client may come again where the sign-in goes on.
impl Drop for Claim {
    fn drop(&mut self) {
        self.app.waiting.leave(self.id, self.socket);
        if self.is_over.load(Ordering::Relaxed) || self.app.waiting.is_closing() {
            return;
        }
        let (app, socket) = (Arc::clone(&self.app), self.socket);
        let free = async move {
            let _turn = app.waiting.turn().await;
            if let Err(error) = store::free(&app.pool, &[socket]).await {
                tracing::warn!(%error, "the seat of a socket could not be freed");
            }
        };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(free);
        }
    }
}

impl SignIn {
    /// Where the client is that began it.
    pub(super) fn origin(&self, request: Option<Uuid>) -> Origin {
        Origin { address: self.address(), request, user_agent: self.user_agent.clone(), way: self.way }
    }
}

/// Takes an approved sign-in: opens the session whose tokens these are. None where it is not approved any
/// more.
pub(super) async fn take(
    connection: &mut sqlx::PgConnection,
    app: &App,
    sign_in: &SignIn,
    socket: Option<Uuid>,
    origin: &Origin,
) -> Result<Option<Outcome>> {
    let since = app.clock.now() - WAITS_FOR_CLIENT;
    let Some(approved) = store::lock_approved(connection, sign_in.id, socket, since).await? else {
        return Ok(None);
    };
    let person = Actor::user(approved.user_id, approved.user_name);
    if let Some((tokens, user)) = sign_in::finish(connection, app, origin, &person).await? {
        store::complete(connection, sign_in.id).await?;
        return Ok(Some(Outcome::Tokens(tokens, Box::new(user))));
    }
    store::end(connection, sign_in.id, State::Denied, identity::DISABLED).await?;
    let refused = ("session.create", audit::Outcome::Denied);
    sign_in::record(connection, app, origin, Some(&person), refused).await?;
    Ok(Some(Outcome::Denied(identity::DISABLED.to_owned())))
}
