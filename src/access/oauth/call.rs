//! Calls to providers.

use std::fmt::Display;
use std::time::Duration;

use anyhow::{anyhow, ensure};
use futures_util::future::BoxFuture;
use oauth2::{AsyncHttpClient, HttpRequest, HttpResponse, RequestTokenError, StandardErrorResponse};
use reqwest::RequestBuilder;
use reqwest::header::ACCEPT;
use serde::de::DeserializeOwned;
use tracing::{Instrument, Span};

use crate::outgoing::{self, CallError};

/// How long a call to a provider may take. A sign-in makes up to four.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The longest answer, in bytes.
const MAX_ANSWER: usize = 1024 * 1024;

/// Makes the calls, the libraries' too.
pub struct Http(pub reqwest::Client);

impl Http {
    /// A client for a provider.
    ///
    /// # Errors
    /// Where none can be built.
    pub fn new() -> anyhow::Result<Self> {
        Ok(Self(outgoing::client(TIMEOUT)?))
    }

    /// The JSON at an address.
    ///
    /// # Errors
    /// Where there is none.
    pub async fn get<T: DeserializeOwned>(&self, address: &str) -> anyhow::Result<T> {
        json(self.0.get(address).header(ACCEPT, "application/json")).await
    }
}

/// The part of a trace that a call is.
fn span() -> Span {
    tracing::debug_span!("ask a sign-in provider", otel.kind = "client")
}

/// The JSON that a request is answered with.
///
/// # Errors
/// Where there is none.
pub async fn json<T: DeserializeOwned>(request: RequestBuilder) -> anyhow::Result<T> {
    let response = request.send().instrument(span()).await.map_err(CallError::from)?;
    ensure!(response.status().is_success(), "the provider answers {}", response.status());
    let body = outgoing::body(response, MAX_ANSWER).await?;
    // the error's text would show what was sent
    serde_json::from_slice(&body).map_err(|_| anyhow!("the provider's answer is not understood"))
}

impl<'a> AsyncHttpClient<'a> for Http {
    type Error = CallError;
    type Future = BoxFuture<'a, Result<HttpResponse, CallError>>;

    fn call(&'a self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let response = self.0.execute(request.try_into()?).instrument(span()).await?;
            let mut answer = HttpResponse::default();
            *answer.status_mut() = response.status();
            answer.headers_mut().clone_from(response.headers());
            *answer.body_mut() = outgoing::body(response, MAX_ANSWER).await?;
            Ok(answer)
        })
    }
}

/// Why a code was not traded for tokens. The error's own text may hold what the provider sent, tokens
/// included.
pub fn without_tokens<T: oauth2::ErrorResponseType + Display>(
    error: RequestTokenError<CallError, StandardErrorResponse<T>>,
) -> anyhow::Error {
    match error {
        RequestTokenError::ServerResponse(refusal) => {
            let description = refusal.error_description().map(String::as_str).unwrap_or_default();
            let description: String = description.chars().take(300).collect();
            anyhow!("the provider refuses the code: {} {description:?}", refusal.error())
        }
        RequestTokenError::Request(error) => anyhow::Error::new(error).context("asking for the tokens"),
        RequestTokenError::Parse(..) => anyhow!("the provider's answer to the code is not understood"),
        RequestTokenError::Other(_) => anyhow!("the provider's answer to the code is of another kind"),
    }
}
