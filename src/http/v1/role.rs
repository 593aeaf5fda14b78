//! Roles.

use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::V1;
use crate::access::Permission::{RoleCreate, RoleDelete, RoleList, RoleModify, RoleRead, UserRead};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::http::contract::Listed;
use crate::http::guard::Allowed;
use crate::http::input::{Body, PageQuery, Path, Query, present};
use crate::http::route::{Route, delete, get, patch, post};
use crate::role::{self, Edit, Holder, NewRole, Role};

pub fn routes() -> Vec<Route> {
    vec![
        post("/role", "Create Role", create)
            .needs([RoleCreate])
            .answers::<V1>(StatusCode::CREATED, "Role Created Successfully!"),
        get("/role/{identifier}", "Get Role by ID or Moniker", fetch)
            .needs([RoleRead])
            .answers::<V1>(StatusCode::OK, "Role Fetched Successfully!"),
        get("/role", "Get All Roles", list)
            .needs([RoleRead, RoleList])
            .answers::<V1>(StatusCode::OK, "Roles Fetched Successfully!"),
        patch("/role/{identifier}", "Update Role", update)
            .needs([RoleModify])
            .answers::<V1>(StatusCode::OK, "Role Updated Successfully!"),
        delete("/role/{identifier}", "Delete Role", remove)
            .needs([RoleDelete])
            .answers::<V1>(StatusCode::OK, "Role Deleted Successfully!"),
        post("/role/{identifier}/permissions", "Add Permissions to Role", add_permissions)
            .needs([RoleModify])
            .answers::<V1>(StatusCode::OK, "Permissions Added Successfully!"),
        delete("/role/{identifier}/permissions", "Remove Permissions from Role", remove_permissions)
            .needs([RoleModify])
            .answers::<V1>(StatusCode::OK, "Permissions Removed Successfully!"),
        get("/role/{identifier}/users", "Get Users with Role", users)
            .needs([RoleRead, UserRead])
            .answers::<V1>(StatusCode::OK, "Users Fetched Successfully!"),
    ]
}

/// A role.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RoleView {
    /// The role's id.
    id: Uuid,
    /// Its name for people.
    #[schemars(example = &"System Administrator")]
    title: String,
    /// Its name for programs.
    #[schemars(example = &"system_admin")]
    moniker: String,
    /// The nodes that it grants.
    #[schemars(example = ["user.read", "company.fetch"])]
    permissions: Vec<String>,
    /// The company inside which it grants them; everywhere where `null`.
    company_id: Option<Uuid>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<Role> for RoleView {
    fn from(role: Role) -> Self {
        Self {
            id: role.id,
            title: role.title,
            moniker: role.moniker,
            permissions: role.permissions,
            company_id: role.company_id,
            created_at: Timestamp(role.created_at),
            updated_at: Timestamp(role.updated_at),
        }
    }
}

/// A role to be made.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreateRole {
    /// Its name for people.
    #[schemars(length(min = 1, max = 200), regex(pattern = r"\S"), example = &"System Administrator")]
    title: String,
    /// Its name for programs: a letter, then letters, digits and `_`. No two roles share one.
    #[schemars(length(min = 1, max = 100), example = &"system_admin")]
    moniker: String,
    /// The nodes that it grants, all of which the caller holds.
    #[serde(default)]
    #[schemars(length(max = 1000), example = ["user.read", "company.fetch"])]
    permissions: Vec<String>,
    /// The company to bind it to.
    #[serde(default)]
    #[schemars(example = None::<String>)]
    company_id: Option<String>,
}

async fn create(allowed: Allowed, Body(input): Body<CreateRole>) -> Result<RoleView> {
    let new = NewRole {
        title: input.title,
        moniker: Some(input.moniker),
        description: String::new(),
        permissions: input.permissions,
        company_id: input.company_id,
    };
    Ok(role::create(&allowed.app, &allowed.caller, new).await?.into())
}

async fn fetch(allowed: Allowed, Path([identifier]): Path<1>) -> Result<RoleView> {
    Ok(role::find(&allowed.app, &allowed.caller, allowed.needed(), &identifier).await?.into())
}

async fn list(allowed: Allowed, Query(page): Query<PageQuery>) -> Result<Listed<RoleView>> {
    Ok(role::list(&allowed.app, &allowed.caller, None, page.paging()).await?.map(RoleView::from).into())
}

/// A change of a role. What is left out stays.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct UpdateRole {
    /// Its name for people.
    #[serde(default)]
    #[schemars(with = "String", length(min = 1, max = 200), regex(pattern = r"\S"), example = &"Super Administrator")]
    title: Option<String>,
    /// Its name for programs.
    #[serde(default)]
    #[schemars(with = "String", length(min = 1, max = 100), example = &"super_admin")]
    moniker: Option<String>,
    /// All the nodes that it grants; the caller holds all that are new.
    #[serde(default)]
    #[schemars(with = "Vec<String>", length(max = 1000), example = ["user.read"])]
    permissions: Option<Vec<String>>,
    /// The company to bind it to; `null` unbinds it.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<String>", example = None::<String>)]
    company_id: Option<Option<String>>,
}

async fn update(
    allowed: Allowed,
    Path([identifier]): Path<1>,
    Body(input): Body<UpdateRole>,
) -> Result<RoleView> {
    let edit = Edit {
        title: input.title,
        unique_title: false,
        moniker: input.moniker,
        description: None,
        permissions: input.permissions,
        company_id: input.company_id,
    };
    Ok(role::update(&allowed.app, &allowed.caller, &identifier, edit).await?.into())
}

async fn remove(allowed: Allowed, Path([identifier]): Path<1>) -> Result<RoleView> {
    Ok(role::delete(&allowed.app, &allowed.caller, &identifier).await?.into())
}

/// Nodes to add or to take away.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Nodes {
    /// The nodes.
    #[schemars(length(min = 1, max = 1000), example = ["credential.update", "credential.delete"])]
    permissions: Vec<String>,
}

async fn add_permissions(
    allowed: Allowed,
    Path([identifier]): Path<1>,
    Body(input): Body<Nodes>,
) -> Result<RoleView> {
    Ok(role::add_permissions(&allowed.app, &allowed.caller, &identifier, input.permissions).await?.into())
}

async fn remove_permissions(
    allowed: Allowed,
    Path([identifier]): Path<1>,
    Body(input): Body<Nodes>,
) -> Result<RoleView> {
    Ok(role::remove_permissions(&allowed.app, &allowed.caller, &identifier, &input.permissions).await?.into())
}

/// A person who has the role.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct HolderView {
    /// The account's id.
    id: Uuid,
    /// The display name.
    #[schemars(example = &"Jane Smith")]
    name: String,
    /// The name for signing in.
    #[schemars(example = &"jane.smith")]
    login: String,
    /// The ids of all their roles.
    roles: Vec<Uuid>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<Holder> for HolderView {
    fn from(holder: Holder) -> Self {
        Self {
            id: holder.id,
            name: holder.name,
            login: holder.login,
            roles: holder.role_ids,
            created_at: Timestamp(holder.created_at),
            updated_at: Timestamp(holder.updated_at),
        }
    }
}

async fn users(
    allowed: Allowed,
    Path([identifier]): Path<1>,
    Query(page): Query<PageQuery>,
) -> Result<Listed<HolderView>> {
    let holders = role::holders(&allowed.app, &allowed.caller, &identifier, page.paging()).await?;
    Ok(holders.map(HolderView::from).into())
}
