//! Checks that are made from time to time.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use ttscm::integration::check_due;

use super::{Stage, healthy};
use crate::helpers::product::HERE;
use crate::helpers::{TestApp, Value, json};

/// After which time waiting for something is given up.
const PATIENCE: Duration = Duration::from_secs(10);

/// Moves the time on and makes the checks whose time has come; how many there were.
async fn after(stage: &mut Stage, time: TimeDelta) -> usize {
    stage.app.clock.advance(time);
    stage.renew().await;
    check_due(&stage.app.app).await.unwrap()
}

#[tokio::test]
async fn a_new_integration_is_checked_soon_and_then_at_every_interval() {
    let mut stage = Stage::set().await;
    let path = stage.integration().await;
    assert_eq!(after(&mut stage, TimeDelta::zero()).await, 1);
    assert_eq!(stage.health(&path).await, healthy());
    for _ in 0..3 {
        assert_eq!(after(&mut stage, TimeDelta::minutes(13)).await, 0);
        assert_eq!(after(&mut stage, TimeDelta::minutes(4)).await, 1);
    }
    assert_eq!(stage.product.take_asked().len(), 4);
    // nobody asked for these
    assert_eq!(stage.actions(&path).await, ["integration.create"]);
}

#[tokio::test]
async fn failures_are_waited_out_longer_and_longer() {
    let mut stage = Stage::set().await;
    let path = stage.integration().await;
    stage.answer(503);
    assert_eq!(after(&mut stage, TimeDelta::zero()).await, 1);
    assert_eq!(stage.health(&path).await["verdict"], "error");
    // the product asks for two hours
    assert_eq!(after(&mut stage, TimeDelta::minutes(119)).await, 0);
    assert_eq!(after(&mut stage, TimeDelta::minutes(2)).await, 1);
    let away = json!({"config": {"baseUrl": "http://127.0.0.1:9", "auth": {"credentials": {"token": "x"}}}});
    stage.admin.patch(&path, &away).await.expect(200);
    for minutes in [0, 17, 33, 66, 132, 264, 264] {
        if minutes > 0 {
            assert_eq!(after(&mut stage, TimeDelta::minutes(minutes * 3 / 4)).await, 0, "{minutes}");
        }
        assert_eq!(after(&mut stage, TimeDelta::minutes(minutes - minutes * 3 / 4)).await, 1, "{minutes}");
    }
}

#[tokio::test]
async fn rejected_credentials_are_not_tried_again_until_they_change() {
    let mut stage = Stage::set().await;
    let path = stage.integration().await;
    stage.answer(401);
    assert_eq!(after(&mut stage, TimeDelta::zero()).await, 1);
    assert_eq!(after(&mut stage, TimeDelta::days(7)).await, 0);
    // a person may try, and what is refused again stays so
    assert_eq!(stage.check(&path).await["verdict"], "bad_credentials");
    assert_eq!(after(&mut stage, TimeDelta::days(7)).await, 0);
    stage.admin.patch(&path, &json!({"name": "Other"})).await.expect(200);
    assert_eq!(after(&mut stage, TimeDelta::zero()).await, 0);
    stage.answer(200);
    let others = json!({"config": {"auth": {"credentials": {"token": "right"}}}});
    stage.admin.patch(&path, &others).await.expect(200);
    assert_eq!(after(&mut stage, TimeDelta::zero()).await, 1);
    assert_eq!(stage.health(&path).await, healthy());
    assert_eq!(after(&mut stage, TimeDelta::minutes(17)).await, 1);
}

/// Moves the time on and asks for a check.
async fn check_later(stage: &Stage, path: &str) -> Value {
    stage.app.clock.advance(TimeDelta::seconds(10));
    stage.check(path).await
}

#[tokio::test]
async fn credentials_that_were_rejected_three_times_are_shown_to_nobody_until_they_are_sent_anew() {
    let stage = Stage::set().await;
    let path = stage.integration().await;
    stage.answer(401);
    let refused = "The product refuses the credentials (status 401)";
    let given_up = format!(
        "{refused}. It is not asked again until credentials are sent anew (the same ones, where they were mended there)"
    );
    for message in [refused, refused, &given_up, &given_up, &given_up] {
        let told = json!({"status": "unhealthy", "verdict": "bad_credentials", "message": message});
        assert_eq!(check_later(&stage, &path).await, told);
    }
    let call = format!("{path}/endpoints/createTicket/call");
    let sentence = stage.admin.post(&call, &json!({})).await.expect(409);
    assert_eq!(sentence["message"], format!("The integration 'Tickets' is not called: {given_up}"));
    assert_eq!(stage.product.take_asked().len(), 3);
    // whatever else is changed, they are the same still
    stage.admin.patch(&path, &json!({"name": "Other", "description": "text"})).await.expect(200);
    assert_eq!(check_later(&stage, &path).await["message"], given_up);
    assert_eq!(stage.product.take_asked().len(), 0);
    stage.answer(200);
    let same = json!({"config": {"auth": {"credentials": {"token": super::TOKEN}}}});
    stage.admin.patch(&path, &same).await.expect(200);
    assert_eq!(check_later(&stage, &path).await, healthy());
}

#[tokio::test]
async fn a_call_that_is_refused_lets_the_state_be_known_and_ends_calls_that_go_on() {
    let stage = Stage::set().await;
    let path = stage.integration().await;
    stage.answer(401);
    let call = format!("{path}/endpoints/createTicket/call");
    for failures in 1..=3 {
        assert_eq!(stage.admin.post(&call, &json!({})).await.data()["status"], 401);
        let began = Instant::now();
        while stage.admin.get(&format!("{path}/checks")).await.data().as_array().unwrap().len() < failures {
            assert!(began.elapsed() < PATIENCE, "nobody looks again");
        }
        assert_eq!(stage.health(&path).await["verdict"], "bad_credentials");
    }
    stage.product.take_asked();
    let refused = stage.admin.post(&call, &json!({})).await.expect(409);
    assert!(refused["message"].as_str().unwrap().starts_with("The integration 'Tickets' is not called"));
    assert_eq!(stage.product.take_asked().len(), 0);
}

#[tokio::test]
async fn one_that_is_switched_off_is_left_alone() {
    let mut stage = Stage::set().await;
    let path = stage.integration().await;
    stage.admin.patch(&path, &json!({"isActive": false})).await.expect(200);
    assert_eq!(after(&mut stage, TimeDelta::days(7)).await, 0);
    stage.admin.patch(&path, &json!({"isActive": true})).await.expect(200);
    assert_eq!(after(&mut stage, TimeDelta::zero()).await, 1);
}

#[tokio::test]
async fn two_servers_check_each_integration_once() {
    let stage = Stage::set().await;
    for _ in 0..20 {
        stage.integration().await;
    }
    let database = (*stage.app.pool().connect_options()).clone();
    let variables = [("INTEGRATION_ALLOWED_NETWORKS", HERE)];
    let other = TestApp::on(database, stage.app.clock.clone(), &variables).await;
    let (here, there) = tokio::join!(check_due(&stage.app.app), check_due(&other.app));
    assert_eq!(here.unwrap() + there.unwrap(), 20);
    assert_eq!(stage.product.take_asked().len(), 20);
}
