//! Credential types: which fields a credential has, and the first part of its permission nodes.

mod change;
mod store;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use uuid::Uuid;

use super::value::ValueType;
use crate::access::{self, Caller, Permission, permission};
use crate::app::App;
use crate::audit::{self, Event, Target};
use crate::error::{Error, OnConstraint, Result, Step, Violation};
use crate::id;
use crate::page::{Paged, Paging};
use crate::trash;

pub use change::{Change, update};
pub(crate) use store::{hold, hold_those_in, revoke_scope};

/// A field that a type defines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct Field {
    /// The field's own name for programs; no two of a type share one. It begins with a letter.
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[A-Za-z][A-Za-z0-9_-]*$"), example = &"secretAccessKey")]
    pub id: String,
    /// The field's name for people.
    #[schemars(length(min = 1, max = 200), regex(pattern = r"\S"), example = &"Secret Access Key")]
    pub name: String,
    /// Whether a credential must have a value for it.
    #[schemars(example = true)]
    pub required: bool,
    /// Whether its values are sealed, and shown only by a reveal.
    #[schemars(example = true)]
    pub secure: bool,
    /// What kind of value it holds.
    #[schemars(example = &"password")]
    pub value_type: ValueType,
}

/// A credential type.
#[derive(Debug, Clone)]
pub struct CredentialType {
    /// Its id.
    pub id: Uuid,
    /// Its name; no two types share one, in any case of letters.
    pub name: String,
    /// The first part of its permission nodes. It never changes.
    pub permission_scope: String,
    /// The address of a picture, or a picture's name.
    pub icon: Option<String>,
    /// Its fields, in order.
    pub fields: Vec<Field>,
    /// How many credentials of it the caller may list.
    pub credential_count: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// A type to be made.
#[derive(Debug, Clone)]
pub struct NewType {
    /// Its name.
    pub name: String,
    /// The first part of its permission nodes.
    pub permission_scope: String,
    /// A picture.
    pub icon: Option<String>,
    /// Its fields, in order.
    pub fields: Vec<Field>,
}

impl NewType {
    /// The same in its one spelling, where it keeps every rule that needs no look at other types.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a reserved or malformed scope, an impossible name or fields that share an id.
    pub fn checked(self) -> Result<Self> {
        let new = Self {
            name: self.name.trim().to_owned(),
            permission_scope: self.permission_scope.trim().to_lowercase(),
            ..self
        };
        let mut violations = check_fields(&new.fields);
        violations.extend(check_name(&new.name));
        violations.extend(check_scope(&new.permission_scope));
        if violations.is_empty() { Ok(new) } else { Err(Error::Invalid(violations)) }
    }
}

/// The nodes by which a caller sees a type.
const SIGHT: [Permission; 2] = [Permission::CredentialTypeFetch, Permission::CredentialTypeFetchMany];

/// Every type, by name; with a `search`, those whose name has it as a part or nearly so, best match first.
///
/// # Errors
/// Where the database fails.
pub async fn list(
    app: &App,
    caller: &Caller,
    search: Option<&str>,
    paging: Option<Paging>,
) -> Result<Paged<CredentialType>> {
    let counted = caller.reach(Permission::CredentialFetchMany);
    Paged::fetch(paging, |window| store::list(&app.pool, &counted, search, window)).await
}

/// The type with this id or, without regard to case, this name.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn find(app: &App, caller: &Caller, identifier: &str) -> Result<CredentialType> {
    let mut connection = app.pool.acquire().await?;
    load(&mut connection, caller, identifier).await
}

async fn load(connection: &mut PgConnection, caller: &Caller, identifier: &str) -> Result<CredentialType> {
    let counted = caller.reach(Permission::CredentialFetchMany);
    let found = match id::parse(identifier) {
        Some(id) => store::by_id(connection, id, &counted).await?,
        None => store::by_name(connection, identifier, &counted).await?,
    };
    found.ok_or_else(|| not_found(identifier))
}

/// Whether the caller knows of a type in any way: by a node of types, or of credentials of it.
pub(crate) fn is_seen(caller: &Caller, kind: Uuid) -> bool {
    SIGHT.iter().any(|node| !caller.reach(*node).is_empty())
        || super::SIGHT.iter().any(|node| caller.reach(*node).enters_type(kind))
}

/// Makes a type.
///
/// # Errors
/// [`Error::Invalid`] for a reserved or malformed scope, an impossible name or fields that share an id;
/// [`Error::Conflict`] where the name or the scope is taken; [`Error::Forbidden`].
pub async fn create(app: &App, caller: &Caller, new: NewType) -> Result<CredentialType> {
    let mut change = access::Change::begin(app, caller).await?;
    change.caller.require_everywhere(Permission::CredentialTypeCreate)?;
    let (new, now) = (new.checked()?, app.clock.now());
    let kind = CredentialType {
        id: id::new(),
        name: new.name,
        permission_scope: new.permission_scope,
        icon: new.icon,
        fields: new.fields,
        credential_count: 0,
        created_at: now,
        updated_at: now,
    };
    refuse_collision(&change, &kind.permission_scope)?;
    trash::refuse_scope(change.connection(), &kind.permission_scope).await?;
    taken(store::insert(change.connection(), &kind).await, &kind)?;
    let event = Event::new("credential_type.create", Target::named("credential_type", kind.id, &kind.name));
    audit::record_by(change.connection(), app, caller, event).await?;
    change.commit().await?;
    Ok(kind)
}

/// Moves a type with all its credentials into the trash. Its nodes stay in roles and accounts until it is
/// purged, and mean nothing meanwhile.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Forbidden`].
pub async fn delete(app: &App, caller: &Caller, identifier: &str) -> Result<()> {
    let mut change = access::Change::begin(app, caller).await?;
    change.caller.require_everywhere(Permission::CredentialTypeDelete)?;
    let kind = load(change.connection(), caller, identifier).await?;
    store::hold_for_change(change.connection(), kind.id).await?;
    let thing = trash::Thing::credential_type(kind.id, &kind.name, &kind.permission_scope);
    trash::put(change.connection(), app, caller, thing).await?;
    let event = Event::new("credential_type.delete", Target::named("credential_type", kind.id, &kind.name));
    audit::record_by(change.connection(), app, caller, event).await?;
    change.commit().await
}

/// Refuses a scope under which a node of this type would be another type's too, as `aws.fields.fetch` is
/// of the scopes `aws` and `aws.fields`, or one that an administrator made.
fn refuse_collision(change: &access::Change<'_>, scope: &str) -> Result<()> {
    let own: Vec<_> = permission::credential_actions().map(|action| format!("{scope}.{action}")).collect();
    if let Some(custom) = change.custom_nodes().iter().find(|custom| own.contains(&custom.node)) {
        return Err(Error::Conflict(format!(
            "The permissionScope '{scope}' would bring the node '{}', which is a permission already",
            custom.node
        )));
    }
    let collides = change.caller.grants.type_nodes().any(|(_, node)| own.contains(&node));
    if collides { Err(conflict("permissionScope", scope)) } else { Ok(()) }
}

fn conflict(what: &str, name: &str) -> Error {
    Error::Conflict(format!("The {what} '{name}' is taken by another credential type"))
}

/// Gives the unique constraints of types their meaning.
fn taken<T>(done: std::result::Result<T, sqlx::Error>, kind: &CredentialType) -> Result<T> {
    done.on_constraint(|constraint| match constraint {
        "credential_types_name_key" => Some(conflict("name", &kind.name)),
        "credential_types_permission_scope_key" => Some(conflict("permissionScope", &kind.permission_scope)),
        _ => None,
    })
}

/// A name must not be mistaken for an id or for the older address of the list.
/// Whether a field may be called so.
pub(super) fn is_field_id(text: &str) -> bool {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.len() <= 64
        && text.chars().all(is_part)
}

fn check_name(name: &str) -> Option<Violation> {
    let impossible = Uuid::try_parse(name).is_ok() || name.eq_ignore_ascii_case("credential-types");
    impossible
        .then(|| Violation::field("name", "Must not look like an id and must not be 'credential-types'"))
}

fn check_scope(scope: &str) -> Option<Violation> {
    let message = if !permission::is_node(scope) || scope.len() > 100 {
        "Must be segments of lower-case letters, digits and '_' with dots between, each beginning with a letter"
    } else if permission::is_reserved(scope) {
        "Must not begin with the first segment of a built-in permission node"
    } else {
        return None;
    };
    Some(Violation::field("permissionScope", message))
}

fn check_fields(fields: &[Field]) -> Vec<Violation> {
    let mut seen = std::collections::HashSet::new();
    let repeated = fields.iter().enumerate().filter(|(_, field)| !seen.insert(field.id.as_str()));
    repeated
        .map(|(index, _)| {
            let path: [Step; 3] = ["fields".into(), index.into(), "id".into()];
            Violation::new(path, "Another field of this type has the same id")
        })
        .collect()
}

pub(crate) fn not_found(identifier: &str) -> Error {
    Error::not_found("CredentialTypeNotFound", "Credential type", identifier)
}
