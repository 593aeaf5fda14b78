//! Going back to an earlier version. What does not fit the type of today stays as it is today: a secure
//! value never becomes plain, and nobody gets round a rule by way of the past.

use anyhow::Context;
use secrecy::ExposeSecret;
use uuid::Uuid;

use super::super::kind::Field;
use super::super::{Credential, kind, load, not_found, record, store as credentials, write};
use super::{Content, store};
use crate::access::{Caller, Permission};
use crate::app::App;
use crate::database;
use crate::error::{Error, Result};
use crate::vault::Place;

/// Gives a credential the name, the notes and the values of an earlier version, as a change like any
/// other, where the caller holds all of `needed` on it. Where the type has changed since so that some
/// values do not fit it any more, only `force` restores the others.
///
/// # Errors
/// [`Error::NotFound`] also for a version that it does not have, [`Error::Forbidden`],
/// [`Error::Conflict`] naming the fields that do not fit.
pub async fn restore(
    app: &App,
    caller: &Caller,
    needed: &[Permission],
    identifier: &str,
    number: &str,
    force: bool,
) -> Result<Credential> {
    let mut transaction = database::begin(&app.pool).await?;
    let found = load(&mut transaction, caller, needed, identifier).await?;
    let missing = || not_found(identifier);
    let kind = kind::hold(&mut transaction, found.kind.id).await?.ok_or_else(missing)?;
    let today = credentials::hold(&mut transaction, found.id).await?.ok_or_else(missing)?;
    let no_version = || Error::not_found("VersionNotFound", "Version", number);
    let at = parse(number).ok_or_else(no_version)?;
    let then = store::content(&mut transaction, found.id, at).await?.ok_or_else(no_version)?;
    let (after, misfits) = fit(app, found.id, &kind.fields, &today, then).await?;
    if !misfits.is_empty() && !force {
        return Err(refusal(at, &misfits));
    }
    write(&mut transaction, app, caller, (found.id, Some(at)), &kind.fields, (&today, &after)).await?;
    let credential = credentials::by_id(&mut transaction, found.id).await?.ok_or_else(missing)?;
    let action =
        if misfits.is_empty() { "credential.restore_version" } else { "credential.force_restore_version" };
    record(&mut transaction, app, caller, action, &credential).await?;
    transaction.commit().await?;
    Ok(credential.seen_by(caller))
}

/// Reads a number in its one spelling.
fn parse(text: &str) -> Option<i32> {
    text.parse::<i32>().ok().filter(|number| number.to_string() == text)
}

fn refusal(number: i32, misfits: &[(String, &'static str)]) -> Error {
    let reasons: Vec<_> = misfits.iter().map(|(field, reason)| format!("'{field}' {reason}")).collect();
    Error::Conflict(format!(
        "Version {number} does not fit the credential type any more: {}. Add ?force=true to restore the rest and leave these as they are today",
        reasons.join("; ")
    ))
}

/// A value as it is stored.
enum Value {
    Plain(String),
    Sealed(Vec<u8>),
}

/// What the credential is to say, and the fields that stay as they are today, each with the reason.
async fn fit(
    app: &App,
    credential: Uuid,
    fields: &[Field],
    today: &Content,
    mut then: Content,
) -> Result<(Content, Vec<(String, &'static str)>)> {
    let mut after = Content {
        name: then.name,
        notes: then.notes,
        plain: today.plain.clone(),
        sealed: today.sealed.clone(),
    };
    let mut misfits = Vec::new();
    for field in fields {
        let id = &field.id;
        let (plain, sealed) = (then.plain.remove(id), then.sealed.remove(id));
        if plain.as_ref() == today.plain.get(id) && sealed.as_ref() == today.sealed.get(id) {
            continue;
        }
        let value = plain.map(Value::Plain).or(sealed.map(Value::Sealed));
        match fitted(app, credential, field, value).await? {
            Ok(value) => put(&mut after, id, value),
            Err(reason) => misfits.push((id.clone(), reason)),
        }
    }
    let mut gone: Vec<_> = then.plain.into_keys().chain(then.sealed.into_keys()).collect();
    gone.sort();
    misfits.extend(gone.into_iter().map(|id| (id, "is no field of the type any more")));
    Ok((after, misfits))
}

fn put(after: &mut Content, id: &str, value: Option<Value>) {
    after.plain.remove(id);
    after.sealed.remove(id);
    match value {
        Some(Value::Plain(text)) => drop(after.plain.insert(id.to_owned(), text)),
        Some(Value::Sealed(bytes)) => drop(after.sealed.insert(id.to_owned(), bytes)),
        None => {}
    }
}

/// A value as the field takes it today, or why it does not. To hold a sealed one against the rule of its
/// field it is opened; nobody sees it.
async fn fitted(
    app: &App,
    credential: Uuid,
    field: &Field,
    value: Option<Value>,
) -> Result<std::result::Result<Option<Value>, &'static str>> {
    let accepts = |text: &str| {
        if field.required && text.is_empty() {
            return Err("is required");
        }
        field.value_type.check(text).map_err(|_| "breaks the rule of its field")
    };
    Ok(match value {
        None if field.required => Err("is required"),
        None => Ok(None),
        Some(Value::Sealed(_)) if !field.secure => Err("was secure then and is not now"),
        Some(Value::Sealed(bytes)) => {
            let opened = app.vault.open(Place::Field { credential, field: &field.id }, &bytes).await;
            let opened = opened
                .with_context(|| {
                    format!("the field '{}' of a version of {credential} does not open", field.id)
                })
                .map_err(Error::Internal)?;
            accepts(opened.expose_secret()).map(|()| Some(Value::Sealed(bytes)))
        }
        Some(Value::Plain(text)) => match accepts(&text) {
            Err(reason) => Err(reason),
            Ok(()) if field.secure => {
                Ok(Some(Value::Sealed(super::super::seal(app, credential, &field.id, &text).await?)))
            }
            Ok(()) => Ok(Some(Value::Plain(text))),
        },
    })
}
