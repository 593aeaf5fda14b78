//! What a wire contract is: a prefix, and how it writes successes and failures.

use std::borrow::Cow;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::route::Row;
use crate::error::{Error, Violation};
use crate::page::{Paged, Paging};

/// A wire contract.
pub trait Contract: 'static {
    /// Where it is mounted.
    const PREFIX: &'static str;

    /// Writes data, and where they are a list its place, with the status and the message of the row.
    fn success<T: Serialize>(
        status: StatusCode,
        message: &'static str,
        data: &T,
        pagination: Option<Pagination>,
    ) -> Response;

    /// Writes a failure.
    fn failure(failure: &Failure) -> Response;

    /// The schema of the body of a success.
    fn success_schema(row: &Row) -> Value;

    /// An example of that body, around one of its data.
    fn success_example(row: &Row, data: Value) -> Value;
}

/// Writes a body, in the bytes of whatever contract.
pub fn json<T: Serialize>(status: StatusCode, body: &T) -> Response {
    match serde_json::to_vec(body) {
        Ok(bytes) => (status, [(header::CONTENT_TYPE, "application/json")], bytes).into_response(),
        Err(error) => {
            tracing::error!(%error, "an answer could not be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// What a handler answers with: data, and with a list the place in it.
pub trait Answer: Sized + Send {
    /// The data.
    type Data: JsonSchema;

    /// Whether it may come with its place in a list.
    const IS_LIST: bool = false;

    /// Whether it may be a page instead.
    const HAS_PAGES: bool = false;

    /// Writes it with the status and the message of its row.
    fn write<C: Contract>(self, status: StatusCode, message: &'static str) -> Response;
}

impl<T: Serialize + JsonSchema + Send> Answer for T {
    type Data = T;

    fn write<C: Contract>(self, status: StatusCode, message: &'static str) -> Response {
        C::success(status, message, &self, None)
    }
}

/// Data with headers of their own.
pub struct Headed<T> {
    /// The headers.
    pub headers: HeaderMap,
    /// The data.
    pub data: T,
}

impl<T: Answer> Answer for Headed<T> {
    type Data = T::Data;

    fn write<C: Contract>(self, status: StatusCode, message: &'static str) -> Response {
        let mut response = self.data.write::<C>(status, message);
        response.headers_mut().extend(self.headers);
        response
    }
}

/// Data for a program, or a page for a person.
pub enum PageOr<T> {
    /// The data.
    Data(T),
    /// The page.
    Page(Response),
}

impl<T: Answer> Answer for PageOr<T> {
    type Data = T::Data;

    const HAS_PAGES: bool = true;

    fn write<C: Contract>(self, status: StatusCode, message: &'static str) -> Response {
        match self {
            Self::Data(data) => data.write::<C>(status, message),
            Self::Page(response) => response,
        }
    }
}

/// A list, with the place in it where it is given by the page.
pub struct Listed<T> {
    items: Vec<T>,
    pagination: Option<Pagination>,
}

impl<T: Serialize + JsonSchema + Send> Answer for Listed<T> {
    type Data = Vec<T>;

    const IS_LIST: bool = true;

    fn write<C: Contract>(self, status: StatusCode, message: &'static str) -> Response {
        C::success(status, message, &self.items, self.pagination)
    }
}

impl<T> Listed<T> {
    /// A part of a list that goes on after `next_cursor`, where there is one.
    pub fn with_cursor(items: Vec<T>, next_cursor: Option<String>) -> Self {
        Self { items, pagination: Some(Pagination::Cursor { next_cursor }) }
    }
}

impl<T> From<Paged<T>> for Listed<T> {
    fn from(paged: Paged<T>) -> Self {
        let listed = i64::try_from(paged.items.len()).unwrap_or(i64::MAX);
        let pagination = match paged.paging {
            Some(Paging::Page { page, rows }) => Some(Pagination::page(page, rows, paged.total, listed)),
            Some(Paging::Slice { .. }) | None => None,
        };
        Self { items: paged.items, pagination }
    }
}

/// The place of an answer in its list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub enum Pagination {
    /// A page, by its number from 1.
    Page {
        /// The page before; for a page past the end, the last one.
        previous_page: Option<i64>,
        /// This page.
        current_page: i64,
        /// The page after.
        next_page: Option<i64>,
        /// How many pages there are.
        total_pages: i64,
        /// How many records there are on all of them.
        total_records: i64,
        /// How many are listed here.
        listed_records: i64,
    },
    /// A part that ends at a cursor.
    Cursor {
        /// What to ask for the next part with.
        next_cursor: Option<String>,
    },
}

impl Pagination {
    fn page(page: i64, rows: i64, total: i64, listed: i64) -> Self {
        let pages = total / rows + i64::from(total % rows > 0);
        Self::Page {
            previous_page: Some((page - 1).min(pages)).filter(|previous| *previous >= 1),
            current_page: page,
            next_page: Some(page.saturating_add(1)).filter(|next| *next <= pages),
            total_pages: pages,
            total_records: total,
            listed_records: listed,
        }
    }
}

/// Why a request got no answer: an operation failed, or HTTP itself refused it.
#[derive(Debug)]
pub enum Failure {
    /// What the core says.
    Core(Error),
    /// Something between HTTP and the core.
    Http(StatusCode, &'static str),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Core(error)
    }
}

impl Failure {
    /// The status that every contract gives it.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Http(status, _) => *status,
            Self::Core(error) => match error {
                Error::NotFound { .. } | Error::NotFoundInInput { .. } => StatusCode::NOT_FOUND,
                Error::Conflict(_) => StatusCode::CONFLICT,
                Error::Invalid(_) => StatusCode::BAD_REQUEST,
                Error::Unauthenticated { .. } => StatusCode::UNAUTHORIZED,
                Error::Forbidden { .. } => StatusCode::FORBIDDEN,
                Error::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
                Error::Unavailable { .. } | Error::NotConfigured { .. } => StatusCode::SERVICE_UNAVAILABLE,
                Error::Upstream { timed_out: true, .. } => StatusCode::GATEWAY_TIMEOUT,
                Error::Upstream { timed_out: false, .. } => StatusCode::BAD_GATEWAY,
                Error::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
            },
        }
    }

    /// What a client may be told.
    #[must_use]
    pub fn message(&self) -> Cow<'_, str> {
        match self {
            Self::Http(_, message) => Cow::Borrowed(message),
            Self::Core(Error::Invalid(_)) => Cow::Borrowed("Validation error"),
            Self::Core(Error::Internal(_)) => Cow::Borrowed("Internal server error"),
            Self::Core(error) => Cow::Owned(error.to_string()),
        }
    }

    /// The broken rules of an invalid input.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        match self {
            Self::Core(Error::Invalid(violations)) => violations,
            _ => &[],
        }
    }

    /// When it is worth trying again, where that is known.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Core(Error::TooMany { retry_after, .. } | Error::Unavailable { retry_after, .. }) => {
                Some(*retry_after)
            }
            Self::Http(StatusCode::SERVICE_UNAVAILABLE, _) => Some(Duration::from_secs(1)),
            _ => None,
        }
    }

    /// Tells the log what the client is not told, and writes what the client is told.
    pub fn answer<C: Contract>(&self) -> Response {
        self.log();
        self.write::<C>()
    }

    /// Writes what the client is told.
    pub fn write<C: Contract>(&self) -> Response {
        let mut response = C::failure(self);
        if let Some(wait) = self.retry_after() {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        response
    }

    /// Tells the log what the client is not told.
    pub fn log(&self) {
        match self {
            Self::Core(Error::Internal(cause)) => tracing::error!("{cause:#}"),
            Self::Core(Error::Unavailable { cause, .. } | Error::Upstream { cause, .. }) => {
                tracing::warn!("{cause:#}");
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Pagination;

    fn around(page: i64, rows: i64, total: i64) -> (Option<i64>, Option<i64>, i64) {
        match Pagination::page(page, rows, total, 0) {
            Pagination::Page { previous_page, next_page, total_pages, .. } => {
                (previous_page, next_page, total_pages)
            }
            Pagination::Cursor { .. } => (None, None, -1),
        }
    }

    #[test]
    fn pages_know_their_neighbours() {
        assert_eq!(around(1, 30, 300), (None, Some(2), 10));
        assert_eq!(around(10, 30, 300), (Some(9), None, 10));
        assert_eq!(around(2, 30, 31), (Some(1), None, 2));
        assert_eq!(around(99, 30, 31), (Some(2), None, 2));
        assert_eq!(around(1, 30, 0), (None, None, 0));
        assert_eq!(around(i64::MAX, 30, 0), (None, None, 0));
    }
}
