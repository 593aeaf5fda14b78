//! The copy is complete and right.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use ttscm::clock::Clock;

use super::{Stage, list};
use crate::helpers::connectwise::{Fault, company};
use crate::helpers::{Value, json};

fn names(companies: &BTreeMap<i64, Value>) -> Vec<&str> {
    companies.values().map(|company| company["name"].as_str().unwrap()).collect()
}

fn numbered(count: i64) -> impl Iterator<Item = Value> {
    (1..=count).map(|number| company(number * 10, &format!("Company No. {number}")))
}

#[tokio::test]
async fn every_company_is_copied_however_few_come_at_once() {
    let stage = Stage::with(numbered(130)).await;
    // neither a limit of its own, a lost header nor a short page ends a list
    stage.cw.world().most = 25;
    stage.cw.world().fail([Fault::NoLink, Fault::Short, Fault::NoLink]);
    let status = stage.copy_well("").await;
    assert_eq!(
        (&status["mode"], &status["read"], &status["written"]),
        (&json!("full"), &json!(130), &json!(130))
    );
    let companies = stage.companies().await;
    assert_eq!(companies.keys().copied().collect::<Vec<_>>(), (1..=130).map(|n| n * 10).collect::<Vec<_>>());
    assert_eq!(companies[&20]["cw_Identifier"], "Company20");
    assert!(companies.values().all(|company| company["cw_DeletedAt"].is_null()));
}

#[tokio::test]
async fn each_call_says_who_asks_and_for_what() {
    let stage = Stage::with(numbered(3)).await;
    stage.copy_well("").await;
    let calls = stage.cw.take_calls();
    assert_eq!(calls.len(), 2, "a page, and the end: {calls:?}");
    for call in &calls {
        assert_eq!(call.headers["accept"], "application/vnd.connectwise.com+json; version=2025.1");
        assert_eq!(call.headers["pagination-type"], "forward-only");
        assert_eq!((&*call.query["pageSize"], call.query.get("page")), ("1000", None));
    }
    assert_eq!(calls[1].query["pageId"], "30");
}

#[tokio::test]
async fn whatever_a_record_lacks_or_has_it_is_copied() {
    let mut odd = vec![
        json!({"id": 1}),
        json!({"id": 2, "identifier": "OnlyIdentifier"}),
        json!({"id": 3, "identifier": "Nul\u{0}Corp", "name": "N\u{0}ul \u{feff}Corp", "city": "Ta\u{0}mpa"}),
        json!({"id": 4, "name": "Zoë & Søn \"HQ\" 株式会社 🦷", "status": {}, "types": {}, "country": [], "site": null}),
        json!({"id": 5, "name": 17, "identifier": ["x"], "deletedFlag": "no", "_info": "none", "status": "Active"}),
        company(6, "Deleted There"),
        company(7, "Same Name"),
        company(8, "Same Name"),
    ];
    odd[5]["deletedFlag"] = json!(true);
    let stage = Stage::with(odd).await;
    let status = stage.copy_well("").await;
    assert_eq!((&status["written"], &status["marked"]), (&json!(8), &json!(0)));
    let companies = stage.companies().await;
    assert_eq!(
        names(&companies),
        [
            "Company 1",
            "OnlyIdentifier",
            "Nul Corp",
            "Zoë & Søn \"HQ\" 株式会社 🦷",
            "Company 5",
            "Deleted There",
            "Same Name",
            "Same Name"
        ]
    );
    assert_eq!(companies[&3]["cw_Identifier"], "NulCorp");
    let gone: Vec<_> = companies.iter().filter(|(_, company)| !company["cw_DeletedAt"].is_null()).collect();
    assert_eq!(gone.iter().map(|(number, _)| **number).collect::<Vec<_>>(), [6]);
    assert_eq!(list(&stage.admin, "rpp=200").await.len(), 7, "what is gone is not in the list");
    assert_eq!(list(&stage.admin, "rpp=200&search=deleted").await.len(), 0);
    assert_eq!(list(&stage.admin, "rpp=200&search=deleted&includeDeleted=true").await.len(), 1);
}

#[tokio::test]
async fn a_later_run_reads_what_has_changed_and_a_full_one_finds_what_is_gone() {
    let stage = Stage::with(numbered(20)).await;
    stage.copy_well("").await;
    stage.app.clock.advance(TimeDelta::minutes(12));
    let now = stage.app.clock.now();
    stage.cw.take_calls();
    {
        let mut world = stage.cw.world();
        world.change(10, now, &json!({"name": "Renamed"}));
        world.change(20, now, &json!({"deletedFlag": true}));
        world.companies.remove(&30);
        world.put(company(500, "New"));
        world.change(500, now, &json!({}));
    }
    let status = stage.copy_well("").await;
    assert_eq!(status["mode"], "incremental");
    assert_eq!((&status["read"], &status["written"], &status["marked"]), (&json!(3), &json!(4), &json!(1)));
    let since = &stage.cw.take_calls()[0].query["conditions"];
    let since = since.strip_prefix("lastUpdated > [").unwrap().strip_suffix(']').unwrap();
    let back = now - since.parse::<chrono::DateTime<chrono::Utc>>().unwrap();
    assert!(back > TimeDelta::minutes(16) && back < TimeDelta::minutes(19), "{back}");
    let companies = stage.companies().await;
    assert_eq!((&companies[&10]["name"], &companies[&500]["name"]), (&json!("Renamed"), &json!("New")));
    assert!(companies[&20]["cw_DeletedAt"].is_string());
    assert!(companies[&30]["cw_DeletedAt"].is_null(), "nothing tells an incremental run that it is gone");
    let status = stage.copy_well("?full=true").await;
    assert_eq!((&status["mode"], &status["marked"]), (&json!("full"), &json!(1)));
    assert!(stage.companies().await[&30]["cw_DeletedAt"].is_string());
}

#[tokio::test]
async fn a_company_that_comes_back_is_no_longer_gone() {
    let stage = Stage::with(numbered(10)).await;
    stage.copy_well("").await;
    let merged = stage.cw.world().companies.remove(&50).unwrap();
    stage.copy_well("?full=true").await;
    assert!(stage.companies().await[&50]["cw_DeletedAt"].is_string());
    stage.cw.world().put(merged);
    let status = stage.copy_well("?full=true").await;
    assert_eq!(status["written"], 1);
    assert!(stage.companies().await[&50]["cw_DeletedAt"].is_null());
}

#[tokio::test]
async fn a_second_unchanged_run_writes_nothing() {
    let stage = Stage::with(numbered(300)).await;
    stage.copy_well("").await;
    let versions = "select array_agg(xmin::text || ctid::text || coalesce(nullif(xmax::text, '0'), '') order by id) from companies";
    let versions =
        async || sqlx::query_scalar::<_, Vec<String>>(versions).fetch_one(stage.app.pool()).await.unwrap();
    let before = versions().await;
    for query in ["?full=true", ""] {
        let status = stage.copy_well(query).await;
        assert_eq!((&status["written"], &status["marked"]), (&json!(0), &json!(0)), "{query}");
    }
    assert_eq!(versions().await, before);
}

#[tokio::test]
async fn what_is_older_than_what_is_known_is_not_written() {
    let stage = Stage::with(numbered(10)).await;
    stage.copy_well("").await;
    stage.cw.world().change(10, stage.app.clock.now(), &json!({"name": "Newer"}));
    stage.copy_well("").await;
    let long_ago = stage.app.clock.now() - TimeDelta::days(300);
    stage.cw.world().change(10, long_ago, &json!({"name": "Older"}));
    assert_eq!(stage.copy_well("?full=true").await["written"], 0);
    assert_eq!(stage.companies().await[&10]["name"], "Newer");
}

#[tokio::test]
async fn a_run_that_would_mark_too_many_marks_none() {
    let stage = Stage::with(numbered(10)).await;
    stage.copy_well("").await;
    for number in [10, 20, 30] {
        stage.cw.world().companies.remove(&number);
    }
    let status = stage.copy("?full=true").await;
    assert_eq!((&status["state"], &status["marked"]), (&json!("failed"), &json!(0)));
    assert_eq!(
        status["error"],
        "The run would mark 3 of 10 companies as gone from ConnectWise, more than the 20 percent of CONNECTWISE_MAX_MARKED_PERCENT, so it marked none"
    );
    assert!(stage.companies().await.values().all(|company| company["cw_DeletedAt"].is_null()));
    // by whatever way it learns of them
    for number in [40, 50] {
        stage.cw.world().change(number, stage.app.clock.now(), &json!({"deletedFlag": true}));
    }
    assert_eq!(stage.copy("").await["state"], "idle", "two of ten are not too many");
    for number in [60, 70] {
        stage.cw.world().change(number, stage.app.clock.now(), &json!({"deletedFlag": true}));
    }
    assert_eq!(stage.copy("").await["state"], "failed", "two of eight are");
    let gone = stage.companies().await.values().filter(|company| company["cw_DeletedAt"].is_string()).count();
    assert_eq!(gone, 2);
}

#[tokio::test]
async fn a_list_that_lost_companies_on_the_way_marks_none_of_them() {
    let stage = Stage::set(numbered(40), &[("CONNECTWISE_MAX_MARKED_PERCENT", "100")]).await;
    stage.copy_well("").await;
    for fault in [Fault::Gap, Fault::Short] {
        stage.cw.world().fail([fault, Fault::Gap]);
        stage.copy_well("?full=true").await;
        assert!(
            stage.companies().await.values().all(|company| company["cw_DeletedAt"].is_null()),
            "{fault:?}"
        );
    }
}

#[tokio::test]
async fn companies_made_by_hand_and_credentials_of_those_gone_stay() {
    use crate::helpers::fixture::{aws_credential, aws_type, company as by_hand};
    let stage = Stage::with(numbered(10)).await;
    let own = by_hand(&stage.admin, "Made by Hand").await;
    stage.copy_well("").await;
    let path = stage.path(50).await;
    let kind = aws_type(&stage.admin, "aws").await;
    let credential =
        aws_credential(&stage.admin, &kind, path.rsplit('/').next().unwrap(), "the secret").await;
    stage.cw.world().companies.remove(&50);
    stage.copy_well("?full=true").await;
    let secrets = format!("/v1/credential/credentials/{credential}/secure-values");
    assert!(stage.admin.get(&secrets).await.data().to_string().contains("the secret"));
    let gone = stage.admin.get(&path).await.data();
    assert!(gone["cw_DeletedAt"].is_string());
    let own = stage.admin.get(&format!("/v1/company/companies/{own}")).await.data();
    assert_eq!(
        (&own["cw_DeletedAt"], &own["cw_Data"], &own["cw_Stale"]),
        (&Value::Null, &json!({}), &json!(false))
    );
}
