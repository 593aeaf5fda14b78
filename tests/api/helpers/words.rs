//! What somebody may do, by the words of the rules and from the rows of the database alone: nothing here
//! calls the program's own judgement.

use ttscm::access::{Permission, permission};

use super::app::TestApp;

/// What somebody holds: each grant, with the company that it is bound to.
#[derive(Debug, Clone, Default)]
pub struct Held(pub Vec<(Option<String>, String)>);

/// Whether a grant covers a node, segment by segment.
pub fn covers(grant: &str, wanted: &str) -> bool {
    let (grant, wanted): (Vec<_>, Vec<_>) = (grant.split('.').collect(), wanted.split('.').collect());
    match grant.split_last() {
        Some((&"*", prefix)) => wanted.len() > prefix.len() && wanted.starts_with(prefix),
        _ => grant == wanted,
    }
}

impl Held {
    /// Whether the node itself is held: everywhere, or in a company.
    pub fn node(&self, node: &str, company: Option<&str>) -> bool {
        self.0.iter().any(|(bound, grant)| {
            (bound.is_none() || (company.is_some() && bound.as_deref() == company)) && covers(grant, node)
        })
    }

    /// Whether an action on credentials of a type passes: by `credential.X` or `{scope}.X`.
    pub fn action(&self, action: &str, scope: &str, company: Option<&str>) -> bool {
        self.node(&format!("credential.{action}"), company)
            || self.node(&format!("{scope}.{action}"), company)
    }

    /// Whether every check passes that holding this known node would pass.
    pub fn passes(&self, node: &str, scopes: &[&str], company: Option<&str>) -> bool {
        let of_type =
            scopes.iter().find_map(|scope| node.strip_prefix(&format!("{scope}.")).map(|x| (*scope, x)));
        of_type
            .map_or_else(|| self.node(node, company), |(scope, action)| self.action(action, scope, company))
    }
}

/// Every node that is known where types have these scopes.
pub fn known_nodes(scopes: &[&str]) -> Vec<String> {
    let built_in = Permission::ALL.iter().map(|permission| permission.node().to_owned());
    let of_types = scopes
        .iter()
        .flat_map(|scope| permission::credential_actions().map(move |action| format!("{scope}.{action}")));
    built_in.chain(of_types).collect()
}

impl TestApp {
    /// What an account holds.
    pub async fn db_held(&self, user: &str) -> Held {
        let rows = "select null, unnest(permissions) from users where id = $1::uuid
                    union all
                    select r.company_id::text, unnest(r.permissions)
                    from user_roles ur join roles r on r.id = ur.role_id where ur.user_id = $1::uuid";
        Held(sqlx::query_as(rows).bind(user).fetch_all(self.pool()).await.expect("grants"))
    }
}
