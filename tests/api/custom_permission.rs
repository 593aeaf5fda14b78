//! Permissions that administrators make: they become known nodes, and shadow nothing.

use crate::helpers::fixture::{aws_type, company, id_of, unique};
use crate::helpers::people::{assert_not_yours, give_nodes, person, role, role_in};
use crate::helpers::trash::purge;
use crate::helpers::{Actor, Answer, TestApp, Value, json};

const PERMISSIONS: &str = "/v1/permissions";

fn projects(action: &str, company: Option<&str>) -> Value {
    json!({
        "name": "Projects", "description": "Has to do with projects", "resource": "projects", "action": action,
        "companyId": company
    })
}

async fn make(actor: &Actor, action: &str, company: Option<&str>) -> Answer {
    actor.post(PERMISSIONS, &projects(action, company)).await
}

fn path(id: &str) -> String {
    format!("{PERMISSIONS}/{id}")
}

async fn new_role(actor: &Actor, nodes: &[&str], company: Option<&str>) -> Answer {
    let new = json!({"title": "R", "moniker": format!("r{}", unique()), "permissions": nodes, "companyId": company});
    actor.post("/v1/role", &new).await
}

#[track_caller]
fn conflict(answer: &Answer, message: &str) {
    let expected = json!({"status": 409, "message": message, "error": "Conflict", "successful": false});
    assert_eq!(answer.expect(409), expected);
}

#[tokio::test]
async fn one_is_made_changed_and_deleted_and_is_in_the_catalogue_meanwhile() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let made = make(&admin, "delete", None).await.expect(201);
    let data = &made["data"];
    let expected = json!({
        "id": data["id"], "name": "Projects", "description": "Has to do with projects", "node": "projects.delete",
        "resource": "projects", "action": "delete", "companyId": null, "createdAt": data["createdAt"],
        "updatedAt": data["createdAt"],
    });
    assert_eq!((&made["message"], data), (&json!("Permission Created Successfully!"), &expected));
    let listed = admin.get(&path("custom")).await.data()["permissions"].clone();
    let node = json!([{"node": "projects.delete", "description": "Has to do with projects", "usedIn": [], "id": data["id"]}]);
    assert_eq!(listed, node);

    let id = id_of(data);
    let edit = json!({"name": "Remove", "action": "remove"});
    let changed = admin.patch(&path(&id), &edit).await.expect(200);
    assert_eq!(changed["message"], "Permission Updated Successfully!");
    assert_eq!((&changed["data"]["node"], &changed["data"]["id"]), (&json!("projects.remove"), &json!(id)));
    let deleted = admin.delete(&path(&id)).await.expect(200);
    assert_eq!(deleted["message"], "Permission Deleted Successfully!");
    assert_eq!(admin.get(&path("custom")).await.data()["permissions"], json!([]));
    let missing = admin.delete(&path(&id)).await.expect(404);
    assert_eq!(missing["message"], format!("Permission with identifier '{id}' was not found."));
    let rows = admin.get("/v1/audit?limit=3").await.data();
    let actions: Vec<_> =
        rows.as_array().unwrap().iter().map(|row| row["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["permission.delete", "permission.update", "permission.create"]);
    assert_eq!(rows[0]["target"], json!({"kind": "permission", "id": id, "name": "projects.remove"}));
}

#[tokio::test]
async fn what_makes_no_node_is_refused() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for (member, value) in [
        ("resource", "Projects"),
        ("resource", "projects."),
        ("resource", "*"),
        ("resource", "a b"),
        ("action", "read.all"),
        ("action", "*"),
        ("action", "Read"),
        ("name", " "),
    ] {
        let mut new = projects("read", None);
        new[member] = json!(value);
        let violations = admin.post(PERMISSIONS, &new).await.violations();
        assert_eq!((violations.len(), &violations[0].0), (1, &json!([member])), "{member} {value}");
    }
    let mut long = projects("read", None);
    long["resource"] = json!("a".repeat(198));
    assert_eq!(admin.post(PERMISSIONS, &long).await.violations()[0].0, json!(["resource"]));
}

#[tokio::test]
async fn no_known_node_is_shadowed_by_a_permission_or_by_a_type() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    aws_type(&admin, "aws").await;
    make(&admin, "fetch", None).await.expect(201);
    let mut taken = projects("fetch", None);
    for (resource, action) in
        [("company", "create"), ("company.fetch", "many"), ("aws", "fetch"), ("projects", "fetch")]
    {
        taken["resource"] = json!(resource);
        taken["action"] = json!(action);
        conflict(
            &admin.post(PERMISSIONS, &taken).await,
            &format!("The permission '{resource}.{action}' exists already"),
        );
    }
    let id = id_of(&make(&admin, "read", None).await.data());
    conflict(
        &admin.patch(&path(&id), &json!({"action": "fetch"})).await,
        "The permission 'projects.fetch' exists already",
    );
    let kind = json!({"name": "Projects", "permissionScope": "projects", "fields": []});
    conflict(
        &admin.post("/v1/credential-type", &kind).await,
        "The permissionScope 'projects' would bring the node 'projects.fetch', which is a permission already",
    );
}

#[tokio::test]
async fn it_is_granted_like_any_node_by_those_who_hold_it() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let manager = app.holder_of(&["role.*", "user.*", "credential.*"]).await;
    let somebody = person(&app, &admin, &["user"]).await;
    new_role(&admin, &["projects.delete"], None).await.expect(400);
    make(&admin, "delete", None).await.expect(201);
    for node in ["projects.delete", "projects.*"] {
        assert_not_yours(&new_role(&manager, &[node], None).await, node);
        assert_not_yours(&give_nodes(&manager, &somebody.id, &[node]).await, node);
        new_role(&admin, &[node], None).await.expect(201);
    }
    give_nodes(&admin, &somebody.id, &["user.read", "projects.*"]).await.expect(200);
    let question = json!({"permissions": ["projects.delete", "projects.other", "credential.fetch"]});
    let answer = somebody.post("/v1/user/@me/check-permission", &question).await.data();
    let holds: Vec<_> = (0..3).map(|at| answer["results"][at]["hasPermission"] == true).collect();
    assert_eq!(holds, [true, true, false]);
    // a wildcard over types, which all credentials would allow, covers what was made as well
    aws_type(&admin, "cloud.aws").await;
    new_role(&manager, &["cloud.*"], None).await.expect(201);
    let export = json!({"name": "Export", "resource": "cloud", "action": "export"});
    admin.post(PERMISSIONS, &export).await.expect(201);
    assert_not_yours(&new_role(&manager, &["cloud.*"], None).await, "cloud.*");
    new_role(&manager, &["cloud.aws.*"], None).await.expect(201);
}

#[tokio::test]
async fn one_of_a_company_is_granted_in_its_roles_only() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (acme, other) = (company(&admin, "Acme").await, company(&admin, "Other").await);
    make(&admin, "delete", Some(&acme)).await.expect(201);
    let unknown = |node: &str| {
        vec![(json!(["permissions", 0]), format!("'{node}' is no known permission node and covers none"))]
    };
    for node in ["projects.delete", "projects.*"] {
        new_role(&admin, &[node], Some(&acme)).await.expect(201);
        for place in [None, Some(&*other)] {
            assert_eq!(new_role(&admin, &[node], place).await.violations(), unknown(node));
        }
        assert_eq!(give_nodes(&admin, &admin.id, &[node]).await.violations(), unknown(node));
    }
    let bound = role_in(&admin, &acme, &["projects.delete"]).await;
    for place in [json!(null), json!(other)] {
        let moved = admin.patch(&format!("/v1/role/{bound}"), &json!({"companyId": place})).await;
        assert_eq!(moved.violations(), unknown("projects.delete"));
    }
    // seen by those who see the company's roles
    let (local, foreign) = (
        app.holder_in(&acme, &["role.read", "permission.*"]).await,
        app.holder_in(&other, &["role.read"]).await,
    );
    assert_eq!(local.get(&path("custom")).await.data()["permissions"][0]["companyId"], acme);
    assert_eq!(foreign.get(&path("custom")).await.data()["permissions"], json!([]));
    // and made by those who may in that company
    make(&local, "read", Some(&acme)).await.expect(201);
    for place in [None, Some(&*other)] {
        let refused = make(&local, "write", place).await;
        let status = if place.is_none() { 403 } else { 404 };
        refused.expect(status);
    }
    // with the company they go
    admin.delete(&format!("/v1/company/companies/{acme}")).await.expect(200);
    assert_eq!(admin.get(&path("custom")).await.data()["permissions"], json!([]));
}

#[tokio::test]
async fn one_in_use_stays_and_the_refusal_says_where() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = id_of(&make(&admin, "delete", None).await.data());
    let by_name = role(&admin, &["projects.delete"]).await;
    let by_wildcard = role(&admin, &["projects.*"]).await;
    role(&admin, &["*"]).await;
    let somebody = person(&app, &admin, &["user"]).await;
    give_nodes(&admin, &somebody.id, &["projects.delete"]).await.expect(200);
    let login = admin.get(&format!("/v1/user/users/{}", somebody.id)).await.data()["login"].clone();
    let both = "the role 'A Role', the role 'A Role'";
    let in_use = |by: &str| format!("The permission 'projects.delete' is in use by {by}");
    conflict(
        &admin.delete(&path(&id)).await,
        &in_use(&format!("the account '{}', {both}", login.as_str().unwrap())),
    );
    give_nodes(&admin, &somebody.id, &[]).await.expect(200);
    conflict(&admin.delete(&path(&id)).await, &in_use(both));
    conflict(&admin.patch(&path(&id), &json!({"resource": "plans"})).await, &in_use(both));
    admin.patch(&path(&id), &json!({"name": "Another name"})).await.expect(200);
    // the wildcard is over something else, too
    make(&admin, "read", None).await.expect(201);
    conflict(&admin.delete(&path(&id)).await, &in_use("the role 'A Role'"));
    admin.delete(&format!("/v1/role/{by_name}")).await.expect(200);
    admin.delete(&path(&id)).await.expect(200);
    let left = admin.get(&format!("/v1/role/{by_wildcard}")).await.data();
    assert_eq!(left["permissions"], json!(["projects.*"]));
}

#[tokio::test]
async fn a_type_that_goes_leaves_what_was_made_below_its_scope() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let kind = aws_type(&admin, "aws").await;
    let export = json!({"name": "Export", "resource": "aws", "action": "export"});
    admin.post(PERMISSIONS, &export).await.expect(201);
    let id = role(&admin, &["aws.fetch", "aws.export", "aws.*"]).await;
    admin.delete(&format!("/v1/credential-type/{kind}")).await.expect(200);
    purge(&admin, &kind).await;
    let left = admin.get(&format!("/v1/role/{id}")).await.data();
    assert_eq!(left["permissions"], json!(["aws.export", "aws.*"]));
}

#[tokio::test]
async fn making_changing_and_deleting_are_separate_nodes() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = id_of(&make(&admin, "delete", None).await.data());
    let maker = app.holder_of(&["permission.create", "role.read"]).await;
    make(&maker, "read", None).await.expect(201);
    for refused in [maker.patch(&path(&id), &json!({"name": "N"})).await, maker.delete(&path(&id)).await] {
        refused.expect(403);
    }
    let keeper = app.holder_of(&["permission.update", "permission.delete", "role.read"]).await;
    make(&keeper, "write", None).await.expect(403);
    keeper.patch(&path(&id), &json!({"name": "N"})).await.expect(200);
    keeper.delete(&path(&id)).await.expect(200);
}
