//! Somebody who sends requests.

use std::net::SocketAddr;

use reqwest::Method;
use serde_json::{Value, json};

use super::app::TestApp;
use super::request::{Answer, Request};

/// Somebody with or without an access token.
#[derive(Clone)]
pub struct Actor {
    client: reqwest::Client,
    address: SocketAddr,
    /// The access token.
    pub token: Option<String>,
    /// The refresh token.
    pub refresh_token: Option<String>,
    /// The id of the account.
    pub id: String,
}

/// Signs in by e-mail and password.
pub async fn sign_in(app: &TestApp, email: &str, password: &str) -> Actor {
    let answer =
        app.nobody().post("/v1/auth/login", &json!({"email": email, "password": password})).await.expect(200);
    let text = |name: &str| answer["data"][name].as_str().map(str::to_owned);
    let mut actor = Actor::new(app.client.clone(), app.address, text("accessToken"));
    actor.refresh_token = text("refreshToken");
    actor.id = super::fixture::id_of(&answer["data"]["user"]);
    actor
}

impl Actor {
    pub fn new(client: reqwest::Client, address: SocketAddr, token: Option<String>) -> Self {
        Self { client, address, token, refresh_token: None, id: String::new() }
    }

    /// The same client at the same server with something else to show.
    pub fn showing(&self, token: &str) -> Self {
        Self::new(self.client.clone(), self.address, Some(token.to_owned()))
    }

    /// A request that can be given headers and odd bodies before it is sent.
    pub fn request(&self, method: Method, path: &str) -> Request {
        let request = self.client.request(method, format!("http://{}{path}", self.address));
        Request(match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        })
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.request(Method::GET, path).send().await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.request(Method::POST, path).json(body).send().await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.request(Method::PUT, path).json(body).send().await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.request(Method::PATCH, path).json(body).send().await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.request(Method::DELETE, path).send().await
    }
}
