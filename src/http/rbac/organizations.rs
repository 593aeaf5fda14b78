//! Organizations, which are companies.

use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::list::{Part, Place};
use super::{Rbac, Told};
use crate::access::Permission::{
    CompanyCreate, CompanyDelete, CompanyFetch, CompanyFetchMany, CompanyUpdate, UserRolesOther,
};
use crate::clock::Timestamp;
use crate::company;
use crate::company::organization::{self, Edit, Organization};
use crate::error::Result;
use crate::http::guard::Allowed;
use crate::http::input::{Body, Path, Query, present};
use crate::http::route::{Route, delete, get, post, put};

pub fn routes() -> Vec<Route> {
    vec![
        get("/organizations", "Get All Organizations", list)
            .needs([CompanyFetchMany])
            .answers::<Rbac>(StatusCode::OK, "The organizations"),
        get("/organizations/{id}", "Get Organization by ID", fetch)
            .needs([CompanyFetch])
            .answers::<Rbac>(StatusCode::OK, "The organization"),
        post("/organizations", "Create Organization", create)
            .needs([CompanyCreate])
            .sometimes([UserRolesOther])
            .answers::<Rbac>(StatusCode::CREATED, "The organization"),
        put("/organizations/{id}", "Update Organization", update)
            .needs([CompanyUpdate])
            .sometimes([UserRolesOther])
            .answers::<Rbac>(StatusCode::OK, "The organization"),
        delete("/organizations/{id}", "Delete Organization", remove)
            .needs([CompanyDelete])
            .answers::<Told>(StatusCode::OK, "Organization deleted successfully"),
    ]
}

/// An organization.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct OrganizationView {
    /// The organization's id.
    id: Uuid,
    /// Its name.
    #[schemars(example = &"Acme Corp")]
    name: String,
    /// What it is.
    #[schemars(example = &"Leading widgets manufacturer")]
    description: String,
    /// Its domain name.
    #[schemars(example = &"acme.com")]
    domain: Option<String>,
    /// Whether it is a client still.
    #[schemars(example = true)]
    active: bool,
    /// The ids of its administrators' accounts.
    admin_ids: Vec<Uuid>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<Organization> for OrganizationView {
    fn from(organization: Organization) -> Self {
        Self {
            id: organization.id,
            name: organization.name,
            description: organization.description,
            domain: organization.domain,
            active: organization.active,
            admin_ids: organization.admin_ids,
            created_at: Timestamp(organization.created_at),
            updated_at: Timestamp(organization.updated_at),
        }
    }
}

/// A part of the organizations.
#[derive(Serialize, JsonSchema)]
struct Organizations {
    /// Those in it, by name.
    organizations: Vec<OrganizationView>,
    #[serde(flatten)]
    place: Place,
}

async fn list(allowed: Allowed, Query(part): Query<Part>) -> Result<Organizations> {
    let found = organization::list(&allowed.app, &allowed.caller, Some(part.paging())).await?;
    let place = part.place(&found);
    Ok(Organizations { organizations: found.items.into_iter().map(OrganizationView::from).collect(), place })
}

async fn fetch(allowed: Allowed, Path([id]): Path<1>) -> Result<OrganizationView> {
    Ok(organization::find(&allowed.app, &allowed.caller, allowed.needed(), &id).await?.into())
}

/// An organization to be made.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct CreateOrganization {
    /// Its name.
    #[schemars(length(min = 1, max = 200), regex(pattern = r"\S"), example = &"Globex Corporation")]
    name: String,
    /// What it is.
    #[serde(default)]
    #[schemars(length(max = 10_000), example = &"International technology company")]
    description: String,
    /// Its domain name.
    #[serde(default)]
    #[schemars(length(max = 253), example = &"globex.com")]
    domain: Option<String>,
    /// Whether it is a client still (default: true).
    #[serde(default)]
    #[schemars(with = "bool", example = true)]
    active: Option<bool>,
    /// The ids of its administrators' accounts. Takes `user.roles.other`.
    #[serde(default)]
    #[schemars(length(max = 1000))]
    admin_ids: Vec<String>,
}

async fn create(allowed: Allowed, Body(input): Body<CreateOrganization>) -> Result<OrganizationView> {
    let edit = Edit {
        name: None,
        description: Some(input.description),
        domain: Some(input.domain),
        active: input.active,
        admin_ids: Some(input.admin_ids),
    };
    Ok(organization::create(&allowed.app, &allowed.caller, &input.name, edit).await?.into())
}

/// A change of an organization. What is left out stays.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct UpdateOrganization {
    /// Its name; one that came from ConnectWise keeps its own.
    #[serde(default)]
    #[schemars(with = "String", length(min = 1, max = 200), regex(pattern = r"\S"), example = &"Globex Corporation")]
    name: Option<String>,
    /// What it is.
    #[serde(default)]
    #[schemars(with = "String", length(max = 10_000), example = &"International technology and innovation company")]
    description: Option<String>,
    /// Its domain name; `null` takes it away.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<String>", length(max = 253), example = &"globex.com")]
    domain: Option<Option<String>>,
    /// Whether it is a client still.
    #[serde(default)]
    #[schemars(with = "bool", example = true)]
    active: Option<bool>,
    /// The ids of exactly the accounts that are to be its administrators. Takes `user.roles.other`.
    #[serde(default)]
    #[schemars(with = "Vec<String>", length(max = 1000))]
    admin_ids: Option<Vec<String>>,
}

async fn update(
    allowed: Allowed,
    Path([id]): Path<1>,
    Body(input): Body<UpdateOrganization>,
) -> Result<OrganizationView> {
    let UpdateOrganization { name, description, domain, active, admin_ids } = input;
    let edit = Edit { name, description, domain, active, admin_ids };
    Ok(organization::update(&allowed.app, &allowed.caller, &id, edit).await?.into())
}

async fn remove(allowed: Allowed, Path([id]): Path<1>) -> Result<()> {
    company::delete(&allowed.app, &allowed.caller, &id).await
}
