//! The documented examples of the RBAC contract, sent and held against their documented answers; and every
//! documented route against the route table.

use std::collections::HashMap;

use reqwest::Method;
use ttscm::http::rbac;

use super::contract::{differences, written};
use crate::helpers::fixture::id_of;
use crate::helpers::{TestApp, Value, json};

/// The documented requests in an order that works, each with the documented answer. `$name` stands for an id.
const EXAMPLES: &str = include_str!("contract/rbac.json");

/// Documented routes without examples, which `rbac_oauth.rs` tries.
const TRIED_ELSEWHERE: [&str; 4] = [
    "GET /auth/oauth/google",
    "GET /auth/oauth/google/callback",
    "GET /auth/oauth/github",
    "GET /auth/oauth/github/callback",
];

const ROUTES: [&str; 28] = [
    "POST /auth/register",
    "POST /auth/login",
    "POST /auth/refresh-token",
    "GET /auth/oauth/google",
    "GET /auth/oauth/google/callback",
    "GET /auth/oauth/github",
    "GET /auth/oauth/github/callback",
    "GET /users",
    "GET /users/{}",
    "POST /users",
    "PUT /users/{}",
    "DELETE /users/{}",
    "GET /roles",
    "GET /roles/{}",
    "POST /roles",
    "PUT /roles/{}",
    "DELETE /roles/{}",
    "PUT /roles/{}/permissions",
    "GET /permissions",
    "GET /permissions/{}",
    "POST /permissions",
    "PUT /permissions/{}",
    "DELETE /permissions/{}",
    "GET /organizations",
    "GET /organizations/{}",
    "POST /organizations",
    "PUT /organizations/{}",
    "DELETE /organizations/{}",
];

#[test]
fn the_documented_routes_are_the_table() {
    let table: Vec<_> =
        rbac::routes().iter().map(|route| written(&route.row.method, route.row.path)).collect();
    let documented = ROUTES;
    let (missing, unknown): (Vec<_>, Vec<_>) = (
        documented.iter().filter(|route| !table.contains(&(**route).to_owned())).collect(),
        table.iter().filter(|route| !documented.contains(&route.as_str())).collect(),
    );
    assert_eq!((missing, unknown), (vec![], vec![]));
}

fn filled(ids: &HashMap<String, String>, text: &str) -> String {
    let mut names: Vec<_> = ids.iter().collect();
    // a longer name may begin with a shorter one
    names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    names.into_iter().fold(text.to_owned(), |text, (name, id)| text.replace(&format!("${name}"), id))
}

#[tokio::test]
async fn every_documented_example_is_answered_as_documented() {
    let app = TestApp::start_with(&[("SELF_REGISTRATION", "on")]).await;
    let admin = app.admin().await;
    let permission = async |query: &str| {
        let found = admin.get(&format!("/rbac/api/permissions?{query}")).await.rbac();
        assert_eq!(found["total"], 1, "{found}");
        id_of(&found["permissions"][0])
    };
    let mut ids: HashMap<_, _> = [
        ("admin", admin.id.clone()),
        ("node", permission("resource=company.fetch&action=many").await),
        ("everything", permission("resource=*&action=*").await),
        ("userrole", "00000000-0000-7000-8000-000000000002".to_owned()),
    ]
    .map(|(name, id)| (name.to_owned(), id))
    .into();
    let examples: Vec<Value> = serde_json::from_str(EXAMPLES).unwrap();
    let mut sent = Vec::new();
    for example in &examples {
        let (method, path) = example["call"].as_str().unwrap().split_once(' ').unwrap();
        let nobody = app.nobody();
        let sender = if example["as"] == "nobody" { &nobody } else { &admin };
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = sender.request(method, &format!("/rbac/api{}", filled(&ids, path)));
        let answer = match example.get("request") {
            Some(body) => {
                request.json(&serde_json::from_str(&filled(&ids, &body.to_string())).unwrap()).send().await
            }
            None => request.send().await,
        };
        let body = answer.expect_rbac(u16::try_from(example["status"].as_u64().unwrap()).unwrap());
        let documented = &example["answer"];
        assert_eq!(differences(documented, &body, "answer"), [""; 0], "{}: {}", example["call"], answer.text);
        for name in ["success", "message"] {
            assert!(documented.get(name).is_none() || documented[name] == body[name], "{}", answer.text);
        }
        if let Some(sent) = example.get("request") {
            check_echo(sent, &body["data"]);
        }
        if let Some(name) = example["keep"].as_str() {
            ids.insert(name.to_owned(), id_of(&body["data"]));
        }
        let part = |part: &str| if part.starts_with('$') { "{}".to_owned() } else { part.to_owned() };
        let path = path.split('?').next().unwrap().split('/').map(part).collect::<Vec<_>>().join("/");
        sent.push(format!("{} {path}", example["call"].as_str().unwrap().split(' ').next().unwrap()));
    }
    for route in ROUTES.iter().filter(|route| !TRIED_ELSEWHERE.contains(route)) {
        assert!(sent.iter().any(|call| call == route), "no example of {route} is sent");
    }
}

/// What was sent as plain words comes back as it was.
#[track_caller]
fn check_echo(sent: &Value, data: &Value) {
    let plain = [
        "name",
        "description",
        "resource",
        "action",
        "domain",
        "active",
        "username",
        "email",
        "firstName",
        "lastName",
    ];
    for name in plain.into_iter().filter(|name| sent.get(name).is_some() && data.is_object()) {
        assert_eq!(sent[name], data[name], "{name}");
    }
}

#[tokio::test]
async fn a_token_of_either_contract_works_in_the_other() {
    let app = TestApp::start().await;
    let mut admin = app.admin().await;
    let renewed = admin.post("/rbac/api/auth/refresh-token", &json!({})).await.expect_rbac(200);
    assert_eq!(renewed["user"]["id"], admin.id);
    let sessions = async || app.db_counts().await["sessions"];
    let before = sessions().await;
    admin.token = renewed["token"].as_str().map(str::to_owned);
    admin.get("/v1/user/@me").await.expect(200);
    assert_eq!(sessions().await, before, "it is the same session");
    admin.post("/v1/auth/logout", &json!({})).await.expect(200);
    let refused = admin.post("/rbac/api/auth/refresh-token", &json!({})).await;
    assert_eq!(refused.expect_rbac(401), json!({"success": false, "error": "Unauthorized"}));
}
