//! Checks that somebody asks for, and what is kept of them.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::Response;
use chrono::TimeDelta;
use tokio::sync::Notify;

use super::{PATH, Stage, healthy};
use crate::helpers::fixture::id_of;
use crate::helpers::json;
use crate::helpers::product::{TestProduct, answer};

#[tokio::test]
async fn what_a_check_finds_is_told_and_kept() {
    let stage = Stage::set().await;
    let path = stage.integration().await;
    assert_eq!(stage.check(&path).await, healthy());
    assert_eq!(stage.health(&path).await, healthy());
    let asked = stage.product.take_asked();
    assert_eq!((asked.len(), asked[0].target.as_str()), (1, "/tickets"));
    assert_eq!(asked[0].header("authorization"), format!("Bearer {}", super::TOKEN));
    for (status, verdict) in [
        (401, "bad_credentials"),
        (403, "forbidden"),
        (429, "rate_limited"),
        (503, "error"),
        (404, "not_this_product"),
        (200, "healthy"),
    ] {
        stage.answer(status);
        stage.app.clock.advance(TimeDelta::seconds(10));
        let checked = stage.check(&path).await;
        let word = if status == 200 { "healthy" } else { "unhealthy" };
        assert_eq!((&checked["status"], &checked["verdict"]), (&json!(word), &json!(verdict)));
        assert_eq!(stage.health(&path).await, checked);
    }
    let history = stage.admin.get(&format!("{path}/checks")).await.expect(200);
    assert_eq!(history["message"], "Integration Checks Fetched Successfully!");
    let history = history["data"].as_array().unwrap().clone();
    let verdicts: Vec<_> = history.iter().map(|check| check["verdict"].as_str().unwrap()).collect();
    assert_eq!(
        verdicts,
        ["healthy", "not_this_product", "error", "rate_limited", "forbidden", "bad_credentials", "healthy"]
    );
    let newest = &history[0];
    let mut members: Vec<_> = newest.as_object().unwrap().keys().map(String::as_str).collect();
    members.sort_unstable();
    assert_eq!(members, ["at", "durationMs", "message", "status", "verdict"]);
    assert_eq!(newest["at"], stage.admin.get(&path).await.data()["health"]["lastChecked"]);
    assert!(newest["durationMs"].as_i64().unwrap() >= 0);
}

#[tokio::test]
async fn what_was_found_a_moment_ago_is_told_again() {
    let stage = Stage::set().await;
    let path = stage.integration().await;
    assert_eq!(stage.check(&path).await, healthy());
    stage.answer(401);
    assert_eq!(stage.check(&path).await, healthy());
    assert_eq!(stage.product.take_asked().len(), 1);
    stage.app.clock.advance(TimeDelta::seconds(4));
    assert_eq!(stage.check(&path).await["verdict"], "bad_credentials");
    assert_eq!(stage.product.take_asked().len(), 1);
}

#[tokio::test]
async fn those_who_ask_at_once_ask_the_product_once() {
    let stage = Stage::set().await;
    let path = stage.integration().await;
    let checks = (0..10).map(|_| stage.check(&path));
    for checked in futures_util::future::join_all(checks).await {
        assert_eq!(checked, healthy());
    }
    assert_eq!(stage.product.take_asked().len(), 1);
}

#[tokio::test]
async fn a_check_after_a_change_does_not_wait_for_that_of_the_state_before() {
    let stage = Stage::set().await;
    let release = Arc::new(Notify::new());
    let held = Arc::clone(&release);
    let product = TestProduct::start(move |asked| match asked.header("authorization") {
        "Bearer old" => {
            let held = Arc::clone(&held);
            let end = async move {
                held.notified().await;
                Ok::<_, std::io::Error>(Bytes::new())
            };
            Response::new(Body::from_stream(futures_util::stream::once(end)))
        }
        _ => answer(200, r#"{"result": []}"#),
    })
    .await;
    let mut body = stage.body();
    // one whose body is read
    body["type"] = json!("servicenow");
    body["config"] =
        json!({"baseUrl": product.url(), "auth": {"type": "bearer", "credentials": {"token": "old"}}});
    let path = format!("{PATH}/{}", id_of(&stage.admin.post(PATH, &body).await.data()));
    let after = async {
        while product.take_asked().is_empty() {
            tokio::task::yield_now().await;
        }
        let change = json!({"config": {"auth": {"credentials": {"token": "new"}}}});
        stage.admin.patch(&path, &change).await.expect(200);
        assert_eq!(stage.check(&path).await, healthy());
        assert_eq!(product.take_asked()[0].header("authorization"), "Bearer new");
        release.notify_one();
    };
    // what is found of the state before is of no interest any more
    let (before, ()) = tokio::join!(stage.check(&path), after);
    assert_eq!(before, healthy());
    assert_eq!(stage.admin.get(&format!("{path}/checks")).await.data().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_last_fifty_checks_are_kept() {
    let stage = Stage::set().await;
    let (path, other) = (stage.integration().await, stage.integration().await);
    stage.check(&other).await;
    for _ in 0..52 {
        stage.app.clock.advance(TimeDelta::seconds(10));
        stage.check(&path).await;
    }
    let kept = async |path: &str| stage.admin.get(&format!("{path}/checks")).await.data();
    let history = kept(&path).await;
    let times: Vec<_> =
        history.as_array().unwrap().iter().map(|check| check["at"].as_str().unwrap()).collect();
    assert_eq!(times.len(), 50);
    assert!(times.is_sorted_by(|newer, older| newer > older));
    assert_eq!(kept(&other).await.as_array().unwrap().len(), 1);
    stage.admin.delete(&path).await.expect(200);
    assert_eq!(stage.app.db_counts().await["integration_checks"], 1);
}

#[tokio::test]
async fn a_product_that_is_away_is_unreachable_and_nothing_of_where_it_is_is_told() {
    let stage = Stage::set().await;
    let path = stage.integration().await;
    let change =
        json!({"config": {"baseUrl": "http://127.0.0.1:9", "auth": {"credentials": {"token": "x"}}}});
    stage.admin.patch(&path, &change).await.expect(200);
    let checked = stage.check(&path).await;
    assert_eq!(checked["verdict"], "unreachable");
    assert_eq!(checked["message"], "The product cannot be reached");
    let text = stage.admin.get(&format!("{path}/checks")).await.text;
    assert!(!text.contains("127.0.0.1"), "{text}");
}
