//! What a browser brings along: its cookies, and whether it is a person's or a program's.

use axum::http::{HeaderMap, HeaderValue, header};
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
