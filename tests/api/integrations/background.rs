//! Checks that are made from time to time.

use chrono::TimeDelta;
use ttscm::integration::check_due;

use super::{Stage, healthy};
use crate::helpers::product::HERE;
use crate::helpers::{TestApp, json};

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
