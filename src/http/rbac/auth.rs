//! Registration, and signing in with a password.

use axum::http::StatusCode;
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::SignIn;
use super::users::UserView;
use crate::access::session;
use crate::access::sign_in::{self, Name};
use crate::error::Result;
use crate::http::guard::{Allowed, Visitor};
use crate::http::input::Body;
use crate::http::route::{Route, post};
use crate::user::{self, Names, NewAccount, User};

pub fn routes() -> Vec<Route> {
    vec![
        post("/auth/register", "Register a New User", register)
            .public("it is the way to an account, where self-registration is on")
            .answers::<SignIn>(StatusCode::CREATED, "The account, signed in"),
        post("/auth/login", "Login", login)
            .public("it is the way in")
            .answers::<SignIn>(StatusCode::OK, "The account, signed in"),
        post("/auth/refresh-token", "Refresh Token", refresh)
            .signed_in()
            .of_oneself()
            .answers::<SignIn>(StatusCode::OK, "A new token of the same session"),
    ]
}

/// Who is signed in, and with what.
#[derive(Serialize, JsonSchema)]
pub struct SignedIn {
    /// For the `Authorization` header: `Bearer` and this. Good for 15 minutes.
    #[schemars(example = &"eyJhbGc...")]
    token: String,
    /// Who it is.
    user: UserView,
}

/// The answer to a sign-in.
pub fn signed_in(token: &SecretString, user: User) -> SignedIn {
    SignedIn { token: token.expose_secret().to_owned(), user: user.into() }
}

/// An account that somebody asks for themselves. `organizationIds` are passed over: an administrator gives
/// those.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Register {
    /// The name for signing in; no two accounts share one.
    #[schemars(length(min = 1, max = 320), example = &"johndoe")]
    username: String,
    /// The e-mail address; no two accounts share one.
    #[schemars(length(min = 3, max = 320), example = &"john.doe@example.com")]
    email: String,
    /// The password: 10 characters to 1 KiB, none of the commonest.
    #[schemars(with = "String", example = &"securePassword123")]
    password: SecretString,
    /// Given names.
    #[serde(default)]
    #[schemars(length(max = 100), example = &"John")]
    first_name: String,
    /// Family name.
    #[serde(default)]
    #[schemars(length(max = 100), example = &"Doe")]
    last_name: String,
}

async fn register(visitor: Visitor, Body(input): Body<Register>) -> Result<SignedIn> {
    let new = NewAccount {
        names: Names::Parts(input.first_name, input.last_name),
        email: input.email,
        login: Some(input.username),
        password: Some(input.password),
        ..NewAccount::default()
    };
    let (tokens, user) = sign_in::register(&visitor.app, &visitor.origin, new).await?;
    Ok(signed_in(&tokens.access, user))
}

/// A name and a password.
#[derive(Deserialize, JsonSchema)]
struct Login {
    /// The name for signing in.
    #[schemars(length(max = 320), example = &"johndoe")]
    username: String,
    /// The password.
    #[schemars(with = "String", example = &"securePassword123")]
    password: SecretString,
}

async fn login(visitor: Visitor, Body(input): Body<Login>) -> Result<SignedIn> {
    let name = Name::Login(&input.username);
    let (tokens, user) = sign_in::with_password(&visitor.app, &visitor.origin, name, input.password).await?;
    Ok(signed_in(&tokens.access, user))
}

async fn refresh(allowed: Allowed) -> Result<SignedIn> {
    let token = session::renew(&allowed.app, &allowed.caller).await?;
    Ok(signed_in(&token, user::own(&allowed.app, &allowed.caller).await?))
}
