//! Roles and people, made through the API.

use reqwest::Method;
use serde_json::{Value, json};

use super::actor::{Actor, sign_in};
use super::app::TestApp;
use super::fixture::{PASSWORD, id_of, unique};
use super::request::Answer;

/// Makes a role with a moniker of its own; its id.
pub async fn role(actor: &Actor, nodes: &[&str]) -> String {
    id_of(&actor.post("/v1/role", &role_of(nodes, &Value::Null)).await.data())
}

/// The same, bound to a company.
pub async fn role_in(actor: &Actor, company: &str, nodes: &[&str]) -> String {
    id_of(&actor.post("/v1/role", &role_of(nodes, &json!(company))).await.data())
}

fn role_of(nodes: &[&str], company: &Value) -> Value {
    json!({"title": "A Role", "moniker": format!("role_{}", unique()), "permissions": nodes, "companyId": company})
}

/// Makes a person with these roles, who signs in.
pub async fn person(app: &TestApp, maker: &Actor, roles: &[&str]) -> Actor {
    let email = format!("somebody{}@example.com", unique());
    let new = json!({"name": "Some Body", "email": email, "password": PASSWORD, "roles": roles});
    maker.post("/v1/user/users", &new).await.expect(201);
    sign_in(app, &email, PASSWORD).await
}

/// Gives somebody exactly these roles.
pub async fn give_roles(actor: &Actor, user: &str, roles: &[&str]) -> Answer {
    actor.patch(&format!("/v1/user/users/{user}"), &json!({"roles": roles})).await
}

/// Gives somebody exactly these nodes directly.
pub async fn give_nodes(actor: &Actor, user: &str, nodes: &[&str]) -> Answer {
    actor.patch(&format!("/v1/user/users/{user}"), &json!({"permissions": nodes})).await
}

/// `DELETE` with a body.
pub async fn delete_with(actor: &Actor, path: &str, body: &Value) -> Answer {
    actor.request(Method::DELETE, path).json(body).send().await
}

/// Whether somebody holds a node, everywhere or in a company.
pub async fn holds(actor: &Actor, user: &str, node: &str, company: Option<&str>) -> bool {
    let mut question = json!({"permissions": [node]});
    if let Some(company) = company {
        question["companyId"] = json!(company);
    }
    let answer = actor.post(&format!("/v1/user/users/{user}/check-permission"), &question).await.data();
    answer["results"][0]["hasPermission"].as_bool().expect("yes or no")
}

/// The refusal of a grant of what one does not hold.
#[track_caller]
pub fn assert_not_yours(answer: &Answer, node: &str) {
    assert_eq!(
        answer.expect(403),
        json!({
            "status": 403,
            "message": format!("You cannot grant '{node}', which you do not hold yourself"),
            "error": "InsufficientPermission",
            "required": [node],
            "successful": false,
        })
    );
}

/// The refusal where the last administrator would be gone.
#[track_caller]
pub fn assert_last_administrator(answer: &Answer) {
    assert_eq!(
        answer.expect(409),
        json!({
            "status": 409,
            "message": "The last administrator cannot be removed, disabled or stripped",
            "error": "Conflict",
            "successful": false,
        })
    );
}
