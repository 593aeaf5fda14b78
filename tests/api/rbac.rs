//! The RBAC contract beyond its examples: what is refused, and in which words.

use reqwest::Method;

use crate::helpers::fixture::{company, id_of};
use crate::helpers::people::{person, role};
use crate::helpers::{Actor, Answer, TestApp, Value, json};

const API: &str = "/rbac/api";

async fn get(actor: &Actor, path: &str) -> Answer {
    actor.get(&format!("{API}{path}")).await
}

async fn post(actor: &Actor, path: &str, body: &Value) -> Answer {
    actor.post(&format!("{API}{path}"), body).await
}

async fn put(actor: &Actor, path: &str, body: &Value) -> Answer {
    actor.put(&format!("{API}{path}"), body).await
}

/// The id of a permission.
async fn permission(actor: &Actor, node: &str) -> String {
    let (resource, action) = node.rsplit_once('.').unwrap_or((node, node));
    let found = get(actor, &format!("/permissions?resource={resource}&action={action}")).await.rbac();
    id_of(&found["permissions"][0])
}

#[tokio::test]
async fn bad_input_is_told_in_this_envelope() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for (path, error) in [
        ("/users?limit=0", "limit: Must be at least 1"),
        ("/users?limit=1001", "limit: Must be at most 1000"),
        ("/roles?skip=-1", "skip: Must be at least 0"),
        ("/permissions?limit=ten", "limit: Must be null or a whole number"),
        ("/organizations?skip=x", "skip: Must be null or a whole number"),
    ] {
        let error_told = get(&admin, path).await.rbac_error(400);
        let same = error.replace("null or a whole number", "a whole number or null");
        assert!([error.to_owned(), same].contains(&error_told), "{path}: {error_told}");
    }
    for (path, body, error) in [
        ("/roles", json!({}), "name: Field is required"),
        ("/roles", json!({"name": 5}), "name: Must be a string"),
        ("/roles", json!({"name": "R", "isSystemDefault": true}), "isSystemDefault: Must be false"),
        ("/roles", json!({"name": "R", "permissionIds": [5]}), "permissionIds.0: Must be a string"),
        (
            "/permissions",
            json!({"name": "P", "resource": "p", "action": "a", "isSystemDefault": true}),
            "isSystemDefault: Must be false",
        ),
        (
            "/permissions",
            json!({"name": "P", "resource": "p", "action": "a.b"}),
            "action: Must be one segment of lower-case letters, digits and '_', beginning with a letter",
        ),
        ("/organizations", json!({"name": "a\0b"}), "name: Must not contain the NUL character"),
        ("/users", json!({"username": "u", "email": "nobody"}), "email: Must be an e-mail address"),
        (
            "/users",
            json!({"username": "u", "email": "u@example.com", "password": "qwertyuiop"}),
            "password: Must not be one of the commonest passwords",
        ),
        ("/auth/login", json!({"username": "u"}), "password: Field is required"),
        ("/users", json!([]), "Must be an object"),
    ] {
        assert_eq!(post(&admin, path, &body).await.rbac_error(400), error, "{path} {body}");
    }
    let login = || admin.request(Method::POST, "/rbac/api/auth/login");
    let refused = [
        login().header("content-type", "application/json").body("{").send().await,
        login().header("content-type", "text/plain").body("{}").send().await,
        login().header("content-type", "application/json").body("x".repeat(1024 * 1024 + 1)).send().await,
        get(&admin, "/nothing").await,
        put(&admin, "/users", &json!({})).await,
        admin.request(Method::GET, "/rbac/api/users").header("x-long", &"x".repeat(33 * 1024)).send().await,
    ];
    let statuses = refused.each_ref().map(|answer| {
        answer.expect_rbac(answer.status);
        answer.status
    });
    assert_eq!(statuses, [400, 415, 413, 404, 405, 431]);
}

#[tokio::test]
async fn an_unknown_id_is_404_in_the_address_and_400_in_the_body() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for id in ["60d21b4667d0d8992e610c85", "019a7a52-8c3e-7d1f-b0a4-2f6d1c9e8b70", "%20"] {
        for noun in ["users", "roles", "permissions", "organizations"] {
            get(&admin, &format!("/{noun}/{id}")).await.rbac_error(404);
            put(&admin, &format!("/{noun}/{id}"), &json!({})).await.rbac_error(404);
            admin.delete(&format!("{API}/{noun}/{id}")).await.rbac_error(404);
        }
    }
    let nope = "60d21b4667d0d8992e610c85";
    let user = json!({"username": "u", "email": "u@example.com"});
    let with = |name: &str, value: Value| {
        let mut user = user.clone();
        user[name] = value;
        user
    };
    let missing = |noun: &str| format!("{noun} with identifier '{nope}' was not found.");
    for (path, body, noun) in [
        ("/users", with("roleIds", json!([nope])), "Role"),
        ("/users", with("organizationIds", json!([nope])), "Company"),
        ("/roles", json!({"name": "R", "organizationId": nope}), "Company"),
        ("/roles", json!({"name": "R", "permissionIds": [nope]}), "Permission"),
        (
            "/permissions",
            json!({"name": "P", "resource": "p", "action": "a", "organizationId": nope}),
            "Company",
        ),
        ("/organizations", json!({"name": "O", "adminIds": [nope]}), "User"),
    ] {
        assert_eq!(post(&admin, path, &body).await.rbac_error(400), missing(noun), "{path}");
    }
    let listed = get(&admin, &format!("/users?organizationId={nope}")).await.rbac();
    assert_eq!((&listed["users"], &listed["total"]), (&json!([]), &json!(0)));
}

#[tokio::test]
async fn lists_are_given_in_parts() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for name in ["A", "B", "C", "D"] {
        company(&admin, name).await;
    }
    let names = |data: &Value| -> Vec<String> {
        let rows = data["organizations"].as_array().unwrap().iter();
        rows.map(|row| row["name"].as_str().unwrap().to_owned()).collect()
    };
    let part = get(&admin, "/organizations?limit=2&skip=1").await.rbac();
    assert_eq!(
        (names(&part), &part["total"], &part["limit"], &part["skip"]),
        (vec!["B".to_owned(), "C".to_owned()], &json!(4), &json!(2), &json!(1))
    );
    let whole = get(&admin, "/organizations?limit=&skip=").await.rbac();
    assert_eq!((names(&whole).len(), &whole["limit"], &whole["skip"]), (4, &json!(100), &json!(0)));
    let beyond = get(&admin, "/organizations?skip=99999999999999999999").await.rbac();
    assert_eq!((names(&beyond).len(), &beyond["total"]), (0, &json!(4)));
    let permissions = get(&admin, "/permissions?limit=3&skip=2").await.rbac();
    let all = get(&admin, "/permissions?limit=1000").await.rbac();
    assert_eq!(permissions["permissions"], json!(all["permissions"].as_array().unwrap()[2..5]));
    assert_eq!(permissions["total"], all["permissions"].as_array().unwrap().len());
}

#[tokio::test]
async fn what_is_built_in_stays_and_names_are_not_shared() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (acme, other) = (company(&admin, "Acme").await, company(&admin, "Other").await);
    let node = permission(&admin, "company.fetch").await;
    for answer in [
        put(&admin, &format!("/permissions/{node}"), &json!({"name": "N"})).await,
        admin.delete(&format!("{API}/permissions/{node}")).await,
    ] {
        assert_eq!(
            answer.rbac_error(409),
            "The built-in permission 'company.fetch' cannot be changed or deleted"
        );
    }
    let taken = json!({"name": "P", "resource": "company", "action": "fetch"});
    assert_eq!(
        post(&admin, "/permissions", &taken).await.rbac_error(409),
        "The permission 'company.fetch' exists already"
    );
    let local = get(&admin, &format!("/roles?organizationId={acme}")).await.rbac()["roles"][0].clone();
    assert_eq!((&local["isSystemDefault"], &local["name"]), (&json!(true), &json!("Company Administrator")));
    let all = get(&admin, "/roles").await.rbac();
    let builtin = all["roles"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|role| role["isSystemDefault"] == true && role["name"] != "User");
    for role in builtin {
        let path = format!("/roles/{}", role["id"].as_str().unwrap());
        put(&admin, &path, &json!({"description": "D"})).await.rbac_error(409);
        put(&admin, &format!("{path}/permissions"), &json!({"permissionIds": []})).await.rbac_error(409);
        admin.delete(&format!("{API}{path}")).await.rbac_error(409);
    }
    for place in [json!(null), json!(acme), json!(other)] {
        let new = json!({"name": "Project Manager", "organizationId": place});
        let made = post(&admin, "/roles", &new).await.rbac();
        let again = json!({"name": " project MANAGER", "organizationId": place});
        assert_eq!(
            post(&admin, "/roles", &again).await.rbac_error(409),
            "The role name 'project MANAGER' is taken"
        );
        let second = json!({"name": "Another", "organizationId": place});
        let second = post(&admin, "/roles", &second).await.rbac();
        let renamed =
            put(&admin, &format!("/roles/{}", id_of(&second)), &json!({"name": "Project Manager"})).await;
        renamed.rbac_error(409);
        put(&admin, &format!("/roles/{}", id_of(&made)), &json!({"name": "Project manager"})).await.rbac();
    }
    let monikers: Vec<_> = admin
        .get("/v1/role")
        .await
        .data()
        .as_array()
        .unwrap()
        .iter()
        .map(|role| role["moniker"].as_str().unwrap().to_owned())
        .collect();
    assert!(monikers.contains(&"project_manager".to_owned()), "{monikers:?}");
}

#[tokio::test]
async fn nodes_and_wildcards_are_permissions_with_lasting_ids() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = role(&admin, &["company.fetch", "company.*", "*"]).await;
    let shown = get(&admin, &format!("/roles/{id}")).await.rbac();
    let mut nodes = Vec::new();
    for id in shown["permissionIds"].as_array().unwrap() {
        let one = get(&admin, &format!("/permissions/{}", id.as_str().unwrap())).await.rbac();
        assert_eq!(one["isSystemDefault"], true);
        nodes.push((one["resource"].clone(), one["action"].clone()));
    }
    let pair = |resource: &str, action: &str| (json!(resource), json!(action));
    assert_eq!(nodes, [pair("company", "fetch"), pair("company", "*"), pair("*", "*")]);
    assert_eq!(permission(&admin, "company.*").await, permission(&admin, "company.*").await);
    let copy = json!({"name": "Copy", "permissionIds": shown["permissionIds"]});
    let copy = post(&admin, "/roles", &copy).await.rbac();
    let native = admin.get(&format!("/v1/role/{}", id_of(&copy))).await.data();
    assert_eq!(native["permissions"], json!(["company.fetch", "company.*", "*"]));
}

#[tokio::test]
async fn a_refusal_names_the_node() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let manager = app.holder_of(&["role.*", "user.*", "company.create"]).await;
    let node = permission(&admin, "credential.fetch").await;
    let grant = json!({"name": "R", "permissionIds": [node]});
    let refused = post(&manager, "/roles", &grant).await.rbac_error(403);
    assert_eq!(refused, "You cannot grant 'credential.fetch', which you do not hold yourself");
    let somebody = person(&app, &admin, &["user"]).await;
    let office = json!({"name": "O", "adminIds": [somebody.id]});
    assert!(post(&manager, "/organizations", &office).await.rbac_error(403).contains("'company.fetch'"));
    assert_eq!(
        get(&somebody, "/users").await.rbac_error(403),
        "Insufficient permissions: user.read.other, user.list.other"
    );
    let everything = json!({"roleIds": ["00000000-0000-7000-8000-000000000001"]});
    let path = format!("/users/{}", somebody.id);
    assert!(put(&manager, &path, &everything).await.rbac_error(403).contains("'*'"));
}

#[tokio::test]
async fn accounts_are_changed_in_part() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (acme, other) = (company(&admin, "Acme").await, company(&admin, "Other").await);
    let new = json!({"username": "MDoe", "email": "m@example.com", "firstName": "Mary Ann", "lastName": "Doe", "organizationIds": [acme, other], "authProvider": "google"});
    let made = post(&admin, "/users", &new).await.rbac();
    assert_eq!(
        (&made["username"], &made["authProvider"], &made["roleIds"]),
        (&json!("mdoe"), &json!("google"), &json!(["00000000-0000-7000-8000-000000000002"]))
    );
    assert_eq!(made.get("lastLogin"), None);
    let path = format!("/users/{}", id_of(&made));
    let changed = put(&admin, &path, &json!({"lastName": "Smith", "id": "ignored"})).await.rbac();
    assert_eq!((&changed["firstName"], &changed["lastName"]), (&json!("Mary Ann"), &json!("Smith")));
    assert_eq!(
        (&changed["roleIds"], &changed["organizationIds"]),
        (&made["roleIds"], &made["organizationIds"])
    );
    let blank = put(&admin, &path, &json!({"firstName": " ", "lastName": ""})).await;
    assert_eq!(blank.rbac_error(400), "firstName: Must not be blank where lastName is, too");
    let native = format!("/v1/user/users/{}", id_of(&made));
    assert_eq!(admin.get(&native).await.data()["name"], "Mary Ann Smith");
    admin.patch(&native, &json!({"name": "Jane van Doe"})).await.expect(200);
    let split = get(&admin, &path).await.rbac();
    assert_eq!((&split["firstName"], &split["lastName"]), (&json!("Jane"), &json!("van Doe")));
    let gone = put(&admin, &path, &json!({"active": false, "organizationIds": []})).await.rbac();
    assert_eq!((&gone["active"], &gone["organizationIds"]), (&json!(false), &json!([])));
}
