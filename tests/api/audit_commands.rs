//! `ttscm audit export`, and the secrets that are nowhere in the record.

use std::process::Stdio;

use chrono::TimeDelta;
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::helpers::scene::id_in;
use crate::helpers::{Scene, TestApp, Value, json};

fn events(out: &str) -> Vec<Value> {
    out.lines().map(|line| serde_json::from_str(line).expect("an object a line")).collect()
}

#[tokio::test]
async fn the_export_has_every_row_of_the_api_the_oldest_first() {
    let scene = Scene::start().await;
    let path = scene.credential("secret").await;
    scene.admin.get(&format!("{path}/secure-values")).await.expect(200);
    let mut listed = scene.admin.get("/v1/audit?limit=200").await.data().as_array().unwrap().clone();
    listed.reverse();
    let ran = scene.app.ran(&["audit", "export"]).await;
    assert_eq!((ran.code, &*ran.err, events(&ran.out)), (0, "", listed));
}

#[tokio::test]
async fn the_export_has_a_beginning_and_an_end() {
    let scene = Scene::start().await;
    let first = scene.credential("secret").await;
    scene.app.clock.advance(TimeDelta::minutes(1));
    scene.credential("secret").await;
    let created = scene.admin.get("/v1/audit?action=credential.create").await.data();
    let (earlier, later) = (created[1]["at"].as_str().unwrap(), created[0]["at"].as_str().unwrap());
    assert_eq!(created[1]["target"]["id"], id_in(&first));
    let from = scene.app.ran(&["audit", "export", "--from", later]).await;
    assert!(events(&from.out).iter().all(|event| event["at"].as_str() >= Some(later)));
    assert_eq!(events(&from.out)[0]["action"], "credential.create");
    let between = scene.app.ran(&["audit", "export", "--from", earlier, "--to", later]).await;
    let actions: Vec<_> = events(&between.out).iter().map(|event| event["action"].clone()).collect();
    assert_eq!(actions, [json!("credential.create")]);
    let wrong = scene.app.ran(&["audit", "export", "--from", "yesterday"]).await;
    assert!(wrong.code != 0 && wrong.out.is_empty() && wrong.err.contains("--from"), "{}", wrong.err);
}

#[tokio::test]
async fn a_reader_who_has_seen_enough_is_no_failure() {
    let app = TestApp::start().await;
    let many = "insert into audit_events (id, at, action, outcome, actor_kind, actor_name, target_kind)
        select new_id(), now(), 'test', 'success', 'system', 'ttscm', 'setting' from generate_series(1, 20000)";
    app.db_run(many).await.unwrap();
    let mut exporting = app.command(&["audit", "export"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(exporting.stdout.take().unwrap()).lines();
    assert!(lines.next_line().await.unwrap().is_some());
    drop(lines);
    let ended = exporting.wait_with_output().await.unwrap();
    assert_eq!((ended.status.code(), &*String::from_utf8_lossy(&ended.stderr)), (Some(0), ""));
    let whole = app.ran(&["audit", "export"]).await;
    assert_eq!(whole.out.lines().filter(|line| line.contains(r#""action":"test""#)).count(), 20_000);
}

#[tokio::test]
async fn no_secret_is_on_record_or_exported() {
    let scene = Scene::start().await;
    let secret = "the-marked-secret-of-the-record";
    let path = scene.credential(secret).await;
    scene.admin.get(&format!("{path}/secure-values")).await.expect(200);
    let changed = json!({"fields": [{"fieldId": "spare", "value": secret}]});
    scene.admin.patch(&path, &changed).await.expect(200);
    let login = json!({"email": "admin@example.com", "password": secret});
    scene.app.nobody().post("/v1/auth/login", &login).await.expect(401);
    let own = json!({"currentPassword": secret, "newPassword": "another-marked-secret-of-it"});
    scene.admin.post("/v1/user/@me/password", &own).await.violations();
    scene.app.seal().await;
    let ran = scene.app.ran(&["audit", "export"]).await;
    assert_eq!(ran.code, 0);
    assert!(!ran.out.contains("marked-secret") && !scene.app.db_text().await.contains("marked-secret"));
}
