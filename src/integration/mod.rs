//! Integrations with the products of others: what they are, what one shows to them, whether they answer, and
//! calls of theirs.
//!
//! [`Client`] makes every call through the guard of [`crate::outgoing`], since users choose the addresses.

mod address;
mod ask;
pub mod call;
mod check;
mod client;
mod credentials;
mod endpoint;
mod health;
mod kind;
mod manage;
pub mod probe;
mod proof;
mod registry;
mod sealed;
mod store;
mod token;

use url::Url;
use uuid::Uuid;

pub use address::check_path;
pub use ask::call_endpoint;
pub use check::{Check, Checks, check, check_due, history, work};
pub use client::Client;
pub use credentials::{AuthType, Credentials, Given};
pub use endpoint::{Endpoint, Method};
pub use health::{Health, Status};
pub use kind::Kind;
pub use manage::{Change, NewIntegration, create, delete, update};
pub use probe::{Finding, Verdict};
pub use registry::{Integration, OWN, find, has_own, list};
pub(crate) use store::{count_sealed, held, swap};

/// A product, and what one shows to it.
pub struct Product {
    /// The integration.
    pub id: Uuid,
    /// What product it is.
    pub kind: Kind,
    /// Where it is.
    pub base_url: Url,
    /// How one shows who one is.
    pub auth_type: AuthType,
    /// What one shows, once somebody gave it.
    pub credentials: Option<Credentials>,
    /// The path of its first endpoint that is read with GET: what a custom product is asked for to see
    /// whether it answers.
    pub first_get: Option<String>,
}
