//! Credentials of integrations, as they are sealed and opened again.

use anyhow::Context;
use secrecy::ExposeSecret;
use url::Url;
use uuid::Uuid;

use super::{Credentials, Endpoint, Integration, Method, Product, store};
use crate::app::App;
use crate::error::{Error, Result};
use crate::vault::Place;

/// Seals the credentials of an integration for it alone, and for this address of it.
pub(super) async fn seal(app: &App, id: Uuid, base_url: &str, credentials: &Credentials) -> Result<Vec<u8>> {
    let text = credentials.to_text().map_err(Error::Internal)?;
    let place = Place::Integration { id, base_url };
    app.vault.seal(place, text.expose_secret()).await.map_err(Error::Internal)
}

/// The product of an integration, with its credentials opened where it has any; none where the integration has
/// changed meanwhile.
pub(super) async fn open(app: &App, integration: &Integration) -> Result<Option<Product>> {
    let id = integration.id;
    let stored = store::credentials(&*app.pool, id, integration.revision).await?;
    let Some(sealed) = stored else { return Ok(None) };
    let credentials = match sealed {
        Some(sealed) => Some(open_sealed(app, integration, &sealed).await.map_err(Error::Internal)?),
        None => None,
    };
    let is_read = |endpoint: &&Endpoint| endpoint.method == Method::Get;
    Ok(Some(Product {
        id,
        kind: integration.kind,
        base_url: Url::parse(&integration.base_url).map_err(Error::internal)?,
        auth_type: integration.auth_type,
        credentials,
        first_get: integration.endpoints.iter().find(is_read).map(|endpoint| endpoint.path.clone()),
    }))
}

async fn open_sealed(app: &App, integration: &Integration, sealed: &[u8]) -> anyhow::Result<Credentials> {
    let id = integration.id;
    let opened = app.vault.open(Place::Integration { id, base_url: &integration.base_url }, sealed).await;
    let text = opened.with_context(|| format!("the credentials of integration {id} do not open"))?;
    Credentials::from_text(integration.auth_type, &text)
}
