//! Lists by the page.

use crate::error::Result;

/// Which part of a list is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paging {
    /// A page.
    Page {
        /// The page, from 1.
        page: i64,
        /// Records per page.
        rows: i64,
    },
    /// Some records after others.
    Slice {
        /// How many to pass over.
        skip: i64,
        /// How many at the most.
        limit: i64,
    },
}

impl Paging {
    fn window(self) -> Window {
        let (limit, offset) = match self {
            Self::Page { page, rows } => (rows, (page - 1).saturating_mul(rows)),
            Self::Slice { skip, limit } => (limit, skip),
        };
        Window { limit: Some(limit), offset }
    }
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
        let window = paging.map_or(Window { limit: None, offset: 0 }, Paging::window);
        let rows = query(window).await?;
        let past_the_end = rows.is_empty() && window.offset > 0;
        let counted =
            if past_the_end { query(Window { limit: Some(1), offset: 0 }).await? } else { Vec::new() };
        let total = rows.first().or(counted.first()).map_or(0, |(_, total)| *total);
        Ok(Self { items: rows.into_iter().map(|(item, _)| item).collect(), total, paging })
    }

    /// The part of a whole list that is asked for.
    pub fn of(all: Vec<T>, paging: Option<Paging>) -> Self {
        let total = i64::try_from(all.len()).unwrap_or(i64::MAX);
        let window = paging.map_or(Window { limit: None, offset: 0 }, Paging::window);
        let count = |number: i64| usize::try_from(number).unwrap_or(usize::MAX);
        let limit = window.limit.map_or(usize::MAX, count);
        let items = all.into_iter().skip(count(window.offset)).take(limit).collect();
        Self { items, total, paging }
    }

    /// The same page of something made from each item.
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Paged<U> {
        Paged { items: self.items.into_iter().map(change).collect(), total: self.total, paging: self.paging }
    }
}
