//! Lists by the page.

use crate::error::Result;

/// Which page of a list is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paging {
    /// The page, from 1.
    pub page: i64,
    /// Records per page.
    pub rows: i64,
}

/// A list, or a page of it.
#[derive(Debug, Clone)]
pub struct Paged<T> {
    /// What is listed, in order.
    pub items: Vec<T>,
    /// How many there are on all pages.
    pub total: i64,
    /// The page, where one was asked for.
    pub paging: Option<Paging>,
}

/// The part of a list that a query is to give.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    /// How many rows at the most; all where none.
    pub limit: Option<i64>,
    /// How many rows to pass over.
    pub offset: i64,
}

impl<T> Paged<T> {
    /// Runs `query`, which gives each row with the number of rows on all pages. A page past the end has
    /// no row to tell that number, so the first row is asked for it then.
    ///
    /// # Errors
    /// What `query` says.
    pub async fn fetch<F>(paging: Option<Paging>, query: impl Fn(Window) -> F) -> Result<Self>
    where
        F: Future<Output = Result<Vec<(T, i64)>>>,
    {
        let window = paging.map_or(Window { limit: None, offset: 0 }, |paging| Window {
            limit: Some(paging.rows),
            offset: (paging.page - 1).saturating_mul(paging.rows),
        });
        let rows = query(window).await?;
        let past_the_end = rows.is_empty() && window.offset > 0;
        let counted =
            if past_the_end { query(Window { limit: Some(1), offset: 0 }).await? } else { Vec::new() };
        let total = rows.first().or(counted.first()).map_or(0, |(_, total)| *total);
        Ok(Self { items: rows.into_iter().map(|(item, _)| item).collect(), total, paging })
    }

    /// The same page of something made from each item.
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Paged<U> {
        Paged { items: self.items.into_iter().map(change).collect(), total: self.total, paging: self.paging }
    }
}
