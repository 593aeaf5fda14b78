//! Signing in with a password, staying signed in, and signing out.

use axum::http::StatusCode;
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::V1;
use super::user::UserView;
use crate::access::session::{self, Tokens};
use crate::access::sign_in::{self, Name};
use crate::error::{Error, Result};
use crate::http::guard::{Allowed, Visitor};
use crate::http::input::{Body, RefreshToken};
use crate::http::route::{Route, post};
use crate::user::{Names, NewAccount};

pub fn routes() -> Vec<Route> {
    vec![
        post("/auth/login", "Sign In", login)
            .public("it is the way in")
            .answers::<V1>(StatusCode::OK, "Signed in successfully!"),
        post("/auth/register", "Register", register)
            .public("it is the way to an account, where self-registration is on")
            .answers::<V1>(StatusCode::CREATED, "Registered successfully!"),
        post("/auth/refresh", "Refresh Access Token", refresh)
            .public("the refresh token is what it asks for")
            .answers::<V1>(StatusCode::CREATED, "Token refreshed successfully!"),
        post("/auth/logout", "Sign Out", logout)
            .signed_in()
            .of_oneself()
            .answers::<V1>(StatusCode::OK, "Signed out successfully!"),
    ]
}

/// One of `email` and `login`, and the password.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("examples" = [{"email": "jane.doe@example.com", "password": "correct horse battery staple"}]))]
struct SignIn {
    /// The e-mail address; give this or `login`.
    #[serde(default)]
    #[schemars(with = "String", length(max = 320), example = &"jane.doe@example.com")]
    email: Option<String>,
    /// The login; give this or `email`.
    #[serde(default)]
    #[schemars(with = "String", length(max = 320))]
    login: Option<String>,
    /// The password, at most 1 KiB.
    #[schemars(with = "String", example = &"correct horse battery staple")]
    password: SecretString,
}

/// A pair of tokens.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokensView {
    /// For the `Authorization` header: `Bearer` and this. Good for 15 minutes.
    #[schemars(example = &"eyJhbGc...")]
    access_token: String,
    /// For the next refresh, once. Good for 30 days.
    #[schemars(example = &"rT5v...")]
    refresh_token: String,
}

impl From<Tokens> for TokensView {
    fn from(tokens: Tokens) -> Self {
        Self {
            access_token: tokens.access.expose_secret().to_owned(),
            refresh_token: tokens.refresh.expose_secret().to_owned(),
        }
    }
}

/// A pair of tokens, and whose they are.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct SignedIn {
    #[serde(flatten)]
    tokens: TokensView,
    /// Who is signed in.
    user: UserView,
}

async fn login(visitor: Visitor, Body(input): Body<SignIn>) -> Result<SignedIn> {
    let name = match (&input.email, &input.login) {
        (Some(email), None) => Name::Email(email),
        (None, Some(login)) => Name::Login(login),
        _ => return Err(Error::invalid("email", "Give either email or login")),
    };
    let (tokens, user) = sign_in::with_password(&visitor.app, &visitor.origin, name, input.password).await?;
    Ok(SignedIn { tokens: tokens.into(), user: user.into() })
}

/// An account that somebody asks for themselves.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Register {
    /// The display name.
    #[schemars(length(min = 1, max = 200), regex(pattern = r"\S"), example = &"Jane Doe")]
    name: String,
    /// The e-mail address; no two accounts share one.
    #[schemars(length(min = 3, max = 320), example = &"jane.doe@example.com")]
    email: String,
    /// The name for signing in; the e-mail address where it is left out. No two accounts share one.
    #[serde(default)]
    #[schemars(with = "String", length(min = 1, max = 320), example = &"jane.doe")]
    login: Option<String>,
    /// The password: 10 characters to 1 KiB, none of the commonest, not the login or the e-mail address.
    #[schemars(with = "String", example = &"correct horse battery staple")]
    password: SecretString,
}

async fn register(visitor: Visitor, Body(input): Body<Register>) -> Result<SignedIn> {
    let new = NewAccount {
        names: Names::Whole(input.name),
        email: input.email,
        login: input.login,
        password: Some(input.password),
        ..NewAccount::default()
    };
    let (tokens, user) = sign_in::register(&visitor.app, &visitor.origin, new).await?;
    Ok(SignedIn { tokens: tokens.into(), user: user.into() })
}

async fn refresh(visitor: Visitor, RefreshToken(token): RefreshToken) -> Result<TokensView> {
    Ok(session::refresh(&visitor.app, &visitor.origin, token.expose_secret()).await?.into())
}

async fn logout(allowed: Allowed) -> Result<()> {
    session::end(&allowed.app, &allowed.caller).await
}
