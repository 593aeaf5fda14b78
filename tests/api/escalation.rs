//! Nobody causes anybody to hold what they do not hold themselves.

use crate::helpers::fixture::{aws_type, company, unique};
use crate::helpers::people::{
    assert_not_yours, delete_with, give_nodes, give_roles, holds, person, role, role_in,
};
use crate::helpers::{Actor, Answer, TestApp, Value, json};

/// What every limited administrator has besides.
const OFFICE: [&str; 2] = ["role.*", "user.*"];

/// An administrator of people and roles who holds just these nodes besides.
async fn limited(app: &TestApp, nodes: &[&str]) -> Actor {
    app.holder_of(&[&OFFICE, nodes].concat()).await
}

fn new_role(nodes: &[&str], company: &Value) -> Value {
    json!({"title": "New", "moniker": format!("new_{}", unique()), "permissions": nodes, "companyId": company})
}

/// Makes a role of a node, or says why not.
async fn make(actor: &Actor, node: &str, company: Option<&str>) -> Answer {
    actor.post("/v1/role", &new_role(&[node], &json!(company))).await
}

/// Every way of giving somebody a node everywhere.
async fn every_way(admin: &Actor, actor: &Actor, user: &str, node: &str) -> Vec<Answer> {
    let (empty, full) = (role(admin, &["role.read"]).await, role(admin, &[node]).await);
    let path = format!("/v1/role/{empty}");
    let new = json!({"name": "New", "email": format!("new{}@example.com", unique()), "roles": [full]});
    vec![
        make(actor, node, None).await,
        actor.patch(&path, &json!({"permissions": ["role.read", node]})).await,
        actor.post(&format!("{path}/permissions"), &json!({"permissions": [node]})).await,
        give_nodes(actor, user, &["user.read", node]).await,
        give_roles(actor, user, &["user", &full]).await,
        actor.post("/v1/user/users", &new).await,
    ]
}

#[tokio::test]
async fn one_gives_what_one_holds_and_nothing_else() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let manager = limited(&app, &["company.fetch", "credential.fetch.*"]).await;
    let somebody = person(&app, &admin, &["user"]).await;
    for node in
        ["*", "company.*", "company.create", "company.fetch.many", "credential.fetch", "permission.escalate"]
    {
        for refused in every_way(&admin, &manager, &somebody.id, node).await {
            assert_not_yours(&refused, node);
        }
        assert!(!holds(&admin, &somebody.id, node, None).await, "{node}");
        for refused in every_way(&admin, &manager, &manager.id, node).await {
            assert_not_yours(&refused, node);
        }
        assert!(!holds(&admin, &manager.id, node, None).await, "{node}");
    }
    for node in [
        "company.fetch",
        "role.*",
        "role.read",
        "user.roles.other",
        "credential.fetch.many",
        "credential.fetch.*",
    ] {
        for given in every_way(&admin, &manager, &somebody.id, node).await {
            assert!(matches!(given.status, 200 | 201), "{node}: {}", given.text);
        }
        assert!(holds(&admin, &somebody.id, node, None).await, "{node}");
    }
}

#[tokio::test]
async fn what_is_there_may_be_sent_again_and_taken_away() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let manager = limited(&app, &[]).await;
    let full = role(&admin, &["company.create", "company.delete"]).await;
    let somebody = person(&app, &admin, &["user", &full]).await;
    give_nodes(&admin, &somebody.id, &["audit.read", "company.update"]).await.expect(200);

    let path = format!("/v1/role/{full}");
    let both =
        json!({"permissions": ["company.delete", "company.create"], "companyId": null, "title": "Again"});
    manager.patch(&path, &both).await.expect(200);
    manager
        .post(&format!("{path}/permissions"), &json!({"permissions": ["company.create"]}))
        .await
        .expect(200);
    give_roles(&manager, &somebody.id, &[&full, "user"]).await.expect(200);
    give_nodes(&manager, &somebody.id, &["company.update", "audit.read"]).await.expect(200);

    give_nodes(&manager, &somebody.id, &["audit.read"]).await.expect(200);
    assert_not_yours(
        &give_nodes(&manager, &somebody.id, &["company.update", "audit.read"]).await,
        "company.update",
    );
    delete_with(&manager, &format!("{path}/permissions"), &json!({"permissions": ["company.create"]}))
        .await
        .expect(200);
    assert_not_yours(&manager.patch(&path, &both).await, "company.create");
    give_roles(&manager, &somebody.id, &["user"]).await.expect(200);
    assert_not_yours(&give_roles(&manager, &somebody.id, &["user", &full]).await, "company.delete");
    manager.delete(&path).await.expect(200);
}

#[tokio::test]
async fn who_may_escalate_gives_anything_where_they_may() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (acme, other) = (company(&admin, "Acme").await, company(&admin, "Other").await);
    let somebody = person(&app, &admin, &["user"]).await;
    let manager = limited(&app, &["permission.escalate"]).await;
    for node in ["*", "company.create", "permission.escalate"] {
        for given in every_way(&admin, &manager, &somebody.id, node).await {
            assert!(matches!(given.status, 200 | 201), "{node}: {}", given.text);
        }
    }
    let in_acme = role_in(&admin, &acme, &["permission.escalate"]).await;
    let office = role(&admin, &OFFICE).await;
    let local = person(&app, &admin, &["user", &office, &in_acme]).await;
    make(&local, "company.*", Some(&acme)).await.expect(201);
    assert_not_yours(&make(&local, "company.*", Some(&other)).await, "company.*");
    assert_not_yours(&make(&local, "company.*", None).await, "company.*");
}

#[tokio::test]
async fn a_node_of_credentials_covers_the_same_of_every_type_and_not_the_other_way() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    aws_type(&admin, "aws.credentials").await;
    aws_type(&admin, "azure").await;
    let manager = limited(&app, &["credential.fetch", "azure.secure_values.read"]).await;
    for node in ["aws.credentials.fetch", "azure.fetch", "azure.secure_values.read"] {
        make(&manager, node, None).await.expect(201);
    }
    for node in [
        "aws.credentials.fetch.many",
        "aws.credentials.*",
        "aws.*",
        "azure.fetch.*",
        "credential.secure_values.read",
        "aws.credentials.secure_values.read",
        "azure.*",
    ] {
        assert_not_yours(&make(&manager, node, None).await, node);
    }
    let all = limited(&app, &["credential.*"]).await;
    for node in ["aws.credentials.fetch.many", "aws.credentials.*", "aws.*", "azure.*", "credential.fetch.*"]
    {
        make(&all, node, None).await.expect(201);
    }
    assert_not_yours(&make(&all, "*", None).await, "*");
    let of_type = limited(&app, &["aws.credentials.*"]).await;
    make(&of_type, "aws.credentials.fields.*", None).await.expect(201);
    for node in ["credential.fetch", "azure.fetch", "credential.*", "aws.*"] {
        assert_not_yours(&make(&of_type, node, None).await, node);
    }
}

#[tokio::test]
async fn a_wildcard_over_types_to_come_is_not_given_by_who_holds_those_of_today() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    aws_type(&admin, "aws.credentials").await;
    let manager = limited(&app, &["aws.credentials.*", "credential.fetch.many"]).await;
    make(&manager, "aws.credentials.fetch.*", None).await.expect(201);
    assert_not_yours(&make(&manager, "aws.*", None).await, "aws.*");
    let narrow = limited(&app, &["credential.fetch.many"]).await;
    assert_not_yours(&make(&narrow, "aws.credentials.fetch.*", None).await, "aws.credentials.fetch.*");
    let shared = json!({"name": "Fields", "permissionScope": "aws.credentials.fields", "fields": []});
    let refused = admin.post("/v1/credential-type", &shared).await.expect(409);
    let message = "The permissionScope 'aws.credentials.fields' is taken by another credential type";
    assert_eq!(refused["message"], message);
    aws_type(&admin, "aws.credentials.keys").await;
    let above = json!({"name": "Above", "permissionScope": "aws", "fields": []});
    admin.post("/v1/credential-type", &above).await.expect(201);
}

#[tokio::test]
async fn everywhere_covers_one_company_and_not_the_other_way() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (acme, other) = (company(&admin, "Acme").await, company(&admin, "Other").await);
    let everywhere = limited(&app, &["company.fetch"]).await;
    make(&everywhere, "company.fetch", Some(&acme)).await.expect(201);
    assert_not_yours(&make(&everywhere, "company.fetch.many", Some(&acme)).await, "company.fetch.many");

    let in_acme = role_in(&admin, &acme, &["company.fetch"]).await;
    let office = role(&admin, &OFFICE).await;
    let local = person(&app, &admin, &["user", &office, &in_acme]).await;
    let somebody = person(&app, &admin, &["user"]).await;
    make(&local, "company.fetch", Some(&acme)).await.expect(201);
    give_roles(&local, &somebody.id, &["user", &in_acme]).await.expect(200);
    for company in [None, Some(other.as_str())] {
        assert_not_yours(&make(&local, "company.fetch", company).await, "company.fetch");
    }
    assert_not_yours(&give_nodes(&local, &somebody.id, &["company.fetch"]).await, "company.fetch");
    let in_other = role_in(&admin, &other, &["company.fetch"]).await;
    assert_not_yours(
        &give_roles(&local, &somebody.id, &["user", &in_acme, &in_other]).await,
        "company.fetch",
    );
    let unbound = role(&admin, &["company.fetch"]).await;
    assert_not_yours(&give_roles(&local, &local.id, &["user", &unbound]).await, "company.fetch");
    assert!(!holds(&admin, &somebody.id, "company.fetch", Some(&other)).await);
}

#[tokio::test]
async fn the_next_grant_of_a_demoted_caller_is_refused() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let creating = role(&admin, &["company.create"]).await;
    let manager = limited(&app, &[]).await;
    let somebody = person(&app, &admin, &["user"]).await;
    for _ in 0..10 {
        give_roles(&admin, &manager.id, &["user", &creating]).await.expect(200);
        give_nodes(&manager, &somebody.id, &["company.create"]).await.expect(200);
        give_nodes(&manager, &somebody.id, &[]).await.expect(200);
        give_roles(&admin, &manager.id, &["user"]).await.expect(200);
        assert_not_yours(&give_nodes(&manager, &somebody.id, &["company.create"]).await, "company.create");
    }
    give_nodes(&admin, &manager.id, &["user.*"]).await.expect(200);
    let refused = make(&manager, "user.read", None).await.expect(403);
    assert_eq!(
        (&refused["message"], &refused["required"]),
        (&json!("Insufficient permissions"), &json!(["role.create"]))
    );
}
