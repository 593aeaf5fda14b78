//! Reveals: the two ways to a plaintext. Each writes its audit rows, together with the count of what the
//! caller has revealed within the hour, and gives the values only when these are committed: no row, no secret.

use std::sync::Arc;

use anyhow::Context;
use secrecy::SecretString;
use uuid::Uuid;

use super::store::Secrets;
use super::{Credential, kind, not_found, permit};
use crate::access::{Caller, Permission};
use crate::app::App;
use crate::audit::{self, Outcome, Reveal, Target};
use crate::error::{Error, Result};
use crate::id;
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
    let secrets = find(app, caller, needed, identifier, None).await?;
    let position = |id: &str| secrets.credential.kind.fields.iter().position(|field| field.id == id);
    let mut sealed: Vec<_> = secrets.sealed.iter().collect();
    sealed.sort_by_key(|(field, _)| position(field));
    open_on_record(app, caller, &secrets.credential, &sealed).await
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
    // what no field is called never reaches the statement that others share
    let asked = if kind::is_field_id(field) { field } else { "" };
    let secrets = find(app, caller, needed, identifier, Some(asked)).await?;
    if !secrets.credential.kind.fields.iter().any(|known| known.id == field && known.secure) {
        let shown: String = field.chars().take(200).collect();
        let message = format!("Secure field not found: {shown}");
        return Err(Error::NotFound { code: "SecureFieldNotFound", message });
    }
    let sealed: Vec<_> = secrets.sealed.iter().collect();
    Ok(open_on_record(app, caller, &secrets.credential, &sealed).await?.pop().map(|(_, value)| value))
}

/// A credential with its sealed values, or that of one field, where the caller holds all of `needed` on it.
async fn find(
    app: &App,
    caller: &Caller,
    needed: &[Permission],
    identifier: &str,
    field: Option<&str>,
) -> Result<Arc<Secrets>> {
    let missing = || not_found(identifier);
    let id = id::parse(identifier).ok_or_else(missing)?;
    let secrets = app.secrets.find((id, field.map(str::to_owned))).await?.ok_or_else(missing)?;
    permit(caller, needed, &secrets.credential)?;
    Ok(secrets)
}

/// Opens sealed values, writes down for each that it was revealed, or that it was not because one of them
/// does not open or the caller has revealed too many, and hands them over once that is kept.
async fn open_on_record(
    app: &App,
    caller: &Caller,
    credential: &Credential,
    sealed: &[&(String, Vec<u8>)],
) -> Result<Vec<(String, SecretString)>> {
    let opened = open_all(app, credential.id, sealed).await;
    let reveal = Reveal {
        target: Target::named("credential", credential.id, &credential.name),
        company: credential.company.id,
        fields: &sealed.iter().map(|(field, _)| &**field).collect::<Vec<_>>(),
        canary: credential.canary == Some(true),
    };
    let answer = match opened {
        Ok(values) if audit::record_reveal(app, caller, reveal).await? => Ok(values),
        Ok(_) => {
            audit::record_no_reveal(app, caller, reveal, Outcome::Denied).await?;
            Err(audit::used_up(app, caller).await?)
        }
        Err(cause) => {
            audit::record_no_reveal(app, caller, reveal, Outcome::Failure).await?;
            Err(Error::Internal(cause))
        }
    };
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
fn tell<T>(caller: &Caller, credential: &Credential, answer: &Result<Vec<T>>) {
    let (actor, company) = (caller.actor.id.map(tracing::field::display), credential.company.id);
    match answer {
        Ok(values) if credential.canary == Some(true) && !values.is_empty() => {
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
    sealed: &[&(String, Vec<u8>)],
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
