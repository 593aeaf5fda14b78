//! Signing in with a provider: it is begun by a client, finished in a browser and collected at a socket.

mod device;
mod identity;
mod page;
mod socket;

use axum::http::{HeaderMap, StatusCode, header};
use schemars::JsonSchema;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

use super::V1;
use super::auth::TokensView;
use crate::access::hand_over::{self, Arrived, Begun, Choice, Wish};
use crate::access::oauth::Provider;
use crate::app::Settings;
use crate::error::{Error, Result};
use crate::http::browser::{self, Browser, PageOrigin};
use crate::http::contract::{Failure, Headed, PageOr};
use crate::http::guard::Visitor;
use crate::http::input::{Form, Query};
use crate::http::provider::{self, ProviderQuery};
use crate::http::route::{Route, get, post};

/// Where providers send the browser back to.
const REDIRECT: &str = "/v1/auth/redirect";

pub fn routes() -> Vec<Route> {
    let mut routes = vec![
        get("/auth/uri", "Get Authentication URI", uri)
            .public("it is the way in")
            .asks_another_server()
            .answers::<V1>(StatusCode::OK, "Successfully fetch Auth URI"),
        get("/auth/callback", "Wait for Sign-In", socket::callback)
            .public("the key is what it asks for")
            .answers::<V1>(StatusCode::SWITCHING_PROTOCOLS, "A WebSocket"),
        get("/auth/redirect", "OAuth Redirect Handler", redirect)
            .public("the provider sends the browser here")
            .asks_another_server()
            .answers::<V1>(StatusCode::OK, "Signed in successfully!"),
        post("/auth/confirmation", "Confirm Sign-In", confirm)
            .public("the token of the page's form is what it asks for")
            .answers::<V1>(StatusCode::OK, "Signed in successfully!"),
    ];
    routes.extend(identity::routes());
    routes
}

/// With whom to sign in, and for which client.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct UriQuery {
    /// The provider (default: `microsoft`).
    #[serde(default)]
    #[schemars(with = "Option<ProviderName>")]
    provider: Option<Provider>,
    /// Binds the tokens to the client: the base64url SHA-256 of a verifier (RFC 7636, S256) that the client then
    /// sends as its first message at the socket.
    #[serde(default)]
    #[schemars(with = "String", regex(pattern = "^[A-Za-z0-9_-]{43}$"))]
    code_challenge: Option<String>,
}

#[derive(JsonSchema)]
#[schemars(inline, rename_all = "lowercase")]
#[expect(dead_code, reason = "it is there for its schema")]
enum ProviderName {
    Microsoft,
    Google,
    Github,
}

/// Where to send the browser.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct UriView {
    /// The provider's address, for the person's browser.
    #[schemars(example = &"https://login.microsoftonline.com/...")]
    uri: String,
    /// The key of this sign-in, for the socket. Good for 10 minutes.
    #[schemars(example = &"ck123...")]
    callback_key: String,
    /// The number to show to the person, of two digits.
    #[schemars(example = &"42")]
    match_code: String,
}

async fn uri(visitor: Visitor, Query(query): Query<UriQuery>, page: PageOrigin) -> Result<Headed<UriView>> {
    page.must_be_allowed(&visitor.app.settings)?;
    let provider = query.provider.unwrap_or_default();
    let wish = Wish { provider, come_back_to: REDIRECT, code_challenge: query.code_challenge.as_deref() };
    let begun = hand_over::begin(&visitor.app, &visitor.origin, wish).await?;
    view(&visitor.app.settings, begun)
}

/// What a client is told of a sign-in that was begun, and the cookie for its browser.
fn view(settings: &Settings, begun: Begun) -> Result<Headed<UriView>> {
    let mut headers = HeaderMap::new();
    headers.insert(header::SET_COOKIE, browser::set(&begun.cookie, settings)?);
    let callback_key = begun.callback_key.expose_secret().to_owned();
    Ok(Headed { headers, data: UriView { uri: begun.uri, callback_key, match_code: begun.match_code } })
}

async fn redirect(
    visitor: Visitor,
    query: Result<Query<ProviderQuery>, Failure>,
    browser: Browser,
) -> Result<PageOr<TokensView>, Failure> {
    let arrived = match query {
        Ok(Query(query)) => query.arrive(&visitor, &browser, browser.wants_data).await.map_err(Failure::from),
        Err(failure) => Err(failure),
    };
    if browser.wants_data { data(arrived).map(PageOr::Data) } else { Ok(PageOr::Page(page::of(arrived))) }
}

/// What a page is for a program.
fn data(arrived: Result<Arrived, Failure>) -> Result<TokensView, Failure> {
    let message = "The tokens are for the client that began the sign-in".to_owned();
    let (tokens, _) = provider::tokens(arrived?, Error::Forbidden { message, required: Vec::new() })?;
    Ok(tokens.into())
}

/// The answer to the page that asks for the number.
#[derive(Deserialize, JsonSchema)]
struct Confirmation {
    /// The sign-in.
    #[serde(default)]
    #[schemars(length(max = 200))]
    id: String,
    /// The token of the page's form.
    #[serde(default)]
    #[schemars(length(max = 200))]
    token: String,
    /// The number that the app shows, or `none` where the person began no sign-in.
    #[serde(default)]
    #[schemars(length(max = 200))]
    number: String,
}

async fn confirm(visitor: Visitor, form: Result<Form<Confirmation>, Failure>) -> Result<PageOr<()>, Failure> {
    let answered = match form {
        Ok(Form(answer)) => {
            let choice =
                if answer.number == page::NOT_ME { Choice::NotMe } else { Choice::Number(&answer.number) };
            let (app, origin) = (&visitor.app, &visitor.origin);
            hand_over::confirm(app, origin, &answer.id, &answer.token, choice).await.map_err(Failure::from)
        }
        Err(failure) => Err(failure),
    };
    Ok(PageOr::Page(page::of(answered)))
}
