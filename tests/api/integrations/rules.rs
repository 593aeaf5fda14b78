//! What an integration may be.

use super::{PATH, Stage, TOKEN, pending, without_time};
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

#[tokio::test]
async fn what_breaks_a_rule_is_refused_by_field_and_rule() {
    let stage = Stage::set().await;
    let path = stage.integration().await;
    let endpoint = |name: &str, path: &str| json!([{"name": name, "path": path, "method": "GET"}]);
    let twice =
        json!([{"name": "a", "path": "/", "method": "GET"}, {"name": "a", "path": "/b", "method": "PUT"}]);
    for (pointer, value, at, rule) in [
        ("/name", json!(" "), json!(["name"]), "Must not be blank"),
        ("/name", json!("n".repeat(201)), json!(["name"]), "Must have at most 200 characters"),
        (
            "/type",
            json!("jirra"),
            json!(["type"]),
            "Must be one of jira, servicenow, zendesk, connectwise, custom",
        ),
        ("/color", json!("red"), json!(["color"]), "Unknown field"),
        ("/config/color", json!("red"), json!(["config", "color"]), "Unknown field"),
        (
            "/config/auth/type",
            json!("magic"),
            json!(["config", "auth", "type"]),
            "Must be one of basic, token, bearer, api_key, oauth, connectwise",
        ),
        (
            "/config/auth",
            json!({"type": "connectwise"}),
            json!(["config", "auth", "type"]),
            "'connectwise' is for integrations of the type 'connectwise' only",
        ),
        (
            "/config/auth/credentials",
            json!({"token": ""}),
            json!(["config", "auth", "credentials", "token"]),
            "token must not be empty",
        ),
        (
            "/config/auth/credentials",
            json!({}),
            json!(["config", "auth", "credentials", "token"]),
            "token is required",
        ),
        (
            "/config/auth/credentials",
            json!({"token": TOKEN, "pin": "1"}),
            json!(["config", "auth", "credentials", "pin"]),
            "Credentials of the type 'bearer' have no such part",
        ),
        (
            "/config/baseUrl",
            json!("ftp://example.com"),
            json!(["config", "baseUrl"]),
            "The address must begin with https://",
        ),
        (
            "/config/baseUrl",
            json!("https://a:b@example.com"),
            json!(["config", "baseUrl"]),
            "The address must not hold a user name or a password",
        ),
        (
            "/config/baseUrl",
            json!("https://example.com/#x"),
            json!(["config", "baseUrl"]),
            "The address must not have a fragment (#)",
        ),
        ("/endpoints", twice, json!(["endpoints", 1, "name"]), "Must not be the name of another endpoint"),
        (
            "/endpoints",
            endpoint("a", "tickets"),
            json!(["endpoints", 0, "path"]),
            "The path must begin with '/'",
        ),
        (
            "/endpoints",
            endpoint("a", "//elsewhere.example"),
            json!(["endpoints", 0, "path"]),
            "The path must not have '//'",
        ),
        (
            "/endpoints",
            endpoint("a", "/a?b=c"),
            json!(["endpoints", 0, "path"]),
            "The path must not have '\\', '?' or '#'",
        ),
        (
            "/endpoints",
            endpoint("a", "/../b"),
            json!(["endpoints", 0, "path"]),
            "The path must not have '.' or '..' as a segment",
        ),
        (
            "/endpoints",
            json!([{"name": "a", "path": "/", "method": "BREW"}]),
            json!(["endpoints", 0, "method"]),
            "Must be one of GET, HEAD, POST, PUT, PATCH, DELETE",
        ),
        ("/managers", json!([1]), json!(["managers", 0]), "Must be a string"),
        ("/isActive", json!("yes"), json!(["isActive"]), "Must be true or false"),
    ] {
        let body = with(stage.body(), pointer, value);
        let expected = [(at, rule.to_owned())];
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
