//! An `OpenID` Connect provider (`OpenID` Connect Core 1.0 and Discovery 1.0): the authorization code flow
//! with PKCE, by a client that has a secret.

use std::sync::{Arc, RwLock};

use anyhow::{Context, anyhow, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use oauth2::{
    AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointMaybeSet, EndpointNotSet, EndpointSet,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope,
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
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::call::{Http, without_tokens};
use super::{Answer, Begun, Expected, Refused};

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
    /// Google: the Workspace domain.
    pub hd: Option<String>,
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
    address: String,
    /// What it may call itself.
    issuer: Issuer,
    /// The program, as the provider knows it.
    client_id: String,
    /// The program's secret.
    client_secret: SecretString,
    /// What is asked for besides `openid`.
    scopes: &'static [&'static str],
    http: Http,
    known: RwLock<Option<Arc<Known>>>,
    asking: Mutex<()>,
}

/// What a provider has said of itself, and when.
#[derive(Clone)]
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
        scopes: &'static [&'static str],
    ) -> anyhow::Result<Self> {
        Ok(Self {
            address: address.to_owned(),
            issuer,
            client_id,
            client_secret,
            scopes,
            http: Http::new()?,
            known: RwLock::default(),
            asking: Mutex::default(),
        })
    }

    /// Begins a sign-in that is called `state`.
    ///
    /// # Errors
    /// Where the provider does not say where to send the browser.
    pub async fn begin(
        &self,
        state: &str,
        redirect_uri: RedirectUrl,
        now: DateTime<Utc>,
    ) -> anyhow::Result<Begun> {
        let known = self.known(now).await?;
        let (challenge, pkce) = PkceCodeChallenge::new_random_sha256();
        let client = self.client(&known).set_redirect_uri(redirect_uri.clone());
        let state = CsrfToken::new(state.to_owned());
        let flow = CoreAuthenticationFlow::AuthorizationCode;
        let request = client.authorize_url(flow, move || state, Nonce::new_random);
        let scopes = self.scopes.iter().map(|scope| Scope::new((*scope).to_owned()));
        let (uri, _, nonce) = request.add_scopes(scopes).set_pkce_challenge(challenge).url();
        Ok(Begun { uri: uri.into(), expected: Expected { nonce, pkce, redirect_uri } })
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
        let known = match self.known(now).await {
            Ok(known) => known,
            // the sign-in began with what was known then
            Err(error) => self.remembered().ok_or(error)?,
        };
        let issuer = answer.issuer.clone();
        let tokens = self.trade(&known, answer, expected.pkce, expected.redirect_uri).await?;
        let mut verified = self.verify(&known, known.keys.clone(), &tokens, &expected.nonce, now);
        if is_of_unknown_key(&verified)
            && let Some(keys) = self.newer_keys(now).await?
        {
            verified = self.verify(&known, keys, &tokens, &expected.nonce, now);
        }
        let claims = verified.context("the ID token is not to be trusted")?;
        self.check_issuer(&claims)?;
        let is_same = issuer.is_none_or(|issuer| issuer == claims.issuer().as_str());
        ensure_that(is_same, "the answer is that of another provider (RFC 9207)")?;
        let access_token = tokens.access_token().secret().as_str().into();
        Ok(Person { claims, access_token })
    }

    async fn trade(
        &self,
        known: &Known,
        answer: Answer,
        pkce: PkceCodeVerifier,
        redirect_uri: RedirectUrl,
    ) -> anyhow::Result<Tokens> {
        let code = AuthorizationCode::new(answer.code.expose_secret().to_owned());
        let client = self.client(known).set_redirect_uri(redirect_uri);
        let request = client.exchange_code(code)?.set_pkce_verifier(pkce);
        let traded = request.request_async(&self.http).await;
        traded.map_err(without_tokens)
    }

    fn client(&self, known: &Known) -> OidcClient {
        let secret = ClientSecret::new(self.client_secret.expose_secret().to_owned());
        let id = ClientId::new(self.client_id.clone());
        OidcClient::from_provider_metadata(known.metadata.clone(), id, Some(secret))
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
        let is_fresh = |known: &Arc<Known>| (now - known.at).abs() < KNOWN_FOR;
        if let Some(known) = self.remembered().filter(is_fresh) {
            return Ok(known);
        }
        // one asks, the others wait for what it is told
        let _turn = self.asking.lock().await;
        if let Some(known) = self.remembered().filter(is_fresh) {
            return Ok(known);
        }
        let address = format!("{}/.well-known/openid-configuration", self.address);
        let metadata: CoreProviderMetadata =
            self.http.get(&address).await.context("asking for the metadata")?;
        let (Issuer::One(own) | Issuer::OfTenants(own)) = &self.issuer;
        let says = metadata.issuer().as_str();
        ensure!(says == own || says == self.address, "the provider calls itself by another name");
        let keys = self.http.get(metadata.jwks_uri().as_str()).await.context("asking for the keys")?;
        Ok(self.remember(Known { metadata, keys, at: now, keys_at: None }))
    }

    /// The keys as they are now, asked for because of a token whose key is not known; none where they were
    /// asked for a moment ago.
    async fn newer_keys(&self, now: DateTime<Utc>) -> anyhow::Result<Option<CoreJsonWebKeySet>> {
        let _turn = self.asking.lock().await;
        let known = self.remembered().context("the provider is not known")?;
        if known.keys_at.is_some_and(|asked_at| (now - asked_at).abs() < KEYS_EVERY) {
            return Ok(None);
        }
        let Known { metadata, keys, at, .. } = Known::clone(&known);
        let address = metadata.jwks_uri().to_string();
        let known = self.remember(Known { metadata, keys, at, keys_at: Some(now) });
        let keys: CoreJsonWebKeySet = self.http.get(&address).await.context("asking for the newer keys")?;
        self.remember(Known { keys: keys.clone(), ..Known::clone(&known) });
        Ok(Some(keys))
    }

    fn remembered(&self) -> Option<Arc<Known>> {
        self.known.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    fn remember(&self, known: Known) -> Arc<Known> {
        let known = Arc::new(known);
        let mut remembered = self.known.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        *remembered = Some(Arc::clone(&known));
        known
    }
}

fn is_of_unknown_key<T>(verified: &Result<T, ClaimsVerificationError>) -> bool {
    use ClaimsVerificationError::SignatureVerification;
    matches!(verified, Err(SignatureVerification(SignatureVerificationError::NoMatchingKey)))
}

fn ensure_that(is_so: bool, otherwise: &'static str) -> Result<(), Refused> {
    if is_so { Ok(()) } else { Err(Refused::Failed(anyhow!(otherwise))) }
}
