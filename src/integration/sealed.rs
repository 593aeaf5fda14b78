//! Credentials of integrations, as they are sealed and opened again.

use anyhow::Context;
use secrecy::ExposeSecret;
use url::Url;
use uuid::Uuid;

use super::{Credentials, Endpoint, Integration, Method, Product, store};
use crate::app::App;
use crate::error::{Error, Result};
use crate::vault::Place;

/// Seals the credentials of an integration for it alone.
pub(super) fn seal(app: &App, id: Uuid, credentials: &Credentials) -> Result<Vec<u8>> {
    let text = credentials.to_text().map_err(Error::Internal)?;
    app.vault.seal(Place::Integration { id }, text.expose_secret()).map_err(Error::Internal)
}

/// The product of an integration, with its credentials opened where it has any; none where the integration has
/// changed meanwhile.
pub(super) async fn open(app: &App, integration: &Integration) -> Result<Option<Product>> {
    let id = integration.id;
    let stored = store::credentials(&*app.pool, id, integration.revision).await?;
    let Some(sealed) = stored else { return Ok(None) };
    let open = |sealed: Vec<u8>| {
        let text = app.vault.open(Place::Integration { id }, &sealed)?;
        Credentials::from_text(integration.auth_type, &text)
    };
    let credentials = sealed.map(open).transpose();
    let credentials = credentials.with_context(|| format!("the credentials of integration {id} do not open"));
    let is_read = |endpoint: &&Endpoint| endpoint.method == Method::Get;
    Ok(Some(Product {
        id,
        kind: integration.kind,
        base_url: Url::parse(&integration.base_url).map_err(Error::internal)?,
        auth_type: integration.auth_type,
        credentials: credentials.map_err(Error::Internal)?,
        first_get: integration.endpoints.iter().find(is_read).map(|endpoint| endpoint.path.clone()),
    }))
}
