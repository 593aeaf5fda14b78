//! Roles: the routes, monikers, nodes, bindings and the built-in ones.

use chrono::TimeDelta;

use crate::helpers::fixture::{company, id_of};
use crate::helpers::people::{assert_not_yours, delete_with, holds, person, role, role_in};
use crate::helpers::{Actor, Answer, TestApp, Value, json};

/// The values of one member, in the order of a list.
fn column<'a>(list: &'a Value, member: &str) -> Vec<&'a str> {
    list.as_array().unwrap().iter().map(|row| row[member].as_str().unwrap()).collect()
}

async fn viewer(actor: &Actor, moniker: &str) -> Answer {
    actor
        .post("/v1/role", &json!({"title": "Viewer", "moniker": moniker, "permissions": ["user.read"]}))
        .await
}

#[tokio::test]
async fn a_role_is_made_read_changed_and_deleted() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let new = json!({
        "title": " System Administrator ",
        "moniker": " System_ADMIN ",
        "permissions": ["user.read", "company.fetch", "user.read"],
    });
    let made = admin.post("/v1/role", &new).await.expect(201);
    let (id, at) = (id_of(&made["data"]), made["data"]["createdAt"].clone());
    let mut data = json!({
        "id": id,
        "title": "System Administrator",
        "moniker": "system_admin",
        "permissions": ["user.read", "company.fetch"],
        "companyId": null,
        "createdAt": at,
        "updatedAt": at,
    });
    let message = "Role Created Successfully!";
    assert_eq!(made, json!({"status": 201, "message": message, "data": data, "successful": true}));
    for identifier in [&id, "system_admin", "SYSTEM_Admin", "%20system_admin%20"] {
        let read = admin.get(&format!("/v1/role/{identifier}")).await.expect(200);
        let message = "Role Fetched Successfully!";
        assert_eq!(read, json!({"status": 200, "message": message, "data": data, "successful": true}));
    }

    app.clock.advance(TimeDelta::minutes(1));
    let edit = json!({"title": "Super Administrator", "moniker": "super_admin", "permissions": ["*"]});
    let changed = admin.patch("/v1/role/System_Admin", &edit).await.expect(200);
    assert!(changed["data"]["updatedAt"].as_str() > at.as_str());
    for name in ["title", "moniker", "permissions"] {
        data[name] = edit[name].clone();
    }
    data["updatedAt"] = changed["data"]["updatedAt"].clone();
    let message = "Role Updated Successfully!";
    assert_eq!(changed, json!({"status": 200, "message": message, "data": data, "successful": true}));

    let deleted = admin.delete("/v1/role/super_admin").await.expect(200);
    let message = "Role Deleted Successfully!";
    assert_eq!(deleted, json!({"status": 200, "message": message, "data": data, "successful": true}));
    let missing = admin.get(&format!("/v1/role/{id}")).await.expect(404);
    let message = format!("Role with identifier '{id}' was not found.");
    assert_eq!(
        missing,
        json!({"status": 404, "message": message, "error": "RoleNotFound", "successful": false})
    );
}

#[tokio::test]
async fn no_two_roles_share_a_moniker_in_any_case() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    viewer(&admin, "viewer").await.expect(201);
    viewer(&admin, "other").await.expect(201);
    let taken = json!({
        "status": 409, "message": "The moniker 'viewer' is taken", "error": "Conflict", "successful": false
    });
    assert_eq!(viewer(&admin, "  VIEWER").await.expect(409), taken);
    assert_eq!(admin.patch("/v1/role/other", &json!({"moniker": "Viewer"})).await.expect(409), taken);
    admin.patch("/v1/role/viewer", &json!({"moniker": "viewer", "title": "Same"})).await.expect(200);
}

#[tokio::test]
async fn a_malformed_moniker_is_refused() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    viewer(&admin, "viewer").await.expect(201);
    for moniker in ["1a", "a b", "a-b", "a.b", "é", "_a", "   ", "*"] {
        for refused in [
            viewer(&admin, moniker).await,
            admin.patch("/v1/role/viewer", &json!({"moniker": moniker})).await,
        ] {
            let rule = "Must begin with a letter and have only letters, digits and '_'";
            assert_eq!(refused.violations(), [(json!(["moniker"]), rule.to_owned())], "{moniker}");
        }
    }
}

#[tokio::test]
async fn an_unknown_node_is_named_at_its_place() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = role(&admin, &["user.read"]).await;
    let path = format!("/v1/role/{id}");
    let before = admin.get(&path).await.data();
    let nodes =
        ["user.read", "nope.read", "user.read", "cred*", "nope.*", "credential.*.many", "user.READ", ""];
    let unknown = [1, 3, 4, 5, 6, 7].map(|index: usize| {
        let message = format!("'{}' is no known permission node and covers none", nodes[index]);
        (json!(["permissions", index]), message)
    });
    let with_nodes = json!({"permissions": nodes});
    let new = json!({"title": "New", "moniker": "new", "permissions": nodes});
    assert_eq!(admin.post("/v1/role", &new).await.violations(), unknown);
    assert_eq!(admin.patch(&path, &with_nodes).await.violations(), unknown);
    assert_eq!(admin.post(&format!("{path}/permissions"), &with_nodes).await.violations(), unknown);
    assert_eq!(admin.get(&path).await.data(), before);
    admin.get("/v1/role/new").await.expect(404);
}

#[tokio::test]
async fn nodes_are_merged_and_removed() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = role(&admin, &["user.read", "credential.create"]).await;
    let path = format!("/v1/role/{id}/permissions");
    let added = json!({"permissions": ["credential.update", "user.read", "company.*"]});
    let merged = admin.post(&path, &added).await.expect(200);
    assert_eq!(merged["message"], "Permissions Added Successfully!");
    assert_eq!(
        merged["data"]["permissions"],
        json!(["user.read", "credential.create", "credential.update", "company.*"])
    );
    assert_eq!(merged["data"], admin.get(&format!("/v1/role/{id}")).await.data());

    let gone = json!({"permissions": ["credential.create", "company.fetch", "nope"]});
    let removed = delete_with(&admin, &path, &gone).await.expect(200);
    assert_eq!(removed["message"], "Permissions Removed Successfully!");
    assert_eq!(removed["data"]["permissions"], json!(["user.read", "credential.update", "company.*"]));
    for path in ["/v1/role/nope/permissions", "/v1/role/0/permissions"] {
        assert_eq!(admin.post(path, &gone).await.expect(404)["error"], "RoleNotFound");
        assert_eq!(delete_with(&admin, path, &gone).await.expect(404)["error"], "RoleNotFound");
    }
}

#[tokio::test]
async fn a_bound_role_grants_its_nodes_in_its_company_only() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (acme, other) = (company(&admin, "Acme").await, company(&admin, "Other").await);
    let bound = role_in(&admin, &acme, &["company.fetch"]).await;
    assert_eq!(admin.get(&format!("/v1/role/{bound}")).await.data()["companyId"], json!(acme));
    let somebody = person(&app, &admin, &["user", &bound]).await;
    somebody.get(&format!("/v1/company/companies/{acme}")).await.expect(200);
    somebody.get(&format!("/v1/company/companies/{other}")).await.expect(404);
    assert!(holds(&admin, &somebody.id, "company.fetch", Some(&acme)).await);
    assert!(!holds(&admin, &somebody.id, "company.fetch", None).await);

    let path = format!("/v1/role/{bound}");
    let rebound = admin.patch(&path, &json!({"companyId": other})).await.data();
    assert_eq!(rebound["companyId"], json!(other));
    somebody.get(&format!("/v1/company/companies/{acme}")).await.expect(404);
    somebody.get(&format!("/v1/company/companies/{other}")).await.expect(200);
    assert_eq!(admin.patch(&path, &json!({"companyId": null})).await.data()["companyId"], Value::Null);
    somebody.get(&format!("/v1/company/companies/{acme}")).await.expect(200);

    let nowhere = json!({"title": "T", "moniker": "t", "companyId": "ckx"});
    let message = "Company with identifier 'ckx' was not found.";
    assert_eq!(admin.post("/v1/role", &nowhere).await.expect(404)["message"], message);
    assert_eq!(admin.patch(&path, &json!({"companyId": "ckx"})).await.expect(404)["message"], message);
    admin.patch(&path, &json!({"companyId": acme})).await.expect(200);
    admin.delete(&format!("/v1/company/companies/{acme}")).await.expect(200);
    admin.get(&path).await.expect(404);
}

#[tokio::test]
async fn who_lists_roles_in_one_company_sees_those_of_it() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (acme, other) = (company(&admin, "Acme").await, company(&admin, "Other").await);
    let own = role_in(&admin, &acme, &["company.fetch"]).await;
    let foreign = role_in(&admin, &other, &["company.fetch"]).await;
    let unbound = role(&admin, &["company.fetch"]).await;
    let manager = app.holder_in(&acme, &["role.read", "role.list", "role.create", "role.modify"]).await;
    let list = manager.get("/v1/role?rpp=10").await.expect(200);
    assert_eq!(list["message"], "Roles Fetched Successfully!");
    assert_eq!(column(&list["data"], "title"), ["A Role", "Bound", "Company Administrator"]);
    assert_eq!((&list["data"][0]["id"], &list["pagination"]["totalRecords"]), (&json!(own), &json!(3)));
    for hidden in [&foreign, &unbound, "admin"] {
        let missing = manager.get(&format!("/v1/role/{hidden}")).await.expect(404);
        assert_eq!(missing["error"], "RoleNotFound");
        manager.patch(&format!("/v1/role/{hidden}"), &json!({"title": "Mine"})).await.expect(404);
        manager.delete(&format!("/v1/role/{own}")).await.expect(403);
    }
    let mut new = json!({"title": "New", "moniker": "new", "permissions": ["role.read"]});
    assert_eq!(manager.post("/v1/role", &new).await.expect(403)["required"], json!(["role.create"]));
    new["companyId"] = json!(other);
    assert_eq!(manager.post("/v1/role", &new).await.expect(404)["error"], "CompanyNotFound");
    new["companyId"] = json!(acme);
    manager.post("/v1/role", &new).await.expect(201);
    let unbinding = manager.patch("/v1/role/new", &json!({"companyId": null})).await;
    assert_eq!(unbinding.expect(403)["required"], json!(["role.modify"]));
}

#[tokio::test]
async fn the_list_is_in_order_of_titles() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for (title, moniker) in [("zebra", "z"), ("Auditor", "a"), ("auditor", "b")] {
        admin.post("/v1/role", &json!({"title": title, "moniker": moniker})).await.expect(201);
    }
    let all = admin.get("/v1/role").await.expect(200);
    assert_eq!(
        column(&all["data"], "title"),
        ["Administrator", "Auditor", "auditor", "Integrator", "User", "zebra"]
    );
    assert_eq!(all["data"][1]["permissions"], json!([]));
    assert_eq!(all.get("pagination"), None);
    let second = admin.get("/v1/role?page=2&rpp=2").await.expect(200);
    assert_eq!(column(&second["data"], "title"), ["auditor", "Integrator"]);
    let place = json!({"previousPage": 1, "currentPage": 2, "nextPage": 3, "totalPages": 3, "totalRecords": 6, "listedRecords": 2});
    assert_eq!(second["pagination"], place);
}

#[tokio::test]
async fn built_in_roles_stay() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let nodes = json!({"permissions": ["user.read"]});
    for refused in [
        admin.patch("/v1/role/admin", &json!({"title": "Root"})).await,
        admin.post("/v1/role/admin/permissions", &nodes).await,
        delete_with(&admin, "/v1/role/admin/permissions", &nodes).await,
    ] {
        assert_eq!(refused.expect(409)["message"], "The built-in role 'admin' cannot be changed");
    }
    for moniker in ["admin", "user"] {
        let message = format!("The built-in role '{moniker}' cannot be deleted");
        assert_eq!(admin.delete(&format!("/v1/role/{moniker}")).await.expect(409)["message"], message);
    }
    let acme = company(&admin, "Acme").await;
    for edit in [json!({"moniker": "person"}), json!({"companyId": acme})] {
        let message = "The built-in role 'user' keeps its moniker and is not bound";
        assert_eq!(admin.patch("/v1/role/user", &edit).await.expect(409)["message"], message);
    }
    let edit = json!({"title": "Person", "permissions": ["user.read", "company.fetch.many"]});
    let edited = admin.patch("/v1/role/user", &edit).await.data();
    assert_eq!((&edited["title"], &edited["permissions"]), (&edit["title"], &edit["permissions"]));
    app.holder_of(&[]).await.get("/v1/company/companies").await.expect(200);
}

#[tokio::test]
async fn deleting_a_role_takes_it_from_everybody() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let reader = role(&admin, &["company.fetch.many"]).await;
    let (one, two) = (person(&app, &admin, &[&reader]).await, person(&app, &admin, &["user", &reader]).await);
    for somebody in [&one, &two] {
        somebody.get("/v1/company/companies").await.expect(200);
    }
    admin.delete(&format!("/v1/role/{reader}")).await.expect(200);
    for somebody in [&one, &two] {
        somebody.get("/v1/company/companies").await.expect(403);
    }
    let left = admin.get(&format!("/v1/user/users/{}", two.id)).await.data();
    assert_eq!(left["roles"], json!(["user"]));
}

#[tokio::test]
async fn the_people_with_a_role_are_listed() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let reader = role(&admin, &["role.read"]).await;
    let user = admin.get("/v1/role/user").await.data()["id"].clone();
    let somebody = person(&app, &admin, &["user", &reader]).await;
    let account = admin.get(&format!("/v1/user/users/{}", somebody.id)).await.data();
    let listed = somebody.get(&format!("/v1/role/{reader}/users")).await.expect(200);
    let row = json!({
        "id": somebody.id, "name": "Some Body", "login": account["login"], "roles": [user, reader],
        "createdAt": account["createdAt"], "updatedAt": account["updatedAt"],
    });
    let message = "Users Fetched Successfully!";
    assert_eq!(listed, json!({"status": 200, "message": message, "data": [row], "successful": true}));
    let all = admin.get("/v1/role/user/users?rpp=1").await.expect(200);
    assert_eq!(
        (&all["data"][0]["name"], &all["pagination"]["totalRecords"]),
        (&json!("Administrator"), &json!(2))
    );
    assert_eq!(admin.get("/v1/role/nope/users").await.expect(404)["error"], "RoleNotFound");
}

#[tokio::test]
async fn unbinding_and_rebinding_are_additions() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (acme, other) = (company(&admin, "Acme").await, company(&admin, "Other").await);
    let in_acme = role_in(&admin, &acme, &["company.fetch"]).await;
    let managing = role(&admin, &["role.*"]).await;
    let manager = person(&app, &admin, &["user", &managing, &in_acme]).await;
    let own = role_in(&manager, &acme, &["company.fetch"]).await;
    let path = format!("/v1/role/{own}");
    for company in [Value::Null, json!(other)] {
        assert_not_yours(&manager.patch(&path, &json!({"companyId": company})).await, "company.fetch");
    }
    manager.patch(&path, &json!({"companyId": acme, "title": "Same"})).await.expect(200);
    manager.patch(&path, &json!({"companyId": other, "permissions": ["role.read"]})).await.expect(200);
}
