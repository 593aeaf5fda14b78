//! The documented examples of the ITSM contract, sent and held against their documented answers; and every
//! documented route against the route table.

use reqwest::Method;
use ttscm::http::itsm;

use super::contract::{differences, written};
use crate::helpers::actor::sign_in;
use crate::helpers::app::ADMIN_PASSWORD;
use crate::helpers::keys::key;
use crate::helpers::{Actor, Answer, TestApp, Value, json};

/// The documented requests in an order that works, each with the documented answer. `$jane` and `$admin` stand
/// for ids, `$key` for a key.
const EXAMPLES: &str = include_str!("contract/itsm.json");

const ROUTES: [&str; 15] = [
    "POST /auth/login",
    "POST /auth/api-key",
    "GET /users",
    "GET /users/{}",
    "GET /users/profile/me",
    "PUT /users/{}",
    "PUT /users/{}/password",
    "DELETE /users/{}",
    "GET /integration",
    "GET /integration/{}",
    "GET /integration/type/{}",
    "POST /integration",
    "PUT /integration/{}",
    "DELETE /integration/{}",
    "POST /integration/{}/check-health",
];

#[test]
fn the_documented_routes_are_the_table() {
    let mut table: Vec<_> =
        itsm::routes().iter().map(|route| written(&route.row.method, route.row.path)).collect();
    let mut documented = ROUTES.map(str::to_owned).to_vec();
    table.sort();
    documented.sort();
    assert_eq!(table, documented);
}

/// Those who send the examples.
struct Stage {
    app: TestApp,
    admin: Actor,
    jane: Actor,
    key: String,
}

impl Stage {
    async fn set() -> Self {
        let app = TestApp::start().await;
        let admin = app.admin().await;
        let email = "jane.smith@example.com";
        let new = json!({"name": "Jane Smith", "email": email, "password": "oldpassword123"});
        admin.post("/v1/user/users", &new).await.expect(201);
        let jane = sign_in(&app, email, "oldpassword123").await;
        let key = key(&admin, &["user.read.other"]).await.secret;
        Self { app, admin, jane, key }
    }

    async fn send(&self, example: &Value) -> Answer {
        let nobody = self.app.nobody();
        let sender = match example["as"].as_str().unwrap() {
            "nobody" => &nobody,
            "jane" => &self.jane,
            _ => &self.admin,
        };
        let (method, path) = example["call"].as_str().unwrap().split_once(' ').unwrap();
        let path = path.replace("$jane", &self.jane.id).replace("$admin", &self.admin.id);
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = sender.request(method, &format!("/itsm/api{path}"));
        match example.get("request") {
            Some(body) => {
                let body = body.to_string().replace("$key", &self.key);
                request.json(&serde_json::from_str(&body).unwrap()).send().await
            }
            None => request.send().await,
        }
    }
}

#[tokio::test]
async fn every_documented_example_is_answered_as_documented() {
    let stage = Stage::set().await;
    let examples: Vec<Value> = serde_json::from_str(EXAMPLES).unwrap();
    let mut sent = Vec::new();
    for example in &examples {
        let (answer, call) = (stage.send(example).await, example["call"].as_str().unwrap());
        let body = answer.expect_itsm(u16::try_from(example["status"].as_u64().unwrap()).unwrap());
        let documented = &example["answer"];
        assert_eq!(differences(documented, &body, "answer"), [""; 0], "{call}: {}", answer.text);
        for name in ["success", "message"] {
            assert_eq!(documented.get(name), body.get(name), "{call}: {}", answer.text);
        }
        if let Some(changed) = body.get("data").filter(|_| call.starts_with("PUT")) {
            for (name, value) in example["request"].as_object().unwrap() {
                assert_eq!(&changed[name], value, "{call}: {}", answer.text);
            }
        }
        if answer.status < 300 {
            let part = |part| if ["$jane", "$admin"].contains(&part) { "{}" } else { part };
            sent.push(call.split('/').map(part).collect::<Vec<_>>().join("/"));
        }
    }
    // the examples of integrations take a product, which `integrations/contract.rs` has
    let is_here = |route: &&&str| !route.contains("/integration");
    for route in ROUTES.iter().filter(is_here) {
        assert!(sent.iter().any(|call| call == route), "no example of {route} is sent");
    }
}

#[tokio::test]
async fn a_token_of_this_contract_works_in_the_others() {
    let app = TestApp::start().await;
    let login = json!({"email": "admin@example.com", "password": ADMIN_PASSWORD});
    let signed_in = app.nobody().post("/itsm/api/auth/login", &login).await.expect_itsm(200);
    let mut admin = app.nobody();
    admin.token = signed_in["token"].as_str().map(str::to_owned);
    let id = &signed_in["user"]["_id"];
    assert_eq!(admin.get("/v1/user/@me").await.data()["id"], *id);
    assert_eq!(admin.get(&format!("/rbac/api/users/{}", id.as_str().unwrap())).await.rbac()["id"], *id);
    assert_eq!(admin.get("/itsm/api/users/profile/me").await.itsm()["_id"], *id);
    admin.post("/v1/auth/logout", &json!({})).await.expect(200);
    let refused = admin.get("/itsm/api/users/profile/me").await;
    assert_eq!(refused.expect_itsm(401), json!({"success": false, "message": "Authentication required"}));
}
