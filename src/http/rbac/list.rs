//! Lists: so many after so many.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::page::{Paged, Paging};

/// Which part of a list.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
pub struct Part {
    /// How many at the most (default: 100).
    #[schemars(range(min = 1, max = 1000))]
    #[serde(default)]
    limit: Option<i64>,
    /// How many to pass over (default: 0).
    #[schemars(range(min = 0))]
    #[serde(default)]
    skip: Option<i64>,
}

/// Which part of a list, and of which organization.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PartOfOrganization {
    #[serde(flatten)]
    pub part: Part,
    /// Those of this organization.
    #[serde(default)]
    pub organization_id: Option<String>,
}

impl Part {
    /// As the core takes it.
    pub fn paging(self) -> Paging {
        Paging::Slice { skip: self.skip.unwrap_or(0), limit: self.limit.unwrap_or(100) }
    }

    /// The place in the list that an answer shows.
    pub fn place<T>(self, paged: &Paged<T>) -> Place {
        Place { total: paged.total, limit: self.limit.unwrap_or(100), skip: self.skip.unwrap_or(0) }
    }
}

/// The place of an answer in its list.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
pub struct Place {
    /// How many there are.
    total: i64,
    /// How many were asked for.
    #[schemars(example = 100)]
    limit: i64,
    /// How many were passed over.
    #[schemars(example = 0)]
    skip: i64,
}
