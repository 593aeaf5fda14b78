//! The accounts of others: the routes, their conditions, disabling and deleting.

use chrono::TimeDelta;

use crate::helpers::actor::sign_in;
use crate::helpers::fixture::{PASSWORD, company};
use crate::helpers::people::{give_nodes, give_roles, holds, person, role, role_in};
use crate::helpers::{Actor, Answer, TestApp, Value, json};

const USERS: &str = "/v1/user/users";

fn path_of(actor: &Actor) -> String {
    format!("{USERS}/{}", actor.id)
}

#[track_caller]
fn assert_no_user(answer: &Answer, identifier: &str) {
    let message = format!("User with identifier '{identifier}' was not found.");
    assert_eq!(
        answer.expect(404),
        json!({"status": 404, "message": message, "error": "UserNotFound", "successful": false})
    );
}

#[track_caller]
fn assert_lacks(answer: &Answer, message: &str, node: &str) {
    assert_eq!(
        answer.expect(403),
        json!({
            "status": 403, "message": message, "error": "InsufficientPermission", "required": [node],
            "successful": false,
        })
    );
}

async fn names(actor: &Actor, query: &str) -> Vec<String> {
    let list = actor.get(&format!("{USERS}?{query}")).await.data();
    list.as_array().unwrap().iter().map(|user| user["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn an_account_is_read_changed_and_deleted() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let somebody = person(&app, &admin, &["user"]).await;
    let path = path_of(&somebody);
    let read = admin.get(&path).await.expect(200);
    let mut data = read["data"].clone();
    let email = data["email"].clone();
    assert_eq!(
        read,
        json!({
            "status": 200, "message": "User Fetched Successfully!", "successful": true,
            "data": {
                "id": somebody.id, "name": "Some Body", "email": email, "login": email, "image": null,
                "active": true, "roles": ["user"], "companyIds": [], "createdAt": data["createdAt"], "updatedAt": data["createdAt"],
            },
        })
    );

    app.clock.advance(TimeDelta::minutes(1));
    let change = json!({"name": " Jane Doe ", "image": "https://example.com/avatar.jpg"});
    let changed = admin.patch(&path, &change).await.expect(200);
    assert!(changed["data"]["updatedAt"].as_str() > data["updatedAt"].as_str());
    data["name"] = json!("Jane Doe");
    data["image"] = change["image"].clone();
    data["updatedAt"] = changed["data"]["updatedAt"].clone();
    let message = "User Updated Successfully!";
    assert_eq!(changed, json!({"status": 200, "message": message, "data": data, "successful": true}));
    assert_eq!(admin.patch(&path, &json!({"image": null})).await.data()["image"], Value::Null);

    let deleted = admin.delete(&path).await.expect(200);
    assert_eq!(deleted["message"], "User Deleted Successfully!");
    assert_eq!((&deleted["data"]["id"], &deleted["data"]["roles"]), (&json!(somebody.id), &json!(["user"])));
    somebody.get("/v1/user/@me").await.expect(401);
    for identifier in [somebody.id.as_str(), "ckx", "00000000-0000-7000-8000-000000000001"] {
        let path = format!("{USERS}/{identifier}");
        let question = json!({"permissions": ["user.read"]});
        assert_no_user(&admin.get(&path).await, identifier);
        assert_no_user(&admin.patch(&path, &json!({"name": "X"})).await, identifier);
        assert_no_user(&admin.delete(&path).await, identifier);
        assert_no_user(&admin.get(&format!("{path}/roles")).await, identifier);
        assert_no_user(&admin.post(&format!("{path}/check-permission"), &question).await, identifier);
    }
}

#[tokio::test]
async fn people_are_listed_found_and_paged() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for (name, login) in [("Zoe Quinn", "zq"), ("jane doe", "jane.doe"), ("John Doe", "john_doe")] {
        let new = json!({"name": name, "email": format!("{login}@corp.example"), "login": login});
        admin.post(USERS, &new).await.expect(201);
    }
    let all = admin.get(USERS).await.expect(200);
    assert_eq!(all["message"], "Users Fetched Successfully!");
    assert_eq!(names(&admin, "").await, ["Administrator", "jane doe", "John Doe", "Zoe Quinn"]);
    assert_eq!(
        all["data"][2],
        admin.get(&format!("{USERS}/{}", all["data"][2]["id"].as_str().unwrap())).await.data()
    );
    for (search, found) in [
        ("zoe", vec!["Zoe Quinn"]),
        ("DOE", vec!["jane doe", "John Doe"]),
        ("n_d", vec!["John Doe"]),
        ("zq%40corp", vec!["Zoe Quinn", "jane doe", "John Doe"]),
        ("%25", vec![]),
        ("Zoe+Quin", vec!["Zoe Quinn"]),
    ] {
        assert_eq!(names(&admin, &format!("search={search}")).await, found, "{search}");
    }
    let page = admin.get(&format!("{USERS}?page=2&rpp=3")).await.expect(200);
    assert_eq!(page["data"].as_array().unwrap().len(), 1);
    let place = json!({"previousPage": 1, "currentPage": 2, "nextPage": null, "totalPages": 2, "totalRecords": 4, "listedRecords": 1});
    assert_eq!(page["pagination"], place);
}

#[tokio::test]
async fn roles_and_nodes_take_permissions_of_their_own() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let somebody = person(&app, &admin, &["user"]).await;
    let writer = app.holder_of(&["user.write.other"]).await;
    let message = "You do not have permission to modify roles on another user.";
    assert_lacks(&give_roles(&writer, &somebody.id, &[]).await, message, "user.roles.other");
    let message = "You do not have permission to modify permissions on another user.";
    assert_lacks(&give_nodes(&writer, &somebody.id, &[]).await, message, "user.permissions.other");
    let both = json!({"name": "Changed", "roles": [], "permissions": []});
    writer.patch(&path_of(&somebody), &both).await.expect(403);
    let unchanged = admin.get(&path_of(&somebody)).await.data();
    assert_eq!((&unchanged["name"], &unchanged["roles"]), (&json!("Some Body"), &json!(["user"])));
    assert_eq!(
        writer.patch(&path_of(&somebody), &json!({"name": "Changed"})).await.data()["name"],
        "Changed"
    );
    let full = app.holder_of(&["user.write.other", "user.roles.other", "user.permissions.other"]).await;
    assert_eq!(full.patch(&path_of(&somebody), &both).await.data()["roles"], json!([]));
    let reader = app.holder_of(&["user.roles.other", "user.read.other"]).await;
    assert_lacks(
        &give_roles(&reader, &somebody.id, &[]).await,
        "Insufficient permissions",
        "user.write.other",
    );
}

#[tokio::test]
async fn roles_are_given_by_id_or_moniker() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let somebody = person(&app, &admin, &["user"]).await;
    let reader = role(&admin, &["company.fetch.many"]).await;
    let moniker = admin.get(&format!("/v1/role/{reader}")).await.data()["moniker"].clone();
    let given = give_roles(&admin, &somebody.id, &[&reader, "ADMIN", &reader]).await.data();
    assert_eq!(given["roles"], json!(["admin", moniker]));
    let roles = admin.get(&format!("{}/roles", path_of(&somebody))).await.expect(200);
    assert_eq!(roles["message"], "User Roles Fetched Successfully!");
    assert_eq!(
        roles["data"],
        json!([
            {"id": reader, "title": "A Role", "moniker": moniker, "permissions": ["company.fetch.many"], "companyId": null},
            {"id": "00000000-0000-7000-8000-000000000001", "title": "Administrator", "moniker": "admin", "permissions": ["*"], "companyId": null},
        ])
    );
    let change = json!({"name": "Changed", "roles": ["user", "nope"]});
    let unknown = admin.patch(&path_of(&somebody), &change).await.expect(404);
    let message = "Role with identifier 'nope' was not found.";
    assert_eq!(
        unknown,
        json!({"status": 404, "message": message, "error": "RoleNotFound", "successful": false})
    );
    let unchanged = admin.get(&path_of(&somebody)).await.data();
    assert_eq!((&unchanged["name"], &unchanged["roles"]), (&json!("Some Body"), &given["roles"]));
}

#[tokio::test]
async fn nodes_are_given_directly() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let somebody = person(&app, &admin, &["user"]).await;
    give_nodes(&admin, &somebody.id, &["company.fetch.many", "credential.*"]).await.expect(200);
    somebody.get("/v1/company/companies").await.expect(200);
    let question =
        json!({"permissions": ["credential.fetch", "company.fetch", "credential.*", "user.read", "*"]});
    let checked =
        admin.post(&format!("{}/check-permission", path_of(&somebody)), &question).await.expect(200);
    let results = [true, false, true, true, false].iter().zip(question["permissions"].as_array().unwrap());
    let results: Vec<_> =
        results.map(|(has, node)| json!({"permission": node, "hasPermission": has})).collect();
    let message = "Permission check completed.";
    assert_eq!(
        checked,
        json!({"status": 200, "message": message, "data": {"results": results}, "successful": true})
    );
    let refused = give_nodes(&admin, &somebody.id, &["company.fetch", "company.nope"]).await.violations();
    let message = "'company.nope' is no known permission node and covers none";
    assert_eq!(refused, [(json!(["permissions", 1]), message.to_owned())]);
    somebody.get("/v1/company/companies").await.expect(200);
    give_nodes(&admin, &somebody.id, &[]).await.expect(200);
    somebody.get("/v1/company/companies").await.expect(403);
}

#[tokio::test]
async fn a_disabled_person_is_out_at_once_and_stays_out() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let somebody = person(&app, &admin, &["user"]).await;
    let email = somebody.get("/v1/user/@me").await.data()["email"].as_str().unwrap().to_owned();
    let disabled = admin.patch(&path_of(&somebody), &json!({"active": false})).await.data();
    assert_eq!(disabled["active"], false);
    let refresh = async || {
        let token = somebody.refresh_token.as_deref().unwrap();
        somebody
            .request(reqwest::Method::POST, "/v1/auth/refresh")
            .header("x-refresh-token", token)
            .send()
            .await
    };
    let login = json!({"email": email, "password": PASSWORD});
    somebody.get("/v1/user/@me").await.expect(401);
    refresh().await.expect(401);
    app.nobody().post("/v1/auth/login", &login).await.expect(401);

    assert_eq!(admin.patch(&path_of(&somebody), &json!({"active": true})).await.data()["active"], true);
    somebody.get("/v1/user/@me").await.expect(401);
    refresh().await.expect(401);
    sign_in(&app, &email, PASSWORD).await.get("/v1/user/@me").await.expect(200);
}

#[tokio::test]
async fn user_nodes_in_one_company_reach_the_people_there() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (acme, other) = (company(&admin, "Acme").await, company(&admin, "Other").await);
    let in_acme = role_in(&admin, &acme, &["company.fetch"]).await;
    let in_other = role_in(&admin, &other, &["company.fetch"]).await;
    let (near, far) = (person(&app, &admin, &[&in_acme]).await, person(&app, &admin, &[&in_other]).await);
    let manager = app.holder_in(&acme, &["user.*", "role.*", "company.*"]).await;
    let list = manager.get(&format!("{USERS}?rpp=9")).await.expect(200);
    assert_eq!((&list["data"][1]["id"], &list["pagination"]["totalRecords"]), (&json!(near.id), &json!(2)));
    manager.get(&path_of(&near)).await.expect(200);
    assert!(holds(&manager, &near.id, "company.fetch", Some(&acme)).await);
    assert_eq!(manager.patch(&path_of(&near), &json!({"name": "Near"})).await.data()["name"], "Near");
    assert_no_user(&manager.get(&path_of(&far)).await, &far.id);
    assert_no_user(&manager.patch(&path_of(&far), &json!({"name": "Far"})).await, &far.id);
    assert_no_user(&manager.delete(&path_of(&far)).await, &far.id);

    for (answer, node) in [
        (manager.patch(&path_of(&near), &json!({"active": false})).await, "user.write.other"),
        (manager.delete(&path_of(&near)).await, "user.delete.other"),
        (manager.post(USERS, &json!({"name": "N", "email": "n@example.com"})).await, "user.create"),
    ] {
        assert_lacks(&answer, "Insufficient permissions", node);
    }
    let message = "You do not have permission to modify permissions on another user.";
    assert_lacks(&give_nodes(&manager, &near.id, &[]).await, message, "user.permissions.other");
    let also = role_in(&manager, &acme, &["company.fetch.many"]).await;
    give_roles(&manager, &near.id, &[&in_acme, &also]).await.expect(200);
    let message = "You do not have permission to modify roles on another user.";
    assert_lacks(&give_roles(&manager, &near.id, &[&in_acme, "user"]).await, message, "user.roles.other");
}
