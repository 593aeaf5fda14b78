//! OAuth 2 client credentials (RFC 6749 section 4.4), traded for a token that is kept in memory, and there
//! only, until shortly before it ends.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::BoxFuture;
use oauth2::basic::BasicClient;
use oauth2::{
    AsyncHttpClient, ClientId, ClientSecret, HttpRequest, HttpResponse, RequestTokenError, TokenResponse,
    TokenUrl,
};
use reqwest::StatusCode;
use secrecy::SecretString;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::{Credentials, Product, address};
use crate::outgoing::{self, Guard, Unanswered};

/// The longest answer, in bytes.
const MAX_ANSWER: usize = 256 * 1024;

/// How long a token is kept where nothing is said of its end, and the longest that one is kept.
const USUAL_LIFE: Duration = Duration::from_mins(5);
const LONGEST_LIFE: Duration = Duration::from_hours(1);

/// How long before its end a token is no more used.
const MARGIN: Duration = Duration::from_secs(30);

/// Where `ServiceNow` gives tokens.
const SERVICENOW_PATH: &str = "/oauth_token.do";

/// Why there is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoToken {
    /// There was no answer.
    #[error("asking for a token")]
    Unanswered(#[from] Unanswered),
    /// The client is refused.
    #[error("the client credentials are refused with status {0}")]
    Refused(u16),
    /// There were too many requests.
    #[error("too many requests for tokens")]
    Busy(Option<Duration>),
    /// It says that it failed.
    #[error("the token address answers with status {0}")]
    Status(u16),
    /// What answers does not speak OAuth 2.
    #[error("the token address does not answer as OAuth 2 does")]
    Nonsense,
}

/// A token, and for which credentials it is.
struct Kept {
    fingerprint: [u8; 32],
    token: SecretString,
    ends_at: DateTime<Utc>,
}

/// The tokens of all integrations.
#[derive(Default)]
pub(super) struct Tokens(Mutex<HashMap<Uuid, Kept>>);

impl Tokens {
    /// The token that is kept for just these credentials, where it can still be used.
    pub fn kept(
        &self,
        product: &Product,
        credentials: &Credentials,
        now: DateTime<Utc>,
    ) -> Option<SecretString> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = all.get(&product.id).filter(|kept| now < kept.ends_at)?;
        let is_for_these = kept.fingerprint.ct_eq(&fingerprint(product, credentials));
        bool::from(is_for_these).then(|| kept.token.clone())
    }

    /// Forgets the token of an integration.
    pub fn forget(&self, product: &Product) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&product.id);
    }

    /// Asks for a new token, and keeps it.
    pub async fn ask(
        &self,
        guard: &Guard,
        product: &Product,
        credentials: &Credentials,
        now: DateTime<Utc>,
    ) -> Result<SecretString, NoToken> {
        let part = |name: &str| credentials.part(name).unwrap_or_default().to_owned();
        let client = BasicClient::new(ClientId::new(part("clientId")))
            .set_client_secret(ClientSecret::new(part("clientSecret")))
            .set_auth_type(oauth2::AuthType::RequestBody)
            .set_token_uri(token_url(product, credentials)?);
        let traded = client.exchange_client_credentials().request_async(&Http(guard)).await;
        let traded = traded.map_err(|error| match error {
            RequestTokenError::Request(no_token) => no_token,
            // the texts of the others may hold what was sent
            RequestTokenError::ServerResponse(_) => NoToken::Refused(StatusCode::BAD_REQUEST.as_u16()),
            RequestTokenError::Parse(..) | RequestTokenError::Other(_) => NoToken::Nonsense,
        })?;
        let token = traded.access_token().secret().as_str();
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(NoToken::Nonsense);
        }
        let token = SecretString::from(token);
        let life = traded.expires_in().unwrap_or(USUAL_LIFE).min(LONGEST_LIFE).saturating_sub(MARGIN);
        let kept = Kept {
            fingerprint: fingerprint(product, credentials),
            token: token.clone(),
            ends_at: now + TimeDelta::from_std(life).unwrap_or_default(),
        };
        self.keep(product.id, kept, now);
        Ok(token)
    }

    /// Keeps a token, and none that has ended: its integration may be gone.
    fn keep(&self, integration: Uuid, kept: Kept, now: DateTime<Utc>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, kept| now < kept.ends_at);
        all.insert(integration, kept);
    }
}

fn token_url(product: &Product, credentials: &Credentials) -> Result<TokenUrl, NoToken> {
    let told = credentials.part("tokenUrl").map(str::to_owned);
    let usual = || address::join(&product.base_url, SERVICENOW_PATH, &[]).map(String::from);
    let url = told.map_or_else(usual, Ok).map_err(|_| Unanswered::NotAllowed)?;
    TokenUrl::new(url).map_err(|_| Unanswered::NotAllowed.into())
}

/// What a token is for: where it is asked for and used, and with what. Each part is followed by its length,
/// so that no two sets of parts look alike.
fn fingerprint(product: &Product, credentials: &Credentials) -> [u8; 32] {
    let names = ["clientId", "clientSecret", "tokenUrl"];
    let parts = names.map(|name| credentials.part(name).unwrap_or_default());
    let mut hash = Sha256::new();
    for part in parts.into_iter().chain([product.base_url.as_str()]) {
        hash.update(part);
        hash.update(part.len().to_be_bytes());
    }
    hash.finalize().into()
}

/// Makes the library's calls. What is no answer of OAuth 2 does not come to it.
struct Http<'g>(&'g Guard);

impl<'a> AsyncHttpClient<'a> for Http<'_> {
    type Error = NoToken;
    type Future = BoxFuture<'a, Result<HttpResponse, NoToken>>;

    fn call(&'a self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let request = request.try_into().map_err(Unanswered::from)?;
            let answer = self.0.send(request).await?;
            let (status, headers) = (answer.status(), answer.headers().clone());
            let code = status.as_u16();
            let body = answer.body(MAX_ANSWER).await?;
            match status {
                StatusCode::TOO_MANY_REQUESTS => Err(NoToken::Busy(outgoing::retry_after(&headers))),
                _ if status.is_server_error() => Err(NoToken::Status(code)),
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(NoToken::Refused(code)),
                StatusCode::BAD_REQUEST if is_refusal(&body) => Err(NoToken::Refused(code)),
                _ if !status.is_success() => Err(NoToken::Nonsense),
                _ => {
                    let mut whole = HttpResponse::new(body);
                    *whole.status_mut() = status;
                    *whole.headers_mut() = headers;
                    Ok(whole)
                }
            }
        })
    }
}

/// Whether it is an error as OAuth 2 writes it (RFC 6749 section 5.2).
fn is_refusal(body: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Value>(body).is_ok_and(|body| body["error"].is_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, SystemClock};

    #[test]
    fn what_has_ended_is_not_kept() {
        let (tokens, now) = (Tokens::default(), SystemClock.now());
        let until = |minutes| now + TimeDelta::minutes(minutes);
        let token = |ends_at| Kept { fingerprint: [0; 32], token: "x".into(), ends_at };
        let [deleted, other, third] = [1, 2, 3].map(Uuid::from_u128);
        tokens.keep(deleted, token(until(5)), now);
        tokens.keep(other, token(until(10)), now);
        tokens.keep(third, token(until(15)), until(5));
        let kept = tokens.0.lock().unwrap();
        assert_eq!((kept.len(), kept.contains_key(&deleted)), (2, false));
    }
}
