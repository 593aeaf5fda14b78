//! Who may do what with integrations.

use super::{PATH, Stage};
use crate::helpers::fixture::company;
use crate::helpers::people::{give_nodes, person, role_in};
use crate::helpers::{Actor, Answer, Value, json};

/// An integration's path in either contract, and what can be done there.
async fn send(actor: &Actor, path: &str, what: &str) -> Answer {
    match what {
        "fetch" => actor.get(path).await,
        "update" => actor.patch(path, &json!({"description": "changed"})).await,
        "check" => actor.post(&format!("{path}/check"), &json!({})).await,
        "checks" => actor.get(&format!("{path}/checks")).await,
        "call" => actor.post(&format!("{path}/endpoints/getTickets/call"), &json!({})).await,
        "list" => actor.get(PATH).await,
        "delete" => actor.delete(path).await,
        other => panic!("{other} cannot be done"),
    }
}

#[track_caller]
fn assert_refused(answer: &Answer, node: &str) {
    let refusal = answer.expect(403);
    assert_eq!((&refusal["error"], &refusal["required"]), (&json!("InsufficientPermission"), &json!([node])));
}

const OWN: [&str; 4] = ["fetch", "update", "check", "checks"];

fn node_of(what: &str) -> String {
    match what {
        "checks" => "integration.fetch".to_owned(),
        "list" => "integration.fetch.many".to_owned(),
        other => format!("integration.{other}"),
    }
}

#[tokio::test]
async fn creators_and_managers_look_after_their_own_and_others_do_not_learn_that_it_is_there() {
    let stage = Stage::set().await;
    let creator = person(&stage.app, &stage.admin, &["integrator"]).await;
    let manager = person(&stage.app, &stage.admin, &["user"]).await;
    let (stranger, integrator) = (
        person(&stage.app, &stage.admin, &["user"]).await,
        person(&stage.app, &stage.admin, &["integrator"]).await,
    );
    let path = stage.integration_by(&creator).await;
    creator.patch(&path, &json!({"managers": [manager.id]})).await.expect(200);
    let nowhere = format!("{PATH}/{}", ttscm::id::new());
    for what in OWN {
        for somebody in [&stage.admin, &creator, &manager] {
            send(somebody, &path, what).await.expect(200);
        }
        for there in [&path, &nowhere, &format!("{PATH}/x")] {
            assert_refused(&send(&stranger, there, what).await, &node_of(what));
        }
        // who sees the list knows what is there
        assert_refused(&send(&integrator, &path, what).await, &node_of(what));
        send(&integrator, &nowhere, what).await.expect(404);
        let missing = send(&stage.admin, &nowhere, what).await.expect(404);
        assert_eq!(missing["error"], "IntegrationNotFound");
        send(&stage.admin, &format!("{PATH}/x"), what).await.expect(404);
    }
    for what in ["call", "delete"] {
        for somebody in [&creator, &manager, &stranger, &integrator] {
            assert_refused(&send(somebody, &path, what).await, &node_of(what));
        }
        send(&stage.admin, &nowhere, what).await.expect(404);
    }
    for (somebody, may) in [(&creator, true), (&integrator, true), (&manager, false), (&stranger, false)] {
        let listed = somebody.get(PATH).await;
        assert_eq!(listed.status, if may { 200 } else { 403 });
        let made = somebody.post(PATH, &stage.body()).await;
        assert_eq!(made.status, if may { 201 } else { 403 });
    }
    stage.admin.delete(&path).await.expect(200);
    send(&stage.admin, &path, "fetch").await.expect(404);
    send(&creator, &path, "update").await.expect(404);
    assert_refused(&send(&manager, &path, "update").await, "integration.update");
}

#[tokio::test]
async fn each_node_opens_just_its_own_and_only_where_it_is_held_everywhere() {
    let stage = Stage::set().await;
    let path = stage.integration().await;
    let acme = company(&stage.admin, "Acme").await;
    for what in ["fetch", "update", "check", "checks", "call", "list"] {
        let node = node_of(what);
        let holder = stage.app.bare_holder_of(&[&node]).await;
        for other in ["fetch", "update", "check", "checks", "call", "list", "delete"] {
            let answer = send(&holder, &path, other).await;
            assert_eq!(answer.status, if node_of(other) == node { 200 } else { 403 }, "{node} {other}");
        }
        let role = role_in(&stage.admin, &acme, &[&node]).await;
        let bound = person(&stage.app, &stage.admin, &[&role]).await;
        assert_eq!(send(&bound, &path, what).await.status, 403, "{node} in a company");
    }
}

#[tokio::test]
async fn the_way_into_an_account_with_integrations_of_its_own_takes_what_it_may_do_with_them() {
    let stage = Stage::set().await;
    let creator = person(&stage.app, &stage.admin, &["integrator"]).await;
    let manager = person(&stage.app, &stage.admin, &["user"]).await;
    let path = stage.integration_by(&creator).await;
    creator.patch(&path, &json!({"managers": [manager.id]})).await.expect(200);
    let nodes = ["user.*", "integration.create", "integration.fetch.many"];
    let helper = stage.app.holder_of(&nodes).await;
    let new = json!({"newPassword": "another horse battery staple"});
    for somebody in [&creator, &manager] {
        let password = format!("/v1/user/users/{}/password", somebody.id);
        for missing in ["integration.fetch", "integration.update", "integration.check"] {
            let own = ["integration.fetch", "integration.update", "integration.check"];
            let others = own.into_iter().filter(|node| *node != missing).chain(nodes);
            give_nodes(&stage.admin, &helper.id, &others.collect::<Vec<_>>()).await.expect(200);
            let refused = helper.post(&password, &new).await;
            assert_refused(&refused, missing);
            let message = format!("The account holds '{missing}', which you do not hold yourself");
            assert_eq!(refused.expect(403)["message"], message);
        }
        let email = json!({"email": "mine@example.com"});
        helper.patch(&format!("/v1/user/users/{}", somebody.id), &email).await.expect(403);
    }
    give_nodes(&stage.admin, &helper.id, &["user.*", "integration.*"]).await.expect(200);
    helper.post(&format!("/v1/user/users/{}/password", creator.id), &new).await.expect(200);
    stage.admin.patch(&path, &json!({"managers": []})).await.expect(200);
    give_nodes(&stage.admin, &helper.id, &["user.*"]).await.expect(200);
    helper.post(&format!("/v1/user/users/{}/password", manager.id), &new).await.expect(200);
}

#[tokio::test]
async fn a_manager_who_is_taken_off_or_deleted_looks_after_nothing() {
    let stage = Stage::set().await;
    let creator = person(&stage.app, &stage.admin, &["integrator"]).await;
    let manager = person(&stage.app, &stage.admin, &["user"]).await;
    let path = stage.integration_by(&creator).await;
    stage.admin.patch(&path, &json!({"managers": [manager.id, manager.id]})).await.expect(200);
    assert_eq!(manager.get(&path).await.data()["managers"], json!([manager.id]));
    stage.admin.patch(&path, &json!({"managers": []})).await.expect(200);
    manager.get(&path).await.expect(403);
    stage.admin.patch(&path, &json!({"managers": [manager.id]})).await.expect(200);
    for gone in [&manager, &creator] {
        stage.admin.delete(&format!("/v1/user/users/{}", gone.id)).await.expect(200);
    }
    let left = stage.admin.get(&path).await.data();
    assert_eq!((&left["managers"], &left["createdBy"]), (&json!([]), &Value::Null));
}

#[tokio::test]
async fn the_itsm_contract_refuses_alike() {
    let stage = Stage::set().await;
    let path = stage.integration().await.replace("/v1/", "/itsm/api/");
    let nowhere = format!("/itsm/api/integration/{}", ttscm::id::new());
    let user = person(&stage.app, &stage.admin, &["user"]).await;
    let integrator = person(&stage.app, &stage.admin, &["integrator"]).await;
    let denied = json!({"success": false, "message": "Access denied"});
    for there in [&path, &nowhere] {
        assert_eq!(user.get(there).await.expect_itsm(403), denied);
        assert_eq!(user.put(there, &json!({})).await.expect_itsm(403), denied);
        assert_eq!(user.post(&format!("{there}/check-health"), &json!({})).await.expect_itsm(403), denied);
        assert_eq!(integrator.delete(there).await.expect_itsm(403), denied);
    }
    assert_eq!(user.get("/itsm/api/integration").await.expect_itsm(403), denied);
    assert_eq!(user.get("/itsm/api/integration/type/jira").await.expect_itsm(403), denied);
    assert_eq!(user.post("/itsm/api/integration", &stage.body()).await.expect_itsm(403), denied);
    assert_eq!(integrator.get("/itsm/api/integration").await.expect_itsm(200)["count"], 1);
    assert_eq!(integrator.get("/itsm/api/integration/type/jira").await.expect_itsm(200)["count"], 0);
    let missing = json!({"success": false, "message": "Resource not found"});
    for somebody in [&integrator, &stage.admin] {
        assert_eq!(somebody.get(&nowhere).await.expect_itsm(404), missing);
    }
}
