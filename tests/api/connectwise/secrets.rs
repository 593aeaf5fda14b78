//! The secrets of ConnectWise go to ConnectWise and nowhere else.

use chrono::TimeDelta;

use super::{SYNC, Stage, end_of_run};
use crate::helpers::connectwise::{CLIENT_ID, Fault, PRIVATE_KEY, PUBLIC_KEY, company};
use crate::helpers::{Value, log};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

#[tokio::test]
async fn they_are_in_no_log_no_answer_and_no_table() {
    let stage = Stage::with([company(250, "Acme")]).await;
    stage.copy_well("").await;
    let path = stage.path(250).await;
    let mut said = String::new();
    // also where it sends back what it was sent
    for fault in [
        Fault::Echo,
        Fault::Unauthorized,
        Fault::Elsewhere,
        Fault::Redirect,
        Fault::Break,
        Fault::Maintenance,
    ] {
        stage.app.clock.advance(TimeDelta::minutes(10));
        stage.cw.world().faults.end();
        stage.cw.world().fail([fault; 20]);
        let admin = stage.app.admin().await;
        admin.post(SYNC, &Value::Null).await.expect(202);
        said += &end_of_run(&admin).await.to_string();
        said += &admin.get(&path).await.text;
        said += &admin.get(&format!("{path}/configurations")).await.text;
    }
    let everything = stage.app.db_text().await;
    let basic = STANDARD.encode(format!("NWMSP+{PUBLIC_KEY}:{PRIVATE_KEY}"));
    for secret in [PUBLIC_KEY, PRIVATE_KEY, CLIENT_ID, &basic, &basic[20..40]] {
        assert!(!said.contains(secret), "an answer has {secret}");
        assert!(!everything.contains(secret), "a table has {secret}");
        assert_eq!(log::lines_with(secret), [""; 0], "the log has {secret}");
    }
    assert!(!log::lines_with("the companies were not copied").is_empty(), "the log is looked into");
}
