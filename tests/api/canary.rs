//! Canaries: credentials that are there to be revealed by somebody who should not.

use crate::helpers::scene::{SCOPE, all, id_in};
use crate::helpers::{Scene, Value, json, log, trash};

const CREDENTIALS: &str = "/v1/credential/credentials";

/// Makes a credential a canary; its path.
async fn canary(scene: &Scene) -> String {
    let path = scene.credential("a secret").await;
    let changed = scene.admin.patch(&path, &json!({"canary": true})).await.data();
    assert_eq!(changed["canary"], true);
    path
}

fn lacking() -> Value {
    json!({
        "status": 403, "message": "Insufficient permissions", "error": "InsufficientPermission",
        "required": ["credential.canary"], "successful": false
    })
}

/// The answer without what differs between credentials by nature.
fn shape(mut credential: Value) -> Vec<String> {
    credential["fields"] = json!([]);
    credential.as_object().unwrap().keys().cloned().collect()
}

#[tokio::test]
async fn who_does_not_hold_the_node_sees_no_canary_and_sets_none() {
    let scene = Scene::start().await;
    let (path, other) = (canary(&scene).await, scene.credential("a secret").await);
    let nodes =
        ["company.*", "credential.fetch", "credential.fetch.many", "credential.update", "credential.create"];
    let jane = scene.app.holder_in(&scene.acme, &nodes).await;
    let list = format!("{CREDENTIALS}/company/{}", scene.acme);
    for shown in [jane.get(&path).await.data(), jane.get(&other).await.data()] {
        assert!(shown.get("canary").is_none(), "{shown}");
    }
    assert_eq!(shape(jane.get(&path).await.data()), shape(jane.get(&other).await.data()));
    let listed = jane.get(&list).await.data();
    assert!(listed.as_array().unwrap().len() == 2 && !listed.to_string().contains("canary"), "{listed}");
    assert_eq!(all(&listed, "id"), all(&scene.admin.get(&list).await.data(), "id"));
    let renamed = jane.patch(&path, &json!({"name": "Keys"})).await.data();
    assert!(renamed.get("canary").is_none());
    for value in [true, false] {
        for target in [&path, &other] {
            assert_eq!(jane.patch(target, &json!({"canary": value})).await.expect(403), lacking());
        }
        let mut new = scene.body(
            "New",
            &json!([{"fieldId": "accessKeyId", "value": "A"}, {"fieldId": "secretAccessKey", "value": "S"}]),
        );
        new["canary"] = json!(value);
        assert_eq!(jane.post(CREDENTIALS, &new).await.expect(403), lacking());
    }
    assert_eq!(scene.admin.get(&path).await.data()["canary"], true, "it is still one");
    assert_eq!(scene.admin.get(&other).await.data()["canary"], false);
}

#[tokio::test]
async fn the_node_of_its_type_is_enough() {
    let scene = Scene::start().await;
    let nodes = ["fetch", "update", "canary"].map(|action| format!("{SCOPE}.{action}"));
    let jane = scene.app.holder_of(&nodes.each_ref().map(|node| &**node)).await;
    let path = canary(&scene).await;
    assert_eq!(jane.get(&path).await.data()["canary"], true);
    assert_eq!(jane.patch(&path, &json!({"canary": false})).await.data()["canary"], false);
    let mut new = scene.body(
        "New",
        &json!([{"fieldId": "accessKeyId", "value": "A"}, {"fieldId": "secretAccessKey", "value": "S"}]),
    );
    new["canary"] = json!(true);
    assert_eq!(scene.admin.post(CREDENTIALS, &new).await.data()["canary"], true);
    for bad in [json!({"canary": null}), json!({"canary": "yes"})] {
        scene.admin.patch(&path, &bad).await.violations();
    }
}

#[tokio::test]
async fn revealing_a_canary_is_an_alarm_that_the_answer_does_not_tell() {
    let scene = Scene::start().await;
    let (path, other) = (canary(&scene).await, scene.credential("a secret").await);
    let jane = scene.app.technician_of(&scene.acme).await;
    for below in ["secure-values", "secure-values/secretAccessKey"] {
        let revealed = jane.get(&format!("{path}/{below}")).await;
        assert_eq!(revealed.expect(200), jane.get(&format!("{other}/{below}")).await.expect(200));
        let request = revealed.header("x-request-id");
        let rows = scene.admin.get(&format!("/v1/audit?credential={}", id_in(&path))).await.data();
        let rows: Vec<_> =
            rows.as_array().unwrap().iter().filter(|row| row["requestId"] == request).collect();
        let [alarm, usual] = &rows[..] else { panic!("{rows:?}") };
        assert_eq!(
            (&alarm["action"], &usual["action"]),
            (&json!("credential.canary_revealed"), &json!("credential.reveal"))
        );
        for part in ["outcome", "actor", "target", "companyId", "fieldId", "address"] {
            assert_eq!(alarm[part], usual[part]);
        }
        assert_eq!(alarm["actor"]["id"], jane.id);
        let told = log::lines_with(request);
        let told: Vec<_> =
            told.iter().filter(|line| line.contains("a canary credential was revealed")).collect();
        assert!(told.len() == 1 && told[0].contains("ERROR") && told[0].contains(id_in(&path)), "{told:?}");
    }
    let alarms = scene.admin.get("/v1/audit?action=credential.canary_revealed").await.data();
    assert_eq!(alarms.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn where_the_alarm_cannot_be_kept_nothing_is_revealed() {
    let scene = Scene::start().await;
    let path = canary(&scene).await;
    let refuse =
        "create function refuse() returns trigger language plpgsql as $$ begin raise 'not now'; end $$;
        create trigger t before insert on audit_events for each row
            when (new.action = 'credential.canary_revealed') execute function refuse()";
    scene.app.db_run(refuse).await.unwrap();
    let refused = scene.admin.get(&format!("{path}/secure-values/secretAccessKey")).await;
    refused.expect(500);
    assert!(!refused.text.contains("a secret"));
    assert_eq!(scene.admin.get("/v1/audit?action=credential.reveal").await.data(), json!([]));
}

#[tokio::test]
async fn a_canary_stays_one_whatever_is_restored_and_nobody_is_told() {
    let scene = Scene::start().await;
    let path = scene.credential("first").await;
    scene.admin.patch(&path, &json!({"canary": true, "name": "Renamed"})).await.expect(200);
    let jane = scene.app.holder_in(&scene.acme, &["credential.fetch", "credential.update"]).await;
    let restored = jane.post(&format!("{path}/versions/1/restore"), &json!({})).await.data();
    assert_eq!((&restored["name"], restored.get("canary")), (&json!("Production AWS Credentials"), None));
    assert_eq!(scene.admin.get(&path).await.data()["canary"], true, "a version holds no such thing");
    scene.admin.delete(&path).await.expect(200);
    trash::restore(&scene.admin, id_in(&path)).await.expect(200);
    assert_eq!(scene.admin.get(&path).await.data()["canary"], true);
    scene.admin.get(&format!("{path}/secure-values/secretAccessKey")).await.expect(200);
    let alarms = scene.admin.get("/v1/audit?action=credential.canary_revealed").await.data();
    assert_eq!(alarms.as_array().unwrap().len(), 1);
}
