//! The catalogue of permission nodes.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::V1;
use crate::access::Permission::{self, RoleRead};
use crate::access::permission::Category;
use crate::error::{Error, Result};
use crate::http::guard::Allowed;
use crate::http::input::Path;
use crate::http::route::{Route, get};
use crate::permission;

pub fn routes() -> Vec<Route> {
    vec![
        get("/permissions", "Get All Permission Nodes (Categorized)", categories)
            .needs([RoleRead])
            .answers::<V1>(StatusCode::OK, "Permission Nodes Fetched Successfully!"),
        get("/permissions/nodes", "Get All Permission Nodes (Flat)", nodes)
            .needs([RoleRead])
            .answers::<V1>(StatusCode::OK, "All Permission Nodes Fetched Successfully!"),
        get("/permissions/{identifier}", "Get Permission Nodes by Category", category)
            .needs([RoleRead])
            .answers::<V1>(StatusCode::OK, "Permission Category Fetched Successfully!"),
    ]
}

/// A part of the catalogue.
#[derive(Serialize, JsonSchema, Clone)]
struct CategoryView {
    /// Its name.
    #[schemars(example = &"Company Permissions")]
    name: String,
    /// What its nodes are about.
    #[schemars(example = &"The clients, and what ConnectWise says of them")]
    description: String,
    /// Its nodes.
    permissions: Vec<NodeView>,
}

/// A permission node.
#[derive(Serialize, JsonSchema, Clone)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
struct NodeView {
    /// The node.
    #[schemars(example = &"company.fetch.address")]
    node: String,
    /// What holding it allows.
    #[schemars(example = &"See a company's address")]
    description: String,
    /// The source files of the routes that ask for it.
    #[schemars(example = ["src/http/v1/company.rs"])]
    used_in: Vec<&'static str>,
    /// The nodes without which it is of no use.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = ["company.fetch"])]
    dependencies: Option<Vec<&'static str>>,
    /// The id of one that somebody made.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Uuid>,
    /// The company in whose roles alone it may be granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    company_id: Option<Uuid>,
}

/// The key of the nodes that credential types bring.
const TYPE_SCOPES: &str = "typeScope";

/// The key of the nodes that administrators make.
const CUSTOM: &str = "custom";

/// The source files that ask for each node, by the route table.
static USES: LazyLock<BTreeMap<&'static str, Vec<&'static str>>> = LazyLock::new(|| {
    let mut uses: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for route in super::routes() {
        for permission in route.row.needed().iter().chain(&route.row.sometimes) {
            let sources = uses.entry(permission.node()).or_default();
            if !sources.contains(&route.row.source) {
                sources.push(route.row.source);
            }
        }
    }
    uses
});

fn node(node: String, description: String) -> NodeView {
    NodeView { node, description, used_in: Vec::new(), dependencies: None, id: None, company_id: None }
}

fn view(permission: Permission) -> NodeView {
    let dependencies: Vec<_> = permission.dependencies().iter().map(|needed| needed.node()).collect();
    NodeView {
        used_in: USES.get(permission.node()).cloned().unwrap_or_default(),
        dependencies: (!dependencies.is_empty()).then_some(dependencies),
        ..node(permission.node().to_owned(), permission.description().to_owned())
    }
}

/// The whole catalogue, in order: the wildcard, what is built in, what credential types bring, and what
/// administrators made.
async fn catalogue(allowed: &Allowed) -> Result<Vec<(&'static str, CategoryView)>> {
    let everything = node("*".to_owned(), "Full access to all resources and actions".to_owned());
    let of_types = allowed.caller.grants.type_nodes().map(|(general, of_type)| NodeView {
        used_in: USES.get(general.as_str()).cloned().unwrap_or_default(),
        ..node(of_type, format!("As {general}, for the credentials of this type"))
    });
    let made = permission::custom(&allowed.app, &allowed.caller).await?.into_iter().map(|known| NodeView {
        id: Some(known.id),
        company_id: known.company_id,
        ..node(known.node, if known.description.is_empty() { known.name } else { known.description })
    });
    let built_in = Category::ALL.iter().map(|category| {
        let permissions = category.permissions().iter().copied().map(view).collect();
        (category.key(), group(category.title(), category.about(), permissions))
    });
    let global = group("Global Permissions", "The wildcard over all nodes", vec![everything]);
    let scopes = group("Type Permissions", "The nodes of each credential type", of_types.collect());
    let custom = group("Custom Permissions", "The nodes that administrators made", made.collect());
    Ok([("global", global)]
        .into_iter()
        .chain(built_in)
        .chain([(TYPE_SCOPES, scopes), (CUSTOM, custom)])
        .collect())
}

fn group(name: &str, description: &str, permissions: Vec<NodeView>) -> CategoryView {
    CategoryView { name: name.to_owned(), description: description.to_owned(), permissions }
}

/// Every category by its key, in order.
#[derive(JsonSchema)]
struct Catalogue(#[schemars(with = "BTreeMap<String, CategoryView>")] Vec<(&'static str, CategoryView)>);

impl Serialize for Catalogue {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, category)| (key, category)))
    }
}

async fn categories(allowed: Allowed) -> Result<Catalogue> {
    Ok(Catalogue(catalogue(&allowed).await?))
}

async fn nodes(allowed: Allowed) -> Result<Vec<NodeView>> {
    Ok(catalogue(&allowed).await?.into_iter().flat_map(|(_, category)| category.permissions).collect())
}

async fn category(allowed: Allowed, Path([key]): Path<1>) -> Result<CategoryView> {
    let found = catalogue(&allowed).await?.into_iter().find(|(known, _)| *known == key);
    let shown: String = key.chars().take(200).collect();
    let missing = || Error::NotFound {
        code: "NotFound",
        message: format!("Permission category \"{shown}\" not found"),
    };
    found.map(|(_, category)| category).ok_or_else(missing)
}
