//! An `OpenID` Connect provider (`OpenID` Connect Core 1.0 and Discovery 1.0): the authorization code flow
//! with PKCE, by a client that has a secret.

use std::sync::{Arc, RwLock};
use std::time::Duration;

use anyhow::{Context, anyhow, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::BoxFuture;
use oauth2::{
    AsyncHttpClient, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointMaybeSet, EndpointNotSet,
    EndpointSet, HttpRequest, HttpResponse, PkceCodeChallenge, RedirectUrl, RequestTokenError, Scope,
};
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreErrorResponseType, CoreGenderClaim,
    CoreJsonWebKey, CoreJsonWebKeySet, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm,
    CoreProviderMetadata, CoreRevocableToken, CoreRevocationErrorResponse, CoreTokenIntrospectionResponse,
    CoreTokenType,
};
use openidconnect::{
    AdditionalClaims, ClaimsVerificationError, Client, EmptyExtraTokenFields, IdTokenClaims, IdTokenFields,
    IdTokenVerifier, Nonce, OAuth2TokenResponse, SignatureVerificationError, StandardErrorResponse,
    StandardTokenResponse, TokenResponse,
};
use reqwest::header::ACCEPT;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::{Answer, Begun, Expected, Refused};
use crate::outgoing::{self, CallError};

/// How long a call to the provider may take. A sign-in makes up to three.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The longest answer, in bytes.
const MAX_ANSWER: usize = 1024 * 1024;

/// How long what the provider says of itself and its keys is believed.
const KNOWN_FOR: TimeDelta = TimeDelta::minutes(10);

/// How often keys may be asked for because of a token whose key is not known.
const KEYS_EVERY: TimeDelta = TimeDelta::seconds(10);

/// The claims of providers beyond the standard ones.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MoreClaims {
    /// Microsoft: the tenant.
    pub tid: Option<String>,
    /// Microsoft: the person, the same in all applications of the tenant.
    pub oid: Option<String>,
}

impl AdditionalClaims for MoreClaims {}

/// What an ID token says.
pub type Claims = IdTokenClaims<MoreClaims, CoreGenderClaim>;

type Fields = IdTokenFields<
    MoreClaims,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;

type Tokens = StandardTokenResponse<Fields, CoreTokenType>;

type OidcClient = Client<
    MoreClaims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Tokens,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// The issuers that a provider may speak as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Issuer {
    /// One, exactly.
    One(String),
    /// One for each tenant: this text with the tenant's id for [`TENANT`].
    OfTenants(String),
}

/// The place of the tenant's id in [`Issuer::OfTenants`].
pub const TENANT: &str = "{tenantid}";

/// A provider.
pub struct Oidc {
    /// Where it is found, an address without a slash at its end.
    pub address: String,
    /// What it may call itself.
    pub issuer: Issuer,
    /// The program, as the provider knows it.
    pub client_id: String,
    /// The program's secret.
    pub client_secret: SecretString,
    /// Where it sends the browser back to.
    pub redirect_uri: String,
    /// What is asked for besides `openid`.
    pub scopes: &'static [&'static str],
    http: Http,
    known: RwLock<Option<Arc<Known>>>,
}

/// What a provider has said of itself, and when.
struct Known {
    metadata: CoreProviderMetadata,
    keys: CoreJsonWebKeySet,
    at: DateTime<Utc>,
    /// When keys were last asked for because of a token whose key was not known.
    keys_at: Option<DateTime<Utc>>,
}

/// Somebody whom the provider has vouched for.
pub struct Person {
    /// What it says of them.
    pub claims: Claims,
    /// For calls in their name.
    pub access_token: SecretString,
}

impl Oidc {
    /// A provider at `address`.
    ///
    /// # Errors
    /// Where no client for it can be built.
    pub fn new(
        address: &str,
        issuer: Issuer,
        (client_id, client_secret): (String, SecretString),
        redirect_uri: &str,
        scopes: &'static [&'static str],
    ) -> anyhow::Result<Self> {
        Ok(Self {
            address: address.to_owned(),
            issuer,
            client_id,
            client_secret,
            redirect_uri: redirect_uri.to_owned(),
            scopes,
            http: Http(outgoing::client(TIMEOUT)?),
            known: RwLock::default(),
        })
    }

    /// Begins a sign-in that is called `state`.
    ///
    /// # Errors
    /// Where the provider does not say where to send the browser.
    pub async fn begin(&self, state: &str, now: DateTime<Utc>) -> anyhow::Result<Begun> {
        let known = self.known(now).await?;
        let (challenge, pkce) = PkceCodeChallenge::new_random_sha256();
        let (client, state) = (self.client(&known)?, CsrfToken::new(state.to_owned()));
        let flow = CoreAuthenticationFlow::AuthorizationCode;
        let request = client.authorize_url(flow, move || state, Nonce::new_random);
        let scopes = self.scopes.iter().map(|scope| Scope::new((*scope).to_owned()));
        let (uri, _, nonce) = request.add_scopes(scopes).set_pkce_challenge(challenge).url();
        Ok(Begun { uri: uri.into(), expected: Expected { nonce, pkce } })
    }

    /// Trades the code for tokens, and verifies the ID token: signature by a key of this provider,
    /// algorithm, issuer, audience, time and nonce.
    ///
    /// # Errors
    /// [`Refused::Failed`].
    pub async fn redeem(
        &self,
        answer: Answer,
        expected: Expected,
        now: DateTime<Utc>,
    ) -> Result<Person, Refused> {
        let known = self.known(now).await?;
        if let Some(issuer) = &answer.issuer {
            let own = known.metadata.issuer().as_str();
            ensure_that(issuer == own, "the answer is that of another provider (RFC 9207)")?;
        }
        let tokens = self.trade(&known, answer, expected.pkce).await?;
        let mut verified = self.verify(&known, known.keys.clone(), &tokens, &expected.nonce, now);
        if is_of_unknown_key(&verified) && self.may_ask_for_keys(now) {
            let keys = self.newer_keys(now).await?;
            verified = self.verify(&known, keys, &tokens, &expected.nonce, now);
        }
        let claims = verified.context("the ID token is not to be trusted")?;
        self.check_issuer(&claims)?;
        let access_token = tokens.access_token().secret().as_str().into();
        Ok(Person { claims, access_token })
    }

    async fn trade(
        &self,
        known: &Known,
        answer: Answer,
        pkce: oauth2::PkceCodeVerifier,
    ) -> anyhow::Result<Tokens> {
        let code = AuthorizationCode::new(answer.code.expose_secret().to_owned());
        let client = self.client(known)?;
        let request = client.exchange_code(code)?.set_pkce_verifier(pkce);
        let traded = request.request_async(&self.http).await;
        // the error's own text may hold what the provider sent, tokens included
        traded.map_err(|error| match error {
            RequestTokenError::ServerResponse(refusal) => {
                let description = refusal.error_description().map(String::as_str).unwrap_or_default();
                anyhow!("the provider refuses the code: {:?} {description:.300?}", refusal.error())
            }
            RequestTokenError::Request(error) => anyhow::Error::new(error).context("asking for the tokens"),
            RequestTokenError::Parse(..) => anyhow!("the provider's answer to the code is not understood"),
            RequestTokenError::Other(_) => anyhow!("the provider's answer to the code is of another kind"),
        })
    }

    fn client(&self, known: &Known) -> anyhow::Result<OidcClient> {
        let secret = ClientSecret::new(self.client_secret.expose_secret().to_owned());
        let id = ClientId::new(self.client_id.clone());
        let client = OidcClient::from_provider_metadata(known.metadata.clone(), id, Some(secret));
        Ok(client.set_redirect_uri(RedirectUrl::new(self.redirect_uri.clone())?))
    }

    /// What the ID token says, where it is to be trusted. Only RS256 is, whatever the provider or the token
    /// says: it is what `OpenID` Connect asks all to speak.
    fn verify(
        &self,
        known: &Known,
        keys: CoreJsonWebKeySet,
        tokens: &Tokens,
        nonce: &Nonce,
        now: DateTime<Utc>,
    ) -> Result<Claims, ClaimsVerificationError> {
        let id = ClientId::new(self.client_id.clone());
        let is_one = matches!(self.issuer, Issuer::One(_));
        let verifier = IdTokenVerifier::new_public_client(id, known.metadata.issuer().clone(), keys)
            .set_allowed_algs([CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256])
            // that of a tenant is compared when the token has been verified: it names the tenant
            .require_issuer_match(is_one)
            .set_time_fn(move || now);
        let missing = || ClaimsVerificationError::Other("there is no ID token".to_owned());
        tokens.id_token().ok_or_else(missing)?.claims(&verifier, nonce).cloned()
    }

    fn check_issuer(&self, claims: &Claims) -> Result<(), Refused> {
        let tenant = claims.additional_claims().tid.as_deref().unwrap_or_default();
        let issuer = match &self.issuer {
            Issuer::One(issuer) => issuer.clone(),
            Issuer::OfTenants(template) => template.replace(TENANT, tenant),
        };
        ensure_that(claims.issuer().as_str() == issuer, "the ID token is that of another issuer")
    }

    /// What the provider says of itself, asked anew now and then.
    async fn known(&self, now: DateTime<Utc>) -> anyhow::Result<Arc<Known>> {
        let remembered = self.remembered();
        if let Some(known) = remembered.filter(|known| (now - known.at).abs() < KNOWN_FOR) {
            return Ok(known);
        }
        let address = format!("{}/.well-known/openid-configuration", self.address);
        let metadata: CoreProviderMetadata = self.get(&address).await.context("asking for the metadata")?;
        let (Issuer::One(own) | Issuer::OfTenants(own)) = &self.issuer;
        let says = metadata.issuer().as_str();
        ensure!(says == own || says == self.address, "the provider calls itself by another name");
        let keys = self.get(metadata.jwks_uri().as_str()).await.context("asking for the keys")?;
        Ok(self.remember(Known { metadata, keys, at: now, keys_at: None }))
    }

    async fn newer_keys(&self, now: DateTime<Utc>) -> anyhow::Result<CoreJsonWebKeySet> {
        let known = self.remembered().context("the provider is not known")?;
        let keys: CoreJsonWebKeySet =
            self.get(known.metadata.jwks_uri().as_str()).await.context("asking for the newer keys")?;
        let metadata = known.metadata.clone();
        self.remember(Known { metadata, keys: keys.clone(), at: known.at, keys_at: Some(now) });
        Ok(keys)
    }

    fn remembered(&self) -> Option<Arc<Known>> {
        self.known.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    fn may_ask_for_keys(&self, now: DateTime<Utc>) -> bool {
        let asked_at = self.remembered().and_then(|known| known.keys_at);
        asked_at.is_none_or(|asked_at| (now - asked_at).abs() >= KEYS_EVERY)
    }

    fn remember(&self, known: Known) -> Arc<Known> {
        let known = Arc::new(known);
        let mut remembered = self.known.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        *remembered = Some(Arc::clone(&known));
        known
    }

    async fn get<T: serde::de::DeserializeOwned>(&self, address: &str) -> anyhow::Result<T> {
        let response = self.http.0.get(address).header(ACCEPT, "application/json").send().await;
        let response = response.map_err(CallError::from)?;
        ensure!(response.status().is_success(), "the provider answers {}", response.status());
        let body = outgoing::body(response, MAX_ANSWER).await?;
        // the error's text would show what was sent
        serde_json::from_slice(&body).map_err(|_| anyhow!("the provider's answer is not understood"))
    }
}

/// Makes the calls, the library's too.
struct Http(reqwest::Client);

impl<'a> AsyncHttpClient<'a> for Http {
    type Error = CallError;
    type Future = BoxFuture<'a, Result<HttpResponse, CallError>>;

    fn call(&'a self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let response = self.0.execute(request.try_into()?).await?;
            let mut answer = HttpResponse::default();
            *answer.status_mut() = response.status();
            answer.headers_mut().clone_from(response.headers());
            *answer.body_mut() = outgoing::body(response, MAX_ANSWER).await?;
            Ok(answer)
        })
    }
}

fn is_of_unknown_key<T>(verified: &Result<T, ClaimsVerificationError>) -> bool {
    use ClaimsVerificationError::SignatureVerification;
    matches!(verified, Err(SignatureVerification(SignatureVerificationError::NoMatchingKey)))
}

fn ensure_that(is_so: bool, otherwise: &'static str) -> Result<(), Refused> {
    if is_so { Ok(()) } else { Err(Refused::Failed(anyhow!(otherwise))) }
}
