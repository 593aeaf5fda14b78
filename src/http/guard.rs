//! The guard: the one place where a request is authenticated and its permission checked.

use std::sync::Arc;

use axum::http::{HeaderValue, StatusCode, header};

use super::client;
use super::contract::Failure;
use super::handler::{Call, Proof};
use super::route::Access;
use crate::access::{self, Caller, Origin, Permission};
use crate::app::App;
use crate::error::Error;

/// Somebody at a public route.
pub struct Visitor {
    /// The program's parts.
    pub app: Arc<App>,
    /// Where the request comes from.
    pub origin: Origin,
}

impl Proof for Visitor {
    async fn prove(call: &mut Call) -> Result<Self, Failure> {
        authorization(call)?;
        let origin = client::origin(&call.parts, &call.app.settings.trusted_proxies);
        Ok(Self { app: Arc::clone(&call.app), origin })
    }
}

/// Somebody who is signed in and holds the nodes of the route's row, if only in some company or for some
/// credential type. How far they reach is the noun's to judge.
pub struct Allowed {
    /// The program's parts.
    pub app: Arc<App>,
    /// Who it is.
    pub caller: Caller,
    needed: Vec<Permission>,
}

impl Allowed {
    /// The nodes of the row, all of which a thing must be within reach of.
    pub fn needed(&self) -> &[Permission] {
        &self.needed
    }
}

impl Proof for Allowed {
    async fn prove(call: &mut Call) -> Result<Self, Failure> {
        let origin = client::origin(&call.parts, &call.app.settings.trusted_proxies);
        let token = bearer(call)?;
        let caller = access::authenticate(&call.app, token, origin).await?;
        let needed = match &call.row.access {
            Access::Needs(permissions) => permissions.clone(),
            Access::SignedIn | Access::Public(_) => Vec::new(),
        };
        caller.require_somewhere(&needed)?;
        Ok(Self { app: Arc::clone(&call.app), caller, needed })
    }
}

/// The one `Authorization` header, where there is any.
fn authorization(call: &Call) -> Result<Option<&HeaderValue>, Failure> {
    let mut headers = call.parts.headers.get_all(header::AUTHORIZATION).iter();
    match (headers.next(), headers.next()) {
        (_, Some(_)) => Err(Failure::Http(StatusCode::BAD_REQUEST, "More than one Authorization header")),
        (first, None) => Ok(first),
    }
}

/// The token of the `Authorization` header (RFC 6750 section 2.1).
fn bearer(call: &Call) -> Result<&str, Failure> {
    let value = authorization(call)?.and_then(|value| value.to_str().ok());
    let (scheme, token) = value.and_then(|value| value.split_once(' ')).ok_or_else(Error::unauthenticated)?;
    if scheme.eq_ignore_ascii_case("bearer") {
        Ok(token.trim())
    } else {
        Err(Error::unauthenticated().into())
    }
}
