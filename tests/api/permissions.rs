//! The catalogue of permission nodes.

use std::path::Path;

use crate::helpers::fixture::{aws_type, company};
use crate::helpers::trash::purge;
use crate::helpers::{Actor, TestApp, Value, json};
use ttscm::access::{Permission, permission};

async fn category(actor: &Actor, key: &str) -> Value {
    actor.get(&format!("/v1/permissions/{key}")).await.data()
}

fn nodes(category: &Value) -> Vec<&str> {
    category["permissions"].as_array().unwrap().iter().map(|node| node["node"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_catalogue_is_read_whole_flat_and_by_category() {
    let app = TestApp::start().await;
    let reader = app.holder_of(&["role.read"]).await;
    let whole = reader.get("/v1/permissions").await.expect(200);
    assert_eq!(whole["message"], "Permission Nodes Fetched Successfully!");
    let keys: Vec<_> = whole["data"].as_object().unwrap().keys().map(String::as_str).collect();
    for key in [
        "global",
        "company",
        "credential",
        "credentialType",
        "role",
        "user",
        "permission",
        "uiNavigation",
        "adminUI",
        "trash",
        "audit",
    ] {
        assert!(keys.contains(&key), "{key}");
    }
    let flat = reader.get("/v1/permissions/nodes").await.expect(200);
    assert_eq!(flat["message"], "All Permission Nodes Fetched Successfully!");
    let mut all = Vec::new();
    for key in keys {
        let one = reader.get(&format!("/v1/permissions/{key}")).await.expect(200);
        assert_eq!(one["message"], "Permission Category Fetched Successfully!");
        assert_eq!(one["data"], whole["data"][key]);
        assert!(!one["data"]["name"].as_str().unwrap().is_empty());
        assert!(!one["data"]["description"].as_str().unwrap().is_empty());
        all.extend(one["data"]["permissions"].as_array().unwrap().clone());
    }
    let flat = flat["data"].as_array().unwrap();
    assert_eq!(flat.len(), all.len());
    assert!(flat.iter().all(|node| all.contains(node)));
    assert_eq!((&flat[0]["node"], &flat[0]["usedIn"]), (&json!("*"), &json!([])));
    for permission in Permission::ALL {
        assert!(flat.iter().any(|node| node["node"] == permission.node()), "{}", permission.node());
    }
}

#[tokio::test]
async fn an_unknown_category_is_not_found() {
    let app = TestApp::start().await;
    let reader = app.holder_of(&["role.read"]).await;
    let message = "Permission category \"invalidCategory\" not found";
    assert_eq!(
        reader.get("/v1/permissions/invalidCategory").await.expect(404),
        json!({"status": 404, "message": message, "error": "NotFound", "successful": false})
    );
    reader.get("/v1/permissions/credentialtype").await.expect(404);
}

#[tokio::test]
async fn every_node_names_the_files_whose_routes_ask_for_it() {
    let app = TestApp::start().await;
    let flat = app.holder_of(&["role.read"]).await.get("/v1/permissions/nodes").await.data();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for node in flat.as_array().unwrap() {
        let name = node["node"].as_str().unwrap();
        let mut files: Vec<&str> = Vec::new();
        for route in ttscm::http::v1::routes() {
            let mut asked = route.row.needed().iter().chain(&route.row.sometimes);
            let asks = asked.any(|permission| permission.node() == name);
            if asks && !files.contains(&route.row.source) {
                files.push(route.row.source);
            }
        }
        assert_eq!(node["usedIn"], json!(files), "{name}");
        for file in files {
            assert!(file.starts_with("src/http/v1/") && root.join(file).is_file(), "{file}");
        }
    }
    let used = |wanted: &str| {
        flat.as_array().unwrap().iter().find(|node| node["node"] == wanted).unwrap()["usedIn"].clone()
    };
    assert_eq!(used("company.fetch"), json!(["src/http/v1/company.rs"]));
    assert_eq!(used("user.roles.other"), json!(["src/http/v1/other_user.rs"]));
    assert_eq!(used("ui.navigation.audit"), json!([]));
}

#[tokio::test]
async fn dependencies_are_known_nodes() {
    let app = TestApp::start().await;
    let reader = app.holder_of(&["role.read"]).await;
    let companies = category(&reader, "company").await;
    let find = |name: &str| {
        let rows = companies["permissions"].as_array().unwrap();
        rows.iter().find(|node| node["node"] == name).unwrap().clone()
    };
    assert_eq!(find("company.fetch.address")["dependencies"], json!(["company.fetch"]));
    assert_eq!(find("company.fetch").get("dependencies"), None);
    for node in reader.get("/v1/permissions/nodes").await.data().as_array().unwrap() {
        for dependency in node["dependencies"].as_array().into_iter().flatten() {
            let known = |permission: &Permission| permission.node() == dependency;
            assert!(Permission::ALL.iter().any(known) && *dependency != node["node"], "{node}");
        }
    }
}

#[tokio::test]
async fn the_nodes_of_a_type_come_and_go_with_it() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let actions: Vec<_> = permission::credential_actions().map(|action| format!("aws.{action}")).collect();
    assert_eq!(nodes(&category(&admin, "typeScope").await), Vec::<&str>::new());
    let kind = aws_type(&admin, "aws").await;
    let listed = category(&admin, "typeScope").await;
    assert_eq!(nodes(&listed), actions);
    assert_eq!(listed["permissions"][0]["usedIn"], json!(["src/http/v1/credential.rs"]));
    let acme = company(&admin, "Acme").await;
    let role =
        json!({"title": "AWS", "moniker": "aws", "permissions": ["aws.fetch", "aws.*"], "companyId": acme});
    admin.post("/v1/role", &role).await.expect(201);

    admin.delete(&format!("/v1/credential-type/{kind}")).await.expect(200);
    assert_eq!(nodes(&category(&admin, "typeScope").await), Vec::<&str>::new());
    assert_eq!(admin.get("/v1/role/aws").await.data()["permissions"], role["permissions"]);
    purge(&admin, &kind).await;
    assert_eq!(admin.get("/v1/role/aws").await.data()["permissions"], json!([]));
    let again = json!({"permissions": ["aws.fetch"]});
    admin.post("/v1/role/aws/permissions", &again).await.expect(400);
}
