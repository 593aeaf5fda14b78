//! Changes of what people may do: one at a time over all servers, judged by what the caller holds at that
//! very moment, and never taking the last administrator away.

use std::sync::Arc;

use sqlx::{PgConnection, Postgres, Transaction};
use uuid::Uuid;

use super::caller::{self, ActorKind, Caller};
use super::grants::Grants;
use super::permission::{CustomNode, covers, is_grant};
use super::shown::Shown;
use super::store;
use crate::app::App;
use crate::database;
use crate::error::{Error, Result, Step, Violation};

/// A transaction that changes what people may do.
pub struct Change<'a> {
    app: &'a App,
    transaction: Transaction<'static, Postgres>,
    had_administrator: bool,
    custom: Vec<CustomNode>,
    /// The caller, with what they hold now that nobody else is changing it.
    pub caller: Caller,
}

impl<'a> Change<'a> {
    /// Waits until no other such change is under way.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] where the caller's session, key or account ended meanwhile.
    pub async fn begin(app: &'a App, caller: &Caller) -> Result<Self> {
        let mut transaction = database::begin(&app.pool).await?;
        database::one_at_a_time(&mut transaction).await?;
        let mut caller = caller.clone();
        let shown = match (caller.actor.kind, caller.actor.id, caller.session) {
            (ActorKind::System, ..) => None,
            (ActorKind::User, Some(user), Some(session)) => Some(Shown::Session { user, session }),
            (ActorKind::ApiKey, Some(key), _) => Some(Shown::KeyToken(key)),
            (ActorKind::User | ActorKind::ApiKey, ..) => return Err(Error::unauthenticated()),
        };
        caller.grants = match shown {
            None => Arc::new(caller.grants.with_scopes(store::type_scopes(&mut transaction).await?)),
            Some(shown) => {
                let loaded = caller::load(&mut transaction, shown, app.clock.now()).await?;
                loaded.ok_or_else(Error::unauthenticated)?.grants
            }
        };
        let had_administrator = store::has_administrator(&mut transaction).await?;
        let custom = store::custom_nodes(&mut transaction).await?;
        Ok(Self { app, transaction, had_administrator, custom, caller })
    }

    /// The connection to work with.
    pub fn connection(&mut self) -> &mut PgConnection {
        &mut self.transaction
    }

    /// The nodes that administrators have made, as they were when the change began.
    #[must_use]
    pub fn custom_nodes(&self) -> &[CustomNode] {
        &self.custom
    }

    /// Refuses nodes that are malformed or unknown, or wildcards that cover no known node, unless they
    /// were there `before`. What is bound to a company is known in that company only.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming each, at its place in `permissions`.
    pub fn check_known(&self, nodes: &[String], before: &[String], company: Option<Uuid>) -> Result<()> {
        let is_custom = |node: &str| {
            let mut here = self.custom.iter().filter(|custom| custom.is_for(company));
            is_grant(node) && here.any(|custom| covers(node, &custom.node))
        };
        let is_fine =
            |node: &String| before.contains(node) || self.caller.grants.know(node) || is_custom(node);
        let unknown = nodes.iter().enumerate().filter(|(_, node)| !is_fine(node));
        let violation = |(index, node): (usize, &String)| {
            let path: [Step; 2] = ["permissions".into(), index.into()];
            let shown: String = node.chars().take(200).collect();
            Violation::new(path, format!("'{shown}' is no known permission node and covers none"))
        };
        let violations: Vec<_> = unknown.map(violation).collect();
        if violations.is_empty() { Ok(()) } else { Err(Error::Invalid(violations)) }
    }

    /// Refuses additions that the caller does not hold themselves: nobody causes anyone to hold more
    /// than they do. Who holds `permission.escalate` there may.
    ///
    /// # Errors
    /// [`Error::Forbidden`] naming the first that is missing.
    pub fn check_grantable<'n>(
        &self,
        nodes: impl IntoIterator<Item = &'n str>,
        company: Option<Uuid>,
    ) -> Result<()> {
        self.check_each(nodes, company, Grants::may_grant)
    }

    /// The same for what acts for the caller and for nobody else, so that `permission.escalate` is no matter.
    ///
    /// # Errors
    /// [`Error::Forbidden`] naming the first that is missing.
    pub fn check_held<'n>(
        &self,
        nodes: impl IntoIterator<Item = &'n str>,
        company: Option<Uuid>,
    ) -> Result<()> {
        self.check_each(nodes, company, Grants::pass)
    }

    fn check_each<'n>(
        &self,
        nodes: impl IntoIterator<Item = &'n str>,
        company: Option<Uuid>,
        is_fine: impl Fn(&Grants, &str, Option<Uuid>) -> bool,
    ) -> Result<()> {
        let grants = &self.caller.grants;
        // a wildcard over the nodes of types may cover others besides
        let may_grant = |node: &str| {
            let mut covered =
                self.custom.iter().filter(|custom| custom.is_for(company) && covers(node, &custom.node));
            is_fine(grants, node, company) && covered.all(|custom| is_fine(grants, &custom.node, company))
        };
        match nodes.into_iter().find(|node| !may_grant(node)) {
            None => Ok(()),
            Some(node) => Err(Error::Forbidden {
                message: format!("You cannot grant '{node}', which you do not hold yourself"),
                required: vec![node.to_owned()],
            }),
        }
    }

    /// Ends it. From the next request on, everybody is judged by it.
    ///
    /// # Errors
    /// [`Error::Conflict`] where nobody would hold `*` everywhere any more.
    pub async fn commit(mut self) -> Result<()> {
        if self.had_administrator && !store::has_administrator(&mut self.transaction).await? {
            return Err(Error::Conflict(
                "The last administrator cannot be removed, disabled or stripped".to_owned(),
            ));
        }
        self.transaction.commit().await?;
        self.app.remembered.forget();
        Ok(())
    }
}
