//! Changing a type while credentials of it exist. Nothing is lost or laid open by accident: what would
//! clear values or leave credentials incomplete is refused, unless it is forced.

use sqlx::PgConnection;

use super::store::{self, Affected};
use super::{CredentialType, Field, check_fields, check_name, load, taken};
use crate::access::{Caller, Permission};
use crate::app::App;
use crate::audit::{self, Event, Target};
use crate::credential::{self, history};
use crate::database;
use crate::error::{Error, Result};
use crate::trash;

/// A change of a type. What is absent stays.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// The name.
    pub name: Option<String>,
    /// The scope, which may be given but must be the one that the type has.
    pub permission_scope: Option<String>,
    /// The picture; `Some(None)` takes it away.
    pub icon: Option<Option<String>>,
    /// All fields, in order.
    pub fields: Option<Vec<Field>>,
    /// Whether values that the new fields have no place for are cleared, and credentials may lack
    /// values that become required.
    pub force: bool,
}

/// How many values are sealed in one go, so that memory stays bounded.
const BATCH: i64 = 500;

/// Changes a type. A field that becomes secure has its stored values sealed.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Forbidden`], [`Error::Invalid`]; [`Error::Conflict`] where the name is
/// taken, the scope would change, or credentials stand in the way and it is not forced.
pub async fn update(app: &App, caller: &Caller, identifier: &str, change: Change) -> Result<CredentialType> {
    caller.require_everywhere(Permission::CredentialTypeUpdate)?;
    let mut transaction = database::begin(&app.pool).await?;
    let found = load(&mut transaction, caller, identifier).await?;
    store::hold_for_change(&mut transaction, found.id).await?;
    let old = load(&mut transaction, caller, &found.id.to_string()).await?;
    let new = changed(&old, &change)?;
    let new = CredentialType { updated_at: app.clock.now(), ..new };
    let forced = make_room(&mut transaction, app, caller, (&old, &new), change.force).await?;
    taken(store::update(&mut transaction, &new).await, &new)?;
    let action = if forced { "credential_type.force_update" } else { "credential_type.update" };
    let target = Target::named("credential_type", new.id, &new.name);
    audit::record_by(&mut transaction, app, caller, Event::new(action, target)).await?;
    transaction.commit().await?;
    Ok(new)
}

/// The type as it is to be.
fn changed(old: &CredentialType, change: &Change) -> Result<CredentialType> {
    let scope = change.permission_scope.as_ref().map(|scope| scope.trim().to_lowercase());
    if scope.is_some_and(|scope| scope != old.permission_scope) {
        return Err(Error::Conflict(format!(
            "The permissionScope '{}' of a credential type cannot be changed",
            old.permission_scope
        )));
    }
    let new = CredentialType {
        name: change.name.as_ref().map_or_else(|| old.name.clone(), |name| name.trim().to_owned()),
        icon: change.icon.clone().unwrap_or_else(|| old.icon.clone()),
        fields: change.fields.clone().unwrap_or_else(|| old.fields.clone()),
        ..old.clone()
    };
    let mut violations = check_fields(&new.fields);
    violations.extend(check_name(&new.name));
    if violations.is_empty() { Ok(new) } else { Err(Error::Invalid(violations)) }
}

/// Makes the stored values fit the new fields; whether force was needed for it. What is cleared stays in
/// the history, and what becomes secure is sealed there and in the trash too.
async fn make_room(
    connection: &mut PgConnection,
    app: &App,
    caller: &Caller,
    (old, new): (&CredentialType, &CredentialType),
    force: bool,
) -> Result<bool> {
    let mut forced = false;
    let mut cleared = Vec::new();
    for was in &old.fields {
        let is = new.fields.iter().find(|field| field.id == was.id);
        if is.is_none_or(|is| was.secure && !is.secure) {
            let reason = if is.is_none() { "is removed" } else { "is no longer secure" };
            let affected = store::with_value(connection, old.id, &was.id).await?;
            forced |= allow(&affected, was, reason, "have a value for it", force)?;
            cleared.push(was.id.clone());
        }
    }
    let values = store::values_of(connection, old.id, &cleared).await?;
    history::clear(connection, app, caller, values).await?;
    for is in new.fields.iter().filter(|field| field.secure) {
        if !old.fields.iter().any(|was| was.id == is.id && was.secure) {
            seal_values(connection, app, old, &is.id).await?;
            history::seal(connection, app, old.id, &is.id).await?;
            trash::seal(connection, app, old.id, &is.id).await?;
        }
    }
    for is in new.fields.iter().filter(|field| field.required) {
        let was = old.fields.iter().find(|field| field.id == is.id);
        let was_kept = was.is_some_and(|was| was.required && (is.secure || !was.secure));
        if !was_kept {
            let lacking = store::without_value(connection, old.id, &is.id).await?;
            forced |= allow(&lacking, is, "is required", "have no value for it", force)?;
        }
    }
    Ok(forced)
}

/// Whether credentials stand in the way and force is used; refuses where it is not.
fn allow(affected: &[Affected], field: &Field, reason: &str, because: &str, force: bool) -> Result<bool> {
    let Some(first) = affected.first() else {
        return Ok(false);
    };
    if force {
        return Ok(true);
    }
    let names: Vec<_> = affected.iter().map(|credential| format!("'{}'", credential.name)).collect();
    let more = if first.total > 3 { ", …" } else { "" };
    Err(Error::Conflict(format!(
        "The field '{}' {reason}, but {} credential(s) {because}: {}{more}. Add ?force=true to do it all the same",
        field.id,
        first.total,
        names.join(", ")
    )))
}

async fn seal_values(
    connection: &mut PgConnection,
    app: &App,
    kind: &CredentialType,
    field: &str,
) -> Result<()> {
    loop {
        let taken = store::take_plain_values(connection, kind.id, field, BATCH).await?;
        if taken.is_empty() {
            return Ok(());
        }
        for (credential, value) in taken {
            credential::put_sealed(connection, app, credential, field, &value).await?;
        }
    }
}
