//! Credential types.

use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::V1;
use super::credential::CredentialView;
use crate::access::Permission::{
    CredentialFetchMany, CredentialTypeCreate, CredentialTypeDelete, CredentialTypeFetch,
    CredentialTypeFetchMany, CredentialTypeUpdate,
};
use crate::clock::Timestamp;
use crate::credential;
use crate::credential::kind::{self, Change, CredentialType, Field, NewType};
use crate::error::Result;
use crate::http::contract::Listed;
use crate::http::guard::Allowed;
use crate::http::input::{Body, ListQuery, Path, Query, present};
use crate::http::route::{Route, delete, get, patch, post};

pub fn routes() -> Vec<Route> {
    vec![
        get("/credential-type/{identifier}", "Get Credential Type by ID or Name", fetch)
            .needs([CredentialTypeFetch])
            .formerly_at("/credential-type/credential-types/{identifier}")
            .answers::<V1>(StatusCode::OK, "Credential Type Fetched Successfully!"),
        get("/credential-type", "Get All Credential Types", list)
            .needs([CredentialTypeFetchMany])
            .formerly_at("/credential-type/credential-types")
            .answers::<V1>(StatusCode::OK, "Credential Types Fetched Successfully!"),
        post("/credential-type", "Create Credential Type", create)
            .needs([CredentialTypeCreate])
            .formerly_at("/credential-type/credential-types")
            .answers::<V1>(StatusCode::CREATED, "Credential Type Created Successfully!"),
        patch("/credential-type/{identifier}", "Update Credential Type", update)
            .needs([CredentialTypeUpdate])
            .formerly_at("/credential-type/credential-types/{identifier}")
            .answers::<V1>(StatusCode::OK, "Credential Type Updated Successfully!"),
        delete("/credential-type/{identifier}", "Delete Credential Type", remove)
            .needs([CredentialTypeDelete])
            .formerly_at("/credential-type/credential-types/{identifier}")
            .answers::<V1>(StatusCode::OK, "Credential Type Deleted Successfully!"),
        get("/credential-type/{identifier}/credentials", "Get Credentials by Type", credentials)
            .needs([CredentialTypeFetch, CredentialFetchMany])
            .formerly_at("/credential-type/credential-types/{identifier}/credentials")
            .answers::<V1>(StatusCode::OK, "Credentials Fetched Successfully!"),
    ]
}

/// A credential type.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct TypeView {
    /// The type's id.
    id: Uuid,
    /// Its name.
    #[schemars(example = &"AWS")]
    name: String,
    /// The first part of its permission nodes.
    #[schemars(example = &"aws.credentials")]
    permission_scope: String,
    /// The address of a picture, or a picture's name.
    #[schemars(example = &"https://aws.amazon.com/favicon.ico")]
    icon: Option<String>,
    /// Its fields, in order.
    fields: Vec<Field>,
    /// How many credentials of it the caller may list.
    #[schemars(example = 5)]
    credential_count: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<CredentialType> for TypeView {
    fn from(kind: CredentialType) -> Self {
        Self {
            id: kind.id,
            name: kind.name,
            permission_scope: kind.permission_scope,
            icon: kind.icon,
            fields: kind.fields,
            credential_count: kind.credential_count,
            created_at: Timestamp(kind.created_at),
            updated_at: Timestamp(kind.updated_at),
        }
    }
}

async fn fetch(allowed: Allowed, Path([identifier]): Path<1>) -> Result<TypeView> {
    Ok(kind::find(&allowed.app, &allowed.caller, &identifier).await?.into())
}

async fn list(allowed: Allowed, Query(query): Query<ListQuery>) -> Result<Listed<TypeView>> {
    let types = kind::list(&allowed.app, &allowed.caller, query.search(), query.paging()).await?;
    Ok(types.map(TypeView::from).into())
}

/// A type to be made.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreateType {
    /// Its name; no two types share one.
    #[schemars(length(min = 1, max = 200), regex(pattern = r"\S"), example = &"GitHub")]
    name: String,
    /// The first part of its permission nodes, such as `github.credentials.fetch`. It never changes.
    #[schemars(length(min = 1, max = 100), example = &"github.credentials")]
    permission_scope: String,
    /// The address of a picture, or a picture's name.
    #[serde(default)]
    #[schemars(length(max = 2048), example = &"https://github.com/favicon.ico")]
    icon: Option<String>,
    /// Its fields, in order.
    #[schemars(length(max = 100))]
    fields: Vec<Field>,
}

async fn create(allowed: Allowed, Body(input): Body<CreateType>) -> Result<TypeView> {
    let new = NewType {
        name: input.name,
        permission_scope: input.permission_scope,
        icon: input.icon,
        fields: input.fields,
    };
    Ok(kind::create(&allowed.app, &allowed.caller, new).await?.into())
}

/// A change of a type. What is left out stays.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct UpdateType {
    /// Its name.
    #[serde(default)]
    #[schemars(with = "String", length(min = 1, max = 200), regex(pattern = r"\S"), example = &"GitHub Enterprise")]
    name: Option<String>,
    /// May be sent, but must be the one that it has.
    #[serde(default)]
    #[schemars(with = "String", length(min = 1, max = 100))]
    permission_scope: Option<String>,
    /// A picture; `null` takes it away.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<String>", length(max = 2048))]
    icon: Option<Option<String>>,
    /// All its fields, in order: one that is missing here is removed.
    #[serde(default)]
    #[schemars(with = "Vec<Field>", length(max = 100))]
    fields: Option<Vec<Field>>,
}

/// How to change it.
#[derive(Deserialize, JsonSchema)]
struct Force {
    /// Whether values that the new fields have no place for are cleared, and credentials may lack values
    /// that become required.
    #[serde(default)]
    force: bool,
}

async fn update(
    allowed: Allowed,
    Path([identifier]): Path<1>,
    Query(query): Query<Force>,
    Body(input): Body<UpdateType>,
) -> Result<TypeView> {
    let change = Change {
        name: input.name,
        permission_scope: input.permission_scope,
        icon: input.icon,
        fields: input.fields,
        force: query.force,
    };
    Ok(kind::update(&allowed.app, &allowed.caller, &identifier, change).await?.into())
}

async fn remove(allowed: Allowed, Path([identifier]): Path<1>) -> Result<()> {
    kind::delete(&allowed.app, &allowed.caller, &identifier).await
}

async fn credentials(
    allowed: Allowed,
    Path([identifier]): Path<1>,
    Query(query): Query<ListQuery>,
) -> Result<Listed<CredentialView>> {
    let (search, paging) = (query.search(), query.paging());
    let credentials =
        credential::list_of_type(&allowed.app, &allowed.caller, &identifier, search, paging).await?;
    Ok(credentials.map(CredentialView::from).into())
}
