//! A server that plays Microsoft: one tenant's issuer, its tokens and Microsoft Graph. It can be told to
//! misbehave.

mod token;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::Notify;
use url::Url;

use super::fixture::unique;
pub use token::{Forgery, Key};

pub const TENANT: &str = "aaaaaaaa-0000-4000-8000-000000000001";
pub const OTHER_TENANT: &str = "bbbbbbbb-0000-4000-8000-000000000002";
pub const CLIENT_ID: &str = "the-application";
pub const CLIENT_SECRET: &str = "the secret of the application: 100%";
/// What Microsoft Graph gives in exchange for a picture.
pub const ACCESS_TOKEN: &str = "the-access-token-for-microsoft-graph";

/// How the server misbehaves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mood {
    #[default]
    Well,
    /// Every answer is 500.
    Broken,
    /// Every answer is HTML.
    Nonsense,
    /// No answer comes until the mood changes.
    Silent,
    /// The token endpoint refuses every code.
    Refusing,
    /// Pictures never come.
    NoPictures,
}

#[derive(Default)]
struct Inside {
    mood: Mood,
    forgery: Forgery,
    keys: Vec<Key>,
    signs_with: Option<Key>,
    codes: HashMap<String, Grant>,
    requests: Vec<String>,
    picture: Option<(String, Vec<u8>)>,
}

/// What a code stands for.
struct Grant {
    challenge: String,
    nonce: String,
    claims: Value,
}

#[derive(Clone)]
pub struct Microsoft {
    pub address: SocketAddr,
    /// The part of the issuer's path that names the tenant.
    segment: &'static str,
    inside: Arc<Mutex<Inside>>,
    changed: Arc<Notify>,
}

/// A person of the tenant, with a name of their own.
pub fn person() -> Value {
    let number = unique();
    json!({
        "oid": format!("cccccccc-0000-4000-8000-{number:012}"),
        "tid": TENANT,
        "sub": format!("pairwise-{number}"),
        "name": format!("Jane Doe {number}"),
        "preferred_username": format!("Jane.Doe.{number}@Example.com"),
        "email": format!("jane.doe.{number}@example.com"),
    })
}

impl Microsoft {
    /// A tenant's own issuer.
    pub async fn start() -> Self {
        Self::start_at(TENANT).await
    }

    /// An issuer that stands for several tenants.
    pub async fn of_organizations() -> Self {
        Self::start_at("organizations").await
    }

    async fn start_at(segment: &'static str) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let inside = Inside { keys: vec![Key::Own], ..Inside::default() };
        let (inside, changed) = (Arc::new(Mutex::new(inside)), Arc::default());
        let microsoft = Self { address, segment, inside, changed };
        let router = axum::Router::new().fallback(answer).with_state(microsoft.clone());
        tokio::spawn(serve(listener, router));
        microsoft
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The address of the issuer.
    pub fn issuer(&self) -> String {
        format!("http://{}/{}/v2.0", self.address, self.segment)
    }

    /// What it calls itself; `{tenantid}` stands for the tenant where there are several.
    fn own_name(&self) -> String {
        self.issuer().replace("/organizations/", "/{tenantid}/")
    }

    /// The settings of a server whose people sign in here.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("MICROSOFT_CLIENT_ID", CLIENT_ID.to_owned()),
            ("MICROSOFT_CLIENT_SECRET", CLIENT_SECRET.to_owned()),
            ("MICROSOFT_TENANT_ID", self.segment.to_owned()),
            ("MICROSOFT_ISSUER_URL", self.issuer()),
            ("MICROSOFT_GRAPH_URL", format!("http://{}/graph", self.address)),
        ]
    }

    /// The settings of a server for which this plays Google.
    pub fn settings_as_google(&self) -> Vec<(&'static str, String)> {
        vec![
            ("GOOGLE_CLIENT_ID", CLIENT_ID.to_owned()),
            ("GOOGLE_CLIENT_SECRET", CLIENT_SECRET.to_owned()),
            ("GOOGLE_ISSUER_URL", self.issuer()),
            ("GOOGLE_HOSTED_DOMAIN", "Example.com".to_owned()),
        ]
    }

    pub fn is(&self, mood: Mood) {
        self.inside().mood = mood;
        self.changed.notify_waiters();
    }

    pub fn forges(&self, forgery: Forgery) {
        self.inside().forgery = forgery;
    }

    /// From now on these keys are published, and tokens are signed with the last.
    pub fn has_keys(&self, keys: &[Key]) {
        let mut inside = self.inside();
        inside.keys = keys.to_vec();
        inside.signs_with = keys.last().copied();
    }

    pub fn has_picture(&self, kind: &str, bytes: &[u8]) {
        self.inside().picture = Some((kind.to_owned(), bytes.to_vec()));
    }

    /// The paths that were asked for so far and contain `part`.
    pub fn requests(&self, part: &str) -> usize {
        self.inside().requests.iter().filter(|path| path.contains(part)).count()
    }

    /// The person signs in at the address that the server gave; where the browser is sent back to.
    pub fn signs_in(&self, uri: &str, person: &Value) -> String {
        let asked = query(uri);
        assert_eq!(asked["response_type"], "code");
        assert_eq!(asked["client_id"], CLIENT_ID);
        assert_eq!(asked["code_challenge_method"], "S256");
        let code = format!("code-{}", unique());
        let grant = Grant {
            challenge: asked["code_challenge"].clone(),
            nonce: asked["nonce"].clone(),
            claims: person.clone(),
        };
        self.inside().codes.insert(code.clone(), grant);
        let mut back = Url::parse(&asked["redirect_uri"]).expect("an address");
        back.query_pairs_mut().append_pair("code", &code).append_pair("state", &asked["state"]);
        format!("{}?{}", back.path(), back.query().expect("a query"))
    }
}

/// The parameters of an address.
pub fn query(uri: &str) -> HashMap<String, String> {
    Url::parse(uri).expect("an address").query_pairs().into_owned().collect()
}

/// Serves a server of the tests' own.
pub async fn serve(listener: tokio::net::TcpListener, router: axum::Router) {
    let listener = listener.into_std().expect("a listener");
    axum_server::from_tcp(listener)
        .expect("a server")
        .serve(router.into_make_service())
        .await
        .expect("it serves");
}

async fn answer(State(microsoft): State<Microsoft>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    microsoft.inside().requests.push(path.clone());
    loop {
        let changed = microsoft.changed.notified();
        let mood = microsoft.inside().mood;
        match mood {
            Mood::Broken => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
            Mood::Nonsense => return "<html><body>Maintenance</body></html>".into_response(),
            Mood::Silent => changed.await,
            Mood::NoPictures if path.contains("/graph/") => changed.await,
            Mood::Refusing if path.ends_with("/token") => return refused(),
            Mood::Well | Mood::Refusing | Mood::NoPictures => break,
        }
    }
    if path.ends_with("/.well-known/openid-configuration") {
        microsoft.metadata()
    } else if path.ends_with("/keys") {
        let keys: Vec<_> = microsoft.inside().keys.iter().map(|key| key.public()).collect();
        as_json(&json!({"keys": keys}))
    } else if path.ends_with("/token") {
        microsoft.token(request).await
    } else if path.starts_with("/graph/") {
        microsoft.photo(&request)
    } else {
        StatusCode::NOT_FOUND.into_response()
    }
}

fn as_json(value: &Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

fn refused() -> Response {
    let error = json!({"error": "invalid_grant", "error_description": "AADSTS54005: the code was redeemed"});
    (StatusCode::BAD_REQUEST, as_json(&error)).into_response()
}

impl Microsoft {
    fn metadata(&self) -> Response {
        let at = self.issuer();
        as_json(&json!({
            "issuer": self.own_name(),
            "authorization_endpoint": format!("{at}/authorize"),
            "token_endpoint": format!("{at}/token"),
            "jwks_uri": format!("{at}/keys"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["pairwise"],
            // what a careless provider may say; nobody has to believe it
            "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
        }))
    }

    /// The token endpoint: the client proves itself and its verifier, and the code is good once.
    async fn token(&self, request: Request) -> Response {
        let secret = form_urlencoded::byte_serialize(CLIENT_SECRET.as_bytes()).collect::<String>();
        let expected = format!("Basic {}", STANDARD.encode(format!("{CLIENT_ID}:{secret}")));
        let shown = request.headers().get(header::AUTHORIZATION).expect("credentials").clone();
        assert_eq!(shown.to_str().expect("text"), expected);
        let body = axum::body::to_bytes(request.into_body(), 10_000).await.expect("a body");
        let form: HashMap<_, _> = form_urlencoded::parse(&body).into_owned().collect();
        assert_eq!(form["grant_type"], "authorization_code");
        let Some(grant) = self.inside().codes.remove(&form["code"]) else {
            return refused();
        };
        let verifier = URL_SAFE_NO_PAD.encode(Sha256::digest(&form["code_verifier"]));
        if verifier != grant.challenge {
            return refused();
        }
        let (forgery, key) = {
            let inside = self.inside();
            (inside.forgery, inside.signs_with.unwrap_or(Key::Own))
        };
        let id_token = token::id_token(&self.own_name(), &grant.nonce, &grant.claims, forgery, key);
        as_json(&json!({
            "token_type": "Bearer", "access_token": ACCESS_TOKEN, "expires_in": 3600, "id_token": id_token,
        }))
    }

    fn photo(&self, request: &Request) -> Response {
        let shown = request.headers().get(header::AUTHORIZATION).expect("a token");
        assert_eq!(shown, &format!("Bearer {ACCESS_TOKEN}"));
        match self.inside().picture.clone() {
            Some((kind, bytes)) if request.uri().path() == "/graph/me/photo/$value" => {
                ([(header::CONTENT_TYPE, kind)], bytes).into_response()
            }
            _ => StatusCode::NOT_FOUND.into_response(),
        }
    }
}
