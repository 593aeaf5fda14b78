//! The routes that are measured, and the requests to them.

use std::io::Write;

use clap::ValueEnum;

use crate::names::{Thing, id, word};

/// A route that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Route {
    /// A credential by its id.
    Read,
    /// One secure value, with its row in the audit record.
    Reveal,
    /// A page of 30 of a company's credentials.
    List,
    /// A search among the companies.
    Search,
    /// A check of three permissions.
    Check,
    /// A request that is refused with 403.
    Refusal,
    /// A request that asks nobody and needs nobody.
    Teapot,
}

impl Route {
    /// What it is called in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "credential read",
            Self::Reveal => "reveal, audited",
            Self::List => "page of 30 credentials",
            Self::Search => "company search",
            Self::Check => "permission check",
            Self::Refusal => "403",
            Self::Teapot => "teapot",
        }
    }
}

/// What there is to ask for.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Credentials at first.
    pub credentials: u64,
    /// Companies that have credentials.
    pub companies: u64,
    /// Companies in the first and the last search.
    pub searched: (u64, u64),
}

impl Sizes {
    /// How many companies have 50 credentials and more: those that half of the credentials are of.
    pub fn full_companies(self) -> u64 {
        (self.credentials / 100).max(1)
    }
}

/// The field of a credential that is sealed.
pub const SECRET: &str = "secret";

/// How many words are searched for.
pub const WORDS: u64 = 20;

/// Requests to a route, each with something else to ask for.
pub struct Requests {
    /// The route.
    pub route: Route,
    /// The address of the server.
    pub address: String,
    /// The access tokens of those who ask; a connection is one of them.
    pub tokens: Vec<String>,
    /// What there is.
    pub sizes: Sizes,
    /// How many credentials there are now.
    pub credentials: u64,
}

impl Requests {
    /// The status of a good answer.
    pub fn status(&self) -> u16 {
        match self.route {
            Route::Refusal => 403,
            Route::Teapot => 418,
            _ => 200,
        }
    }

    /// What the body of every good answer has in it.
    pub fn sign(&self) -> &'static str {
        match self.route {
            Route::Read => r#""valueType":"password","value":null"#,
            Route::Reveal => r#""fieldId":"secret","value":"correct horse"#,
            Route::List => r#""listedRecords":30"#,
            Route::Search => r#""totalRecords":"#,
            Route::Check => r#""hasPermission":true"#,
            Route::Refusal => "InsufficientPermission",
            Route::Teapot => "teapot",
        }
    }

    fn path(&self) -> String {
        let any = |most: u64| rand::random_range(1..=most);
        match self.route {
            Route::Read => {
                format!("/v1/credential/credentials/{}", id(Thing::Credential, any(self.credentials)))
            }
            Route::Reveal => {
                let credential = id(Thing::Credential, any(self.credentials));
                format!("/v1/credential/credentials/{credential}/secure-values/{SECRET}")
            }
            Route::List => {
                let company = id(Thing::Company, any(self.sizes.full_companies()));
                format!("/v1/credential/credentials/company/{company}?page=1&rpp=30")
            }
            Route::Search => format!("/v1/company/companies?search={}", word(any(WORDS))),
            Route::Check => "/v1/user/@me/check-permission".to_owned(),
            Route::Refusal => "/v1/user/users".to_owned(),
            Route::Teapot => "/v1/teapot".to_owned(),
        }
    }

    /// Writes a request of the user with this number.
    pub fn write(&self, user: usize, request: &mut Vec<u8>) {
        const QUESTION: &str = r#"{"permissions":["credential.fetch","company.create","type7.fetch"]}"#;
        let (address, token) = (&self.address, &self.tokens[user % self.tokens.len()]);
        let (method, body) = if self.route == Route::Check { ("POST", QUESTION) } else { ("GET", "") };
        request.clear();
        let begin = format!(
            "{method} {} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n",
            self.path()
        );
        request.extend_from_slice(begin.as_bytes());
        if !body.is_empty() {
            // a vector takes whatever is written to it
            drop(write!(request, "content-type: application/json\r\ncontent-length: {}\r\n", body.len()));
        }
        request.extend_from_slice(b"\r\n");
        request.extend_from_slice(body.as_bytes());
    }
}
