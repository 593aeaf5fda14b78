//! What a browser brings along: its cookies, and whether it is a person's or a program's.

use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use cookie::{Cookie, SameSite};
use secrecy::ExposeSecret;

use crate::access::hand_over;
use crate::app::Settings;
use crate::error::{Error, Result};
use crate::http::contract::Failure;
use crate::http::handler::{Call, Description, Extract};

/// A browser.
pub struct Browser {
    headers: HeaderMap,
    /// Whether it asks for data rather than a page.
    pub wants_data: bool,
}

impl Extract for Browser {
    async fn extract(call: &mut Call) -> Result<Self, Failure> {
        if call.parts.method == Method::HEAD {
            // whoever only looks must not spend what the address stands for
            return Err(Failure::Http(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed"));
        }
        let headers = call.parts.headers.clone();
        let accepts = |kind: &str| {
            let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
            let mut kinds = values.flat_map(|value| value.split(','));
            kinds.any(|known| known.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(kind))
        };
        let wants_data = accepts("application/json") && !accepts("text/html");
        Ok(Self { headers, wants_data })
    }

    fn describe(_: &mut Description) {}
}

impl Browser {
    /// The value of a cookie.
    pub fn cookie(&self, name: &str) -> Option<String> {
        let values = self.headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut cookies = values.flat_map(Cookie::split_parse).filter_map(Result::ok);
        cookies.find(|cookie| cookie.name() == name).map(|cookie| cookie.value().to_owned())
    }
}

/// The page that makes a request, where one does.
pub struct PageOrigin {
    origin: Option<HeaderValue>,
    is_of_another_site: bool,
}

impl Extract for PageOrigin {
    async fn extract(call: &mut Call) -> Result<Self, Failure> {
        let headers = &call.parts.headers;
        let is_of_another_site = headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site");
        Ok(Self { origin: headers.get(header::ORIGIN).cloned(), is_of_another_site })
    }

    fn describe(_: &mut Description) {}
}

impl PageOrigin {
    /// Refuses pages of origins that are not configured (cross-site WebSocket hijacking: OWASP, WebSocket
    /// Security Cheat Sheet). Native clients are no pages.
    ///
    /// # Errors
    /// [`Error::Forbidden`].
    pub fn must_be_allowed(&self, settings: &Settings) -> Result<()> {
        let is_known = |origin: &str| {
            origin == settings.public_url || settings.cors_allowed_origins.iter().any(|known| known == origin)
        };
        let is_allowed = match &self.origin {
            Some(origin) => origin.to_str().is_ok_and(is_known),
            None => !self.is_of_another_site,
        };
        let message = || "Pages of this origin may not begin a sign-in or wait for one".to_owned();
        if is_allowed { Ok(()) } else { Err(Error::Forbidden { message: message(), required: Vec::new() }) }
    }
}

/// The header that gives a browser the cookie of a sign-in, which lives as long as that.
pub fn set(cookie: &hand_over::Cookie, settings: &Settings) -> Result<HeaderValue> {
    let built = Cookie::build((&*cookie.name, cookie.value.expose_secret()))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(settings.is_https())
        .max_age(cookie::time::Duration::seconds(hand_over::LIFETIME.num_seconds()));
    let mut value = HeaderValue::from_str(&built.to_string()).map_err(Error::internal)?;
    value.set_sensitive(true);
    Ok(value)
}
