//! Roles.

use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::list::{PartOfOrganization, Place};
use super::{Rbac, Told};
use crate::access::Permission::{RoleCreate, RoleDelete, RoleList, RoleModify, RoleRead};
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::http::guard::Allowed;
use crate::http::input::{Body, Path, Query, present};
use crate::http::route::{Route, delete, get, post, put};
use crate::permission;
use crate::role::{self, Edit, NewRole, Role};

pub fn routes() -> Vec<Route> {
    vec![
        get("/roles", "Get All Roles", list)
            .needs([RoleRead, RoleList])
            .answers::<Rbac>(StatusCode::OK, "The roles"),
        get("/roles/{id}", "Get Role by ID", fetch)
            .needs([RoleRead])
            .answers::<Rbac>(StatusCode::OK, "The role"),
        post("/roles", "Create Role", create)
            .needs([RoleCreate])
            .answers::<Rbac>(StatusCode::CREATED, "The role"),
        put("/roles/{id}", "Update Role", update)
            .needs([RoleModify])
            .answers::<Rbac>(StatusCode::OK, "The role"),
        delete("/roles/{id}", "Delete Role", remove)
            .needs([RoleDelete])
            .answers::<Told>(StatusCode::OK, "Role deleted successfully"),
        put("/roles/{id}/permissions", "Update Role Permissions", set_permissions)
            .needs([RoleModify])
            .answers::<Rbac>(StatusCode::OK, "The role"),
    ]
}

/// A role.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct RoleView {
    /// The role's id.
    id: Uuid,
    /// Its name.
    #[schemars(example = &"Project Manager")]
    name: String,
    /// What it is for.
    #[schemars(example = &"Manages projects and teams")]
    description: String,
    /// The organization inside which it grants its permissions; everywhere where `null`.
    organization_id: Option<Uuid>,
    /// The ids of the permissions that it grants.
    permission_ids: Vec<Uuid>,
    /// Whether it is built in.
    is_system_default: bool,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// Roles with the ids of what they grant.
async fn views(app: &App, roles: Vec<Role>) -> Result<Vec<RoleView>> {
    let lists: Vec<_> = roles.iter().map(|role| role.permissions.as_slice()).collect();
    let ids = permission::ids(app, &lists).await?;
    let view = |(role, permission_ids): (Role, Vec<Uuid>)| RoleView {
        id: role.id,
        name: role.title,
        description: role.description,
        organization_id: role.company_id,
        permission_ids,
        is_system_default: role.builtin,
        created_at: Timestamp(role.created_at),
        updated_at: Timestamp(role.updated_at),
    };
    Ok(roles.into_iter().zip(ids).map(view).collect())
}

async fn view(app: &App, role: Role) -> Result<RoleView> {
    let made = views(app, vec![role]).await?.pop();
    made.ok_or_else(|| crate::error::Error::internal(anyhow::anyhow!("a role was lost")))
}

/// A part of the roles.
#[derive(Serialize, JsonSchema)]
struct Roles {
    /// Those in it, by name.
    roles: Vec<RoleView>,
    #[serde(flatten)]
    place: Place,
}

async fn list(allowed: Allowed, Query(query): Query<PartOfOrganization>) -> Result<Roles> {
    let (company, paging) = (query.organization_id.as_deref(), query.part.paging());
    let found = role::list(&allowed.app, &allowed.caller, company, Some(paging)).await?;
    let place = query.part.place(&found);
    Ok(Roles { roles: views(&allowed.app, found.items).await?, place })
}

async fn fetch(allowed: Allowed, Path([id]): Path<1>) -> Result<RoleView> {
    let role = role::find(&allowed.app, &allowed.caller, allowed.needed(), &id).await?;
    view(&allowed.app, role).await
}

/// A role to be made.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct CreateRole {
    /// Its name; no other role of the same organization, or none without one, has it.
    #[schemars(length(min = 1, max = 200), regex(pattern = r"\S"), example = &"Project Manager")]
    name: String,
    /// What it is for.
    #[serde(default)]
    #[schemars(length(max = 10_000), example = &"Manages projects and teams")]
    description: String,
    /// The organization to bind it to.
    #[serde(default)]
    #[schemars(example = None::<String>)]
    organization_id: Option<String>,
    /// The ids of the permissions that it grants, all of which the caller holds.
    #[serde(default)]
    #[schemars(length(max = 1000))]
    permission_ids: Vec<String>,
    /// Only the built-in roles are.
    #[serde(default, rename = "isSystemDefault")]
    #[schemars(extend("const" = false))]
    _is_system_default: bool,
}

async fn create(allowed: Allowed, Body(input): Body<CreateRole>) -> Result<RoleView> {
    let (app, caller) = (&allowed.app, &allowed.caller);
    let new = NewRole {
        title: input.name,
        moniker: None,
        description: input.description,
        permissions: permission::nodes(app, caller, &input.permission_ids).await?,
        company_id: input.organization_id,
    };
    view(app, role::create(app, caller, new).await?).await
}

/// A change of a role. What is left out stays.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct UpdateRole {
    /// Its name.
    #[serde(default)]
    #[schemars(with = "String", length(min = 1, max = 200), regex(pattern = r"\S"), example = &"Project Manager")]
    name: Option<String>,
    /// What it is for.
    #[serde(default)]
    #[schemars(with = "String", length(max = 10_000), example = &"Manages projects, teams, and resources")]
    description: Option<String>,
    /// The organization to bind it to; `null` unbinds it.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<String>", example = None::<String>)]
    organization_id: Option<Option<String>>,
    /// The ids of all the permissions that it grants; the caller holds all that are new.
    #[serde(default)]
    #[schemars(with = "Vec<String>", length(max = 1000))]
    permission_ids: Option<Vec<String>>,
}

async fn update(allowed: Allowed, Path([id]): Path<1>, Body(input): Body<UpdateRole>) -> Result<RoleView> {
    let (app, caller) = (&allowed.app, &allowed.caller);
    let permissions = match &input.permission_ids {
        Some(ids) => Some(permission::nodes(app, caller, ids).await?),
        None => None,
    };
    let edit = Edit {
        title: input.name,
        unique_title: true,
        moniker: None,
        description: input.description,
        permissions,
        company_id: input.organization_id,
    };
    view(app, role::update(app, caller, &id, edit).await?).await
}

async fn remove(allowed: Allowed, Path([id]): Path<1>) -> Result<()> {
    role::delete(&allowed.app, &allowed.caller, &id).await.map(drop)
}

/// All the permissions of a role.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct SetPermissions {
    /// Their ids; the caller holds all that are new.
    #[schemars(length(max = 1000))]
    permission_ids: Vec<String>,
}

async fn set_permissions(
    allowed: Allowed,
    Path([id]): Path<1>,
    Body(input): Body<SetPermissions>,
) -> Result<RoleView> {
    let (app, caller) = (&allowed.app, &allowed.caller);
    let permissions = permission::nodes(app, caller, &input.permission_ids).await?;
    let edit = Edit { permissions: Some(permissions), ..Edit::default() };
    view(app, role::update(app, caller, &id, edit).await?).await
}
