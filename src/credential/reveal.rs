//! Reveals: the two ways to a plaintext. Each writes its audit row in the transaction that reads the
//! value, together with the count of what the caller has revealed within the hour, and gives the value only
//! after the commit: no row, no secret.

use anyhow::Context;
use secrecy::SecretString;
use sqlx::{Postgres, Transaction};
use uuid::Uuid;

use super::{Credential, load, store};
use crate::access::{Caller, Permission};
use crate::app::App;
use crate::audit::{self, Outcome, Reveal, Target};
use crate::database;
use crate::error::{Error, Result};
use crate::vault::Place;

/// Reveals every secure value of a credential, in the order of its type's fields, with an audit row each,
/// where the caller holds all of `needed` on it.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Forbidden`]; [`Error::TooMany`] where the caller has revealed too many, and
/// [`Error::Internal`] where sealed bytes do not open, which are on record too.
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
/// does not open or the caller has revealed too many, and hands them over once that is kept.
async fn open_on_record(
    mut transaction: Transaction<'_, Postgres>,
    app: &App,
    caller: &Caller,
    credential: &Credential,
    sealed: Vec<(String, Vec<u8>)>,
) -> Result<Vec<(String, SecretString)>> {
    let opened = open_all(app, credential.id, &sealed).await;
    let reveal = Reveal {
        target: Target::named("credential", credential.id, &credential.name),
        company: credential.company.id,
        fields: &sealed.iter().map(|(field, _)| &**field).collect::<Vec<_>>(),
        canary: credential.canary == Some(true),
    };
    let connection = &mut transaction;
    let answer = match opened {
        Ok(values) if audit::record_reveal(connection, app, caller, reveal).await? => Ok(values),
        Ok(_) => {
            audit::record_no_reveal(connection, app, caller, reveal, Outcome::Denied).await?;
            Err(audit::used_up(connection, app, caller).await?)
        }
        Err(cause) => {
            audit::record_no_reveal(connection, app, caller, reveal, Outcome::Failure).await?;
            Err(Error::Internal(cause))
        }
    };
    transaction.commit().await?;
    app.metrics.revealed(outcome(&answer).as_str(), sealed.len());
    tell(caller, credential, &answer);
    answer
}

/// What a reveal is on record as.
fn outcome<T>(answer: &Result<T>) -> Outcome {
    match answer {
        Ok(_) => Outcome::Success,
        Err(Error::TooMany { .. }) => Outcome::Denied,
        Err(_) => Outcome::Failure,
    }
}

/// Tells the log of what somebody should look at.
fn tell<T>(caller: &Caller, credential: &Credential, answer: &Result<T>) {
    let (actor, company) = (caller.actor.id.map(tracing::field::display), credential.company.id);
    match answer {
        Ok(_) if credential.canary == Some(true) => {
            tracing::error!(actor, credential = %credential.id, %company, "a canary credential was revealed");
        }
        Err(Error::TooMany { .. }) => {
            tracing::warn!(actor, credential = %credential.id, %company, "a reveal was refused: too many in an hour");
        }
        _ => {}
    }
}

async fn open_all(
    app: &App,
    credential: Uuid,
    sealed: &[(String, Vec<u8>)],
) -> anyhow::Result<Vec<(String, SecretString)>> {
    let mut opened = Vec::with_capacity(sealed.len());
    for (field, bytes) in sealed {
        let value = app.vault.open(Place::Field { credential, field }, bytes).await;
        let value =
            value.with_context(|| format!("the field '{field}' of credential {credential} does not open"))?;
        opened.push((field.clone(), value));
    }
    Ok(opened)
}
