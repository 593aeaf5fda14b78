//! Requests and their answers.

use std::cell::RefCell;

use reqwest::header::HeaderMap;
use serde_json::Value;

/// An answer that was listened to: what was asked, and all that came back.
pub struct Heard {
    /// The method and the path.
    pub asked: String,
    pub said: String,
}

thread_local! {
    static HEARD: RefCell<Option<Vec<Heard>>> = const { RefCell::new(None) };
}

/// From now on every answer that this test gets is kept.
pub fn listen() {
    HEARD.set(Some(Vec::new()));
}

/// The answers that were kept.
pub fn heard() -> Vec<Heard> {
    HEARD.take().expect("it listens")
}

/// A request on its way.
pub struct Request(pub reqwest::RequestBuilder);

impl Request {
    pub fn header(self, name: &str, value: &str) -> Self {
        Self(self.0.header(name, value))
    }

    pub fn json(self, body: &Value) -> Self {
        Self(self.0.json(body))
    }

    /// A body of any bytes.
    pub fn body(self, body: impl Into<reqwest::Body>) -> Self {
        Self(self.0.body(body))
    }

    pub async fn send(self) -> Answer {
        let (client, request) = self.0.build_split();
        let request = request.expect("a request");
        let asked = format!("{} {}", request.method(), request.url().path());
        let response = client.execute(request).await.expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.expect("a body");
        HEARD.with_borrow_mut(|heard| {
            if let Some(heard) = heard {
                heard.push(Heard { asked, said: format!("{headers:?} {text}") });
            }
        });
        Answer { status, headers, text }
    }
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    /// The body, where the status is this one; its `status` says the same.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        let body: Value = serde_json::from_str(&self.text).expect("a JSON body");
        assert_eq!(body["status"], status, "{}", self.text);
        assert_eq!(body["successful"], status < 400, "{}", self.text);
        body
    }

    /// The `data` of a success.
    #[track_caller]
    pub fn data(&self) -> Value {
        assert!(self.status < 300, "{} {}", self.status, self.text);
        self.expect(self.status)["data"].clone()
    }

    /// The body, where the status is this one, of an answer of the RBAC contract, which says the same.
    #[track_caller]
    pub fn expect_rbac(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        let body: Value = serde_json::from_str(&self.text).expect("a JSON body");
        assert_eq!(body["success"], status < 400, "{}", self.text);
        assert!(status < 400 || !body["error"].as_str().expect("an error").is_empty(), "{}", self.text);
        body
    }

    /// The `data` of a success of the RBAC contract.
    #[track_caller]
    pub fn rbac(&self) -> Value {
        assert!(self.status < 300, "{} {}", self.status, self.text);
        self.expect_rbac(self.status)["data"].clone()
    }

    /// The text of a refusal of the RBAC contract.
    #[track_caller]
    pub fn rbac_error(&self, status: u16) -> String {
        self.expect_rbac(status)["error"].as_str().unwrap_or_default().to_owned()
    }

    /// The body, where the status is this one, of an answer of the ITSM contract, which says the same.
    #[track_caller]
    pub fn expect_itsm(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        let body: Value = serde_json::from_str(&self.text).expect("a JSON body");
        assert_eq!(body["success"], status < 400, "{}", self.text);
        assert!(status < 400 || !body["message"].as_str().expect("a message").is_empty(), "{}", self.text);
        body
    }

    /// The `data` of a success of the ITSM contract.
    #[track_caller]
    pub fn itsm(&self) -> Value {
        assert!(self.status < 300, "{} {}", self.status, self.text);
        self.expect_itsm(self.status)["data"].clone()
    }

    /// The text of a refusal of the ITSM contract.
    #[track_caller]
    pub fn itsm_error(&self, status: u16) -> String {
        self.expect_itsm(status)["message"].as_str().unwrap_or_default().to_owned()
    }

    /// The `[path, message]` pairs of a refused input.
    #[track_caller]
    pub fn violations(&self) -> Vec<(Value, String)> {
        let body = self.expect(400);
        assert_eq!(body["message"], "Validation error");
        let errors = body["errors"].as_array().expect("errors").clone();
        errors
            .into_iter()
            .map(|error| (error["path"].clone(), error["message"].as_str().unwrap_or_default().to_owned()))
            .collect()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}
