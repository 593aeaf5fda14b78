//! The history of credentials: each change keeps what was before it, and can be taken back.

use tokio::task::JoinSet;

use crate::helpers::scene::{all, field, id_in, kind_with};
use crate::helpers::trash::assert_conflict;
use crate::helpers::{Actor, Scene, Value, fixture, json};

/// The earlier versions of a credential.
async fn versions(actor: &Actor, path: &str) -> Value {
    let answer = actor.get(&format!("{path}/versions")).await.expect(200);
    assert_eq!(answer["message"], "Credential Versions Fetched Successfully!");
    answer["data"].clone()
}

/// The numbers of the earlier versions.
async fn numbers(actor: &Actor, path: &str) -> Vec<i64> {
    let versions = versions(actor, path).await;
    versions.as_array().unwrap().iter().map(|version| version["number"].as_i64().unwrap()).collect()
}

/// One field's new value.
fn set(id: &str, value: &Value) -> Value {
    json!({"fields": [{"fieldId": id, "value": value}]})
}

/// The name, the notes, the plain values and the revealed ones of a credential.
async fn content(actor: &Actor, path: &str) -> Value {
    let read = actor.get(path).await.data();
    let plain =
        read["fields"].as_array().unwrap().iter().map(|field| field["value"].clone()).collect::<Vec<_>>();
    let secure = actor.get(&format!("{path}/secure-values")).await.data();
    json!({"name": read["name"], "notes": read["notes"], "plain": plain, "secure": secure})
}

#[tokio::test]
async fn each_change_keeps_what_was_before_it_and_says_who_changed_what() {
    let scene = Scene::start().await;
    let jane = scene.app.holder_of(&["*"]).await;
    let path = scene.credential("first").await;
    assert_eq!(versions(&scene.admin, &path).await, json!([]));
    jane.patch(&path, &json!({"name": "Renamed", "notes": "N"})).await.expect(200);
    jane.patch(&path, &set("note", &json!("a note"))).await.expect(200);
    jane.put(&format!("{path}/fields"), &set("secretAccessKey", &json!("second"))).await.expect(200);
    let both =
        json!({"fields": [{"fieldId": "spare", "value": "s"}, {"fieldId": "accessKeyId", "value": "B"}]});
    scene.admin.patch(&path, &both).await.expect(200);
    jane.patch(&path, &set("note", &Value::Null)).await.expect(200);
    let by = |who: &Actor, name: &str| json!({"id": who.id, "name": name});
    let (jane_is, admin_is) = (by(&jane, "A Person"), by(&scene.admin, "Administrator"));
    let listed = versions(&jane, &path).await;
    let version = |number: usize, by: &Value, changed: Value, other: bool| {
        let at = &listed[5 - number]["at"];
        assert!(at.as_str().unwrap().ends_with('Z'));
        json!({"number": number, "at": at, "by": by, "changed": changed, "nameChanged": other, "notesChanged": other})
    };
    assert_eq!(
        listed,
        json!([
            version(5, &jane_is, json!(["note"]), false),
            version(4, &admin_is, json!(["accessKeyId", "spare"]), false),
            version(3, &jane_is, json!(["secretAccessKey"]), false),
            version(2, &jane_is, json!(["note"]), false),
            version(1, &jane_is, json!([]), true),
        ])
    );
    let page = jane.get(&format!("{path}/versions?page=2&rpp=2")).await.expect(200);
    assert_eq!(page["data"], json!([listed[2], listed[3]]));
    assert_eq!(page["pagination"]["totalRecords"], 5);
}

#[tokio::test]
async fn what_changes_nothing_keeps_nothing() {
    let scene = Scene::start().await;
    let path = scene.credential("first").await;
    let same = json!({"name": " Production AWS Credentials ", "notes": null, "fields": [
        {"fieldId": "accessKeyId", "value": "AKIAIOSFODNN7EXAMPLE"}, {"fieldId": "note", "value": null}, {"fieldId": "spare", "value": null}
    ]});
    scene.admin.patch(&path, &same).await.expect(200);
    scene.admin.put(&format!("{path}/fields"), &json!({"fields": []})).await.expect(200);
    scene.admin.patch(&path, &set("secretAccessKey", &json!(""))).await.expect(400);
    assert_eq!(numbers(&scene.admin, &path).await, Vec::<i64>::new());
    // whether a secret is the one that was there is nothing to be found out by trying
    scene.admin.patch(&path, &set("secretAccessKey", &json!("first"))).await.expect(200);
    assert_eq!(numbers(&scene.admin, &path).await, [1]);
}

#[tokio::test]
async fn a_version_brings_back_everything_and_can_itself_be_taken_back() {
    let scene = Scene::start().await;
    let (admin, path) = (&scene.admin, scene.credential("first").await);
    let old = content(admin, &path).await;
    let change = json!({"name": "New", "notes": "N", "fields": [
        {"fieldId": "accessKeyId", "value": "B"}, {"fieldId": "note", "value": "n"},
        {"fieldId": "secretAccessKey", "value": "second"}, {"fieldId": "spare", "value": "s"}
    ]});
    admin.patch(&path, &change).await.expect(200);
    let new = content(admin, &path).await;
    let restored = admin.post(&format!("{path}/versions/1/restore"), &json!({})).await.expect(200);
    assert_eq!(restored["message"], "Credential Version Restored Successfully!");
    assert_eq!(restored["data"], admin.get(&path).await.data());
    assert_eq!(content(admin, &path).await, old);
    let listed = versions(admin, &path).await;
    let touched = json!(["accessKeyId", "secretAccessKey", "note", "spare"]);
    assert_eq!((&listed[0]["number"], &listed[0]["changed"]), (&json!(2), &touched));
    assert_eq!((&listed[0]["nameChanged"], &listed[0]["notesChanged"]), (&json!(true), &json!(true)));
    // the same again changes nothing
    admin.post(&format!("{path}/versions/1/restore"), &json!({})).await.expect(200);
    assert_eq!(numbers(admin, &path).await, [2, 1]);
    admin.post(&format!("{path}/versions/2/restore"), &json!({})).await.expect(200);
    assert_eq!(content(admin, &path).await, new);
    assert_eq!(numbers(admin, &path).await, [3, 2, 1]);
    let record = format!("/v1/audit?credential={}&limit=1&action=credential.restore_version", id_in(&path));
    assert_eq!(admin.get(&record).await.data()[0]["target"]["name"], "New");
}

#[tokio::test]
async fn versions_that_are_not_there_are_not_found() {
    let scene = Scene::start().await;
    let (path, other) = (scene.credential("first").await, scene.credential("other").await);
    scene.admin.patch(&other, &json!({"notes": "n"})).await.expect(200);
    for number in ["1", "0", "-1", "01", "+1", "x", "99999999999"] {
        let missing = scene.admin.post(&format!("{path}/versions/{number}/restore"), &json!({})).await;
        assert_eq!(
            missing.expect(404),
            json!({"status": 404, "message": format!("Version with identifier '{number}' was not found."), "error": "VersionNotFound", "successful": false})
        );
    }
    let nowhere = "/v1/credential/credentials/x/versions";
    assert_eq!(scene.admin.get(nowhere).await.expect(404)["error"], "CredentialNotFound");
    let missing = scene.admin.post(&format!("{nowhere}/1/restore"), &json!({})).await;
    assert_eq!(missing.expect(404)["error"], "CredentialNotFound");
}

#[tokio::test]
async fn many_changes_at_once_make_as_many_versions() {
    let scene = Scene::start().await;
    let path = scene.credential("first").await;
    let mut changes = JoinSet::new();
    for number in 0..12 {
        let (admin, path) = (scene.admin.clone(), path.clone());
        changes.spawn(async move {
            let value = json!(format!("value {number}"));
            admin.patch(&path, &set(if number % 2 == 0 { "spare" } else { "note" }, &value)).await.status
        });
    }
    assert_eq!(changes.join_all().await, [200; 12]);
    assert_eq!(numbers(&scene.admin, &path).await, (1..=12).rev().collect::<Vec<_>>());
}

#[tokio::test]
async fn versions_are_for_those_who_may_read_or_change_the_credential() {
    let scene = Scene::start().await;
    let path = scene.credential("first").await;
    scene.admin.patch(&path, &set("spare", &json!("s"))).await.expect(200);
    let other = fixture::company(&scene.admin, "Other").await;
    let (list, back) = (format!("{path}/versions"), format!("{path}/versions/1/restore"));
    let app = &scene.app;
    for (who, reads, restores) in [
        (app.technician_of(&scene.acme).await, 200, 200),
        (app.technician_of(&other).await, 404, 404),
        (app.holder_of(&["aws.credentials.fetch"]).await, 200, 403),
        (app.holder_in(&scene.acme, &["aws.credentials.fetch", "aws.credentials.update"]).await, 200, 200),
        (app.holder_in(&other, &["aws.credentials.fetch", "aws.credentials.update"]).await, 404, 404),
        (app.holder_of(&["credential.update"]).await, 403, 200),
        (app.holder_of(&["credential.fetch.many"]).await, 403, 403),
        (app.holder_of(&[]).await, 403, 403),
    ] {
        who.get(&list).await.expect(reads);
        let restored = who.post(&back, &json!({})).await;
        restored.expect(restores);
        for (answer, node) in [(who.get(&list).await, "credential.fetch"), (restored, "credential.update")] {
            if answer.status == 403 {
                assert_eq!(answer.expect(403)["required"], json!([node]));
            }
        }
    }
}

/// A scene with a type of its own, and a credential of it.
async fn changing() -> (Scene, String, String) {
    let scene = Scene::start().await;
    let kind = kind_with(&scene.admin, "Server", "server", &fields(&[])).await;
    let body = json!({"name": "Web", "typeId": id_in(&kind), "companyId": scene.acme, "fields": [
        {"fieldId": "host", "value": "h1"}, {"fieldId": "label", "value": "the first label"}, {"fieldId": "key", "value": "k1"}
    ]});
    let made = scene.admin.post("/v1/credential/credentials", &body).await.data();
    let path = format!("/v1/credential/credentials/{}", fixture::id_of(&made));
    (scene, kind, path)
}

/// The fields of that type, some of them otherwise; one that is null is left out.
fn fields(otherwise: &[(&str, Value)]) -> Value {
    let usual = [
        field("host", "plain_text", false, false),
        field("label", "plain_text", false, false),
        field("key", "password", false, true),
    ];
    let other =
        |usual: &Value| otherwise.iter().find(|(id, _)| usual["id"] == *id).map(|(_, other)| other.clone());
    usual
        .iter()
        .map(|usual| other(usual).unwrap_or_else(|| usual.clone()))
        .filter(|field| !field.is_null())
        .collect()
}

#[tokio::test]
async fn what_a_change_of_the_type_clears_is_kept() {
    let (scene, kind, path) = changing().await;
    let (admin, before) = (&scene.admin, content(&scene.admin, &path).await);
    let change =
        json!({"fields": fields(&[("label", Value::Null), ("key", field("key", "password", false, false))])});
    admin.patch(&kind, &change).await.expect(409);
    assert_eq!(numbers(admin, &path).await, Vec::<i64>::new());
    admin.patch(&format!("{kind}?force=true"), &change).await.expect(200);
    let listed = versions(admin, &path).await;
    assert_eq!((&listed[0]["changed"], &listed[0]["by"]["id"]), (&json!(["label", "key"]), &json!(admin.id)));
    assert_eq!(content(admin, &path).await["plain"], json!(["h1", null]));
    // where there is room for it again, it comes back
    admin.patch(&kind, &json!({"fields": fields(&[])})).await.expect(200);
    admin.post(&format!("{path}/versions/1/restore"), &json!({})).await.expect(200);
    assert_eq!(content(admin, &path).await, before);
}

#[tokio::test]
async fn what_does_not_fit_the_type_any_more_is_restored_by_nobody() {
    let (scene, kind, path) = changing().await;
    let admin = &scene.admin;
    admin.patch(&path, &json!({"name": "Later", "fields": [
        {"fieldId": "host", "value": "192.0.2.1"}, {"fieldId": "label", "value": null}, {"fieldId": "key", "value": null}
    ]})).await.expect(200);
    let new = fields(&[
        ("host", field("host", "ip_address", false, false)),
        ("label", Value::Null),
        ("key", field("key", "password", false, false)),
    ]);
    admin.patch(&kind, &json!({"fields": new})).await.expect(200);
    let back = format!("{path}/versions/1/restore");
    let before = content(admin, &path).await;
    assert_conflict(
        &admin.post(&back, &json!({})).await,
        "Version 1 does not fit the credential type any more: 'host' breaks the rule of its field; 'key' was secure then and is not now; 'label' is no field of the type any more. Add ?force=true to restore the rest and leave these as they are today",
    );
    assert_eq!(content(admin, &path).await, before);
    admin.patch(&path, &set("key", &json!("plain today"))).await.expect(200);
    let restored = admin.post(&format!("{back}?force=true"), &json!({})).await.data();
    assert_eq!(
        (&restored["name"], all(&restored["fields"], "value")),
        (&json!("Web"), vec!["192.0.2.1", "plain today"])
    );
    let stored = admin.get(&format!("{path}/fields")).await.text;
    assert!(!stored.contains("k1"), "a secure value does not become plain: {stored}");
    assert_eq!(admin.get("/v1/audit?limit=1").await.data()[0]["action"], "credential.force_restore_version");
    // what is required today cannot be missing again
    let required = fields(&[
        ("host", field("host", "plain_text", true, false)),
        ("label", field("label", "plain_text", true, false)),
    ]);
    admin.patch(&format!("{kind}?force=true"), &json!({"fields": required})).await.expect(200);
    admin.patch(&path, &set("label", &json!("l"))).await.expect(200);
    let refused = admin.post(&format!("{path}/versions/2/restore"), &json!({})).await;
    assert!(
        refused.expect(409)["message"].as_str().unwrap().contains("'label' is required"),
        "{}",
        refused.text
    );
}

#[tokio::test]
async fn a_field_that_becomes_secure_is_sealed_in_the_history_too() {
    let (scene, kind, path) = changing().await;
    let admin = &scene.admin;
    for label in ["the second label", "the third label"] {
        admin.patch(&path, &set("label", &json!(label))).await.expect(200);
    }
    assert!(scene.app.db_text().await.contains("the first label"));
    admin
        .patch(&kind, &json!({"fields": fields(&[("label", field("label", "plain_text", false, true))])}))
        .await
        .expect(200);
    let text = scene.app.db_text().await;
    assert!(!["first", "second", "third"].iter().any(|one| text.contains(&format!("the {one} label"))));
    assert_eq!(numbers(admin, &path).await, [2, 1], "what it says is the same");
    for (number, label) in
        [(1, "the first label"), (2, "the second label"), (3, "the third label"), (4, "the first label")]
    {
        admin.post(&format!("{path}/versions/{number}/restore"), &json!({})).await.expect(200);
        assert_eq!(admin.get(&format!("{path}/secure-values/label")).await.data()["value"], label);
    }
}

#[tokio::test]
async fn a_version_whose_sealed_bytes_were_changed_is_not_restored() {
    let scene = Scene::start().await;
    let path = scene.credential("first").await;
    scene.admin.patch(&path, &set("secretAccessKey", &json!("second"))).await.expect(200);
    let damage = "update version_values set sealed = set_byte(sealed, 20, get_byte(sealed, 20) # 1)";
    scene.app.db_run(damage).await.unwrap();
    let back = format!("{path}/versions/1/restore");
    assert_eq!(scene.admin.post(&back, &json!({})).await.expect(500)["message"], "Internal server error");
    assert_eq!(content(&scene.admin, &path).await["secure"], json!({"secretAccessKey": "second"}));
    assert_eq!(numbers(&scene.admin, &path).await, [1]);
}
