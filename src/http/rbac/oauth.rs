//! Signing in with Google and GitHub. The browser is sent there and back, and gets the token itself.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::auth::{SignedIn, signed_in};
use super::{Rbac, SignIn};
use crate::access::hand_over::{self, Arrived, Wish};
use crate::access::oauth::Provider;
use crate::error::{Error, Result};
use crate::http::browser::{self, Browser, PageOrigin};
use crate::http::contract::{Contract, PageOr};
use crate::http::guard::Visitor;
use crate::http::input::Query;
use crate::http::provider::{self, ProviderQuery};
use crate::http::route::{Route, get};

pub fn routes() -> Vec<Route> {
    vec![
        get("/auth/oauth/google", "Google OAuth", google)
            .public("it is the way in")
            .asks_another_server()
            .answers::<Rbac>(StatusCode::FOUND, "To Google"),
        get("/auth/oauth/google/callback", "Google OAuth Callback", callback)
            .public("the provider sends the browser here")
            .asks_another_server()
            .answers::<SignIn>(StatusCode::OK, "The account, signed in"),
        get("/auth/oauth/github", "GitHub OAuth", github)
            .public("it is the way in")
            .answers::<Rbac>(StatusCode::FOUND, "To GitHub"),
        get("/auth/oauth/github/callback", "GitHub OAuth Callback", callback)
            .public("the provider sends the browser here")
            .asks_another_server()
            .answers::<SignIn>(StatusCode::OK, "The account, signed in"),
    ]
}

async fn google(visitor: Visitor, page: PageOrigin) -> Result<PageOr<()>> {
    begin(&visitor, &page, Provider::Google).await
}

async fn github(visitor: Visitor, page: PageOrigin) -> Result<PageOr<()>> {
    begin(&visitor, &page, Provider::Github).await
}

/// Sends the browser to the provider, with the cookie by which it is known when it comes back.
async fn begin(visitor: &Visitor, page: &PageOrigin, provider: Provider) -> Result<PageOr<()>> {
    let settings = &visitor.app.settings;
    page.must_be_allowed(settings)?;
    let come_back_to = format!("{}/auth/oauth/{}/callback", Rbac::PREFIX, provider.as_str());
    let wish = Wish { provider, come_back_to: &come_back_to, code_challenge: None };
    let begun = hand_over::begin(&visitor.app, &visitor.origin, wish).await?;
    let mut headers = HeaderMap::new();
    headers.insert(header::LOCATION, HeaderValue::try_from(begun.uri).map_err(Error::internal)?);
    headers.insert(header::SET_COOKIE, browser::set(&begun.cookie, settings)?);
    let response: Response = (StatusCode::FOUND, headers).into_response();
    Ok(PageOr::Page(response))
}

async fn callback(
    visitor: Visitor,
    Query(query): Query<ProviderQuery>,
    browser: Browser,
) -> Result<SignedIn> {
    let not_yours = || Error::invalid("state", "Is not that of a sign-in that this browser has begun");
    let arrived = query.arrive(&visitor, &browser, true).await?;
    if matches!(arrived, Arrived::Unknown) {
        return Err(not_yours());
    }
    let (tokens, user) = provider::tokens(arrived, not_yours())?;
    Ok(signed_in(&tokens.access, *user))
}
