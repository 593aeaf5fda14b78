//! Companies: the clients of the managed service provider.

pub mod callback;
mod fresh;
pub mod organization;
mod store;
pub mod sync;
mod work;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::access::{Caller, Change, Permission};
use crate::app::App;
use crate::audit::{self, Event, Target};
use crate::database;
use crate::error::{Error, OnConstraint, Result};
use crate::id;
use crate::page::{Paged, Paging};

pub use crate::connectwise::{Configuration, Reference};
pub use fresh::{Fresh, Looks, configurations, read};
pub use work::{Work, work};

/// A company.
#[derive(Debug, Clone)]
pub struct Company {
    /// Its id.
    pub id: Uuid,
    /// Its name; two companies may share one.
    pub name: String,
    /// Its number in ConnectWise; none where it was made by hand.
    pub cw_company_id: Option<i64>,
    /// Its identifier in ConnectWise.
    pub cw_identifier: Option<String>,
    /// When it was learned that it is gone from ConnectWise.
    pub cw_deleted_at: Option<DateTime<Utc>>,
    /// When it was made here.
    pub created_at: DateTime<Utc>,
    /// When it was last changed here.
    pub updated_at: DateTime<Utc>,
}

/// The nodes by which a caller sees a company.
const SIGHT: [Permission; 2] = [Permission::CompanyFetch, Permission::CompanyFetchMany];

/// The companies that the caller may list, by name. With a `search`, those whose name or identifier has
/// it as a part or nearly so, best match first. Those gone from ConnectWise are among them only where told.
///
/// # Errors
/// Where the database fails.
pub async fn list(
    app: &App,
    caller: &Caller,
    search: Option<&str>,
    with_deleted: bool,
    paging: Option<Paging>,
) -> Result<Paged<Company>> {
    let reach = caller.reach(Permission::CompanyFetchMany);
    match search {
        None => Paged::fetch(paging, |window| store::list(&app.reads, &reach, with_deleted, window)).await,
        Some(search) => {
            Paged::fetch(paging, |window| store::search(&app.reads, &reach, with_deleted, search, window))
                .await
        }
    }
}

/// The company with this id, where the caller holds all of `needed` in it.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Forbidden`].
pub async fn find(app: &App, caller: &Caller, needed: &[Permission], identifier: &str) -> Result<Company> {
    let mut connection = app.pool.acquire().await?;
    permitted(&mut connection, caller, needed, identifier).await
}

async fn permitted(
    connection: &mut PgConnection,
    caller: &Caller,
    needed: &[Permission],
    identifier: &str,
) -> Result<Company> {
    let missing = || not_found(identifier);
    let id = id::parse(identifier).ok_or_else(missing)?;
    let company = store::by_id(connection, id).await?.ok_or_else(missing)?;
    caller.permit(needed, &SIGHT, |reach| reach.covers_company(id), missing)?;
    Ok(company)
}

/// Whether the caller knows of a company in any way: by a node of companies, or of credentials in it.
pub(crate) fn is_seen(caller: &Caller, company: Uuid) -> bool {
    SIGHT.iter().any(|node| caller.reach(*node).covers_company(company))
        || crate::credential::SIGHT.iter().any(|node| caller.reach(*node).enters_company(company))
}

/// Whether there is such a company.
///
/// # Errors
/// Where the database fails.
pub(crate) async fn exists(app: &App, id: Uuid) -> Result<bool> {
    let mut connection = app.pool.acquire().await?;
    Ok(store::by_id(&mut connection, id).await?.is_some())
}

/// Keeps a company from being deleted until the transaction ends.
///
/// # Errors
/// [`Error::NotFound`].
pub(crate) async fn hold(connection: &mut PgConnection, identifier: &str) -> Result<Uuid> {
    let missing = || not_found(identifier);
    let id = id::parse(identifier).ok_or_else(missing)?;
    if store::hold(connection, id).await? { Ok(id) } else { Err(missing()) }
}

/// Makes a company by hand.
///
/// # Errors
/// [`Error::Forbidden`] for a caller who may not make companies everywhere.
pub async fn create(app: &App, caller: &Caller, name: &str) -> Result<Company> {
    caller.require_everywhere(Permission::CompanyCreate)?;
    let (id, now, name) = (id::new(), app.clock.now(), name.trim().to_owned());
    let mut transaction = database::begin(&app.pool).await?;
    store::insert(&mut transaction, id, &name, now).await?;
    record(&mut transaction, app, caller, "company.create", id, &name).await?;
    transaction.commit().await?;
    Ok(Company {
        id,
        name,
        cw_company_id: None,
        cw_identifier: None,
        cw_deleted_at: None,
        created_at: now,
        updated_at: now,
    })
}

/// Renames a company that was made by hand.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Forbidden`], [`Error::Conflict`] for one that came from ConnectWise.
pub async fn rename(app: &App, caller: &Caller, identifier: &str, name: Option<&str>) -> Result<Company> {
    let mut transaction = database::begin(&app.pool).await?;
    let mut company = permitted(&mut transaction, caller, &[Permission::CompanyUpdate], identifier).await?;
    refuse_foreign(&company)?;
    if let Some(name) = name {
        name.trim().clone_into(&mut company.name);
        company.updated_at = app.clock.now();
        if !store::rename(&mut transaction, company.id, &company.name, company.updated_at).await? {
            return Err(not_found(identifier));
        }
    }
    record(&mut transaction, app, caller, "company.update", company.id, &company.name).await?;
    transaction.commit().await?;
    Ok(company)
}

/// Deletes a company that was made by hand and has no credentials.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Forbidden`], [`Error::Conflict`] for one that came from ConnectWise or
/// has credentials.
pub async fn delete(app: &App, caller: &Caller, identifier: &str) -> Result<()> {
    // the roles that are bound to it go with it
    let mut change = Change::begin(app, caller).await?;
    let judge = change.caller.clone();
    let company = permitted(change.connection(), &judge, &[Permission::CompanyDelete], identifier).await?;
    refuse_foreign(&company)?;
    let in_use =
        || Error::Conflict(format!("The company '{}' has credentials: delete them first", company.name));
    let deleted = store::delete(change.connection(), company.id).await;
    if !deleted.on_constraint(|name| (name == "credentials_company_id_fkey").then(in_use))? {
        return Err(not_found(identifier));
    }
    record(change.connection(), app, caller, "company.delete", company.id, &company.name).await?;
    change.commit().await
}

async fn record(
    connection: &mut PgConnection,
    app: &App,
    caller: &Caller,
    action: &'static str,
    id: Uuid,
    name: &str,
) -> Result<()> {
    let event = Event::new(action, Target::named("company", id, name)).in_company(id);
    audit::record_by(connection, app, caller, event).await
}

fn refuse_foreign(company: &Company) -> Result<()> {
    match company.cw_company_id {
        Some(_) => Err(Error::Conflict(format!(
            "The company '{}' comes from ConnectWise: change it there",
            company.name
        ))),
        None => Ok(()),
    }
}

pub(crate) fn not_found(identifier: &str) -> Error {
    Error::not_found("CompanyNotFound", "Company", identifier)
}
