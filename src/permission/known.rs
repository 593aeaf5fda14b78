//! Every permission that can be granted: the built-in nodes, those of credential types, those that
//! administrators made, and the wildcards over them. Each has an id that does not change.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use sqlx::PgConnection;
use uuid::Uuid;

use super::store;
use crate::access::Permission;
use crate::access::permission::credential_actions;
use crate::error::Result;

/// Where a permission comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// From the program, or from a credential type.
    BuiltIn,
    /// From an administrator.
    Custom,
}

/// A permission: a node, or a wildcard over nodes.
#[derive(Debug, Clone)]
pub struct Known {
    /// Its id.
    pub id: Uuid,
    /// Its name for people.
    pub name: String,
    /// What holding it allows.
    pub description: String,
    /// What is granted.
    pub node: String,
    /// The company in whose roles alone it may be granted.
    pub company_id: Option<Uuid>,
    /// Where it comes from.
    pub origin: Origin,
    /// When it came to be.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

impl Known {
    /// What it is about: all before the last dot, `*` for the wildcard over everything.
    #[must_use]
    pub fn resource(&self) -> &str {
        self.node.rsplit_once('.').map_or(&*self.node, |(resource, _)| resource)
    }

    /// What may be done to it: the last segment.
    #[must_use]
    pub fn action(&self) -> &str {
        self.node.rsplit_once('.').map_or(&*self.node, |(_, action)| action)
    }
}

/// The id of a permission that nobody made: it follows from the node.
fn id_of(node: &str) -> Uuid {
    let hash = Sha256::digest(format!("permission {node}"));
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// The id of each grant, in order.
pub(super) fn ids(grants: &[String], custom: &[Known]) -> Vec<Uuid> {
    let id = |grant: &String| {
        let made = custom.iter().find(|known| known.node == *grant);
        made.map_or_else(|| id_of(grant), |known| known.id)
    };
    grants.iter().map(id).collect()
}

/// Every permission, by node.
pub(super) async fn all(connection: &mut PgConnection) -> Result<Vec<Known>> {
    let beginning = store::beginning(connection).await?;
    let built_in = |node: &str, name: &str, description: String, (created_at, updated_at)| Known {
        id: id_of(node),
        name: name.to_owned(),
        description,
        node: node.to_owned(),
        company_id: None,
        origin: Origin::BuiltIn,
        created_at,
        updated_at,
    };
    let mut all: Vec<_> = Permission::ALL
        .iter()
        .map(|known| (known.node(), known.description()))
        .map(|(node, about)| built_in(node, about, about.to_owned(), (beginning, beginning)))
        .collect();
    for kind in store::kinds(connection).await? {
        all.extend(credential_actions().map(|action| {
            let about = format!("As credential.{action}, for the credentials of the type {}", kind.name);
            let node = format!("{}.{action}", kind.scope);
            built_in(&node, &format!("{} {action}", kind.name), about, (kind.created_at, kind.updated_at))
        }));
    }
    all.extend(store::custom(connection).await?);
    let wildcards = wildcards(&all).into_iter().map(|(node, company_id)| {
        let about = if node == "*" {
            "Everything".to_owned()
        } else {
            format!("Everything below {}", &node[..node.len() - 2])
        };
        Known { company_id, ..built_in(&node, &about, about.clone(), (beginning, beginning)) }
    });
    all.extend(wildcards.collect::<Vec<_>>());
    all.sort_by(|one, other| one.node.cmp(&other.node));
    // what was made before the program knew the node by itself is the program's now
    all.dedup_by(|one, other| one.node == other.node);
    Ok(all)
}

/// The wildcards that cover something. One that covers what is bound to one company only is bound to it too.
fn wildcards(nodes: &[Known]) -> BTreeMap<String, Option<Uuid>> {
    let mut wildcards = BTreeMap::from([("*".to_owned(), None)]);
    for known in nodes {
        for wildcard in above(&known.node) {
            let bound = wildcards.entry(wildcard).or_insert(known.company_id);
            if *bound != known.company_id {
                *bound = None;
            }
        }
    }
    wildcards
}

/// The wildcards above a node, but for the one over everything.
pub(super) fn above(node: &str) -> impl Iterator<Item = String> {
    node.match_indices('.').map(|(dot, _)| format!("{}.*", &node[..dot]))
}
