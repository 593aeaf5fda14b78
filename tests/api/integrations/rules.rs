//! What an integration may be.

use super::{PATH, Stage, pending, without_time};
use crate::helpers::{Value, json};

#[tokio::test]
async fn one_is_shown_as_it_was_made_without_its_credentials() {
    let stage = Stage::set().await;
    let made = stage.admin.post(PATH, &stage.body()).await.data();
    let path = format!("{PATH}/{}", made["id"].as_str().unwrap());
    assert_eq!(stage.admin.get(&path).await.data(), made);
    assert_eq!(
        made["config"],
        json!({"baseUrl": stage.product.url(), "auth": {"type": "bearer", "hasCredentials": true}})
    );
    let endpoints = &stage.body()["endpoints"];
    for (member, value) in [
        ("name", &json!("Tickets")),
        ("description", &json!("")),
        ("type", &json!("custom")),
        ("endpoints", endpoints),
        ("isActive", &json!(true)),
        ("createdBy", &json!(stage.admin.id)),
        ("managers", &json!([])),
        ("updatedAt", &made["createdAt"]),
    ] {
        assert_eq!(&made[member], value, "{member}");
    }
    assert_eq!(made["health"]["lastChecked"], made["createdAt"]);
    assert_eq!(without_time(made["health"].clone()), pending("created"));
    assert_eq!(stage.actions(&path).await, ["integration.create"]);
    stage.admin.delete(&path).await.expect(200);
    assert_eq!(stage.actions(&path).await, ["integration.delete", "integration.create"]);
}

#[tokio::test]
async fn they_are_listed_by_name_by_kind_and_by_the_page() {
    let stage = Stage::set().await;
    for (name, kind, auth) in
        [("Zebra", "zendesk", "token"), ("apple", "jira", "basic"), ("Mango", "jira", "bearer")]
    {
        let body = json!({"name": name, "type": kind, "config": {"baseUrl": "https://example.com/", "auth": {"type": auth}}});
        let made = stage.admin.post(PATH, &body).await.data();
        assert_eq!(
            made["config"],
            json!({"baseUrl": "https://example.com", "auth": {"type": auth, "hasCredentials": false}})
        );
    }
    let names = async |query: &str| {
        let listed = stage.admin.get(&format!("{PATH}{query}")).await.data();
        listed
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names("").await, ["apple", "Mango", "Zebra"]);
    assert_eq!(names("?type=jira").await, ["apple", "Mango"]);
    assert_eq!(names("?type=custom").await, [""; 0]);
    assert_eq!(names("?search=ang").await, ["Mango"]);
    assert_eq!(names("?page=2&rpp=2").await, ["Zebra"]);
    let page = stage.admin.get(&format!("{PATH}?page=1&rpp=1&type=jira")).await.expect(200);
    assert_eq!(page["message"], "Integrations Fetched Successfully!");
    assert_eq!(
        (&page["pagination"]["totalRecords"], &page["pagination"]["nextPage"]),
        (&json!(2), &json!(2))
    );
    let refused = stage.admin.get(&format!("{PATH}?type=jirra")).await.violations();
    let words = "Must be one of jira, servicenow, zendesk, connectwise, custom".to_owned();
    assert_eq!(refused, [(json!(["type"]), words.clone())]);
    let refused = stage.admin.get("/itsm/api/integration/type/jirra").await.expect_itsm(400);
    assert_eq!(refused["message"], format!("type: {words}"));
}

/// The body with one member put in, by a JSON pointer.
fn with(mut body: Value, pointer: &str, value: Value) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    body.pointer_mut(parent).unwrap()[name] = value;
    body
}

/// What breaks one rule: where it is put into the body, what it is, the way to it, and the rule.
const BROKEN: &str = include_str!("broken.json");

#[tokio::test]
async fn what_breaks_a_rule_is_refused_by_field_and_rule() {
    let stage = Stage::set().await;
    let path = stage.integration().await;
    let broken: Vec<(&str, Value, Value, String)> = serde_json::from_str(BROKEN).unwrap();
    for (pointer, value, at, rule) in broken {
        let body = with(stage.body(), pointer, value);
        let expected = [(at, rule)];
        assert_eq!(stage.admin.post(PATH, &body).await.violations(), expected, "{body}");
        if pointer != "/type" {
            assert_eq!(stage.admin.patch(&path, &body).await.violations(), expected, "{body}");
        }
    }
    assert_eq!(stage.actions(&path).await, ["integration.create"]);
    for missing in ["name", "type", "config"] {
        let mut body = stage.body();
        body.as_object_mut().unwrap().remove(missing);
        let refused = stage.admin.post(PATH, &body).await.violations();
        assert_eq!(refused, [(json!([missing]), "Field is required".to_owned())]);
        let refused = stage.admin.post("/itsm/api/integration", &body).await.expect_itsm(400);
        assert_eq!(refused["message"], format!("{missing}: Field is required"));
    }
}

#[tokio::test]
async fn an_address_inside_that_the_operator_does_not_allow_is_refused() {
    let stage = Stage::set().await;
    for address in [
        "http://10.0.0.1",
        "https://192.168.1.1",
        "http://169.254.169.254",
        "https://[::1]",
        "http://2852039166/",
    ] {
        let body = with(stage.body(), "/config/baseUrl", json!(address));
        let refused = stage.admin.post(PATH, &body).await.violations();
        assert_eq!(refused.len(), 1, "{address}");
        assert_eq!(refused[0].0, json!(["config", "baseUrl"]), "{address}");
    }
}

#[tokio::test]
async fn managers_are_people_who_are_there() {
    let stage = Stage::set().await;
    let nobody = ttscm::id::new().to_string();
    for unknown in [nobody.as_str(), "x"] {
        let body = with(stage.body(), "/managers", json!([stage.admin.id, unknown]));
        let message = format!("User with identifier '{unknown}' was not found.");
        let refused = stage.admin.post(PATH, &body).await.expect(404);
        assert_eq!((&refused["error"], &refused["message"]), (&json!("UserNotFound"), &json!(message)));
        let refused = stage.admin.post("/itsm/api/integration", &body).await.expect_itsm(400);
        assert_eq!(refused["message"], message);
    }
    assert_eq!(stage.admin.get(PATH).await.data(), json!([]));
}
