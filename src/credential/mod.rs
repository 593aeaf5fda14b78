//! Credentials: named values of a company, with fields that a credential type defines. The values of
//! secure fields are sealed by the vault.

mod fields;
pub mod history;
pub mod kind;
mod reveal;
mod store;
pub mod value;
mod write;

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::access::{Caller, Permission, Reach};
use crate::app::App;
use crate::audit::{self, Event, Target};
use crate::company;
use crate::database;
use crate::error::{Error, Result};
use crate::id;
use crate::page::{Paged, Paging};
use crate::trash;

pub use fields::Input;
use history::Content;
pub use reveal::{reveal_all, reveal_one};
pub use store::Secrets;
use store::Wanted;
pub(crate) use store::{count_sealed, held, swap};
pub(crate) use write::seal;
use write::{put_sealed, write, write_secure};

/// A credential, without its secure values.
#[derive(Debug, Clone)]
pub struct Credential {
    /// Its id.
    pub id: Uuid,
    /// Its name; two credentials may share one.
    pub name: String,
    /// Free text.
    pub notes: Option<String>,
    /// Its type.
    pub kind: Kind,
    /// The company that it is of.
    pub company: CompanyName,
    /// The values of the fields that are not secure, by field id.
    pub plain_values: HashMap<String, String>,
    /// Whether it is there to be revealed by somebody who should not; none where the caller may not know.
    pub canary: Option<bool>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

impl Credential {
    /// What of it `caller` may see.
    fn seen_by(self, caller: &Caller) -> Self {
        let reach = caller.reach(Permission::CredentialCanary);
        let canary = self.canary.filter(|_| reach.covers(self.company.id, self.kind.id));
        Self { canary, ..self }
    }
}

/// What a credential shows of its type.
#[derive(Debug, Clone)]
pub struct Kind {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// The first part of its permission nodes.
    pub permission_scope: String,
    /// Its fields, in order.
    pub fields: Vec<kind::Field>,
}

/// What a credential shows of its company.
#[derive(Debug, Clone)]
pub struct CompanyName {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
}

/// A credential to be made.
pub struct NewCredential {
    /// Its name.
    pub name: String,
    /// Free text.
    pub notes: Option<String>,
    /// The id of its type.
    pub type_id: String,
    /// The id of its company.
    pub company_id: String,
    /// Whether it is a canary; to say so takes `credential.canary`.
    pub canary: Option<bool>,
    /// Its values.
    pub fields: Vec<Input>,
}

/// A change of a credential. What is absent stays.
#[derive(Default)]
pub struct Change {
    /// The name.
    pub name: Option<String>,
    /// The notes; `Some(None)` clears them.
    pub notes: Option<Option<String>>,
    /// Whether it is a canary; to say so takes `credential.canary`.
    pub canary: Option<bool>,
    /// Values; a field that is left out keeps its own.
    pub fields: Vec<Input>,
}

/// A stored value: plain text, or sealed bytes.
pub enum Stored {
    /// The value of a field that is not secure.
    Plain(String),
    /// The sealed value of a secure field.
    Sealed(Vec<u8>),
}

/// The nodes by which a caller sees a credential.
pub(crate) const SIGHT: [Permission; 2] = [Permission::CredentialFetch, Permission::CredentialFetchMany];

/// Loads a credential, where the caller holds all of `needed` on it.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Forbidden`].
pub async fn find(app: &App, caller: &Caller, needed: &[Permission], identifier: &str) -> Result<Credential> {
    let missing = || not_found(identifier);
    let id = id::parse(identifier).ok_or_else(missing)?;
    let credential = Arc::unwrap_or_clone(app.credentials.find(id).await?.ok_or_else(missing)?);
    permit(caller, needed, &credential)?;
    Ok(credential.seen_by(caller))
}

/// The same within a transaction.
async fn load(
    connection: &mut PgConnection,
    caller: &Caller,
    needed: &[Permission],
    identifier: &str,
) -> Result<Credential> {
    let missing = || not_found(identifier);
    let id = id::parse(identifier).ok_or_else(missing)?;
    let credential = store::by_id(connection, id).await?.ok_or_else(missing)?;
    permit(caller, needed, &credential)?;
    Ok(credential)
}

fn permit(caller: &Caller, needed: &[Permission], credential: &Credential) -> Result<()> {
    let covers = |reach: &Reach| reach.covers(credential.company.id, credential.kind.id);
    caller.permit(needed, &SIGHT, covers, || not_found(&credential.id.to_string()))
}

/// The credentials of a company that the caller may list, by name; with a `search`, those whose name or
/// notes have it as a part or nearly so, best match first.
///
/// # Errors
/// [`Error::NotFound`] for a company that the caller may not see; [`Error::Forbidden`] for one in which
/// they may list nothing.
pub async fn list_of_company(
    app: &App,
    caller: &Caller,
    identifier: &str,
    search: Option<&str>,
    paging: Option<Paging>,
) -> Result<Paged<Credential>> {
    let missing = || company::not_found(identifier);
    let id = id::parse(identifier).ok_or_else(missing)?;
    let reach = caller.reach(Permission::CredentialFetchMany);
    let wanted = Wanted { company: Some(id), kind: None, search };
    let listed = match search {
        _ if !reach.enters_company(id) => None,
        None => {
            let page = |window| store::list_of_company(&app.reads, &reach, id, window);
            Some(Paged::fetch(paging, page).await?)
        }
        Some(_) => Some(Paged::fetch(paging, |window| store::list(&app.pool, &reach, wanted, window)).await?),
    };
    // a company that has credentials is there
    let has_some = listed.as_ref().is_some_and(|listed| listed.total > 0);
    let is_there = has_some || company::exists(app, id).await?;
    match listed {
        Some(listed) if is_there => Ok(listed.map(|credential| credential.seen_by(caller))),
        None if is_there && company::is_seen(caller, id) => {
            Err(Error::forbidden([Permission::CredentialFetchMany.node()]))
        }
        _ => Err(missing()),
    }
}

/// The credentials of a type that the caller may list, in the order of [`list_of_company`].
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Forbidden`] for a type of which they may list nothing.
pub async fn list_of_type(
    app: &App,
    caller: &Caller,
    identifier: &str,
    search: Option<&str>,
    paging: Option<Paging>,
) -> Result<Paged<Credential>> {
    let reach = caller.reach(Permission::CredentialFetchMany);
    let of_type = |kind| {
        let wanted = Wanted { company: None, kind: Some(kind), search };
        let reach = &reach;
        Paged::fetch(paging, move |window| store::list(&app.pool, reach, wanted, window))
    };
    let seen = |credential: Credential| credential.seen_by(caller);
    // a type that has credentials is there
    if let Some(id) = id::parse(identifier).filter(|id| reach.enters_type(*id)) {
        let listed = of_type(id).await?;
        if listed.total > 0 {
            return Ok(listed.map(seen));
        }
    }
    let kind = kind::find(app, caller, identifier).await?;
    if !reach.enters_type(kind.id) {
        return Err(Error::forbidden([Permission::CredentialFetchMany.node()]));
    }
    Ok(of_type(kind.id).await?.map(seen))
}

/// Stores a credential, its secure values sealed.
///
/// # Errors
/// [`Error::NotFound`] naming a type or company that is not there for the caller; [`Error::Forbidden`];
/// [`Error::Invalid`] with every value that breaks a rule.
pub async fn create(app: &App, caller: &Caller, new: NewCredential) -> Result<Credential> {
    let mut transaction = database::begin(&app.pool).await?;
    let missing_type = || kind::not_found(&new.type_id);
    let kind_id = id::parse(&new.type_id).ok_or_else(missing_type)?;
    let kind = kind::hold(&mut transaction, kind_id).await?.ok_or_else(missing_type)?;
    if !kind::is_seen(caller, kind.id) && !caller.reach(Permission::CredentialCreate).enters_type(kind.id) {
        return Err(missing_type());
    }
    let company = company::hold(&mut transaction, &new.company_id).await?;
    refuse_creation(caller, company, kind.id, &new)?;
    refuse_canary(caller, company, kind.id, new.canary)?;
    let values = fields::check_new(&kind.fields, new.fields)?;
    let id = id::new();
    let row = store::NewRow {
        id,
        name: new.name.trim(),
        notes: new.notes.as_deref(),
        kind: kind.id,
        company,
        canary: new.canary.unwrap_or_default(),
        plain_values: &values.plain,
        now: app.clock.now(),
    };
    store::insert(&mut transaction, &row).await?;
    write_secure(&mut transaction, app, id, &values).await?;
    let credential = store::by_id(&mut transaction, id).await?.ok_or_else(|| not_found(&id.to_string()))?;
    record(&mut transaction, app, caller, "credential.create", &credential).await?;
    transaction.commit().await?;
    Ok(credential.seen_by(caller))
}

/// Refuses who says whether a credential is a canary and may not.
fn refuse_canary(caller: &Caller, company: Uuid, kind: Uuid, canary: Option<bool>) -> Result<()> {
    if canary.is_none() || caller.reach(Permission::CredentialCanary).covers(company, kind) {
        return Ok(());
    }
    Err(Error::forbidden([Permission::CredentialCanary.node()]))
}

/// Refuses a caller who may not store a credential of this type there. A company or type that they do
/// not know of is not there.
fn refuse_creation(caller: &Caller, company: Uuid, kind: Uuid, new: &NewCredential) -> Result<()> {
    if caller.reach(Permission::CredentialCreate).covers(company, kind) {
        Ok(())
    } else if !kind::is_seen(caller, kind) {
        Err(kind::not_found(&new.type_id))
    } else if !company::is_seen(caller, company) {
        Err(company::not_found(&new.company_id))
    } else {
        Err(Error::forbidden([Permission::CredentialCreate.node()]))
    }
}

/// Changes a credential, where the caller holds all of `needed` on it.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Forbidden`], [`Error::Invalid`] with every value that breaks a rule.
pub async fn update(
    app: &App,
    caller: &Caller,
    needed: &[Permission],
    identifier: &str,
    change: Change,
) -> Result<Credential> {
    let mut transaction = database::begin(&app.pool).await?;
    let found = load(&mut transaction, caller, needed, identifier).await?;
    refuse_canary(caller, found.company.id, found.kind.id, change.canary)?;
    let missing = || not_found(identifier);
    let kind = kind::hold(&mut transaction, found.kind.id).await?.ok_or_else(missing)?;
    let before = store::hold(&mut transaction, found.id).await?.ok_or_else(missing)?;
    let values = fields::check_change(&kind.fields, change.fields)?;
    let after = Content {
        name: change.name.map_or_else(|| before.name.clone(), |name| name.trim().to_owned()),
        notes: change.notes.unwrap_or_else(|| before.notes.clone()),
        plain: values.over_plain(&before.plain),
        sealed: values.over_sealed(app, found.id, &before.sealed).await?,
    };
    if let Some(canary) = change.canary {
        store::set_canary(&mut transaction, found.id, canary).await?;
    }
    write(&mut transaction, app, caller, (found.id, None), &kind.fields, (&before, &after)).await?;
    let credential = store::by_id(&mut transaction, found.id).await?.ok_or_else(missing)?;
    record(&mut transaction, app, caller, "credential.update", &credential).await?;
    transaction.commit().await?;
    Ok(credential.seen_by(caller))
}

/// Moves a credential with all its values and its history into the trash, where the caller holds all of
/// `needed` on it.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Forbidden`].
pub async fn delete(app: &App, caller: &Caller, needed: &[Permission], identifier: &str) -> Result<()> {
    let mut transaction = database::begin(&app.pool).await?;
    let credential = load(&mut transaction, caller, needed, identifier).await?;
    let missing = || not_found(identifier);
    // what happens to a type's credentials happens to those in the trash too, so that none may slip between
    kind::hold(&mut transaction, credential.kind.id).await?.ok_or_else(missing)?;
    store::hold(&mut transaction, credential.id).await?.ok_or_else(missing)?;
    let thing = trash::Thing::credential(credential.id, &credential.name, credential.company.id);
    trash::put(&mut transaction, app, caller, thing).await?;
    record(&mut transaction, app, caller, "credential.delete", &credential).await?;
    Ok(transaction.commit().await?)
}

/// The values that a credential has, in the order of its type's fields, the secure ones sealed, where the
/// caller holds all of `needed` on it.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Forbidden`].
pub async fn stored_values(
    app: &App,
    caller: &Caller,
    needed: &[Permission],
    identifier: &str,
) -> Result<(Uuid, Vec<(String, Stored)>)> {
    let mut connection = app.pool.acquire().await?;
    let mut credential = load(&mut connection, caller, needed, identifier).await?;
    let mut sealed: HashMap<_, _> =
        store::sealed_values(&mut connection, credential.id).await?.into_iter().collect();
    let mut stored = |field: kind::Field| {
        let value = if field.secure {
            sealed.remove(&field.id).map(Stored::Sealed)
        } else {
            credential.plain_values.remove(&field.id).map(Stored::Plain)
        };
        value.map(|value| (field.id, value))
    };
    Ok((credential.id, credential.kind.fields.into_iter().filter_map(&mut stored).collect()))
}

async fn record(
    connection: &mut PgConnection,
    app: &App,
    caller: &Caller,
    action: &'static str,
    credential: &Credential,
) -> Result<()> {
    let target = Target::named("credential", credential.id, &credential.name);
    audit::record_by(connection, app, caller, Event::new(action, target).in_company(credential.company.id))
        .await
}

fn not_found(identifier: &str) -> Error {
    Error::not_found("CredentialNotFound", "Credential", identifier)
}
