//! Reveals: the two ways to a plaintext. Each writes its audit row in the transaction that reads the
//! value, and gives the value only after the commit: no row, no secret.

use secrecy::SecretString;
use sqlx::PgConnection;

use super::{Credential, load, store};
use crate::access::{Caller, Permission};
use crate::app::App;
use crate::audit::{self, Event, Outcome, Target};
use crate::error::{Error, Result};
use crate::vault::{OpenError, Place};

/// Reveals every secure value of a credential, in the order of its type's fields, with an audit row each,
/// where the caller holds all of `needed` on it.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Forbidden`]; [`Error::Internal`] where sealed bytes do not open, which is
/// on record too.
pub async fn reveal_all(
    app: &App,
    caller: &Caller,
    needed: &[Permission],
    identifier: &str,
) -> Result<Vec<(String, SecretString)>> {
    let mut transaction = app.pool.begin().await?;
    let credential = load(&mut transaction, caller, needed, identifier).await?;
    let mut sealed = store::sealed_values(&mut transaction, credential.id).await?;
    let position = |id: &str| credential.kind.fields.iter().position(|field| field.id == id);
    sealed.sort_by_key(|(field, _)| position(field));
    let mut opened = Vec::with_capacity(sealed.len());
    for (field, bytes) in &sealed {
        opened.push(open_on_record(&mut transaction, app, caller, &credential, field, bytes).await?);
    }
    transaction.commit().await?;
    let named = sealed.into_iter().zip(opened).map(|((field, _), value)| value.map(|value| (field, value)));
    named.collect::<std::result::Result<_, _>>().map_err(Error::internal)
}

/// Reveals one secure value of a credential; none where it has no value.
///
/// # Errors
/// As [`reveal_all`], and [`Error::NotFound`] for a field that is not there or not secure.
pub async fn reveal_one(
    app: &App,
    caller: &Caller,
    needed: &[Permission],
    identifier: &str,
    field: &str,
) -> Result<Option<SecretString>> {
    let mut transaction = app.pool.begin().await?;
    let credential = load(&mut transaction, caller, needed, identifier).await?;
    if !credential.kind.fields.iter().any(|known| known.id == field && known.secure) {
        let shown: String = field.chars().take(200).collect();
        let message = format!("Secure field not found: {shown}");
        return Err(Error::NotFound { code: "SecureFieldNotFound", message });
    }
    let Some(bytes) = store::sealed_value(&mut transaction, credential.id, field).await? else {
        return Ok(None);
    };
    let opened = open_on_record(&mut transaction, app, caller, &credential, field, &bytes).await?;
    transaction.commit().await?;
    opened.map(Some).map_err(Error::internal)
}

/// Opens sealed bytes and writes down that it was done, or that it failed.
async fn open_on_record(
    connection: &mut PgConnection,
    app: &App,
    caller: &Caller,
    credential: &Credential,
    field: &str,
    bytes: &[u8],
) -> Result<std::result::Result<SecretString, OpenError>> {
    let opened = app.vault.open(Place { credential: credential.id, field }, bytes);
    if let Err(error) = &opened {
        tracing::error!(credential = %credential.id, field, %error, "a sealed value does not open");
    }
    let event = Event {
        outcome: if opened.is_ok() { Outcome::Success } else { Outcome::Failure },
        field: Some(field),
        ..Event::new("credential.reveal", Target::named("credential", credential.id, &credential.name))
            .in_company(credential.company.id)
    };
    audit::record_by(connection, app, caller, event).await?;
    Ok(opened)
}
