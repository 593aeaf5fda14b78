//! Permissions that administrators make.

use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::V1;
use crate::access::Permission::{PermissionCreate, PermissionDelete, PermissionUpdate};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::http::guard::Allowed;
use crate::http::input::{Body, Path};
use crate::http::route::{Route, delete, patch, post};
use crate::permission::{self, Edit, Known, New};

pub fn routes() -> Vec<Route> {
    vec![
        post("/permissions", "Create Permission", create)
            .needs([PermissionCreate])
            .answers::<V1>(StatusCode::CREATED, "Permission Created Successfully!"),
        patch("/permissions/{identifier}", "Update Permission", update)
            .needs([PermissionUpdate])
            .answers::<V1>(StatusCode::OK, "Permission Updated Successfully!"),
        delete("/permissions/{identifier}", "Delete Permission", remove)
            .needs([PermissionDelete])
            .answers::<V1>(StatusCode::OK, "Permission Deleted Successfully!"),
    ]
}

/// A permission that somebody made.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct PermissionView {
    /// The permission's id.
    id: Uuid,
    /// Its name for people.
    #[schemars(example = &"Delete Projects")]
    name: String,
    /// What holding it allows.
    #[schemars(example = &"Can delete projects")]
    description: String,
    /// The node to grant.
    #[schemars(example = &"projects.delete")]
    node: String,
    /// What it is about.
    #[schemars(example = &"projects")]
    resource: String,
    /// What may be done.
    #[schemars(example = &"delete")]
    action: String,
    /// The company in whose roles alone it may be granted; in all where `null`.
    company_id: Option<Uuid>,
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
            node: known.node,
            company_id: known.company_id,
            created_at: Timestamp(known.created_at),
            updated_at: Timestamp(known.updated_at),
        }
    }
}

/// A permission to be made. Its node is `{resource}.{action}`.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreatePermission {
    /// Its name for people.
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
    /// The company in whose roles alone it may be granted.
    #[serde(default)]
    #[schemars(example = None::<String>)]
    company_id: Option<String>,
}

async fn create(allowed: Allowed, Body(input): Body<CreatePermission>) -> Result<PermissionView> {
    let new = New {
        name: input.name,
        description: input.description,
        resource: input.resource,
        action: input.action,
        company_id: input.company_id,
    };
    Ok(permission::create(&allowed.app, &allowed.caller, new).await?.into())
}

/// A change of a permission that somebody made. What is left out stays; while it is in use, so does its node.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct UpdatePermission {
    /// Its name for people.
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
    Path([identifier]): Path<1>,
    Body(input): Body<UpdatePermission>,
) -> Result<PermissionView> {
    let UpdatePermission { name, description, resource, action } = input;
    let edit = Edit { name, description, resource, action };
    Ok(permission::update(&allowed.app, &allowed.caller, &identifier, edit).await?.into())
}

async fn remove(allowed: Allowed, Path([identifier]): Path<1>) -> Result<PermissionView> {
    Ok(permission::delete(&allowed.app, &allowed.caller, &identifier).await?.into())
}
