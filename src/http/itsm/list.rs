//! Lists: everything, or one page of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::page::{Paged, Paging};

/// Which page of a list; without either parameter, all of it.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
pub struct PageQuery {
    /// The page, from 1.
    #[schemars(range(min = 1))]
    #[serde(default)]
    page: Option<i64>,
    /// How many on a page (default: 100).
    #[schemars(range(min = 1, max = 1000))]
    #[serde(default)]
    limit: Option<i64>,
}

impl PageQuery {
    /// The page that is asked for, where one is.
    pub fn paging(self) -> Option<Paging> {
        let asked = self.page.is_some() || self.limit.is_some();
        asked.then(|| Paging::Page { page: self.page.unwrap_or(1), rows: self.limit.unwrap_or(100) })
    }
}

/// A list.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "List")]
pub struct Counted<T> {
    /// How many are listed here.
    #[schemars(example = 1)]
    count: usize,
    /// Those.
    data: Vec<T>,
    /// How many there are on all pages.
    #[schemars(example = 1)]
    total: i64,
}

impl<T> From<Paged<T>> for Counted<T> {
    fn from(paged: Paged<T>) -> Self {
        Self { count: paged.items.len(), data: paged.items, total: paged.total }
    }
}
