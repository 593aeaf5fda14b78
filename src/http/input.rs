//! The parts of a request that handlers take.

use std::marker::PhantomData;

use axum::body::Body as HttpBody;
use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::{HeaderMap, StatusCode, header};
use chrono::{DateTime, Utc};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::contract::Failure;
use super::handler::{Call, Description, Extract};
use super::schema::InputSchema;
use crate::error::{Error, Violation};
use crate::page::Paging;

/// The longest body, in bytes.
const MAX_BODY: usize = 1024 * 1024;

/// A JSON body that keeps every rule of its type's schema.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned + JsonSchema + Send> Extract for Body<T> {
    async fn extract(call: &mut Call) -> Result<Self, Failure> {
        require(&call.parts.headers, "application/json", "The Content-Type must be application/json")?;
        let bytes = read(call.take_body()).await?;
        Ok(Self(of_json(call.row.description.body.as_ref(), &bytes)?))
    }

    fn describe(description: &mut Description) {
        description.body = Some(InputSchema::of::<T>());
        description.judge_body = Some(|schema, bytes| of_json::<T>(schema, bytes).map(drop));
    }
}

/// A body as it came, for one who must see every byte of it. `T` is what the documents say of it.
pub struct RawBody<T> {
    /// The bytes.
    pub bytes: axum::body::Bytes,
    documented: PhantomData<fn() -> T>,
}

impl<T: JsonSchema> Extract for RawBody<T> {
    async fn extract(call: &mut Call) -> Result<Self, Failure> {
        Ok(Self { bytes: read(call.take_body()).await?, documented: PhantomData })
    }

    fn describe(description: &mut Description) {
        description.body = Some(InputSchema::of::<T>());
    }
}

/// Refuses a body of another media type than `wanted`.
fn require(headers: &HeaderMap, wanted: &str, otherwise: &'static str) -> Result<(), Failure> {
    let content_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if media_type.eq_ignore_ascii_case(wanted) {
        Ok(())
    } else {
        Err(Failure::Http(StatusCode::UNSUPPORTED_MEDIA_TYPE, otherwise))
    }
}

async fn read(body: HttpBody) -> Result<axum::body::Bytes, Failure> {
    let collected = Limited::new(body, MAX_BODY).collect().await;
    collected.map(http_body_util::Collected::to_bytes).map_err(|error| {
        if error.downcast_ref::<LengthLimitError>().is_some() {
            Failure::Http(StatusCode::PAYLOAD_TOO_LARGE, "The body must be at most 1 MiB")
        } else {
            Failure::Http(StatusCode::BAD_REQUEST, "The body did not arrive whole")
        }
    })
}

fn of_json<T: DeserializeOwned>(schema: Option<&InputSchema>, bytes: &[u8]) -> Result<T, Error> {
    let value: Value = serde_json::from_slice(bytes).map_err(|error| {
        let place = format!("line {} column {}", error.line(), error.column());
        Error::Invalid(vec![Violation::new([], format!("The body is not valid JSON at {place}"))])
    })?;
    typed(schema, value)
}

/// Reads a query's or a form's members as `T`.
fn of_members<T: DeserializeOwned>(schema: Option<&InputSchema>, encoded: &[u8]) -> Result<T, Error> {
    typed(schema, members(schema, encoded)?)
}

/// Holds a value against the row's schema, then makes the type of it.
fn typed<T: DeserializeOwned>(schema: Option<&InputSchema>, value: Value) -> Result<T, Error> {
    if let Some(schema) = schema {
        schema.check(&value)?;
    }
    serde_json::from_value(value).map_err(|error| {
        tracing::debug!(kind = ?error.classify(), "an input kept its schema but not its type");
        Error::Invalid(vec![Violation::new([], "The input is not of the documented shape")])
    })
}

/// The query's parameters. Unknown ones are passed over, empty ones count as absent.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned + JsonSchema + Send> Extract for Query<T> {
    async fn extract(call: &mut Call) -> Result<Self, Failure> {
        let query = call.parts.uri.query().unwrap_or_default();
        Ok(Self(of_members(call.row.description.query.as_ref(), query.as_bytes())?))
    }

    fn describe(description: &mut Description) {
        description.query = Some(InputSchema::of::<T>());
        description.judge_query = Some(|schema, encoded| of_members::<T>(schema, encoded).map(drop));
    }
}

/// The fields of a page's form. Unknown ones are passed over, empty ones count as absent.
pub struct Form<T>(pub T);

impl<T: DeserializeOwned + JsonSchema + Send> Extract for Form<T> {
    async fn extract(call: &mut Call) -> Result<Self, Failure> {
        require(&call.parts.headers, "application/x-www-form-urlencoded", "The body must be a form's")?;
        let bytes = read(call.take_body()).await?;
        Ok(Self(of_members(call.row.description.body.as_ref(), &bytes)?))
    }

    fn describe(description: &mut Description) {
        description.body = Some(InputSchema::of::<T>());
        description.judge_body = Some(|schema, encoded| of_members::<T>(schema, encoded).map(drop));
        description.is_form = true;
    }
}

/// The members that a schema knows, as a query or a form gives them.
fn members(schema: Option<&InputSchema>, encoded: &[u8]) -> Result<Value, Error> {
    let mut members = Map::new();
    for (name, value) in form_urlencoded::parse(encoded) {
        let known = schema.and_then(|schema| schema.properties().find(|(property, _)| *property == name));
        let Some((_, property)) = known.filter(|_| !value.is_empty()) else {
            continue;
        };
        if members.insert(name.clone().into_owned(), coerced(&value, property)).is_some() {
            return Err(Error::invalid(&name, "Must be given once"));
        }
    }
    Ok(Value::Object(members))
}

/// A parameter's text as the type that its schema has. A number of any size is one.
fn coerced(text: &str, schema: &Value) -> Value {
    let is = |kind: &str| match &schema["type"] {
        Value::Array(kinds) => kinds.iter().any(|known| known == kind),
        known => known == kind,
    };
    let digits = text.strip_prefix('-').unwrap_or(text);
    match text {
        "true" | "false" if is("boolean") => Value::Bool(text == "true"),
        _ if is("integer") && !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            let bound = if text.starts_with('-') { i64::MIN } else { i64::MAX };
            Value::from(text.parse::<i64>().unwrap_or(bound))
        }
        _ => Value::String(text.to_owned()),
    }
}

/// The parameters of the path, in order. They are opaque: what names nothing is found nowhere.
pub struct Path<const N: usize>(pub [String; N]);

impl<const N: usize> Extract for Path<N> {
    async fn extract(call: &mut Call) -> Result<Self, Failure> {
        let missing = || Failure::Http(StatusCode::NOT_FOUND, "Resource not found");
        let params = RawPathParams::from_request_parts(&mut call.parts, &()).await.map_err(|_| missing())?;
        let values: Vec<String> = params.iter().map(|(_, value)| value.to_owned()).collect();
        if values.iter().any(|value| value.contains('\0')) {
            return Err(missing());
        }
        values.try_into().map(Self).map_err(|_| missing())
    }

    fn describe(_: &mut Description) {}
}

/// The `x-refresh-token` header.
pub struct RefreshToken(pub SecretString);

impl Extract for RefreshToken {
    async fn extract(call: &mut Call) -> Result<Self, Failure> {
        let value = call.parts.headers.get("x-refresh-token").and_then(|value| value.to_str().ok());
        Ok(Self(value.ok_or_else(Error::unauthenticated)?.into()))
    }

    fn describe(description: &mut Description) {
        description.headers.push(("x-refresh-token", "The refresh token"));
    }
}

/// The `x-content-signature` header.
pub struct ContentSignature(pub String);

impl Extract for ContentSignature {
    async fn extract(call: &mut Call) -> Result<Self, Failure> {
        let value = call.parts.headers.get("x-content-signature").and_then(|value| value.to_str().ok());
        Ok(Self(value.ok_or_else(Error::unauthenticated)?.to_owned()))
    }

    fn describe(description: &mut Description) {
        description.headers.push(("x-content-signature", "The signature of the body"));
    }
}

/// Which page of a list; without either parameter, all of it.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
pub struct PageQuery {
    /// The page, from 1.
    #[schemars(range(min = 1))]
    #[serde(default)]
    page: Option<i64>,
    /// Records per page.
    #[schemars(range(min = 1, max = 200))]
    #[serde(default)]
    rpp: Option<i64>,
}

/// Which part of a list: those that are like `search`, by the page where one is asked for.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct ListQuery {
    #[serde(flatten)]
    page: PageQuery,
    /// A part of the name, typing errors allowed.
    #[schemars(length(max = 200))]
    #[serde(default)]
    search: Option<String>,
}

impl ListQuery {
    /// What to search for.
    pub fn search(&self) -> Option<&str> {
        self.search.as_deref()
    }

    /// The page that is asked for, where one is.
    pub fn paging(&self) -> Option<Paging> {
        self.page.paging()
    }

    /// The page that is asked for, else the first.
    pub fn always_paging(&self) -> Paging {
        self.page.always_paging()
    }
}

/// Records per page where a request does not say.
const DEFAULT_ROWS: i64 = 30;

impl PageQuery {
    /// The page that is asked for, where one is.
    pub fn paging(self) -> Option<Paging> {
        let asked = self.page.is_some() || self.rpp.is_some();
        asked.then(|| self.always_paging())
    }

    /// The page that is asked for, else the first, of 30 records.
    pub fn always_paging(self) -> Paging {
        Paging::Page { page: self.page.unwrap_or(1), rows: self.rpp.unwrap_or(DEFAULT_ROWS) }
    }
}

/// Reads the time that a member or parameter gives.
///
/// # Errors
/// [`Error::Invalid`] where it gives none.
pub fn time(name: &str, text: Option<&str>) -> Result<Option<DateTime<Utc>>, Error> {
    let parse = |text| {
        let rule = "Must be an RFC 3339 time such as 2026-02-14T00:00:00Z";
        DateTime::parse_from_rfc3339(text).map(Into::into).map_err(|_| Error::invalid(name, rule))
    };
    text.map(parse).transpose()
}

/// Tells a member that is `null` from one that is absent: `Some(None)` and `None`.
///
/// # Errors
/// What the member's own type says.
pub fn present<'de, T, D>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: serde::Deserializer<'de>,
{
    Option::<T>::deserialize(deserializer).map(Some)
}
