//! The configurations of a company, from ConnectWise alone.

use std::time::{Duration, Instant};

use super::Stage;
use crate::helpers::connectwise::{Fault, company, configuration};
use crate::helpers::{Value, json};

async fn acme() -> (Stage, String) {
    let stage = Stage::with([company(250, "Acme"), company(2, "Other")]).await;
    {
        let mut world = stage.cw.world();
        for number in 1..=30 {
            world.configure(configuration(number, 250, &format!("SRV-{number:02}")));
        }
        world.configure(configuration(31, 2, "OF-ANOTHER"));
        let mut retired = configuration(32, 250, "RETIRED");
        retired["activeFlag"] = json!(false);
        world.configure(retired);
        world.most = 7;
    }
    stage.copy_well("").await;
    let path = format!("{}/configurations", stage.path(250).await);
    (stage, path)
}

fn names(answer: &Value) -> Vec<&str> {
    answer["data"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn all_that_are_in_use_are_listed_and_others_where_that_is_asked_for() {
    let (stage, path) = acme().await;
    let answer = stage.admin.get(&path).await.expect(200);
    assert_eq!(answer["message"], "Company Configurations Fetched Successfully!");
    let expected: Vec<_> = (1..=30).map(|number| format!("SRV-{number:02}")).collect();
    assert_eq!(names(&answer), expected);
    let all = stage.admin.get(&format!("{path}?includeInactive=true")).await.expect(200);
    assert_eq!((names(&all).len(), names(&all)[30]), (31, "RETIRED"));
    assert_eq!(all["data"][30]["activeFlag"], false);
}

#[tokio::test]
async fn only_fields_that_hold_no_secrets_are_asked_for_and_shown() {
    let (stage, path) = acme().await;
    stage.cw.take_calls();
    let answer = stage.admin.get(&path).await;
    assert!(!answer.text.contains("marker-of-"), "{}", answer.text);
    let shown = &answer.data()[0];
    assert_eq!(
        (&shown["id"], &shown["type"], &shown["site"], &shown["serialNumber"], &shown["lastUpdated"]),
        (
            &json!(1),
            &json!({"id": 17, "name": "Managed Server"}),
            &Value::Null,
            &json!("ABC123456"),
            &json!("2026-11-19T03:10:44Z")
        )
    );
    for call in stage.cw.take_calls() {
        for secret in ["questions", "notes", "remoteLink", "lastLoginName", "managementLink"] {
            assert!(!call.query["fields"].contains(secret), "{secret}");
        }
    }
}

#[tokio::test]
async fn where_connectwise_fails_it_is_said_how() {
    let (stage, path) = acme().await;
    let other = "ConnectWise did not answer, or not as it should";
    for (faults, status, message) in [
        (vec![Fault::Maintenance; 3], 502, other),
        (vec![Fault::Break; 3], 502, other),
        (vec![Fault::Unauthorized], 502, other),
        (vec![Fault::Redirect], 502, other),
        (vec![Fault::Timeout; 3], 504, "ConnectWise did not answer in time"),
        (vec![Fault::Silence], 504, "ConnectWise did not answer in time"),
        (vec![Fault::Busy(30)], 504, "ConnectWise did not answer in time"),
    ] {
        let said = format!("{faults:?}");
        stage.cw.world().fail(faults);
        let began = Instant::now();
        let refused = stage.admin.get(&path).await.expect(status);
        assert!(began.elapsed() < Duration::from_secs(10), "{said}");
        assert_eq!(refused["message"], message, "{said}");
    }
}

#[tokio::test]
async fn a_node_of_its_own_is_needed() {
    let (stage, path) = acme().await;
    let company = path.split('/').nth(4).unwrap();
    stage
        .app
        .holder_in(company, &["company.fetch", "company.fetch.configurations"])
        .await
        .get(&path)
        .await
        .expect(200);
    let refused = stage.app.holder_in(company, &["company.fetch"]).await.get(&path).await.expect(403);
    assert_eq!(refused["required"], json!(["company.fetch.configurations"]));
    let elsewhere = stage.path(2).await;
    let elsewhere = elsewhere.rsplit('/').next().unwrap();
    stage.app.holder_in(elsewhere, &["company.*"]).await.get(&path).await.expect(404);
}
