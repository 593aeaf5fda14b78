//! A clock that is set back, by an administrator or a broken time server.

use chrono::TimeDelta;
use reqwest::Method;
use ttscm::audit::chain::verify;

use crate::helpers::{Actor, Answer, Scene, TestApp, json};

const ME: &str = "/v1/user/@me";

async fn refresh(app: &TestApp, actor: &Actor) -> Answer {
    let token = actor.refresh_token.as_ref().expect("a refresh token");
    app.nobody().request(Method::POST, "/v1/auth/refresh").header("x-refresh-token", token).send().await
}

#[tokio::test]
async fn whoever_is_signed_in_stays_so_and_whoever_is_out_stays_out() {
    let app = TestApp::start().await;
    let (stays, leaves) = (app.admin().await, app.admin().await);
    leaves.post("/v1/auth/logout", &json!(null)).await.expect(200);
    app.clock.advance(TimeDelta::hours(-1));
    stays.get(ME).await.expect(200);
    refresh(&app, &stays).await.expect(201);
    leaves.get(ME).await.expect(401);
    refresh(&app, &leaves).await.expect(401);
    // a session of the earlier time lasts no longer than one should
    let earlier = app.admin().await;
    earlier.get(ME).await.expect(200);
    app.clock.advance(TimeDelta::minutes(16));
    earlier.get(ME).await.expect(401);
    refresh(&app, &earlier).await.expect(201);
}

#[tokio::test]
async fn a_spent_refresh_token_gets_no_longer_grace() {
    let app = TestApp::start().await;
    let owner = app.admin().await;
    let pair = refresh(&app, &owner).await.expect(201);
    // two windows of one client, at servers whose clocks differ a little
    app.clock.advance(TimeDelta::seconds(-2));
    refresh(&app, &owner).await.expect(201);
    app.clock.advance(TimeDelta::hours(-1));
    refresh(&app, &owner).await.expect(401);
    let successor = owner.showing(pair["data"]["accessToken"].as_str().unwrap());
    successor.get(ME).await.expect(401);
}

#[tokio::test]
async fn an_account_that_is_locked_stays_so() {
    let app = TestApp::start().await;
    let somebody = app.db_user(&[]).await;
    let login = |password: &str| json!({"email": somebody, "password": password});
    for _ in 0..10 {
        app.nobody().post("/v1/auth/login", &login("a wrong password")).await.expect(401);
    }
    app.clock.advance(TimeDelta::hours(-1));
    let right = login(crate::helpers::fixture::PASSWORD);
    let refused = app.nobody().post("/v1/auth/login", &right).await;
    refused.expect(429);
    assert!(refused.header("retry-after").parse::<u32>().is_ok());
}

#[tokio::test]
async fn what_is_written_at_the_earlier_time_is_there_and_told_once() {
    let scene = Scene::start().await;
    let (admin, before) = (&scene.admin, scene.credential("before").await);
    scene.app.clock.advance(TimeDelta::hours(-1));
    let after = scene.credential("after").await;
    for (path, secret) in [(&before, "before"), (&after, "after")] {
        let opened = admin.get(&format!("{path}/secure-values/secretAccessKey")).await;
        assert_eq!(opened.data()["value"], secret);
    }
    let mut told = Vec::new();
    let mut cursor = String::new();
    loop {
        let page =
            admin.get(&format!("/v1/audit?action=credential.create&limit=1{cursor}")).await.expect(200);
        told.extend(page["data"].as_array().unwrap().iter().map(|event| event["target"]["id"].clone()));
        match page["pagination"]["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let ids = [&after, &before].map(|path| json!(crate::helpers::scene::id_in(path)));
    assert_eq!(told, ids, "the latest first, whatever the clock said, each once");
}

#[tokio::test]
async fn what_is_written_at_the_earlier_time_is_sealed_behind_what_is_sealed_already() {
    let scene = Scene::start().await;
    let (app, admin) = (&scene.app, &scene.admin);
    app.clock.advance(TimeDelta::hours(-2));
    scene.credential("by a server whose clock is behind").await;
    app.clock.advance(TimeDelta::hours(2));
    let path = scene.credential("by one whose clock is right").await;
    assert!(app.seal().await > 3);
    app.clock.advance(TimeDelta::hours(-1));
    admin.patch(&path, &json!({"name": "Changed"})).await.expect(200);
    admin.get(&format!("{path}/secure-values/secretAccessKey")).await.expect(200);
    assert_eq!(app.seal().await, 2, "the change and the reveal");
    app.clock.advance(TimeDelta::hours(1));
    admin.patch(&path, &json!({"name": "Changed again"})).await.expect(200);
    assert_eq!(app.seal().await, 1);
    let report = verify::verify(&app.app).await.unwrap();
    assert_eq!((report.faults, report.unsealed, report.batches), (Vec::new(), 0, 3));
}
