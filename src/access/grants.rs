//! What a caller holds, and how far it reaches.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use uuid::Uuid;

use super::permission::{self, Permission, covers, is_grant};

/// A granted node or wildcard, everywhere or inside one company.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// A node, `prefix.*` or `*`.
    pub node: String,
    /// The company that it is bound to.
    pub company: Option<Uuid>,
}

/// A credential type's own first part of nodes.
#[derive(Debug, Clone)]
pub struct TypeScope {
    /// The type.
    pub id: Uuid,
    /// Its `permissionScope`.
    pub scope: String,
}

/// Everything that a caller holds, and the scopes that credential types have now.
///
/// It is put together once for many requests, so that a check is a few look-ups however much is held.
#[derive(Debug, Clone, Default)]
pub struct Grants {
    held: HashMap<String, Places>,
    scopes: Arc<[TypeScope]>,
    /// How far each node of the program reaches, found out when it is first asked for.
    reaches: HashMap<Permission, OnceLock<Arc<Reach>>>,
}

/// Where something is held.
#[derive(Debug, Clone, Default)]
struct Places {
    everywhere: bool,
    companies: HashSet<Uuid>,
}

impl Places {
    /// The grants that are found by `key`, one a place.
    fn grants(&self, key: &str) -> impl Iterator<Item = Grant> {
        let is_wildcard = key.is_empty() || key.ends_with('.');
        let node = if is_wildcard { format!("{key}*") } else { key.to_owned() };
        let everywhere = self.everywhere.then_some(None);
        let companies = everywhere.into_iter().chain(self.companies.iter().copied().map(Some));
        companies.map(move |company| Grant { node: node.clone(), company })
    }
}

/// What a grant is found by: a node itself, and of a wildcard what is before the `*`.
fn key(grant: &str) -> &str {
    grant.strip_suffix('*').unwrap_or(grant)
}

/// What the grants that cover `wanted` are found by.
fn keys_over(wanted: &str) -> impl Iterator<Item = &str> {
    let wildcards = wanted.match_indices('.').map(|(dot, _)| &wanted[..=dot]);
    // nothing is below a text that ends with a dot, and it is no node
    let proper = wildcards.chain([wanted]).filter(|key| !key.is_empty() && !wanted.ends_with('.'));
    std::iter::once("").chain(proper)
}

impl Grants {
    /// Puts together what was loaded. What does not keep the grammar grants nothing.
    #[must_use]
    pub fn new(grants: Vec<Grant>, scopes: Arc<[TypeScope]>) -> Self {
        let mut held: HashMap<String, Places> = HashMap::new();
        for Grant { node, company } in grants.into_iter().filter(|grant| is_grant(&grant.node)) {
            let places = held.entry(key(&node).to_owned()).or_default();
            places.everywhere |= company.is_none();
            places.companies.extend(company);
        }
        Self { held, ..Self::default() }.with_scopes(scopes)
    }

    /// The same grants where credential types have these scopes.
    #[must_use]
    pub fn with_scopes(&self, scopes: Arc<[TypeScope]>) -> Self {
        let reaches = Permission::ALL.iter().map(|permission| (*permission, OnceLock::new())).collect();
        Self { held: self.held.clone(), scopes, reaches }
    }

    /// The places of every grant that covers `wanted`.
    fn places<'a>(&'a self, wanted: &'a str) -> impl Iterator<Item = &'a Places> {
        keys_over(wanted).filter_map(|key| self.held.get(key))
    }

    /// Whether `wanted` is held everywhere.
    #[must_use]
    pub fn hold(&self, wanted: &str) -> bool {
        self.places(wanted).any(|places| places.everywhere)
    }

    /// Whether `wanted` is held in `company`: there, or everywhere.
    #[must_use]
    pub fn hold_in(&self, company: Uuid, wanted: &str) -> bool {
        self.places(wanted).any(|places| places.everywhere || places.companies.contains(&company))
    }

    /// How far `permission` reaches: the companies, and for a node of credentials also the types whose
    /// own node allows the same.
    #[must_use]
    pub fn reach(&self, permission: Permission) -> Arc<Reach> {
        match self.reaches.get(&permission) {
            Some(known) => Arc::clone(known.get_or_init(|| Arc::new(self.find_reach(permission)))),
            None => Arc::new(self.find_reach(permission)),
        }
    }

    fn find_reach(&self, permission: Permission) -> Reach {
        let mut reach = Reach::default();
        if self.hold(permission.node()) {
            reach.everywhere = true;
            return reach;
        }
        reach.companies = self.companies(permission.node());
        let Some(action) = permission.credential_action() else {
            return reach;
        };
        for kind in self.scopes.iter() {
            let node = format!("{}.{action}", kind.scope);
            if self.hold(&node) {
                reach.types.push(kind.id);
            } else {
                reach.pairs.extend(self.companies(&node).into_iter().map(|company| pair(company, kind.id)));
            }
        }
        reach
    }

    /// Whether `grant` names something: a known node, or a wildcard over at least one. Known are the
    /// built-in nodes and those of credential types.
    #[must_use]
    pub fn know(&self, grant: &str) -> bool {
        permission::is_grant(grant)
            && (Permission::ALL.iter().any(|known| covers(grant, known.node()))
                || self.type_nodes().any(|(_, node)| covers(grant, &node)))
    }

    /// The nodes of credential types, each with the node of credentials that allows the same.
    pub fn type_nodes(&self) -> impl Iterator<Item = (String, String)> {
        self.scopes.iter().flat_map(|kind| {
            permission::credential_actions()
                .map(|action| (format!("credential.{action}"), format!("{}.{action}", kind.scope)))
        })
    }

    /// Whether the holder may cause somebody to hold `grant`, everywhere or in a company: they pass every
    /// check there that it would pass, or hold `permission.escalate`.
    #[must_use]
    pub fn may_grant(&self, grant: &str, company: Option<Uuid>) -> bool {
        self.hold_at(company, Permission::PermissionEscalate.node()) || self.pass(grant, company)
    }

    /// Whether the holder passes every check that `grant` would pass, everywhere or in a company.
    #[must_use]
    pub fn pass(&self, grant: &str, company: Option<Uuid>) -> bool {
        let hold = |wanted: &str| self.hold_at(company, wanted);
        hold(grant) || self.covered_by_credentials(grant, hold)
    }

    fn hold_at(&self, company: Option<Uuid>, wanted: &str) -> bool {
        company.map_or_else(|| self.hold(wanted), |company| self.hold_in(company, wanted))
    }

    /// What passes the checks that both these grants pass and `nodes` would, everywhere or in `companies` only.
    #[must_use]
    pub fn narrowed(&self, nodes: &[String], companies: Option<&[Uuid]>) -> Self {
        let mut met = Vec::new();
        for grant in self.held.iter().flat_map(|(key, places)| places.grants(key)) {
            let places = places(grant.company, companies);
            for node in nodes.iter().flat_map(|node| self.common(&grant.node, node)) {
                met.extend(places.iter().map(|company| Grant { node: node.clone(), company: *company }));
            }
        }
        Self::new(met, Arc::clone(&self.scopes))
    }

    /// What two grants both allow: the narrower where one covers the other; of one over the nodes of
    /// credentials and one over those of a type, what both allow for that type.
    fn common(&self, one: &str, other: &str) -> Vec<String> {
        if covers(one, other) {
            return vec![other.to_owned()];
        }
        if covers(other, one) {
            return vec![one.to_owned()];
        }
        let is_general = |grant: &str| grant.starts_with("credential.");
        let (general, special) = match (is_general(one), is_general(other)) {
            (true, false) => (one, other),
            (false, true) => (other, one),
            _ => return Vec::new(),
        };
        let nodes =
            self.type_nodes().filter(|(of_all, of_type)| covers(general, of_all) && covers(special, of_type));
        nodes.map(|(_, of_type)| of_type).collect()
    }

    /// Whether `grant` lies among the nodes of credential types, and is held through the nodes of credentials
    /// that allow the same for every type. A wildcard also covers the nodes of types that are still to
    /// come, so it takes all of those.
    fn covered_by_credentials(&self, grant: &str, hold: impl Fn(&str) -> bool) -> bool {
        if grant.ends_with('*') {
            let is_of_types = grant != "*" && self.type_nodes().any(|(_, node)| covers(grant, &node));
            return is_of_types
                && permission::credential_actions().all(|action| hold(&format!("credential.{action}")));
        }
        self.type_nodes().any(|(general, node)| node == grant && hold(&general))
    }

    /// The companies that `wanted` is bound to.
    fn companies(&self, wanted: &str) -> Vec<Uuid> {
        let companies: BTreeSet<_> =
            self.places(wanted).flat_map(|places| places.companies.iter().copied()).collect();
        companies.into_iter().collect()
    }
}

/// Where something counts that is bound to `company` and to `companies`.
fn places(company: Option<Uuid>, companies: Option<&[Uuid]>) -> Vec<Option<Uuid>> {
    match (company, companies) {
        (place, None) => vec![place],
        (None, Some(companies)) => companies.iter().copied().map(Some).collect(),
        (Some(company), Some(companies)) if companies.contains(&company) => vec![Some(company)],
        (Some(_), Some(_)) => Vec::new(),
    }
}

/// The companies and credential types in which a caller holds a node. It is made from grants alone, so
/// that a query which takes one shows nothing that the caller may not see.
///
/// A thing of a company and a type is reached where `everywhere`, or `companies` has its company, or
/// `types` its type, or `pairs` both together; the SQL function `reaches` says the same.
#[derive(Debug, Clone, Default)]
pub struct Reach {
    pub(crate) everywhere: bool,
    pub(crate) companies: Vec<Uuid>,
    pub(crate) types: Vec<Uuid>,
    pub(crate) pairs: Vec<String>,
}

/// A company and a type together, as SQL writes them: `company::text || type::text`.
fn pair(company: Uuid, kind: Uuid) -> String {
    format!("{company}{kind}")
}

impl Reach {
    /// The reach of the program itself, and of everybody over their own account.
    #[must_use]
    pub(crate) fn everything() -> Self {
        Self { everywhere: true, ..Self::default() }
    }

    /// Whether it reaches nothing at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.everywhere && self.companies.is_empty() && self.types.is_empty() && self.pairs.is_empty()
    }

    /// Whether it reaches everything.
    #[must_use]
    pub fn is_everywhere(&self) -> bool {
        self.everywhere
    }

    /// Whether it reaches `company` itself, or what is in it without a credential type.
    #[must_use]
    pub fn covers_company(&self, company: Uuid) -> bool {
        self.everywhere || self.companies.contains(&company)
    }

    /// Whether it reaches a credential of `kind` in `company`.
    #[must_use]
    pub fn covers(&self, company: Uuid, kind: Uuid) -> bool {
        self.covers_company(company)
            || self.types.contains(&kind)
            || self.pairs.contains(&pair(company, kind))
    }

    /// Whether it may reach some credential in `company`.
    #[must_use]
    pub fn enters_company(&self, company: Uuid) -> bool {
        let company_first = company.to_string();
        self.covers_company(company)
            || !self.types.is_empty()
            || self.pairs.iter().any(|pair| pair.starts_with(&company_first))
    }

    /// Whether it may reach some credential of `kind`.
    #[must_use]
    pub fn enters_type(&self, kind: Uuid) -> bool {
        let kind_last = kind.to_string();
        self.everywhere
            || !self.companies.is_empty()
            || self.types.contains(&kind)
            || self.pairs.iter().any(|pair| pair.ends_with(&kind_last))
    }
}
