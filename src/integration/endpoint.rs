//! Endpoints: the requests to a product that an integration knows by name.

use std::collections::HashSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::check_path;
use crate::error::{Step, Violation};

/// What a request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schemars(inline)]
pub enum Method {
    /// Reads.
    Get,
    /// Reads the headers alone.
    Head,
    /// Makes, or does.
    Post,
    /// Puts in the place of another.
    Put,
    /// Changes a part.
    Patch,
    /// Deletes.
    Delete,
}

impl Method {
    /// The word for it on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// A request to a product, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct Endpoint {
    /// Its name; no two of an integration share one.
    #[schemars(length(min = 1, max = 100), regex(pattern = r"\S"), example = &"getTickets")]
    pub name: String,
    /// Where it is below the base URL.
    #[schemars(length(min = 1, max = 2000), example = &"/api/v2/tickets")]
    pub path: String,
    /// What it does.
    pub method: Method,
}

/// What is wrong with these endpoints.
pub(super) fn violations(endpoints: &[Endpoint]) -> Vec<Violation> {
    let mut names = HashSet::new();
    let mut violations = Vec::new();
    for (index, endpoint) in endpoints.iter().enumerate() {
        let mut refuse = |member: &str, rule: &str| {
            let path: [Step; 3] = ["endpoints".into(), index.into(), member.into()];
            violations.push(Violation::new(path, rule));
        };
        if !names.insert(endpoint.name.as_str()) {
            refuse("name", "Must not be the name of another endpoint");
        }
        if let Err(rule) = check_path(&endpoint.path) {
            refuse("path", rule);
        }
    }
    violations
}
