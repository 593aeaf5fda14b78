//! What ConnectWise tells by itself.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::Method;
use sha2::{Digest, Sha256};

use super::{Stage, until};
use crate::helpers::connectwise::{SIGNING_KEY, TENANT, TestConnectWise, company};
use crate::helpers::time::TestClock;
use crate::helpers::{Actor, Answer, TestApp, Value, cluster, json};
use ttscm::clock::Clock;

const CALLBACK: &str = "/v1/company/connectwise/callback?recordId=250&action=updated";

fn key_url(cw: &TestConnectWise) -> String {
    format!("http://{}/v2026_3//system/callbackkey/index.rails?companyName={TENANT}&id=89966c04", cw.address)
}

pub fn payload(cw: &TestConnectWise, message: &str, number: i64) -> Value {
    json!({
        "Action": "updated", "CallbackObjectRecId": 26604, "CompanyId": TENANT,
        "Entity": "{\"id\":250,\"name\":\"What nobody believes\"}", "FromUrl": "na.myconnectwise.net", "ID": number,
        "MemberId": "jdoe", "MessageId": message, "Metadata": {"key_url": key_url(cw)}, "Type": "company"
    })
}

fn signature(body: &str, key: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(&Sha256::digest(key.as_bytes())).unwrap();
    mac.update(body.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

async fn send(to: &Actor, body: &str, signature: &str) -> Answer {
    let request = to.request(Method::POST, CALLBACK).header("content-type", "application/json");
    request.header("x-content-signature", signature).body(body.to_owned()).send().await
}

pub async fn send_signed(to: &Actor, payload: &Value) -> Answer {
    // spaces that a body written anew would not have
    let body = format!("{payload:#}");
    send(to, &body, &signature(&body, SIGNING_KEY)).await
}

fn asked_for(cw: &TestConnectWise, number: i64) -> usize {
    let path = format!("/company/companies/{number}");
    cw.world().calls.iter().filter(|call| call.path.ends_with(&path)).count()
}

async fn acme() -> Stage {
    let stage = Stage::with([company(250, "Acme")]).await;
    stage.copy_well("").await;
    stage.cw.take_calls();
    stage
}

#[tokio::test]
async fn a_company_that_has_changed_is_asked_for() {
    let stage = acme().await;
    stage.cw.world().change(250, stage.app.clock.now(), &json!({"name": "Acme Reborn"}));
    let answer = send_signed(&stage.app.nobody(), &payload(&stage.cw, "one", 250)).await.expect(200);
    assert_eq!(answer["message"], "Callback Received Successfully!");
    until(async || (stage.companies().await[&250]["name"] == "Acme Reborn").then_some(())).await;
    // one that is not known yet
    stage.cw.world().put(company(900, "New"));
    send_signed(&stage.app.nobody(), &payload(&stage.cw, "two", 900)).await.expect(200);
    until(async || stage.companies().await.contains_key(&900).then_some(())).await;
    // one that is gone
    stage.cw.world().companies.remove(&900);
    let mut deleted = payload(&stage.cw, "three", 900);
    (deleted["Action"], deleted["Entity"]) = (json!("deleted"), Value::Null);
    send_signed(&stage.app.nobody(), &deleted).await.expect(200);
    until(async || stage.companies().await[&900]["cw_DeletedAt"].is_string().then_some(())).await;
    let keys: Vec<_> =
        stage.cw.take_calls().into_iter().filter(|call| call.path.contains("callbackkey")).collect();
    assert_eq!(keys.len(), 1, "the key is remembered");
    assert!(!keys[0].headers.contains_key("authorization") && !keys[0].headers.contains_key("clientid"));
}

#[tokio::test]
async fn what_connectwise_did_not_sign_is_refused() {
    let stage = acme().await;
    let (nobody, body) = (stage.app.nobody(), payload(&stage.cw, "one", 250).to_string());
    let good = signature(&body, SIGNING_KEY);
    for bad in ["", "garbage", &signature(&body, "another key"), &signature("{}", SIGNING_KEY)] {
        send(&nobody, &body, bad).await.expect(401);
    }
    let changed = body.replace("250", "251");
    send(&nobody, &changed, &good).await.expect(401);
    let unsigned = nobody.request(Method::POST, CALLBACK).body(body.clone()).send().await;
    assert_eq!(unsigned.expect(401), json!({"status": 401, "message": "Unauthorized", "successful": false}));
    for odd in ["", "null", "[]", "{", "{\"Metadata\": {}}", "{\"Metadata\": {\"key_url\": 7}}"] {
        send(&nobody, odd, &signature(odd, SIGNING_KEY)).await.expect(401);
    }
    assert_eq!(asked_for(&stage.cw, 250), 0);
}

#[tokio::test]
async fn a_key_from_elsewhere_is_never_asked_for() {
    let stage = acme().await;
    let stranger = TestConnectWise::start([]).await;
    let (ours, theirs) = (stage.cw.address, stranger.address);
    for address in [
        format!("http://{theirs}/v2026_3//system/callbackkey/index.rails"),
        format!("http://{ours}@{theirs}/v2026_3//system/callbackkey/index.rails"),
        format!("http://localhost:{}/v2026_3//system/callbackkey/index.rails", ours.port()),
        format!("https://{ours}/v2026_3//system/callbackkey/index.rails"),
        format!("http://user:pass@{ours}/v2026_3//system/callbackkey/index.rails"),
        format!("http://{ours}/v2026_3//system/callbackkey/index.rails?companyName=Stranger"),
        "file:///etc/passwd".to_owned(),
        "//".to_owned(),
    ] {
        let mut payload = payload(&stage.cw, "one", 250);
        payload["Metadata"]["key_url"] = json!(address);
        send_signed(&stage.app.nobody(), &payload).await.expect(401);
    }
    assert_eq!((stranger.take_calls().len(), stage.cw.take_calls().len()), (0, 0));
}

#[tokio::test]
async fn a_message_counts_once_on_all_servers_for_a_week() {
    let cw = TestConnectWise::start([company(250, "Acme")]).await;
    let (database, clock) = (cluster::database().await, TestClock::new());
    let variables = cw.variables();
    let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let here = TestApp::on(database.clone(), clock.clone(), &variables).await;
    let there = TestApp::on(database, clock.clone(), &variables).await;
    for app in [&here, &there, &here, &there] {
        send_signed(&app.nobody(), &payload(&cw, "the same", 250)).await.expect(200);
    }
    send_signed(&here.nobody(), &payload(&cw, "another", 250)).await.expect(200);
    until(async || (asked_for(&cw, 250) >= 2).then_some(())).await;
    assert_eq!(asked_for(&cw, 250), 2);
    clock.advance(TimeDelta::days(8));
    send_signed(&here.nobody(), &payload(&cw, "the same", 250)).await.expect(200);
    until(async || (asked_for(&cw, 250) == 3).then_some(())).await;
    assert_eq!(here.db_counts().await["connectwise_messages"], 1, "older ones are forgotten");
}

#[tokio::test]
async fn what_is_about_something_else_is_taken_and_passed_over() {
    let stage = acme().await;
    let mut other = payload(&stage.cw, "one", 250);
    other["Type"] = json!("configuration");
    send_signed(&stage.app.nobody(), &other).await.expect(200);
    other["Type"] = json!("company");
    other["ID"] = json!("../system/info");
    send_signed(&stage.app.nobody(), &other).await.expect(200);
    send_signed(&stage.app.nobody(), &payload(&stage.cw, "two", 250)).await.expect(200);
    until(async || (asked_for(&stage.cw, 250) == 1).then_some(())).await;
    assert_eq!(stage.cw.take_calls().len(), 2, "the key, and the company");
}

#[tokio::test]
async fn without_connectwise_nobody_can_have_signed_it() {
    let app = TestApp::start().await;
    let cw = TestConnectWise::start([]).await;
    send_signed(&app.nobody(), &payload(&cw, "one", 250)).await.expect(401);
    assert_eq!(cw.take_calls().len(), 0);
}
