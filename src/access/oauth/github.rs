//! GitHub: OAuth 2 (RFC 6749) without an ID token, so that its API is asked who it is. GitHub Docs:
//! "Authorizing OAuth apps", "REST API endpoints for users" and "… for emails". A person is their number;
//! a user name there can be given up and taken by somebody else.

use anyhow::Context;
use oauth2::basic::BasicClient;
use oauth2::{
    AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointNotSet, EndpointSet,
    PkceCodeChallenge, RedirectUrl, Scope, TokenResponse, TokenUrl,
};
use openidconnect::Nonce;
use reqwest::header::ACCEPT;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::call::{Http, json, without_tokens};
use super::{
    Answer, Begun, Expected, Identity, Provider, Refused, display_name, in_time, is_picture_address, is_plain,
};
use crate::config::{self, is_email};

const NO_ADDRESS: &str =
    "Your GitHub account has no verified primary e-mail address. Verify one there, then try again.";

type Client = BasicClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

/// GitHub, as configured.
pub struct Github {
    client: Client,
    http: Http,
    url: String,
    api_url: String,
}

/// A person, as the API tells.
#[derive(Deserialize)]
struct Person {
    id: u64,
    login: String,
    name: Option<String>,
    avatar_url: Option<String>,
}

/// One of their addresses.
#[derive(Deserialize)]
struct Address {
    email: String,
    primary: bool,
    verified: bool,
}

impl Github {
    /// GitHub by these settings.
    ///
    /// # Errors
    /// Where no client for it can be built.
    pub fn new(settings: config::Github) -> anyhow::Result<Self> {
        let at = |path: &str| format!("{}/login/oauth/{path}", settings.url);
        let client = BasicClient::new(ClientId::new(settings.client_id))
            .set_client_secret(ClientSecret::new(settings.client_secret.expose_secret().to_owned()))
            .set_auth_type(oauth2::AuthType::RequestBody)
            .set_auth_uri(AuthUrl::new(at("authorize"))?)
            .set_token_uri(TokenUrl::new(at("access_token"))?);
        Ok(Self { client, http: Http::new()?, url: settings.url, api_url: settings.api_url })
    }

    /// Begins a sign-in that is called `state`. GitHub need not be asked for that.
    pub fn begin(&self, state: &str, redirect_uri: RedirectUrl) -> Begun {
        let (challenge, pkce) = PkceCodeChallenge::new_random_sha256();
        let client = self.client.clone().set_redirect_uri(redirect_uri.clone());
        let state = CsrfToken::new(state.to_owned());
        let scopes = ["read:user", "user:email"].map(|scope| Scope::new(scope.to_owned()));
        let request = client.authorize_url(move || state).add_scopes(scopes).set_pkce_challenge(challenge);
        let (uri, _) = request.url();
        // there is no ID token for the nonce to be in
        Begun { uri: uri.into(), expected: Expected { nonce: Nonce::new_random(), pkce, redirect_uri } }
    }

    /// Finds out who came back.
    ///
    /// # Errors
    /// [`Refused`], for people without a verified address too.
    pub async fn identify(&self, answer: Answer, expected: Expected) -> Result<Identity, Refused> {
        in_time(self.ask_who(answer, expected)).await
    }

    async fn ask_who(&self, answer: Answer, expected: Expected) -> Result<Identity, Refused> {
        let client = self.client.clone().set_redirect_uri(expected.redirect_uri);
        let code = AuthorizationCode::new(answer.code.expose_secret().to_owned());
        let request = client.exchange_code(code).set_pkce_verifier(expected.pkce);
        let traded = request.request_async(&self.http).await.map_err(without_tokens)?;
        let token = traded.access_token().secret().as_str().into();
        let person: Person = self.ask("/user", &token).await.context("asking who it is")?;
        let addresses: Vec<Address> =
            self.ask("/user/emails", &token).await.context("asking for addresses")?;
        let primary = addresses.into_iter().find(|address| address.primary && address.verified);
        let address = primary.map(|address| address.email.trim().to_lowercase());
        match address.filter(|address| is_email(address) && is_plain(address)) {
            Some(address) => Ok(identity(&self.url, person, address)?),
            None => Err(Refused::Denied(NO_ADDRESS.to_owned())),
        }
    }

    async fn ask<T: DeserializeOwned>(&self, path: &str, token: &SecretString) -> anyhow::Result<T> {
        let request = self.http.0.get(format!("{}{path}", self.api_url)).bearer_auth(token.expose_secret());
        let request = request.header(ACCEPT, "application/vnd.github+json");
        json(request.header("x-github-api-version", "2022-11-28")).await
    }
}

fn identity(url: &str, person: Person, address: String) -> anyhow::Result<Identity> {
    let name = person.name.as_deref().and_then(display_name).or_else(|| display_name(&person.login));
    Ok(Identity {
        provider: Provider::Github,
        issuer: url.to_owned(),
        tenant: String::new(),
        subject: person.id.to_string(),
        name: name.context("the person has no name")?,
        login: address.clone(),
        email: Some(address),
        picture: person.avatar_url.filter(|picture| is_picture_address(picture)),
        is_vouched_for: false,
    })
}
