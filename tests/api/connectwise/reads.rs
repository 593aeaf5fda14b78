//! Whoever opens a company sees what ConnectWise says of it now, or else what it said last.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use ttscm::clock::Clock;

use super::{Stage, until};
use crate::helpers::connectwise::{Fault, company};
use crate::helpers::{TestApp, Value, cluster, json};

fn address() -> Value {
    json!({
        "line1": "1 Example Way", "line2": "Suite 200", "city": "Tampa", "state": "FL", "zip": "33609",
        "country": "United States"
    })
}

async fn acme() -> (Stage, String) {
    let stage = Stage::with([company(250, "Acme"), company(251, "Other")]).await;
    stage.copy_well("").await;
    let path = stage.path(250).await;
    stage.cw.take_calls();
    (stage, path)
}

fn time(text: &Value) -> DateTime<Utc> {
    text.as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_company_is_read_fresh_and_the_copy_of_it_too() {
    let (stage, path) = acme().await;
    stage.cw.world().change(
        250,
        stage.app.clock.now(),
        &json!({"name": "Acme Reborn", "phoneNumber": "555"}),
    );
    let before = stage.app.clock.now();
    let read = stage.admin.get(&path).await.data();
    assert_eq!(
        (&read["name"], &read["cw_CompanyId"], &read["cw_Stale"]),
        (&json!("Acme Reborn"), &json!(250), &json!(false))
    );
    assert!(time(&read["cw_FetchedAt"]) >= before - TimeDelta::milliseconds(1));
    let data = &read["cw_Data"];
    assert_eq!(
        (&data["status"], &data["types"], &data["phoneNumber"]),
        (&json!("Active"), &json!(["Client"]), &json!("555"))
    );
    assert_eq!(data.get("address"), None);
    assert_eq!(stage.companies().await[&250]["name"], "Acme Reborn", "the list is as fresh");
}

#[tokio::test]
async fn the_address_is_shown_to_who_may_see_it_and_asks() {
    let (stage, path) = acme().await;
    let asked = format!("{path}?includeAddress=true");
    assert_eq!(stage.admin.get(&asked).await.data()["cw_Data"]["address"], address());
    let reader = stage.app.holder_of(&["company.fetch"]).await;
    assert_eq!(reader.get(&asked).await.expect(403)["required"], json!(["company.fetch.address"]));
    assert_eq!(reader.get(&path).await.data()["cw_Data"].get("address"), None);
    for name in ["addressLine1", "addressLine2", "city", "state", "zip", "country"] {
        stage.cw.world().companies.get_mut(&250).unwrap().as_object_mut().unwrap().remove(name);
    }
    let bare = stage.admin.get(&asked).await.data();
    assert_eq!(bare["cw_Data"]["address"], Value::Null);
    assert!(bare["cw_Data"].as_object().unwrap().contains_key("address"));
}

#[tokio::test]
async fn where_connectwise_fails_the_last_known_data_is_answered_in_time() {
    let (stage, path) = acme().await;
    stage.admin.get(&path).await.expect(200);
    let known_at = stage.admin.get(&path).await.data()["cw_FetchedAt"].clone();
    for faults in [
        vec![Fault::Silence],
        vec![Fault::Maintenance; 3],
        vec![Fault::Break; 3],
        vec![Fault::Unauthorized],
        vec![Fault::Timeout, Fault::BadGateway, Fault::Half],
        vec![Fault::Busy(30)],
    ] {
        let said = format!("{faults:?}");
        stage.cw.world().fail(faults);
        let began = Instant::now();
        let read = stage.admin.get(&format!("{path}?includeAddress=true")).await.data();
        assert!(began.elapsed() < Duration::from_secs(2), "{said}: {:?}", began.elapsed());
        assert_eq!((&read["cw_Stale"], &read["cw_FetchedAt"]), (&json!(true), &known_at), "{said}");
        assert_eq!((&read["name"], &read["cw_Data"]["address"]), (&json!("Acme"), &address()), "{said}");
    }
    // it has asked for patience, which a reader does not have
    stage.cw.take_calls();
    assert_eq!(stage.admin.get(&path).await.data()["cw_Stale"], true);
    assert_eq!(stage.cw.take_calls().len(), 0);
    stage.app.clock.advance(TimeDelta::seconds(31));
    assert_eq!(stage.admin.get(&path).await.data()["cw_Stale"], false);
}

#[tokio::test]
async fn one_failure_that_passes_is_not_seen() {
    let (stage, path) = acme().await;
    for fault in [Fault::Timeout, Fault::Break, Fault::BusyPage, Fault::Busy(1)] {
        stage.cw.world().fail([fault]);
        assert_eq!(stage.admin.get(&path).await.data()["cw_Stale"], false, "{fault:?}");
    }
}

#[tokio::test]
async fn what_a_copy_confirmed_is_as_fresh_as_the_copy() {
    let (stage, path) = acme().await;
    stage.app.clock.advance(TimeDelta::minutes(10));
    let before = stage.app.clock.now();
    stage.copy_well("").await;
    stage.cw.world().fail([Fault::Unauthorized]);
    let read = stage.admin.get(&path).await.data();
    assert_eq!(read["cw_Stale"], true);
    assert!(time(&read["cw_FetchedAt"]) >= before - TimeDelta::milliseconds(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_who_read_at_once_make_one_call() {
    let (stage, path) = acme().await;
    // the answer comes only when all are waiting for it
    let hold = stage.cw.world().faults.hold();
    let reads = (0..20).map(|_| {
        let (admin, path) = (stage.admin.clone(), path.clone());
        tokio::spawn(async move { admin.get(&path).await.data() })
    });
    let reads: Vec<_> = reads.collect();
    until(async || (stage.app.app.looks.waiting(&250) >= 20).then_some(())).await;
    drop(hold);
    for read in join_all(reads).await {
        assert_eq!(read.unwrap()["cw_Stale"], false);
    }
    assert_eq!(stage.cw.take_calls().len(), 1);
    stage.admin.get(&path).await.expect(200);
    assert_eq!(stage.cw.take_calls().len(), 1, "and nothing is kept for later ones");
}

#[tokio::test]
async fn a_company_that_is_called_deleted_is_marked_until_it_is_not() {
    let (stage, path) = acme().await;
    for is_deleted in [true, false, true] {
        stage.app.clock.advance(TimeDelta::seconds(2));
        stage.cw.world().change(250, stage.app.clock.now(), &json!({"deletedFlag": is_deleted}));
        let read = stage.admin.get(&path).await.data();
        assert_eq!((read["cw_DeletedAt"].is_string(), &read["cw_Stale"]), (is_deleted, &json!(false)));
        assert_eq!(read["cw_Data"]["deletedFlag"], is_deleted);
    }
}

#[tokio::test]
async fn a_company_that_is_gone_is_marked_on_a_second_look_only() {
    let (stage, path) = acme().await;
    stage.cw.world().fail([Fault::Lost]);
    let read = stage.admin.get(&path).await.data();
    assert_eq!((&read["cw_Stale"], &read["cw_DeletedAt"]), (&json!(false), &Value::Null));
    stage.cw.world().companies.remove(&250);
    let read = stage.admin.get(&path).await.data();
    assert!(read["cw_DeletedAt"].is_string());
    assert_eq!((&read["name"], &read["cw_Stale"]), (&json!("Acme"), &json!(false)));
    // wrong keys may look the same
    let other = stage.path(251).await;
    let variables = stage.cw.variables();
    let mut variables: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    variables.insert(0, ("CONNECTWISE_PRIVATE_KEY", "wrong"));
    stage.cw.world().hides_behind_404 = true;
    let database = (*stage.app.pool().connect_options()).clone();
    let locked_out = TestApp::on(database, stage.app.clock.clone(), &variables).await;
    let read = locked_out.admin().await.get(&other).await.data();
    assert_eq!((&read["cw_Stale"], &read["cw_DeletedAt"]), (&json!(true), &Value::Null));
}

#[tokio::test]
async fn without_connectwise_companies_of_it_are_read_as_they_are_known() {
    let stage = Stage::with([company(250, "Acme")]).await;
    stage.copy_well("").await;
    let path = stage.path(250).await;
    let database = (*stage.app.pool().connect_options()).clone();
    let app = TestApp::on(database, stage.app.clock.clone(), &[]).await;
    let admin = app.admin().await;
    let read = admin.get(&format!("{path}?includeAddress=true")).await.data();
    assert_eq!((&read["cw_Stale"], &read["cw_Data"]["address"]), (&json!(true), &address()));
    let refused = admin.get(&format!("{path}/configurations")).await.expect(503);
    assert_eq!(refused["error"], "ConnectWiseNotConfigured");
    // one that nothing is known of yet
    let bare = TestApp::on(cluster::database().await, stage.app.clock.clone(), &[]).await;
    let admin = bare.admin().await;
    let id = crate::helpers::fixture::company(&admin, "Bare").await;
    bare.db_run("update companies set cw_company_id = 250").await.unwrap();
    let read = admin.get(&format!("/v1/company/companies/{id}?includeAddress=true")).await.data();
    assert_eq!((&read["cw_Data"], &read["cw_FetchedAt"]), (&json!({"address": null}), &Value::Null));
}
