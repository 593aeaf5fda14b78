//! How much somebody may reveal in an hour.

use chrono::TimeDelta;

use crate::helpers::scene::id_in;
use crate::helpers::time::TestClock;
use crate::helpers::{Actor, Answer, Scene, TestApp, cluster, fixture, json, log};

const LIMIT: &str = "REVEAL_LIMIT_PER_HOUR";
const ALL: &str = "secure-values";
const ONE: &str = "secure-values/secretAccessKey";

/// A server that lets everybody reveal so many values, with somebody who may, and a credential of two secure
/// values; its path.
async fn limited(limit: &str) -> (Scene, Actor, String) {
    let app = TestApp::start_with(&[(LIMIT, limit)]).await;
    let admin = app.admin().await;
    let acme = fixture::company(&admin, "Acme").await;
    let aws = fixture::aws_type(&admin, "aws.credentials").await;
    let scene = Scene { app, admin, acme, aws };
    let path = scene.credential("a secret").await;
    let spare = json!({"fields": [{"fieldId": "spare", "value": "a spare"}]});
    scene.admin.patch(&path, &spare).await.expect(200);
    let jane = scene.app.technician_of(&scene.acme).await;
    (scene, jane, path)
}

#[track_caller]
fn assert_refused(answer: &Answer) {
    let message = "You have revealed as many secure values as you may within an hour, try again later";
    let body = json!({"status": 429, "message": message, "error": "TooManyRequests", "successful": false});
    assert_eq!(answer.expect(429), body);
    let wait: u64 = answer.header("retry-after").parse().expect("seconds");
    assert!((1..=3600).contains(&wait), "{wait}");
}

#[tokio::test]
async fn of_reveals_at_the_same_moment_on_two_servers_just_so_many_pass() {
    let (database, clock) = (cluster::database().await, TestClock::new());
    let here = TestApp::on(database.clone(), clock.clone(), &[(LIMIT, "7")]).await;
    let there = TestApp::on(database, clock, &[(LIMIT, "7")]).await;
    let admin = here.admin().await;
    let (acme, aws) = (fixture::company(&admin, "Acme").await, fixture::aws_type(&admin, "aws").await);
    let id = fixture::aws_credential(&admin, &aws, &acme, "a secret").await;
    let path = format!("/v1/credential/credentials/{id}/{ONE}");
    let elsewhere = Actor::new(there.client.clone(), there.address, admin.token.clone());
    let asked = (0..20).map(|number| if number % 2 == 0 { &admin } else { &elsewhere });
    let answers = futures_util::future::join_all(asked.map(|actor| actor.get(&path))).await;
    let (passed, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!(passed.len(), 7);
    refused.into_iter().for_each(assert_refused);
    let rows = admin.get("/v1/audit?action=credential.reveal&limit=200").await.data();
    let with =
        |outcome: &str| rows.as_array().unwrap().iter().filter(|row| row["outcome"] == outcome).count();
    assert_eq!((with("success"), with("denied")), (7, 13));
}

#[tokio::test]
async fn a_refused_reveal_is_on_record_and_in_the_log_and_gives_nothing_away() {
    let (scene, jane, path) = limited("1").await;
    jane.get(&format!("{path}/{ONE}")).await.expect(200);
    let refused = jane.get(&format!("{path}/{ONE}")).await;
    assert_refused(&refused);
    let rows = scene.admin.get(&format!("/v1/audit?user={}&action=credential.reveal", jane.id)).await.data();
    assert_eq!((&rows[0]["outcome"], &rows[0]["fieldId"]), (&json!("denied"), &json!("secretAccessKey")));
    assert_eq!(rows[0]["requestId"], refused.header("x-request-id"));
    assert_eq!((&rows[0]["target"]["id"], &rows[0]["companyId"]), (&json!(id_in(&path)), &json!(scene.acme)));
    let told = log::lines_with(refused.header("x-request-id"));
    let told: Vec<_> = told.iter().filter(|line| line.contains("a reveal was refused")).collect();
    assert!(told.len() == 1 && told[0].contains("WARN") && told[0].contains(&jane.id), "{told:?}");
    assert!(!told[0].contains("a secret"));
}

#[tokio::test]
async fn every_value_of_a_credential_counts_and_all_are_given_or_none() {
    let (scene, jane, path) = limited("3").await;
    assert_eq!(jane.get(&format!("{path}/{ALL}")).await.data().as_object().unwrap().len(), 2);
    assert_refused(&jane.get(&format!("{path}/{ALL}")).await);
    // what was refused cost nothing, and what is not there costs nothing
    jane.get(&format!("{path}/{ONE}")).await.expect(200);
    assert_refused(&jane.get(&format!("{path}/{ONE}")).await);
    scene.admin.patch(&path, &json!({"fields": [{"fieldId": "spare", "value": null}]})).await.expect(200);
    assert_eq!(jane.get(&format!("{path}/secure-values/spare")).await.data()["value"], json!(null));
    // everybody has their own
    scene.admin.get(&format!("{path}/{ALL}")).await.expect(200);
}

#[tokio::test]
async fn after_an_hour_there_is_a_new_budget() {
    let (scene, mut jane, path) = limited("2").await;
    jane.get(&format!("{path}/{ALL}")).await.expect(200);
    scene.app.clock.advance(TimeDelta::minutes(14));
    let refused = jane.get(&format!("{path}/{ONE}")).await;
    assert_refused(&refused);
    let wait: i64 = refused.header("retry-after").parse().unwrap();
    assert!((45 * 60..=46 * 60).contains(&wait), "{wait}");
    scene.app.clock.advance(TimeDelta::seconds(wait));
    jane.token = renewed(&scene, &jane).await;
    jane.get(&format!("{path}/{ALL}")).await.expect(200);
    assert_refused(&jane.get(&format!("{path}/{ONE}")).await);
}

/// An access token that is good now.
async fn renewed(scene: &Scene, actor: &Actor) -> Option<String> {
    let refresh = scene.app.nobody().request(reqwest::Method::POST, "/v1/auth/refresh");
    let fresh =
        refresh.header("x-refresh-token", actor.refresh_token.as_deref().unwrap()).send().await.data();
    fresh["accessToken"].as_str().map(str::to_owned)
}

#[tokio::test]
async fn without_a_limit_there_is_none() {
    let (_scene, jane, path) = limited("0").await;
    for _ in 0..210 {
        assert_eq!(jane.get(&format!("{path}/{ONE}")).await.status, 200);
    }
}

#[tokio::test]
async fn what_cannot_be_counted_is_not_revealed() {
    let (scene, jane, path) = limited("5").await;
    let refuse =
        "create function refuse() returns trigger language plpgsql as $$ begin raise 'not now'; end $$;
        create trigger t before insert or update on reveal_budgets for each row execute function refuse()";
    scene.app.db_run(refuse).await.unwrap();
    for below in [ALL, ONE] {
        let answer = jane.get(&format!("{path}/{below}")).await;
        answer.expect(500);
        assert!(!answer.text.contains("a secret") && !answer.text.contains("a spare"));
    }
    let rows = scene.admin.get("/v1/audit?action=credential.reveal").await.data();
    assert_eq!(rows, json!([]));
}
