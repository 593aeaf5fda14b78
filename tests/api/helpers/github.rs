//! A server that plays GitHub, as its documents say: OAuth errors come with status 200, a token that was
//! revoked is 401.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::Url;

use super::fixture::unique;
use super::microsoft::{query, serve};

const CLIENT_ID: &str = "the-github-application";
const CLIENT_SECRET: &str = "the secret of the github application";

/// Somebody with an account at GitHub.
#[derive(Debug, Clone)]
pub struct Person {
    pub user: Value,
    pub emails: Value,
}

/// A person with a verified primary address, and others.
pub fn person() -> Person {
    let number = unique();
    Person {
        user: json!({
            "id": 583_000 + u64::from(number), "login": format!("octocat-{number}"), "name": format!("Mona {number}"),
            "avatar_url": "https://avatars.example.com/u/1", "email": null, "type": "User",
        }),
        emails: json!([
            {"email": format!("old.{number}@example.com"), "primary": false, "verified": true, "visibility": null},
            {"email": format!("Mona.{number}@Example.com"), "primary": true, "verified": true, "visibility": "private"},
        ]),
    }
}

#[derive(Default)]
struct Inside {
    codes: HashMap<String, (String, Person)>,
    tokens: HashMap<String, Person>,
    revokes: bool,
}

#[derive(Clone)]
pub struct Github {
    address: SocketAddr,
    inside: Arc<Mutex<Inside>>,
}

impl Github {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let github = Self { address: listener.local_addr().expect("an address"), inside: Arc::default() };
        let router = axum::Router::new().fallback(answer).with_state(github.clone());
        tokio::spawn(serve(listener, router));
        github
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The settings of a server whose people sign in here.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("GITHUB_CLIENT_ID", CLIENT_ID.to_owned()),
            ("GITHUB_CLIENT_SECRET", CLIENT_SECRET.to_owned()),
            ("GITHUB_URL", format!("http://{}", self.address)),
            ("GITHUB_API_URL", format!("http://{}/api", self.address)),
        ]
    }

    /// From now on tokens are worth nothing as soon as they are given.
    pub fn revokes_tokens(&self) {
        self.inside().revokes = true;
    }

    /// The person signs in at the address that the server gave; where the browser is sent back to.
    pub fn signs_in(&self, uri: &str, person: &Person) -> String {
        let asked = query(uri);
        assert!(uri.starts_with(&format!("http://{}/login/oauth/authorize?", self.address)), "{uri}");
        assert_eq!((&*asked["client_id"], &*asked["scope"]), (CLIENT_ID, "read:user user:email"));
        let code = format!("code-{}", unique());
        self.inside().codes.insert(code.clone(), (asked["code_challenge"].clone(), person.clone()));
        let mut back = Url::parse(&asked["redirect_uri"]).expect("an address");
        back.query_pairs_mut().append_pair("code", &code).append_pair("state", &asked["state"]);
        format!("{}?{}", back.path(), back.query().expect("a query"))
    }

    async fn token(&self, request: Request) -> Response {
        assert_eq!(request.headers()[header::ACCEPT], "application/json");
        let body = axum::body::to_bytes(request.into_body(), 10_000).await.expect("a body");
        let form: HashMap<_, _> = form_urlencoded::parse(&body).into_owned().collect();
        assert_eq!((&*form["client_id"], &*form["client_secret"]), (CLIENT_ID, CLIENT_SECRET));
        let mut inside = self.inside();
        let verifier = URL_SAFE_NO_PAD.encode(Sha256::digest(&form["code_verifier"]));
        match inside.codes.remove(&form["code"]) {
            Some((challenge, person)) if challenge == verifier => {
                let token = format!("gho_{}", unique());
                if !inside.revokes {
                    inside.tokens.insert(token.clone(), person);
                }
                as_json(
                    &json!({"access_token": token, "scope": "read:user,user:email", "token_type": "bearer"}),
                )
            }
            _ => as_json(&json!({
                "error": "bad_verification_code",
                "error_description": "The code passed is incorrect or expired.",
            })),
        }
    }

    fn ask(&self, request: &Request) -> Response {
        let headers = request.headers();
        assert!(headers[header::USER_AGENT].to_str().is_ok_and(|name| name.starts_with("ttscm/")));
        assert_eq!(headers["x-github-api-version"], "2022-11-28");
        assert_eq!(headers[header::ACCEPT], "application/vnd.github+json");
        let shown = headers[header::AUTHORIZATION].to_str().expect("text").trim_start_matches("Bearer ");
        match (self.inside().tokens.get(shown), request.uri().path()) {
            (Some(person), "/api/user") => as_json(&person.user),
            (Some(person), "/api/user/emails") => as_json(&person.emails),
            (Some(_), _) => StatusCode::NOT_FOUND.into_response(),
            (None, _) => {
                (StatusCode::UNAUTHORIZED, as_json(&json!({"message": "Bad credentials"}))).into_response()
            }
        }
    }
}

async fn answer(State(github): State<Github>, request: Request) -> Response {
    if request.uri().path() == "/login/oauth/access_token" {
        github.token(request).await
    } else {
        github.ask(&request)
    }
}

fn as_json(value: &Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}
