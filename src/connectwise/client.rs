//! One call of ConnectWise, made until it succeeds or is not worth another try.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use rand::RngExt;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio::sync::Semaphore;
use tracing::Instrument;
use url::Url;

use super::pace::Pace;
use super::reply::{self, Reply};
use super::{Failure, Patience, Result};
use crate::clock::Clock;
use crate::{config, outgoing};

/// The version of the API whose answers this program knows.
pub const VERSION: &str = "application/vnd.connectwise.com+json; version=2025.1";

/// Where the API is on servers of one's own. In the cloud each tenant has a place that moves.
pub const USUAL_CODEBASE: &str = "v4_6_release/";

/// How long one try may take.
const TIMEOUT: Duration = Duration::from_mins(1);

/// How many calls may be under way at once.
const PARALLEL: usize = 8;

/// The longest wait that ConnectWise is granted.
const LONGEST_WAIT: Duration = Duration::from_mins(10);

/// What to ask.
pub struct Ask<'a> {
    /// The method.
    pub method: Method,
    /// The path below `apis/3.0/`.
    pub path: &'a str,
    /// The query's parameters.
    pub query: &'a [(&'a str, String)],
    /// The body, where there is one.
    pub body: Option<&'a Value>,
}

impl<'a> Ask<'a> {
    /// A question without a body.
    pub fn get(path: &'a str, query: &'a [(&'a str, String)]) -> Self {
        Self { method: Method::GET, path, query, body: None }
    }
}

impl Patience {
    /// How many tries, the first wait between them, and the longest.
    fn terms(self) -> (u32, Duration, Duration) {
        match self {
            Self::Short => (3, Duration::from_millis(75), Duration::from_secs(1)),
            Self::Long => (8, Duration::from_millis(400), LONGEST_WAIT),
        }
    }
}

/// Calls ConnectWise.
pub struct Client {
    pub(super) http: reqwest::Client,
    pub(super) origin: Url,
    pub(super) company_id: String,
    pub(super) clock: Arc<dyn Clock>,
    codebase: RwLock<Option<String>>,
    pace: Pace,
    parallel: Semaphore,
    headers: HeaderMap,
}

impl Client {
    /// A client for the configured tenant.
    pub fn new(settings: &config::ConnectWise, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let user = format!("{}+{}", settings.company_id, settings.public_key.expose_secret());
        let basic = STANDARD.encode(format!("{user}:{}", settings.private_key.expose_secret()));
        let headers = [
            (AUTHORIZATION, secret_header(&SecretString::from(format!("Basic {basic}")))?),
            (
                HeaderName::from_static("clientid"),
                secret_header(&settings.client_id).context("CONNECTWISE_CLIENT_ID cannot be sent")?,
            ),
            (ACCEPT, HeaderValue::from_static(VERSION)),
            (HeaderName::from_static("pagination-type"), HeaderValue::from_static("forward-only")),
        ];
        let codebase = (!is_cloud(&settings.origin)).then(|| USUAL_CODEBASE.to_owned());
        Ok(Self {
            http: outgoing::client(TIMEOUT)?,
            origin: settings.origin.clone(),
            company_id: settings.company_id.clone(),
            clock,
            codebase: RwLock::new(codebase),
            pace: Pace::default(),
            parallel: Semaphore::new(PARALLEL),
            headers: headers.into_iter().collect(),
        })
    }

    /// Asks until there is an answer, as long as `patience` lasts.
    pub async fn call(&self, patience: Patience, ask: &Ask<'_>) -> Result<Value> {
        self.persist(patience, || self.once(ask)).await
    }

    /// Tries until it succeeds, fails for good, or `patience` is at its end.
    pub async fn persist<T, F>(&self, patience: Patience, attempt: impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let (tries, first, longest) = patience.terms();
        let mut backoff = first;
        for _ in 1..tries {
            self.wait_for_turn(longest).await?;
            let failure = match attempt().await {
                Err(failure) if failure.is_passing() => failure,
                done => return done,
            };
            let asked = match failure {
                Failure::Busy { wait } => wait.unwrap_or(first * 10),
                _ => Duration::ZERO,
            };
            if asked > longest {
                return Err(failure);
            }
            // spread, so that those who failed together do not come again together
            let spread = backoff.mul_f64(rand::rng().random_range(0.5..1.0));
            tracing::debug!(%failure, "ConnectWise is asked again");
            self.clock.pass(asked.max(spread)).await;
            backoff = (backoff * 2).min(Duration::from_secs(30));
        }
        self.wait_for_turn(longest).await?;
        attempt().await
    }

    async fn wait_for_turn(&self, longest: Duration) -> Result<()> {
        let wait = self.pace.wait(self.clock.now());
        if wait > longest {
            return Err(Failure::Busy { wait: Some(wait) });
        }
        if !wait.is_zero() {
            self.clock.pass(wait).await;
        }
        self.pace.count(self.clock.now());
        Ok(())
    }

    /// One try. Where the API has moved, it is made at the new place.
    pub async fn once(&self, ask: &Ask<'_>) -> Result<Value> {
        let known = self.codebase.read().unwrap_or_else(PoisonError::into_inner).clone();
        let codebase = match &known {
            Some(codebase) => codebase.clone(),
            None => self.discover().await?,
        };
        if let Reply::Data(data) = self.send(self.request(&codebase, ask)).await? {
            return Ok(data);
        }
        let gone = Failure::Keys { status: 404 };
        if known.is_none() {
            return Err(gone);
        }
        let today = match self.discover().await {
            Err(Failure::Missing) => return Err(gone),
            discovered => discovered?,
        };
        if today == codebase {
            return Err(gone);
        }
        match self.send(self.request(&today, ask)).await? {
            Reply::Data(data) => Ok(data),
            Reply::Elsewhere => Err(gone),
        }
    }

    fn request(&self, codebase: &str, ask: &Ask<'_>) -> RequestBuilder {
        let address = self.address(&format!("{codebase}apis/3.0/{}", ask.path));
        let request = self.http.request(ask.method.clone(), address).query(ask.query);
        let request = request.headers(self.headers.clone());
        match ask.body {
            Some(body) => request.json(body),
            None => request,
        }
    }

    /// An address at the configured origin, whatever `path` is.
    fn address(&self, path: &str) -> Url {
        let mut address = self.origin.clone();
        address.set_path(path);
        address
    }

    /// Sends a request and reads what comes back. What ConnectWise asks to wait holds for all calls.
    pub async fn send(&self, request: RequestBuilder) -> Result<Reply> {
        let _permit = self.parallel.acquire().await;
        let span = tracing::debug_span!("ask ConnectWise", otel.kind = "client");
        let response = request.send().instrument(span).await.map_err(outgoing::CallError::from)?;
        let reply = reply::read(response).await;
        if let Err(Failure::Busy { wait: Some(wait) }) = &reply {
            let wait = TimeDelta::from_std((*wait).min(LONGEST_WAIT * 6)).unwrap_or_default();
            self.pace.pause(self.clock.now() + wait);
        }
        reply
    }

    /// Asks where the API of the tenant is. This takes no keys, so none are sent.
    async fn discover(&self) -> Result<String> {
        let address = self.address(&format!("login/companyinfo/{}", self.company_id));
        let info = match self.send(self.http.get(address)).await? {
            Reply::Data(Value::Null) => return Err(Failure::UnknownTenant),
            Reply::Data(info) => info,
            Reply::Elsewhere => return Err(Failure::Keys { status: 404 }),
        };
        let codebase = info["Codebase"].as_str().filter(|codebase| is_codebase(codebase));
        let codebase = codebase.ok_or(Failure::Nonsense("no place of the API"))?.to_owned();
        *self.codebase.write().unwrap_or_else(PoisonError::into_inner) = Some(codebase.clone());
        Ok(codebase)
    }
}

/// A header that is not shown in what is written for people who look for faults.
fn secret_header(text: &SecretString) -> anyhow::Result<HeaderValue> {
    let mut value =
        HeaderValue::from_str(text.expose_secret()).map_err(|_| anyhow::anyhow!("a key cannot be sent"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Whether it is a server of ConnectWise itself, where tenants have places of their own.
fn is_cloud(origin: &Url) -> bool {
    let host = origin.host_str().unwrap_or_default();
    [".myconnectwise.net", ".connectwisedev.com"].iter().any(|cloud| host.ends_with(cloud))
}

/// Whether it is one segment of a path and a slash, such as `v2026_3/`.
fn is_codebase(text: &str) -> bool {
    text.strip_suffix('/').is_some_and(|segment| {
        !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    })
}
