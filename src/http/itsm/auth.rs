//! Signing in, as a person and as a service.

use axum::http::StatusCode;
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::Beside;
use super::users::UserView;
use crate::access::key;
use crate::access::sign_in::{self, Name};
use crate::error::Result;
use crate::http::guard::Visitor;
use crate::http::input::Body;
use crate::http::route::{Route, post};

pub fn routes() -> Vec<Route> {
    vec![
        post("/auth/login", "Login", login)
            .public("it is the way in")
            .answers::<Beside>(StatusCode::OK, "The account, signed in"),
        post("/auth/api-key", "API Key Authentication", exchange)
            .public("the key is what it asks for")
            .answers::<Beside>(StatusCode::OK, "A token for the key"),
    ]
}

/// An e-mail address and a password.
#[derive(Deserialize, JsonSchema)]
struct Login {
    /// The e-mail address of the account.
    #[schemars(length(max = 320), example = &"john.doe@example.com")]
    email: String,
    /// The password, at most 1 KiB.
    #[schemars(with = "String", example = &"password123")]
    password: SecretString,
}

/// Who is signed in, and with what.
#[derive(Serialize, JsonSchema)]
struct SignedIn {
    /// For the `Authorization` header: `Bearer` and this. Good for 15 minutes.
    #[schemars(example = &"eyJhbGc...")]
    token: String,
    /// Who it is.
    user: UserView,
}

async fn login(visitor: Visitor, Body(input): Body<Login>) -> Result<SignedIn> {
    let name = Name::Email(&input.email);
    let (tokens, user) = sign_in::with_password(&visitor.app, &visitor.origin, name, input.password).await?;
    Ok(SignedIn { token: tokens.access.expose_secret().to_owned(), user: user.into() })
}

/// An API key.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Exchange {
    /// The key, as it was shown once.
    #[schemars(with = "String", example = &"your-api-key")]
    api_key: SecretString,
}

/// What a service is signed in with.
#[derive(Serialize, JsonSchema)]
struct Exchanged {
    /// For the `Authorization` header: `Bearer` and this. Good for 15 minutes, and as long as the key is.
    #[schemars(example = &"eyJhbGc...")]
    token: String,
}

async fn exchange(visitor: Visitor, Body(input): Body<Exchange>) -> Result<Exchanged> {
    let token = key::exchange(&visitor.app, &visitor.origin, input.api_key.expose_secret()).await?;
    Ok(Exchanged { token: token.expose_secret().to_owned() })
}
