//! Reveals: the two ways to a plaintext. Each writes its audit row in the transaction that reads the
//! value, and gives the value only after the commit: no row, no secret.

use anyhow::Context;
use secrecy::SecretString;
use sqlx::{Postgres, Transaction};

use super::{Credential, load, store};
use crate::access::{Caller, Permission};
use crate::app::App;
use crate::audit::{self, Event, Outcome, Target};
use crate::database;
use crate::error::{Error, Result};
use crate::vault::Place;

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
    let mut transaction = database::begin(&app.pool).await?;
    let credential = load(&mut transaction, caller, needed, identifier).await?;
    let mut sealed = store::sealed_values(&mut transaction, credential.id).await?;
    let position = |id: &str| credential.kind.fields.iter().position(|field| field.id == id);
    sealed.sort_by_key(|(field, _)| position(field));
    open_on_record(transaction, app, caller, &credential, sealed).await
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
    let mut transaction = database::begin(&app.pool).await?;
    let credential = load(&mut transaction, caller, needed, identifier).await?;
    if !credential.kind.fields.iter().any(|known| known.id == field && known.secure) {
        let shown: String = field.chars().take(200).collect();
        let message = format!("Secure field not found: {shown}");
        return Err(Error::NotFound { code: "SecureFieldNotFound", message });
    }
    let Some(bytes) = store::sealed_value(&mut transaction, credential.id, field).await? else {
        return Ok(None);
    };
    let sealed = vec![(field.to_owned(), bytes)];
    Ok(open_on_record(transaction, app, caller, &credential, sealed).await?.pop().map(|(_, value)| value))
}

/// Opens sealed values, writes down for each that it was revealed, or that it was not because one of them
/// does not open, and hands them over once that is kept.
async fn open_on_record(
    mut transaction: Transaction<'_, Postgres>,
    app: &App,
    caller: &Caller,
    credential: &Credential,
    sealed: Vec<(String, Vec<u8>)>,
) -> Result<Vec<(String, SecretString)>> {
    let open = |(field, bytes): &(String, Vec<u8>)| {
        let opened = app.vault.open(Place::Field { credential: credential.id, field }, bytes);
        let named = opened.map(|value| (field.clone(), value));
        named.with_context(|| format!("the field '{field}' of credential {} does not open", credential.id))
    };
    let opened: anyhow::Result<Vec<_>> = sealed.iter().map(open).collect();
    let outcome = if opened.is_ok() { Outcome::Success } else { Outcome::Failure };
    let target = Target::named("credential", credential.id, &credential.name);
    for (field, _) in &sealed {
        let event = Event::new("credential.reveal", target).in_company(credential.company.id);
        let event = Event { outcome, field: Some(field), ..event };
        audit::record_by(&mut transaction, app, caller, event).await?;
    }
    transaction.commit().await?;
    app.metrics.revealed(outcome.as_str(), sealed.len());
    opened.map_err(Error::Internal)
}
