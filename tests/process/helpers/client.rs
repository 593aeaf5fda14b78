//! Somebody who uses the server over HTTP.

use serde_json::{Value, json};

/// What [`Client::store_secret`] stores.
pub const SECRET: &str = "wJalrXUtnFEMI/K7MDENG";

/// Somebody with an access token.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    url: String,
    pub token: String,
}

/// An answer, whatever it is.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub retry_after: Option<String>,
    pub body: Value,
}

impl Reply {
    /// Whether a balancer gave it, which found no server, or whose server went away.
    pub fn is_of_a_balancer(&self) -> bool {
        self.body.is_null() && matches!(self.status, 502..=504)
    }
}

/// A client that knows no proxy.
pub fn http() -> reqwest::Client {
    // every test asks for it; the first one has it
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder().no_proxy().build().expect("a client")
}

async fn data(request: reqwest::RequestBuilder) -> Value {
    let answer = request.send().await.expect("an answer");
    let status = answer.status();
    let body: Value = answer.json().await.expect("a JSON body");
    assert!(status.is_success(), "{status} {body}");
    body["data"].clone()
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

impl Client {
    pub async fn sign_in(url: &str, email: &str, password: &str) -> Self {
        let http = http();
        let login = http.post(format!("{url}/v1/auth/login"));
        let tokens = data(login.json(&json!({"email": email, "password": password}))).await;
        Self { http, url: url.to_owned(), token: text(&tokens["accessToken"]) }
    }

    pub async fn get(&self, path: &str) -> Value {
        data(self.http.get(format!("{}{path}", self.url)).bearer_auth(&self.token)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Value {
        data(self.http.post(format!("{}{path}", self.url)).bearer_auth(&self.token).json(body)).await
    }

    /// Asks, or sends where there is a body; none where no answer comes.
    pub async fn ask(&self, path: &str, body: Option<&Value>) -> Option<Reply> {
        let url = format!("{}{path}", self.url);
        let request = match body {
            Some(body) => self.http.post(url).json(body),
            None => self.http.get(url),
        };
        let answer = request.bearer_auth(&self.token).send().await.ok()?;
        let status = answer.status().as_u16();
        let retry_after = answer.headers().get("retry-after").and_then(|value| value.to_str().ok());
        let retry_after = retry_after.map(str::to_owned);
        let text = answer.text().await.ok()?;
        Some(Reply { status, retry_after, body: serde_json::from_str(&text).unwrap_or_default() })
    }

    /// The same person at another address of the same program.
    pub fn at(&self, url: &str) -> Self {
        Self { url: url.to_owned(), ..self.clone() }
    }

    /// The status that a path answers with.
    pub async fn status(&self, path: &str) -> u16 {
        self.status_with(path, &[]).await
    }

    /// The same for a request with these headers.
    pub async fn status_with(&self, path: &str, headers: &[(&str, &str)]) -> u16 {
        let request = self.http.get(format!("{}{path}", self.url)).bearer_auth(&self.token);
        let add =
            |request: reqwest::RequestBuilder, (name, value): &(&str, &str)| request.header(*name, *value);
        let request = headers.iter().fold(request, add);
        request.send().await.expect("an answer").status().as_u16()
    }

    /// Stores a credential with [`SECRET`] in it; its id.
    pub async fn store_secret(&self) -> String {
        let company = self.post("/v1/company/companies", &json!({"name": "Acme"})).await;
        let field =
            json!({"id": "key", "name": "Key", "required": true, "secure": true, "valueType": "password"});
        let kind = json!({"name": "AWS", "permissionScope": "aws", "fields": [field]});
        let kind = self.post("/v1/credential-type", &kind).await;
        let credential = json!({
            "name": "Production", "typeId": kind["id"], "companyId": company["id"],
            "fields": [{"fieldId": "key", "value": SECRET}],
        });
        text(&self.post("/v1/credential/credentials", &credential).await["id"])
    }

    /// The secret of a stored credential.
    pub async fn reveal(&self, credential: &str) -> String {
        text(&self.get(&format!("/v1/credential/credentials/{credential}/secure-values/key")).await["value"])
    }
}
