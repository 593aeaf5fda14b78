//! Companies.

use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::V1;
use crate::access::Permission::{
    CompanyCreate, CompanyDelete, CompanyFetch, CompanyFetchAddress, CompanyFetchConfigurations,
    CompanyFetchMany, CompanyUpdate,
};
use crate::clock::Timestamp;
use crate::company::{self, Company, Configuration, Fresh};
use crate::error::Result;
use crate::http::contract::Listed;
use crate::http::guard::Allowed;
use crate::http::input::{Body, ListQuery, Path, Query};
use crate::http::route::{Route, delete, get, patch, post};

pub fn routes() -> Vec<Route> {
    vec![
        get("/company/companies", "Get All Companies", list)
            .needs([CompanyFetchMany])
            .answers::<V1>(StatusCode::OK, "Companies Fetched Successfully!"),
        post("/company/companies", "Create Company", create)
            .needs([CompanyCreate])
            .answers::<V1>(StatusCode::CREATED, "Company Created Successfully!"),
        get("/company/companies/{identifier}", "Get Company by ID", fetch)
            .needs([CompanyFetch])
            .sometimes([CompanyFetchAddress])
            .answers::<V1>(StatusCode::OK, "Company Fetched Successfully!"),
        get("/company/companies/{identifier}/configurations", "Get Company Configurations", configurations)
            .needs([CompanyFetch, CompanyFetchConfigurations])
            .asks_another_server()
            .answers::<V1>(StatusCode::OK, "Company Configurations Fetched Successfully!"),
        patch("/company/companies/{identifier}", "Update Company", update)
            .needs([CompanyUpdate])
            .answers::<V1>(StatusCode::OK, "Company Updated Successfully!"),
        delete("/company/companies/{identifier}", "Delete Company", remove)
            .needs([CompanyDelete])
            .answers::<V1>(StatusCode::OK, "Company Deleted Successfully!"),
    ]
}

/// A company.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct CompanyView {
    /// The company's id.
    id: Uuid,
    /// Its name.
    #[schemars(example = &"Acme Corp")]
    name: String,
    /// Its number in ConnectWise; `null` where it was made by hand.
    #[serde(rename = "cw_CompanyId")]
    #[schemars(example = 12345)]
    cw_company_id: Option<i64>,
    /// Its identifier in ConnectWise; `null` where it was made by hand.
    #[serde(rename = "cw_Identifier")]
    #[schemars(example = &"AcmeCorp")]
    cw_identifier: Option<String>,
    /// When it was learned that it is gone from ConnectWise; `null` where it is not.
    #[serde(rename = "cw_DeletedAt")]
    #[schemars(example = &None::<String>)]
    cw_deleted_at: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<Company> for CompanyView {
    fn from(company: Company) -> Self {
        Self {
            id: company.id,
            name: company.name,
            cw_company_id: company.cw_company_id,
            cw_identifier: company.cw_identifier,
            cw_deleted_at: company.cw_deleted_at.map(Timestamp),
            created_at: Timestamp(company.created_at),
            updated_at: Timestamp(company.updated_at),
        }
    }
}

/// A company with what ConnectWise says of it.
#[derive(Serialize, JsonSchema)]
struct CompanyWithData {
    #[serde(flatten)]
    company: CompanyView,
    /// What ConnectWise says of it; empty where it was made by hand.
    #[serde(rename = "cw_Data")]
    cw_data: Map<String, Value>,
    /// Whether ConnectWise could not be asked now.
    #[serde(rename = "cw_Stale")]
    cw_stale: bool,
    /// When ConnectWise said it.
    #[serde(rename = "cw_FetchedAt")]
    cw_fetched_at: Option<Timestamp>,
}

impl CompanyWithData {
    /// What is shown of it: with its address, `null` where none is known, only where that is asked for.
    fn of(fresh: Fresh, with_address: bool) -> Self {
        let Fresh { company, mut data, is_stale, fetched_at } = fresh;
        if !with_address {
            data.remove("address");
        } else if company.cw_company_id.is_some() {
            data.entry("address").or_insert(Value::Null);
        }
        let cw_fetched_at = fetched_at.map(Timestamp);
        Self { company: company.into(), cw_data: data, cw_stale: is_stale, cw_fetched_at }
    }
}

/// Which companies to list.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct CompanyListQuery {
    #[serde(flatten)]
    list: ListQuery,
    /// Whether to list those that are gone from ConnectWise too.
    #[serde(default)]
    include_deleted: bool,
}

async fn list(allowed: Allowed, Query(query): Query<CompanyListQuery>) -> Result<Listed<CompanyView>> {
    let CompanyListQuery { list, include_deleted } = query;
    let paging = Some(list.always_paging());
    let companies =
        company::list(&allowed.app, &allowed.caller, list.search(), include_deleted, paging).await?;
    Ok(companies.map(CompanyView::from).into())
}

/// What to show of a company.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct FetchQuery {
    /// Whether to show the address too, which takes `company.fetch.address`.
    #[serde(default)]
    include_address: bool,
}

async fn fetch(
    allowed: Allowed,
    Path([identifier]): Path<1>,
    Query(query): Query<FetchQuery>,
) -> Result<CompanyWithData> {
    let needed = [CompanyFetch, CompanyFetchAddress];
    let needed = if query.include_address { &needed[..] } else { &needed[..1] };
    let fresh = company::read(&allowed.app, &allowed.caller, needed, &identifier).await?;
    Ok(CompanyWithData::of(fresh, query.include_address))
}

/// Which configurations to list.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ConfigurationsQuery {
    /// Whether to list those that are not in use any more too.
    #[serde(default)]
    include_inactive: bool,
}

async fn configurations(
    allowed: Allowed,
    Path([identifier]): Path<1>,
    Query(query): Query<ConfigurationsQuery>,
) -> Result<Vec<Configuration>> {
    let Allowed { app, caller, .. } = &allowed;
    company::configurations(app, caller, allowed.needed(), &identifier, query.include_inactive).await
}

/// A company to be made by hand.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CreateCompany {
    /// Its name; two companies may share one.
    #[schemars(length(min = 1, max = 200), regex(pattern = r"\S"), example = &"Acme Corp")]
    name: String,
}

async fn create(allowed: Allowed, Body(input): Body<CreateCompany>) -> Result<CompanyView> {
    Ok(company::create(&allowed.app, &allowed.caller, &input.name).await?.into())
}

/// A change of a company that was made by hand.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct UpdateCompany {
    /// Its new name.
    #[serde(default)]
    #[schemars(with = "String", length(min = 1, max = 200), regex(pattern = r"\S"), example = &"Acme Corporation")]
    name: Option<String>,
}

async fn update(
    allowed: Allowed,
    Path([identifier]): Path<1>,
    Body(input): Body<UpdateCompany>,
) -> Result<CompanyView> {
    Ok(company::rename(&allowed.app, &allowed.caller, &identifier, input.name.as_deref()).await?.into())
}

async fn remove(allowed: Allowed, Path([identifier]): Path<1>) -> Result<()> {
    company::delete(&allowed.app, &allowed.caller, &identifier).await
}
