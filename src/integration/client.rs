//! Calls of products: one request, with what the product is to be shown.

use std::sync::Arc;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Body, Method, Request, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::proof::{Missing, Proof, proof, secret};
use super::token::{NoToken, Tokens};
use super::{Credentials, Kind, Product};
use crate::clock::Clock;
use crate::connectwise;
use crate::error::Violation;
use crate::outgoing::{Answer, Guard, Unanswered};

/// Calls products, with the tokens that it has for them.
pub struct Client {
    /// Lets calls go where they may.
    pub guard: Guard,
    tokens: Tokens,
    clock: Arc<dyn Clock>,
}

/// Why a product gave no answer.
pub(super) enum Failure {
    /// It was not asked: there is not enough to show it.
    Missing(Missing),
    /// It was asked.
    Unanswered(Unanswered),
    /// There is no token to show it.
    NoToken(NoToken),
}

impl From<Missing> for Failure {
    fn from(missing: Missing) -> Self {
        Self::Missing(missing)
    }
}

impl From<Unanswered> for Failure {
    fn from(unanswered: Unanswered) -> Self {
        Self::Unanswered(unanswered)
    }
}

impl From<NoToken> for Failure {
    fn from(no_token: NoToken) -> Self {
        match no_token {
            NoToken::Unanswered(unanswered) => Self::Unanswered(unanswered),
            other => Self::NoToken(other),
        }
    }
}

/// What a product is asked.
pub(super) struct Question {
    pub method: Method,
    pub address: Url,
    /// A JSON text.
    pub body: Option<String>,
}

impl Client {
    /// A client whose calls go through `guard`.
    #[must_use]
    pub fn new(guard: Guard, clock: Arc<dyn Clock>) -> Self {
        Self { guard, tokens: Tokens::default(), clock }
    }

    /// The address that a text is, where products may be there. The violation is that of the input's
    /// `config.baseUrl`.
    ///
    /// # Errors
    /// The [`Violation`].
    pub fn check_base_url(&self, text: &str) -> Result<Url, Violation> {
        self.guard.check(["config".into(), "baseUrl".into()], text)
    }

    /// Waits for what a question comes to, however many calls it takes, but not for longer than one may take.
    pub(super) async fn in_time<T>(
        &self,
        asked: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let answered = tokio::time::timeout(self.guard.bounds().question, asked).await;
        answered.unwrap_or_else(|_| Err(Unanswered::TimedOut.into()))
    }

    /// Asks a product, with what it is to be shown. A token that was kept and is refused is asked for anew,
    /// once.
    pub(super) async fn ask(&self, product: &Product, question: Question) -> Result<Answer, Failure> {
        match proof(product)? {
            Proof::Headers(headers) => Ok(self.guard.send(question.request(product, headers)).await?),
            Proof::Grant(credentials) => {
                let kept = self.tokens.kept(product, credentials, self.clock.now());
                if let Some(token) = kept {
                    let answer = self.guard.send(question.with_token(product, &token)?).await?;
                    if answer.status() != StatusCode::UNAUTHORIZED {
                        return Ok(answer);
                    }
                    self.tokens.forget(product);
                }
                self.ask_with_new_token(product, credentials, &question).await
            }
        }
    }

    async fn ask_with_new_token(
        &self,
        product: &Product,
        credentials: &Credentials,
        question: &Question,
    ) -> Result<Answer, Failure> {
        let token = self.tokens.ask(&self.guard, product, credentials, self.clock.now()).await?;
        let answer = self.guard.send(question.with_token(product, &token)?).await?;
        if answer.status() == StatusCode::UNAUTHORIZED {
            self.tokens.forget(product);
        }
        Ok(answer)
    }
}

impl Question {
    /// A question that is read with GET.
    pub fn get(address: Url) -> Self {
        Self { method: Method::GET, address, body: None }
    }

    fn with_token(&self, product: &Product, token: &SecretString) -> Result<Request, Missing> {
        let shown = SecretString::from(format!("Bearer {}", token.expose_secret()));
        let value = secret(shown.expose_secret(), "token")?;
        Ok(self.request(product, HeaderMap::from_iter([(AUTHORIZATION, value)])))
    }

    fn request(&self, product: &Product, headers: HeaderMap) -> Request {
        let mut request = Request::new(self.method.clone(), self.address.clone());
        let accept = match product.kind {
            Kind::Connectwise => connectwise::VERSION,
            Kind::Custom => "application/json, */*;q=0.8",
            _ => "application/json",
        };
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static(accept));
        if let Some(body) = &self.body {
            let json = HeaderValue::from_static("application/json; charset=utf-8");
            request.headers_mut().insert(CONTENT_TYPE, json);
            *request.body_mut() = Some(Body::from(body.clone()));
        }
        request.headers_mut().extend(headers);
        request
    }
}
