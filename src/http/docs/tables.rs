//! The route tables of all contracts, as the documents go through them.

use crate::http::contract::Contract;
use crate::http::itsm::{self, Itsm};
use crate::http::rbac::{self, Rbac};
use crate::http::route::Route;
use crate::http::v1::{self, V1};

/// The routes of a contract.
pub struct Table {
    /// A word for the contract; none for the native one.
    pub name: &'static str,
    /// What the document of all routes says before them.
    pub head: &'static str,
    /// Where it is mounted.
    pub prefix: &'static str,
    /// The one tag of its routes; by their first segment where none.
    pub tag: Option<&'static str>,
    /// Its routes.
    pub routes: Vec<Route>,
}

/// Every contract, the native one first.
pub fn all() -> [Table; 3] {
    [
        Table { name: "", head: NATIVE, prefix: V1::PREFIX, tag: None, routes: v1::routes() },
        Table {
            name: "rbac",
            head: RBAC,
            prefix: Rbac::PREFIX,
            tag: Some("RBAC System API"),
            routes: rbac::routes(),
        },
        Table {
            name: "itsm",
            head: ITSM,
            prefix: Itsm::PREFIX,
            tag: Some("ITSM Integration API"),
            routes: itsm::routes(),
        },
    ]
}

const NATIVE: &str = "";

const RBAC: &str = "
# The RBAC System API

The same people, roles, permissions and companies in another contract. An answer is `{success, data}`, that of a sign-in
`{success, token, user}`, that of a deletion `{success, message}`; a refusal is `{success: false, error}`. An organization
is a company, `username` the login, a permission the node `{resource}.{action}`. Lists take `limit` (1 to 1000, default
100) and `skip`. Tokens of one contract work in the others.
";

const ITSM: &str = "
# The ITSM Integration API

The same people in a third contract. An answer is `{success, data}`, that of a list `{success, count, data}`, that of a
change `{success, message, data}`, that of a deletion `{success, message}`, that of a sign-in `{success, token, user}`; a
refusal is `{success: false, message}`, and `Access denied` whatever is missing. `role` is the highest of the built-in
roles `admin`, `integrator` and `user`. A list is whole unless `page` or `limit` (1 to 1000) is given.
";
