//! Credentials are sealed for one integration, and found nowhere else.

use std::time::{Duration, Instant};

use chrono::TimeDelta;

use super::{PATH, Stage, healthy};
use crate::helpers::fixture::id_of;
use crate::helpers::product::{TestProduct, answer};
use crate::helpers::scene::all;
use crate::helpers::{json, log};

#[tokio::test]
async fn credentials_of_another_integration_do_not_open() {
    let stage = Stage::set().await;
    let (one, other) = (stage.integration().await, stage.integration().await);
    let swap = "update integrations i set credentials = o.credentials from integrations o where o.id <> i.id";
    stage.app.db_run(swap).await.unwrap();
    for path in [&one, &other] {
        for below in ["check", "endpoints/getTickets/call"] {
            let answer = stage.admin.post(&format!("{path}/{below}"), &json!({})).await;
            let internal = json!({"status": 500, "message": "Internal server error", "successful": false});
            assert_eq!(answer.expect(500), internal);
            let told = log::lines_with(answer.header("x-request-id"));
            let cause = "authentication failed: the bytes were changed or belong elsewhere";
            assert!(told.iter().any(|line| line.contains("ERROR") && line.contains(cause)), "{told:?}");
            assert!(!told.iter().any(|line| line.contains(super::TOKEN)));
        }
    }
    assert_eq!(ttscm::integration::check_due(&stage.app.app).await.unwrap(), 2);
    assert_eq!(stage.product.take_asked().len(), 0);
    let rows = stage.admin.get("/v1/audit?action=integration.call").await.data();
    assert_eq!(all(&rows, "outcome"), ["failure", "success", "failure", "success"]);
    stage.app.db_run(swap).await.unwrap();
    stage.app.clock.advance(TimeDelta::minutes(1));
    assert_eq!(stage.check(&one).await, healthy());
}

#[tokio::test]
async fn credentials_do_not_open_at_an_address_that_the_database_alone_was_told() {
    let stage = Stage::set().await;
    let path = stage.integration().await;
    let elsewhere = TestProduct::that_answers(200, "{}").await;
    let move_to = |url: String| format!("update integrations set base_url = '{url}'");
    stage.app.db_run(&move_to(elsewhere.url())).await.unwrap();
    for below in ["check", "endpoints/getTickets/call"] {
        stage.admin.post(&format!("{path}/{below}"), &json!({})).await.expect(500);
    }
    assert_eq!(elsewhere.take_asked().len(), 0);
    stage.app.db_run(&move_to(stage.product.url())).await.unwrap();
    assert_eq!(stage.check(&path).await, healthy());
    // the credentials that come with another address are for that one
    let change = json!({"config": {"baseUrl": elsewhere.url(), "auth": {"credentials": {"token": "other"}}}});
    stage.admin.patch(&path, &change).await.expect(200);
    assert_eq!(stage.check(&path).await, healthy());
    assert_eq!(elsewhere.take_asked()[0].header("authorization"), "Bearer other");
}

#[tokio::test]
async fn changed_bytes_do_not_open_and_new_credentials_heal_it() {
    let stage = Stage::set().await;
    let path = stage.integration().await;
    for bytes in [
        "set_byte(credentials, 20, get_byte(credentials, 20) # 64)",
        "'\\x'",
        "substring(credentials from 2)",
    ] {
        stage.app.db_run(&format!("update integrations set credentials = {bytes}")).await.unwrap();
        stage.app.clock.advance(TimeDelta::seconds(10));
        stage.admin.post(&format!("{path}/check"), &json!({})).await.expect(500);
        stage.admin.get(&path).await.expect(200);
        let others = json!({"config": {"auth": {"credentials": {"token": "right"}}}});
        stage.admin.patch(&path, &others).await.expect(200);
        assert_eq!(stage.check(&path).await, healthy());
    }
    assert_eq!(stage.admin.get(PATH).await.data().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_a_product_sends_back_is_in_no_finding_no_table_and_no_log() {
    let stage = Stage::set().await;
    let product = TestProduct::start(|asked| {
        let status = if asked.target == "/well" { 200 } else { 401 };
        answer(status, &format!("{{\"said\": \"{}\"}}", asked.header("authorization")))
    })
    .await;
    let secret = format!("secret-{}", ttscm::id::new().simple());
    let mut said = String::new();
    for path in ["/well", "/ill"] {
        let body = json!({
            "name": "Echo", "type": "custom",
            "config": {"baseUrl": product.url(), "auth": {"type": "bearer", "credentials": {"token": secret}}},
            "endpoints": [{"name": "echo", "path": path, "method": "GET"}],
        });
        let made = stage.admin.post(PATH, &body).await;
        let path = format!("{PATH}/{}", id_of(&made.data()));
        said += &made.text;
        said += &stage.admin.post(&format!("{path}/check"), &json!({})).await.text;
        said += &stage.admin.get(&format!("{path}/checks")).await.text;
        said += &stage.admin.get(&path).await.text;
        stage.admin.post(&format!("{path}/endpoints/echo/call"), &json!({})).await.expect(200);
    }
    // two checks and two calls, and one more check since a call was refused
    let (mut asked, began) = (0, Instant::now());
    while asked < 5 {
        asked += product.take_asked().len();
        assert!(began.elapsed() < Duration::from_secs(10), "asked {asked} times");
        tokio::task::yield_now().await;
    }
    said += &stage.admin.get("/v1/audit?limit=200").await.text;
    assert!(!said.contains(&secret), "{said}");
    assert_eq!(stage.app.db_tables_with(&secret).await, [""; 0]);
    assert_eq!(log::lines_with(&secret), [""; 0]);
}
