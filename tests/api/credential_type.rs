//! Credential types through every route of the contract.

use crate::helpers::scene::{all, field, id_in, kind_with};
use crate::helpers::trash::purge;
use crate::helpers::{Actor, Scene, TestApp, Value, fixture, json};

const TYPES: &str = "/v1/credential-type";

fn github() -> Value {
    json!({
        "name": "GitHub",
        "permissionScope": "github.credentials",
        "icon": "https://github.com/favicon.ico",
        "fields": [
            {"id": "username", "name": "Username", "required": true, "secure": false, "valueType": "plain_text"},
            {"id": "personalAccessToken", "name": "Personal Access Token", "required": true, "secure": true, "valueType": "password"}
        ]
    })
}

/// A body with some members in place of others.
fn with(mut body: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().expect("an object") {
        body[name] = value.clone();
    }
    body
}

/// The whole answer with a type that is like `body` and has the id and the times of `data`.
fn answer(status: u16, message: &str, body: Value, count: i64, data: &Value) -> Value {
    let rest = json!({
        "id": data["id"], "credentialCount": count, "createdAt": data["createdAt"], "updatedAt": data["updatedAt"]
    });
    json!({"status": status, "message": message, "data": with(body, &rest), "successful": true})
}

/// The path `[name]` of a refused input's single violation.
#[track_caller]
fn only_path(answer: &crate::helpers::Answer) -> Value {
    let violations = answer.violations();
    assert_eq!(violations.len(), 1, "{violations:?}");
    violations[0].0.clone()
}

#[tokio::test]
async fn a_type_is_made_read_changed_and_deleted() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let made = admin.post(TYPES, &github()).await.expect(201);
    assert_eq!(made, answer(201, "Credential Type Created Successfully!", github(), 0, &made["data"]));
    let path = format!("{TYPES}/{}", fixture::id_of(&made["data"]));
    let read = admin.get(&path).await.expect(200);
    assert_eq!(read, answer(200, "Credential Type Fetched Successfully!", github(), 0, &made["data"]));

    let mut fields = github()["fields"].clone();
    fields.as_array_mut().unwrap().push(field("enterpriseUrl", "plain_text", true, false));
    let change = json!({"name": "GitHub Enterprise", "icon": null, "fields": fields});
    let changed = admin.patch(&path, &change).await.expect(200);
    let expected = with(github(), &change);
    assert_eq!(
        changed,
        answer(200, "Credential Type Updated Successfully!", expected.clone(), 0, &changed["data"])
    );
    assert_eq!(changed["data"]["createdAt"], made["data"]["createdAt"]);
    assert_eq!(admin.patch(&path, &json!({})).await.data()["name"], "GitHub Enterprise");

    let deleted = admin.delete(&path).await.expect(200);
    assert_eq!(
        deleted,
        json!({"status": 200, "message": "Credential Type Deleted Successfully!", "data": null, "successful": true})
    );
    let id = id_in(&path);
    assert_eq!(
        admin.get(&path).await.expect(404),
        json!({"status": 404, "message": format!("Credential type with identifier '{id}' was not found."), "error": "CredentialTypeNotFound", "successful": false})
    );
    admin.patch(&path, &json!({})).await.expect(404);
    admin.delete(&path).await.expect(404);
    admin.get(&format!("{path}/credentials")).await.expect(404);
}

#[tokio::test]
async fn a_type_is_found_by_its_name_in_any_case() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let kind = kind_with(&admin, "Über Straße", "uber", &json!([])).await;
    for name in ["%C3%9Cber%20Stra%C3%9Fe", "%C3%BCBER%20STRA%C3%9Fe", "%C3%BCber%20stra%C3%9Fe"] {
        let path = format!("{TYPES}/{name}");
        assert_eq!(admin.get(&path).await.data()["id"], id_in(&kind), "{name}");
        assert_eq!(admin.get(&format!("{path}/credentials")).await.data(), json!([]));
    }
    admin.get(&format!("{TYPES}/%25")).await.expect(404);
    admin.get(&format!("{TYPES}/ber")).await.expect(404);
}

#[tokio::test]
async fn types_are_listed_by_name_with_the_number_of_their_credentials() {
    let scene = Scene::start().await;
    let (beta, other) = (
        kind_with(&scene.admin, "beta", "beta", &json!([])).await,
        fixture::company(&scene.admin, "O").await,
    );
    kind_with(&scene.admin, "Alpha", "alpha", &json!([])).await;
    for company in [&scene.acme, &scene.acme, &other] {
        fixture::aws_credential(&scene.admin, &scene.aws, company, "secret").await;
    }
    let counts = |list: &Value| -> Vec<(String, i64)> {
        let items = list["data"].as_array().expect("a list").iter();
        items
            .map(|kind| (kind["name"].as_str().unwrap().into(), kind["credentialCount"].as_i64().unwrap()))
            .collect()
    };
    let list = scene.admin.get(TYPES).await.expect(200);
    assert_eq!(list["message"], "Credential Types Fetched Successfully!");
    assert_eq!(list.get("pagination"), None);
    assert_eq!(counts(&list), [("Alpha".into(), 0), ("AWS aws.credentials".into(), 3), ("beta".into(), 0)]);
    assert_eq!(list["data"][2], scene.admin.get(&beta).await.data());
    assert_eq!(scene.admin.get(&format!("{TYPES}/{}", scene.aws)).await.data(), list["data"][1]);

    let page = scene.admin.get(&format!("{TYPES}?rpp=2&page=2")).await.expect(200);
    assert_eq!(all(&page["data"], "name"), ["beta"]);
    assert_eq!(
        page["pagination"],
        json!({"previousPage": 1, "currentPage": 2, "nextPage": null, "totalPages": 2, "totalRecords": 3, "listedRecords": 1})
    );
    let technician = scene.app.technician_of(&other).await;
    assert_eq!(counts(&technician.get(TYPES).await.expect(200))[1].1, 1);
}

#[tokio::test]
async fn the_credentials_of_a_type_are_listed_by_name() {
    let scene = Scene::start().await;
    let list = format!("{TYPES}/{}/credentials", scene.aws);
    let values =
        json!([{"fieldId": "accessKeyId", "value": "A"}, {"fieldId": "secretAccessKey", "value": "S"}]);
    let mut made = Vec::new();
    for name in ["Production", "staging", "Preview"] {
        made.push(scene.admin.post("/v1/credential/credentials", &scene.body(name, &values)).await.data());
    }
    assert_eq!(
        scene.admin.get(&list).await.expect(200),
        json!({"status": 200, "message": "Credentials Fetched Successfully!", "data": [made[2], made[0], made[1]], "successful": true})
    );
    let page = scene.admin.get(&format!("{list}?page=1&rpp=2")).await.expect(200);
    assert_eq!((&page["data"], &page["pagination"]["nextPage"]), (&json!([made[2], made[0]]), &json!(2)));
}

#[tokio::test]
async fn names_and_scopes_are_taken_in_every_case() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    admin.post(TYPES, &github()).await.expect(201);
    let other = kind_with(&admin, "Äzure", "azure", &json!([])).await;
    let conflict = |what: &str, name: &str| {
        let message = format!("The {what} '{name}' is taken by another credential type");
        json!({"status": 409, "message": message, "error": "Conflict", "successful": false})
    };
    for (change, expected) in [
        (json!({"name": " gitHUB ", "permissionScope": "new"}), conflict("name", "gitHUB")),
        (json!({"name": "äZURE", "permissionScope": "new"}), conflict("name", "äZURE")),
        (
            json!({"name": "New", "permissionScope": " GitHub.Credentials"}),
            conflict("permissionScope", "github.credentials"),
        ),
    ] {
        assert_eq!(admin.post(TYPES, &with(github(), &change)).await.expect(409), expected);
    }
    assert_eq!(admin.patch(&other, &json!({"name": "GITHUB"})).await.expect(409), conflict("name", "GITHUB"));
    assert_eq!(admin.patch(&other, &json!({"name": "ÄZURE"})).await.data()["name"], "ÄZURE");
    assert_eq!(all(&admin.get(TYPES).await.data(), "name"), ["GitHub", "ÄZURE"]);
}

#[tokio::test]
async fn a_scope_is_checked_and_never_changes() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for scope in [
        "credential",
        "credential.aws",
        "Company",
        "user.x",
        "audit",
        "credential_type.x",
        "a..b",
        ".a",
        "a.",
        "a b",
        "1a",
        "a.*",
        "*",
        "ä",
        "a-b",
        &"a".repeat(101),
    ] {
        let refused = admin.post(TYPES, &with(github(), &json!({"permissionScope": scope}))).await;
        assert_eq!(only_path(&refused), json!(["permissionScope"]), "{scope}");
    }
    let path = kind_with(&admin, "GitHub", "  GitHub.Credentials ", &json!([])).await;
    assert_eq!(admin.get(&path).await.data()["permissionScope"], "github.credentials");
    for same in ["github.credentials", "GitHub.Credentials"] {
        assert_eq!(
            admin.patch(&path, &json!({"permissionScope": same})).await.data()["permissionScope"],
            "github.credentials"
        );
    }
    let refused = admin.patch(&path, &json!({"permissionScope": "other", "name": "Other"})).await.expect(409);
    assert_eq!(
        refused,
        json!({"status": 409, "message": "The permissionScope 'github.credentials' of a credential type cannot be changed", "error": "Conflict", "successful": false})
    );
    assert_eq!(admin.get(&path).await.data()["name"], "GitHub");
}

#[tokio::test]
async fn impossible_names_and_fields_are_refused() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let path = kind_with(&admin, "Kind", "kind", &json!([])).await;
    let id = id_in(&path).to_owned();
    for name in [&id, &id.to_uppercase(), &id.replace('-', ""), &format!(" {id} "), "Credential-Types"] {
        let refused = admin.post(TYPES, &with(github(), &json!({"name": name}))).await;
        assert_eq!(only_path(&refused), json!(["name"]), "{name}");
        assert_eq!(only_path(&admin.patch(&path, &json!({"name": name})).await), json!(["name"]), "{name}");
    }
    let plain = |id: &str| with(field(id, "plain_text", false, false), &json!({"name": "A field"}));
    for (fields, expected) in [
        (json!([plain("a"), plain("b"), plain("a")]), json!(["fields", 2, "id"])),
        (json!([plain("")]), json!(["fields", 0, "id"])),
        (json!([plain("a b")]), json!(["fields", 0, "id"])),
        (json!([plain("1a")]), json!(["fields", 0, "id"])),
        (json!([plain("ä")]), json!(["fields", 0, "id"])),
        (json!([plain(&"a".repeat(65))]), json!(["fields", 0, "id"])),
        (json!([field("a", "secret", false, false)]), json!(["fields", 0, "valueType"])),
        (json!([plain("a"), with(plain("b"), &json!({"name": " "}))]), json!(["fields", 1, "name"])),
        (json!([with(plain("a"), &json!({"secure": "yes"}))]), json!(["fields", 0, "secure"])),
        (json!([with(plain("a"), &json!({"hidden": true}))]), json!(["fields", 0, "hidden"])),
        (
            json!([{"id": "a", "name": "A", "required": true, "valueType": "password"}]),
            json!(["fields", 0, "secure"]),
        ),
    ] {
        let made = admin.post(TYPES, &with(github(), &json!({"fields": fields}))).await;
        let changed = admin.patch(&path, &json!({"fields": fields})).await;
        for refused in [made, changed] {
            let paths: Vec<_> = refused.violations().into_iter().map(|(path, _)| path).collect();
            assert!(!paths.is_empty() && paths.iter().all(|path| *path == expected), "{fields} {paths:?}");
        }
    }
    assert_eq!(all(&admin.get(TYPES).await.data(), "name"), ["Kind"]);
}

#[tokio::test]
async fn a_deleted_type_takes_its_credentials_along() {
    let scene = Scene::start().await;
    let path = scene.credential("gone").await;
    let other =
        kind_with(&scene.admin, "Other", "other", &json!([field("key", "password", true, true)])).await;
    let body = json!({"name": "Kept", "typeId": id_in(&other), "companyId": scene.acme, "fields": [{"fieldId": "key", "value": "kept"}]});
    let kept = fixture::id_of(&scene.admin.post("/v1/credential/credentials", &body).await.data());
    scene.admin.delete(&format!("{TYPES}/{}", scene.aws)).await.expect(200);
    scene.admin.get(&path).await.expect(404);
    let list = scene.admin.get(&format!("/v1/credential/credentials/company/{}", scene.acme)).await.data();
    assert_eq!(all(&list, "id"), [kept.as_str()]);
    let counts = scene.app.db_counts().await;
    assert_eq!((counts["credentials"], counts["secure_values"]), (1, 1));
}

/// What a person holds, by their own account's and their bound role's nodes.
async fn db_nodes(app: &TestApp, actor: &Actor) -> (Vec<String>, Vec<String>) {
    let nodes = "select u.permissions, r.permissions from users u
        join user_roles ur on ur.user_id = u.id join roles r on r.id = ur.role_id and not r.builtin
        where u.id = $1::uuid";
    sqlx::query_as(nodes).bind(&actor.id).fetch_one(app.pool()).await.expect("a person with a role")
}

fn texts(nodes: &[&str]) -> Vec<String> {
    nodes.iter().map(|node| (*node).to_owned()).collect()
}

#[tokio::test]
async fn the_nodes_of_a_purged_type_leave_roles_and_accounts() {
    let scene = Scene::start().await;
    let near = kind_with(&scene.admin, "Near", "aws.near", &json!([])).await;
    let below = kind_with(&scene.admin, "Below", "aws.credentials.below", &json!([])).await;
    let alike = kind_with(&scene.admin, "Alike", "aws.credentials_too", &json!([])).await;
    let gone = ["aws.credentials.fetch", "aws.credentials.secure_values.read", "aws.credentials.fields.*"];
    let kept = [
        "user.read",
        "credential.*",
        "aws.*",
        "aws.near.*",
        "aws.credentials.*",
        "aws.credentials.below.fetch",
        "aws.credentials_too.fetch",
    ];
    let nodes = [&gone[..], &kept[..]].concat();
    let email = scene.app.db_user(&nodes).await;
    scene.app.db_bound_role(&email, &scene.acme, &nodes).await;
    let person = crate::helpers::actor::sign_in(&scene.app, &email, fixture::PASSWORD).await;

    scene.admin.delete(&format!("{TYPES}/{}", scene.aws)).await.expect(200);
    assert_eq!(
        db_nodes(&scene.app, &person).await,
        (texts(&nodes), texts(&nodes)),
        "in the trash it has them"
    );
    purge(&scene.admin, &scene.aws).await;
    assert_eq!(db_nodes(&scene.app, &person).await, (texts(&kept), texts(&kept)));

    // the last types below a wildcard take it along
    let [below, alike, near] = [&below, &alike, &near].map(|path| id_in(path).to_owned());
    for kind in [&below, &alike, &near] {
        scene.admin.delete(&format!("{TYPES}/{kind}")).await.expect(200);
    }
    purge(&scene.admin, &below).await;
    let kept = ["user.read", "credential.*", "aws.*", "aws.near.*", "aws.credentials_too.fetch"];
    assert_eq!(db_nodes(&scene.app, &person).await.0, kept);
    purge(&scene.admin, &alike).await;
    assert_eq!(db_nodes(&scene.app, &person).await.0, ["user.read", "credential.*", "aws.*", "aws.near.*"]);
    purge(&scene.admin, &near).await;
    assert_eq!(db_nodes(&scene.app, &person).await.0, ["user.read", "credential.*"]);
}

#[tokio::test]
async fn a_type_made_anew_is_not_held_by_those_who_held_the_old_one() {
    let scene = Scene::start().await;
    let person = scene.app.holder_of(&["aws.credentials.fetch", "aws.*"]).await;
    person.get(&scene.credential("old").await).await.expect(200);
    scene.admin.delete(&format!("{TYPES}/{}", scene.aws)).await.expect(200);
    purge(&scene.admin, &scene.aws).await;
    let aws = fixture::aws_type(&scene.admin, "aws.credentials").await;
    let made = fixture::aws_credential(&scene.admin, &aws, &scene.acme, "new").await;
    let refused = person.get(&format!("/v1/credential/credentials/{made}")).await.expect(403);
    assert_eq!(refused["required"], json!(["credential.fetch"]));
}
