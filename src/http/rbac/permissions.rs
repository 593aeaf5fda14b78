//! Permissions.

use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::list::{PartOfOrganization, Place};
use super::{Rbac, Told};
use crate::access::Permission::{PermissionCreate, PermissionDelete, PermissionUpdate, RoleRead};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::http::guard::Allowed;
use crate::http::input::{Body, Path, Query};
use crate::http::route::{Route, delete, get, post, put};
use crate::permission::{self, Edit, Filter, Known, New, Origin};

pub fn routes() -> Vec<Route> {
    vec![
        get("/permissions", "Get All Permissions", list)
            .needs([RoleRead])
            .answers::<Rbac>(StatusCode::OK, "The permissions"),
        get("/permissions/{id}", "Get Permission by ID", fetch)
            .needs([RoleRead])
            .answers::<Rbac>(StatusCode::OK, "The permission"),
        post("/permissions", "Create Permission", create)
            .needs([PermissionCreate])
            .answers::<Rbac>(StatusCode::CREATED, "The permission"),
        put("/permissions/{id}", "Update Permission", update)
            .needs([PermissionUpdate])
            .answers::<Rbac>(StatusCode::OK, "The permission"),
        delete("/permissions/{id}", "Delete Permission", remove)
            .needs([PermissionDelete])
            .answers::<Told>(StatusCode::OK, "Permission deleted successfully"),
    ]
}

/// A permission: the node `{resource}.{action}`.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct PermissionView {
    /// The permission's id.
    id: Uuid,
    /// Its name.
    #[schemars(example = &"Delete Projects")]
    name: String,
    /// What holding it allows.
    #[schemars(example = &"Can delete projects")]
    description: String,
    /// What it is about; `*` is everything.
    #[schemars(example = &"projects")]
    resource: String,
    /// What may be done; `*` is anything.
    #[schemars(example = &"delete")]
    action: String,
    /// The organization in whose roles alone it may be granted; in all where `null`.
    organization_id: Option<Uuid>,
    /// Whether it is built in, or a credential type's.
    is_system_default: bool,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<Known> for PermissionView {
    fn from(known: Known) -> Self {
        Self {
            id: known.id,
            resource: known.resource().to_owned(),
            action: known.action().to_owned(),
            name: known.name,
            description: known.description,
            organization_id: known.company_id,
            is_system_default: known.origin == Origin::BuiltIn,
            created_at: Timestamp(known.created_at),
            updated_at: Timestamp(known.updated_at),
        }
    }
}

/// Which permissions to list.
#[derive(Deserialize, JsonSchema)]
struct ListQuery {
    #[serde(flatten)]
    list: PartOfOrganization,
    /// Those about this.
    #[serde(default)]
    resource: Option<String>,
    /// Those to do this.
    #[serde(default)]
    action: Option<String>,
}

/// A part of the permissions.
#[derive(Serialize, JsonSchema)]
struct Permissions {
    /// Those in it, by resource and action.
    permissions: Vec<PermissionView>,
    #[serde(flatten)]
    place: Place,
}

async fn list(allowed: Allowed, Query(query): Query<ListQuery>) -> Result<Permissions> {
    let part = query.list.part;
    let filter =
        Filter { company: query.list.organization_id, resource: query.resource, action: query.action };
    let found = permission::list(&allowed.app, &allowed.caller, &filter, Some(part.paging())).await?;
    let place = part.place(&found);
    Ok(Permissions { permissions: found.items.into_iter().map(PermissionView::from).collect(), place })
}

async fn fetch(allowed: Allowed, Path([id]): Path<1>) -> Result<PermissionView> {
    Ok(permission::find(&allowed.app, &allowed.caller, &id).await?.into())
}

/// A permission to be made.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct CreatePermission {
    /// Its name.
    #[schemars(length(min = 1, max = 200), regex(pattern = r"\S"), example = &"Delete Projects")]
    name: String,
    /// What holding it allows.
    #[serde(default)]
    #[schemars(length(max = 10_000), example = &"Can delete projects")]
    description: String,
    /// What it is about: segments of lower-case letters, digits and `_`, with dots between.
    #[schemars(length(min = 1, max = 200), example = &"projects")]
    resource: String,
    /// What may be done: one segment.
    #[schemars(length(min = 1, max = 200), example = &"delete")]
    action: String,
    /// The organization in whose roles alone it may be granted.
    #[serde(default)]
    #[schemars(example = None::<String>)]
    organization_id: Option<String>,
    /// Only the built-in ones are.
    #[serde(default, rename = "isSystemDefault")]
    #[schemars(extend("const" = false))]
    _is_system_default: bool,
}

async fn create(allowed: Allowed, Body(input): Body<CreatePermission>) -> Result<PermissionView> {
    let new = New {
        name: input.name,
        description: input.description,
        resource: input.resource,
        action: input.action,
        company_id: input.organization_id,
    };
    Ok(permission::create(&allowed.app, &allowed.caller, new).await?.into())
}

/// A change of a permission. What is left out stays; while it is in use, so does what it is.
#[derive(Deserialize, JsonSchema)]
struct UpdatePermission {
    /// Its name.
    #[serde(default)]
    #[schemars(with = "String", length(min = 1, max = 200), regex(pattern = r"\S"), example = &"Delete Projects")]
    name: Option<String>,
    /// What holding it allows.
    #[serde(default)]
    #[schemars(with = "String", length(max = 10_000), example = &"Can delete projects and associated resources")]
    description: Option<String>,
    /// What it is about.
    #[serde(default)]
    #[schemars(with = "String", length(min = 1, max = 200), example = &"projects")]
    resource: Option<String>,
    /// What may be done.
    #[serde(default)]
    #[schemars(with = "String", length(min = 1, max = 200), example = &"delete")]
    action: Option<String>,
}

async fn update(
    allowed: Allowed,
    Path([id]): Path<1>,
    Body(input): Body<UpdatePermission>,
) -> Result<PermissionView> {
    let UpdatePermission { name, description, resource, action } = input;
    let edit = Edit { name, description, resource, action };
    Ok(permission::update(&allowed.app, &allowed.caller, &id, edit).await?.into())
}

async fn remove(allowed: Allowed, Path([id]): Path<1>) -> Result<()> {
    permission::delete(&allowed.app, &allowed.caller, &id).await.map(drop)
}
