//! What a step of the browser leads to.

use std::sync::Arc;

use sqlx::PgConnection;
use uuid::Uuid;

use super::arrive::Arrived;
use super::collect::{Outcome, take};
use super::{SignIn, State, store};
use crate::access::caller::Origin;
use crate::access::oauth::Identity;
use crate::access::{identity, sign_in};
use crate::app::App;
use crate::audit;
use crate::database;
use crate::error::Result;

/// For whom the tokens are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum For {
    /// The client that waits.
    Client,
    /// The browser itself.
    Browser,
}

/// A browser at a sign-in.
pub(super) struct Step {
    pub app: Arc<App>,
    pub origin: Origin,
    pub sign_in: SignIn,
}

const FAILED: &str = "The provider did not answer as it should. Try again in a while.";

impl Step {
    /// Why a sign-in does not go on from `state`, where it does not.
    pub fn is_late(&self, state: State) -> Option<Arrived> {
        match self.sign_in.state {
            known if known != state => Some(Arrived::Used),
            _ if self.sign_in.is_over(self.app.clock.now()) => Some(Arrived::Expired),
            _ => None,
        }
    }

    /// Lets the tokens be had, by whom they are for; or links the identity, where it is about that.
    pub async fn approve(&self, from: State, identity: &Identity, whom: For) -> Result<Arrived> {
        let Self { app, origin, sign_in } = self;
        let mut transaction = database::begin(&app.pool).await?;
        let admitted = match sign_in.link_session {
            Some(session) => identity::link(&mut transaction, app, origin, session, identity).await?,
            None => identity::admit(&mut transaction, app, &sign_in.origin(origin.request), identity).await?,
        };
        let account = match admitted {
            Ok(account) => account,
            Err(closed) => {
                drop(transaction);
                return self.deny("session.create", closed.account, closed.message).await;
            }
        };
        let now = app.clock.now();
        if !store::advance(&mut transaction, sign_in.id, from, State::Approved, now).await? {
            return Ok(self.is_late(from).unwrap_or(Arrived::Used));
        }
        store::approve(&mut transaction, sign_in.id, account).await?;
        let arrived = self.hand_over(&mut transaction, whom).await?;
        transaction.commit().await?;
        app.remembered.forget();
        Ok(arrived)
    }

    async fn hand_over(&self, connection: &mut PgConnection, whom: For) -> Result<Arrived> {
        let Self { app, origin, sign_in } = self;
        if sign_in.link_session.is_some() {
            // whoever began it has tokens already
            store::complete(connection, sign_in.id).await?;
            return Ok(Arrived::Linked);
        }
        if whom == For::Client {
            return Ok(Arrived::Approved);
        }
        let client = sign_in.origin(origin.request);
        Ok(match take(connection, app, sign_in, None, &client).await? {
            Some(Outcome::Tokens(tokens, user)) => Arrived::Tokens(tokens, user),
            Some(Outcome::Denied(message)) => Arrived::Denied(message),
            _ => Arrived::Expired,
        })
    }

    /// Ends the sign-in because the person said no, or may not sign in.
    pub async fn deny(&self, action: &'static str, account: Option<Uuid>, message: &str) -> Result<Arrived> {
        self.end(State::Denied, message, action, account).await?;
        Ok(Arrived::Denied(message.to_owned()))
    }

    /// Ends the sign-in because the provider or its answer is of no use.
    pub async fn fail(&self, cause: &anyhow::Error) -> Result<Arrived> {
        let (provider, id) = (&self.sign_in.provider, self.sign_in.id);
        tracing::warn!(provider, sign_in = %id, "a sign-in failed: {cause:#}");
        self.end(State::Failed, FAILED, "session.create", None).await?;
        Ok(Arrived::Failed)
    }

    async fn end(
        &self,
        state: State,
        message: &str,
        action: &'static str,
        account: Option<Uuid>,
    ) -> Result<()> {
        let Self { app, origin, sign_in } = self;
        let outcome = if state == State::Failed { audit::Outcome::Failure } else { audit::Outcome::Denied };
        let mut transaction = database::begin(&app.pool).await?;
        store::end(&mut transaction, sign_in.id, state, message).await?;
        let person = match account {
            Some(id) => sign_in::person(&mut transaction, id).await?,
            None => None,
        };
        sign_in::record(&mut transaction, app, origin, person.as_ref(), (action, outcome)).await?;
        Ok(transaction.commit().await?)
    }
}
