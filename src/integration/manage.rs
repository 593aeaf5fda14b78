//! Making, changing and deleting integrations.

use sqlx::PgConnection;
use uuid::Uuid;

use super::registry::{Values, load, not_found, person, record};
use super::{AuthType, Credentials, Endpoint, Given, Integration, Kind, endpoint, sealed, store};
use crate::access::{Caller, Permission};
use crate::app::App;
use crate::database;
use crate::error::{Error, Result, Step};
use crate::id;
use crate::user;

/// An integration to be made.
pub struct NewIntegration {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The product.
    pub kind: Kind,
    /// Where the product is.
    pub base_url: String,
    /// How one proves to the product who one is.
    pub auth_type: AuthType,
    /// What one proves it with.
    pub credentials: Option<Given>,
    /// The requests that it knows by name.
    pub endpoints: Vec<Endpoint>,
    /// The ids of the accounts that look after it besides.
    pub managers: Vec<String>,
    /// Whether it is in use.
    pub is_active: bool,
}

/// A change of an integration. What is absent stays, but credentials are for one address and one way to prove
/// who one is: they go where either changes and no others come with it.
#[derive(Default)]
pub struct Change {
    /// Its name.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// The product, which may be said but not changed.
    pub kind: Option<Kind>,
    /// Where the product is.
    pub base_url: Option<String>,
    /// How one proves to the product who one is.
    pub auth_type: Option<AuthType>,
    /// What one proves it with; `Some(None)` clears it.
    pub credentials: Option<Option<Given>>,
    /// All the requests that it knows by name.
    pub endpoints: Option<Vec<Endpoint>>,
    /// The ids of exactly the accounts that look after it besides.
    pub managers: Option<Vec<String>>,
    /// Whether it is in use.
    pub is_active: Option<bool>,
}

/// Makes an integration, its credentials sealed. Whoever makes it looks after it.
///
/// # Errors
/// [`Error::Forbidden`]; [`Error::Invalid`] with every rule that is broken; [`Error::NotFoundInInput`] for a
/// manager who is not there.
pub async fn create(app: &App, caller: &Caller, new: NewIntegration) -> Result<Integration> {
    caller.require_everywhere(Permission::IntegrationCreate)?;
    let mut values = Values {
        name: new.name.trim().to_owned(),
        description: new.description,
        base_url: new.base_url,
        auth_type: new.auth_type,
        endpoints: new.endpoints,
        is_active: new.is_active,
    };
    let credentials = checked(app, new.kind, &mut values, true, new.credentials)?;
    let (id, now) = (id::new(), app.clock.now());
    let mut transaction = database::begin(&app.pool).await?;
    let managers = people(&mut transaction, &new.managers).await?;
    store::insert(&mut transaction, id, new.kind, &values, person(caller), now).await?;
    if let Some(credentials) = credentials {
        let sealed = sealed::seal(app, id, &values.base_url, &credentials).await?;
        store::put_credentials(&mut transaction, id, Some(&sealed)).await?;
    }
    store::set_managers(&mut transaction, id, &managers).await?;
    let integration = store::by_id(&mut *transaction, id).await?.ok_or_else(|| not_found(&id.to_string()))?;
    record(&mut transaction, app, caller, "integration.create", &integration).await?;
    transaction.commit().await?;
    Ok(integration)
}

/// Changes an integration, for whoever may. A new address and new credentials are on record by name.
///
/// # Errors
/// As [`super::find`] and [`create`]; [`Error::Conflict`] for another kind.
pub async fn update(app: &App, caller: &Caller, identifier: &str, change: Change) -> Result<Integration> {
    let mut transaction = database::begin(&app.pool).await?;
    let found = load(&mut *transaction, caller, Permission::IntegrationUpdate, identifier).await?;
    store::hold(&mut transaction, found.id).await?;
    // it may have become another's while this waited
    let old = load(&mut *transaction, caller, Permission::IntegrationUpdate, identifier).await?;
    if change.kind.is_some_and(|kind| kind != old.kind) {
        return Err(Error::Conflict("The type of an integration cannot change".to_owned()));
    }
    let managers = change.managers.clone();
    let changed = Changed::of(app, &old, change)?;
    store::update(&mut transaction, old.id, &changed.values, app.clock.now()).await?;
    if let Some(credentials) = &changed.credentials {
        let sealed = match credentials {
            Some(given) => Some(sealed::seal(app, old.id, &changed.values.base_url, given).await?),
            None => None,
        };
        store::put_credentials(&mut transaction, old.id, sealed.as_deref()).await?;
    }
    if changed.is_other {
        store::forget_health(&mut transaction, old.id, app.clock.now()).await?;
    }
    if let Some(managers) = managers {
        let managers = people(&mut transaction, &managers).await?;
        store::set_managers(&mut transaction, old.id, &managers).await?;
    }
    let new = store::by_id(&mut *transaction, old.id).await?.ok_or_else(|| not_found(identifier))?;
    for action in changed.actions {
        record(&mut transaction, app, caller, action, &new).await?;
    }
    transaction.commit().await?;
    Ok(new)
}

/// Deletes an integration with its credentials and its checks.
///
/// # Errors
/// As [`super::find`]. Making or managing it is not enough.
pub async fn delete(app: &App, caller: &Caller, identifier: &str) -> Result<()> {
    let mut transaction = database::begin(&app.pool).await?;
    let found = load(&mut *transaction, caller, Permission::IntegrationDelete, identifier).await?;
    caller.require_everywhere(Permission::IntegrationDelete)?;
    if !store::delete(&mut transaction, found.id).await? {
        return Err(not_found(identifier));
    }
    record(&mut transaction, app, caller, "integration.delete", &found).await?;
    Ok(transaction.commit().await?)
}

/// What a change comes to.
struct Changed {
    values: Values,
    /// The credentials to keep from now on, or none; absent where they stay.
    credentials: Option<Option<Credentials>>,
    /// Whether something else is to be checked from now on.
    is_other: bool,
    actions: Vec<&'static str>,
}

impl Changed {
    fn of(app: &App, old: &Integration, change: Change) -> Result<Self> {
        // one that the operator has stopped allowing may stay where it is: it is judged at every call
        let address = change.base_url.filter(|address| *address != old.base_url);
        let is_addressed = address.is_some();
        let mut values = Values {
            name: change.name.map_or_else(|| old.name.clone(), |name| name.trim().to_owned()),
            description: change.description.unwrap_or_else(|| old.description.clone()),
            base_url: address.unwrap_or_else(|| old.base_url.clone()),
            auth_type: change.auth_type.unwrap_or(old.auth_type),
            endpoints: change.endpoints.unwrap_or_else(|| old.endpoints.clone()),
            is_active: change.is_active.unwrap_or(old.is_active),
        };
        let is_told = change.credentials.is_some();
        let given = change.credentials.flatten();
        let given = checked(app, old.kind, &mut values, is_addressed, given)?;
        let is_moved = values.base_url != old.base_url;
        let is_rekeyed = values.auth_type != old.auth_type;
        let are_cleared = old.has_credentials && (is_told || is_moved || is_rekeyed);
        let credentials = if given.is_some() || are_cleared { Some(given) } else { None };
        let is_probed_elsewhere = old.kind == Kind::Custom && values.endpoints != old.endpoints;
        let has_other_proof = is_rekeyed || credentials.is_some();
        Ok(Self {
            is_other: is_moved || has_other_proof || is_probed_elsewhere || values.is_active != old.is_active,
            actions: [
                (true, "integration.update"),
                (is_moved, "integration.address"),
                (has_other_proof, "integration.credentials"),
            ]
            .into_iter()
            .filter_map(|(is_so, action)| is_so.then_some(action))
            .collect(),
            values,
            credentials,
        })
    }
}

/// Holds all that is given against the rules, and puts an address that is given into its one spelling.
fn checked(
    app: &App,
    kind: Kind,
    values: &mut Values,
    is_addressed: bool,
    credentials: Option<Given>,
) -> Result<Option<Credentials>> {
    let guard = &app.products.guard;
    let way = |name: &str| ["config", "auth", name].map(Step::from);
    let mut violations = endpoint::violations(&values.endpoints);
    match is_addressed.then(|| app.products.check_base_url(&values.base_url)) {
        Some(Ok(url)) => url.as_str().trim_end_matches('/').clone_into(&mut values.base_url),
        Some(Err(violation)) => violations.push(violation),
        None => {}
    }
    violations.extend(values.auth_type.check_for(kind, way("type")).err());
    let check = |given| Credentials::check(values.auth_type, given, guard, &way("credentials"));
    let credentials = credentials.map(check).transpose().unwrap_or_else(|broken| {
        violations.extend(broken);
        None
    });
    if violations.is_empty() { Ok(credentials) } else { Err(Error::Invalid(violations)) }
}

/// The accounts with these ids, each once.
async fn people(connection: &mut PgConnection, identifiers: &[String]) -> Result<Vec<Uuid>> {
    let ids: Vec<_> = identifiers.iter().filter_map(|identifier| id::parse(identifier)).collect();
    let known = store::hold_users(connection, &ids).await?;
    let mut people = Vec::with_capacity(ids.len());
    for identifier in identifiers {
        let person = id::parse(identifier).filter(|person| known.contains(person));
        let person = person.ok_or_else(|| user::not_found(identifier).in_input())?;
        if !people.contains(&person) {
            people.push(person);
        }
    }
    Ok(people)
}
