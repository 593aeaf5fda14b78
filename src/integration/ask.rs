//! Calling a product through an endpoint of its integration.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::call::{self, Ask, Reply};
use super::registry::{event, load};
use super::{Endpoint, Integration, check, sealed};
use crate::access::{Caller, Permission};
use crate::app::App;
use crate::audit::{self, Event, Outcome};
use crate::database;
use crate::error::{Error, Result};

/// Calls an endpoint by its name with the integration's credentials. The call is on record before it is made, and
/// once more where it fails. It is made to its end also where the client goes away meanwhile.
///
/// # Errors
/// [`Error::Forbidden`], for the creator and managers too who lack the node; [`Error::NotFound`];
/// [`Error::Conflict`] where the integration is switched off, or its credentials were rejected often;
/// [`Error::Upstream`] where the product does not answer; [`Error::Internal`] where the credentials do not open.
pub async fn call_endpoint(
    app: &Arc<App>,
    caller: &Caller,
    identifier: &str,
    name: &str,
    query: BTreeMap<String, String>,
    body: Option<Value>,
) -> Result<Reply> {
    caller.require_everywhere(Permission::IntegrationCall)?;
    let integration = load(&*app.pool, caller, Permission::IntegrationCall, identifier).await?;
    let endpoint = integration.endpoints.iter().find(|endpoint| endpoint.name == name);
    let endpoint = endpoint.cloned().ok_or_else(|| Error::not_found("EndpointNotFound", "Endpoint", name))?;
    if !integration.is_active {
        return Err(Error::Conflict(format!("The integration '{}' is inactive", integration.name)));
    }
    if check::is_given_up(&integration) {
        let (name, message) = (&integration.name, &integration.health.message);
        return Err(Error::Conflict(format!("The integration '{name}' is not called: {message}")));
    }
    let (app, caller) = (Arc::clone(app), caller.clone());
    let done = tokio::spawn(async move {
        write_down(&app, &caller, &integration, &endpoint, Outcome::Success).await?;
        let reply = send(&app, &integration, &endpoint, &query, body.as_ref()).await;
        // what the product did is done: the client is told of that, whether or not this can be written
        if reply.is_err()
            && let Err(error) = write_down(&app, &caller, &integration, &endpoint, Outcome::Failure).await
        {
            tracing::error!("a failed call cannot be put on record: {:#}", anyhow::Error::new(error));
        }
        if call::is_refusal(&reply) {
            check::look_again(&app, &integration);
        }
        reply
    });
    done.await.unwrap_or_else(|error| Err(Error::internal(error)))
}

async fn send(
    app: &App,
    integration: &Integration,
    endpoint: &Endpoint,
    query: &BTreeMap<String, String>,
    body: Option<&Value>,
) -> Result<Reply> {
    let changed = || Error::Conflict("The integration has just been changed: try again".to_owned());
    let product = sealed::open(app, integration).await?.ok_or_else(changed)?;
    let query: Vec<_> = query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let ask = Ask { method: endpoint.method.as_str(), path: &endpoint.path, query: &query, body };
    call::call(&app.products, &product, &ask).await
}

async fn write_down(
    app: &App,
    caller: &Caller,
    integration: &Integration,
    endpoint: &Endpoint,
    outcome: Outcome,
) -> Result<()> {
    let event = Event { outcome, field: Some(&endpoint.name), ..event("integration.call", integration) };
    let mut transaction = database::begin(&app.pool).await?;
    audit::record_by(&mut transaction, app, caller, event).await?;
    Ok(transaction.commit().await?)
}
