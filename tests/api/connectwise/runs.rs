//! How runs begin and end.

use chrono::TimeDelta;
use ttscm::clock::Clock;

use super::{SYNC, Stage, end_of_run, server, until};
use crate::helpers::connectwise::{Fault, TestConnectWise, company};
use crate::helpers::time::TestClock;
use crate::helpers::{TestApp, Value, cluster, json};

#[tokio::test]
async fn before_the_first_run_nothing_is_known() {
    let stage = Stage::with([]).await;
    let nothing = json!({
        "state": "idle", "mode": null, "startedAt": null, "finishedAt": null, "read": 0, "written": 0, "marked": 0,
        "error": null
    });
    let answer = stage.admin.get(SYNC).await.expect(200);
    assert_eq!(
        (&answer["message"], &answer["data"]),
        (&json!("Company Sync Fetched Successfully!"), &nothing)
    );
}

#[tokio::test]
async fn a_run_is_told_from_its_begin_to_its_end_and_there_is_one_at_a_time() {
    let stage = Stage::with([company(1, "Acme")]).await;
    stage.cw.world().fail([Fault::Silence]);
    let started = stage.admin.post(SYNC, &Value::Null).await.expect(202);
    assert_eq!(started["message"], "Company Sync Started Successfully!");
    let data = &started["data"];
    assert_eq!(
        (&data["state"], &data["mode"], &data["finishedAt"]),
        (&json!("running"), &json!("full"), &Value::Null)
    );
    assert!(data["startedAt"].is_string());
    assert_eq!(stage.admin.get(SYNC).await.data()["state"], "running");
    let refused = stage.admin.post(SYNC, &Value::Null).await.expect(409);
    assert_eq!(
        (&refused["message"], &refused["error"]),
        (&json!("A run is on: wait for its end"), &json!("Conflict"))
    );
    let audited = stage.admin.get("/v1/audit?action=company.sync").await.data();
    assert_eq!(audited.as_array().unwrap().len(), 1, "{audited}");
    assert_eq!(audited[0]["actor"]["name"], "Administrator");
}

#[tokio::test]
async fn another_server_answers_alike_and_a_run_ends_with_its_server() {
    let cw = TestConnectWise::start([company(1, "Acme")]).await;
    let (database, clock) = (cluster::database().await, TestClock::new());
    let variables = cw.variables();
    let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let here = TestApp::on(database.clone(), clock.clone(), &variables).await;
    let there = TestApp::on(database, clock, &variables).await;
    cw.world().fail([Fault::Silence]);
    here.admin().await.post(SYNC, &Value::Null).await.expect(202);
    let admin = there.admin().await;
    assert_eq!(admin.get(SYNC).await.data()["state"], "running");
    admin.post(SYNC, &Value::Null).await.expect(409);
    drop(here);
    let status = end_of_run(&admin).await;
    assert_eq!(
        (&status["state"], &status["error"]),
        (&json!("failed"), &json!("The run was cut off before its end"))
    );
    // nothing keeps the next one from making it good
    admin.post(SYNC, &Value::Null).await.expect(202);
    let status = end_of_run(&admin).await;
    assert_eq!(
        (&status["state"], &status["mode"], &status["written"]),
        (&json!("idle"), &json!("full"), &json!(1))
    );
}

#[tokio::test]
async fn a_run_whose_database_connection_breaks_writes_no_more() {
    let stage = Stage::with([company(1, "Acme")]).await;
    stage.cw.world().fail([Fault::Silence]);
    stage.admin.post(SYNC, &Value::Null).await.expect(202);
    let cut = "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and objid = 7463627
               and database = (select oid from pg_database where datname = current_database())";
    stage.app.db_run(cut).await.unwrap();
    let status = end_of_run(&stage.admin).await;
    assert_eq!(
        (&status["state"], &status["error"]),
        (&json!("failed"), &json!("The run was cut off before its end"))
    );
}

#[tokio::test]
async fn without_connectwise_what_is_there_is_read_and_copying_says_what_to_set() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    assert_eq!(admin.get(SYNC).await.data()["state"], "not_configured");
    let refused = admin.post(SYNC, &Value::Null).await.expect(409);
    assert_eq!(
        refused["message"],
        "ConnectWise is not configured: set CONNECTWISE_URL, CONNECTWISE_COMPANY_ID, CONNECTWISE_PUBLIC_KEY, CONNECTWISE_PRIVATE_KEY, CONNECTWISE_CLIENT_ID"
    );
}

#[tokio::test]
async fn wrong_keys_are_told_in_one_sentence() {
    for hides in [false, true] {
        let stage = Stage::set([company(1, "Acme")], &[("CONNECTWISE_PRIVATE_KEY", "wrong")]).await;
        stage.cw.world().hides_behind_404 = hides;
        let status = stage.copy("").await;
        assert_eq!(status["state"], "failed");
        let answered = if hides { 404 } else { 401 };
        assert_eq!(
            status["error"],
            format!(
                "ConnectWise answers {answered} and seems to refuse the keys: check CONNECTWISE_URL, CONNECTWISE_COMPANY_ID, CONNECTWISE_PUBLIC_KEY, CONNECTWISE_PRIVATE_KEY and CONNECTWISE_CLIENT_ID"
            )
        );
        let api_calls = stage.cw.take_calls().into_iter().filter(|call| call.path.contains("/apis/")).count();
        assert_eq!(api_calls, 1, "wrong keys are not tried again");
    }
    let stage = Stage::set([], &[("CONNECTWISE_COMPANY_ID", "Nobody")]).await;
    stage.cw.world().codebase = "v2026_3/".to_owned();
    assert_eq!(
        stage.copy("").await["error"],
        "ConnectWise does not know the company of CONNECTWISE_COMPANY_ID"
    );
}

#[tokio::test]
async fn the_api_is_found_where_it_has_moved() {
    let stage = Stage::with([company(1, "Acme")]).await;
    stage.cw.world().codebase = "v2026_3/".to_owned();
    stage.copy_well("").await;
    stage.cw.world().codebase = "v2026_4/".to_owned();
    stage.copy_well("?full=true").await;
    let calls = stage.cw.take_calls();
    let asked: Vec<_> = calls.iter().filter(|call| call.path.starts_with("/login/")).collect();
    assert_eq!(asked.len(), 2);
    assert!(
        asked.iter().all(|call| !call.headers.contains_key("authorization")),
        "no keys where none are needed"
    );
}

#[tokio::test]
async fn connectwise_is_waited_for_as_long_as_it_asks() {
    let stage = Stage::with([company(1, "Acme")]).await;
    let before = stage.app.clock.now();
    stage.cw.world().fail([Fault::Busy(30), Fault::BusyPage, Fault::Maintenance, Fault::Busy(60)]);
    stage.copy_well("").await;
    let passed = stage.app.clock.now() - before;
    assert!(passed >= TimeDelta::seconds(90) && passed < TimeDelta::seconds(110), "{passed}");
}

#[tokio::test]
async fn what_does_not_pass_ends_a_run_with_a_sentence() {
    let stage = Stage::with([company(1, "Acme")]).await;
    for (faults, said) in [
        (vec![Fault::Maintenance; 8], "ConnectWise answers with a page for people, which its API never does"),
        (vec![Fault::Half; 8], "ConnectWise answers with half an answer, which its API never does"),
        (vec![Fault::Break; 8], "ConnectWise cannot be reached"),
        (vec![Fault::Timeout; 8], "ConnectWise did not answer in time"),
        (vec![Fault::BadGateway; 8], "ConnectWise answers with status 502"),
        (vec![Fault::Busy(3600)], "ConnectWise asks for fewer requests"),
        (
            vec![Fault::Redirect],
            "ConnectWise answers with a redirect, which is not followed: check CONNECTWISE_URL",
        ),
        (vec![Fault::Echo], "ConnectWise answers with status 400"),
    ] {
        stage.app.clock.advance(TimeDelta::hours(2));
        stage.cw.world().faults.end();
        stage.cw.world().fail(faults);
        let admin = stage.app.admin().await;
        admin.post(SYNC, &Value::Null).await.expect(202);
        let status = end_of_run(&admin).await;
        assert_eq!((&status["state"], &status["error"]), (&json!("failed"), &json!(said)));
    }
}

#[tokio::test]
async fn a_slow_server_is_asked_for_less_at_once() {
    let stage = Stage::with((1..=120).map(|number| company(number, "Acme"))).await;
    stage.cw.world().fail([Fault::Timeout; 6]);
    assert_eq!(stage.copy_well("").await["read"], 120);
    let sizes: Vec<_> = stage.cw.take_calls().iter().map(|call| call.query["pageSize"].clone()).collect();
    assert_eq!(sizes, ["1000", "500", "250", "125", "62", "50", "50", "1000", "1000"]);
}

#[tokio::test]
async fn copying_goes_on_by_itself_and_once_a_day_in_full() {
    let cw = TestConnectWise::start((1..=10).map(|number| company(number, "Acme"))).await;
    let app = server(&cw, &[("CONNECTWISE_SYNC_INTERVAL", "1s")]).await;
    let admin = app.admin().await;
    let complete = async |mode: &'static str| {
        let done = async || {
            let status = admin.get(SYNC).await.data();
            (status["state"] == "idle" && status["mode"] == mode).then_some(status)
        };
        until(done).await
    };
    assert_eq!(complete("full").await["written"], 10);
    // what nobody asked for is told so
    let audited = admin.get("/v1/audit?action=company.sync").await.data();
    assert_eq!(audited[0]["actor"]["kind"], "system");
    assert_eq!(complete("incremental").await["written"], 0);
    cw.world().companies.remove(&7);
    app.clock.advance(TimeDelta::hours(25));
    let admin = app.admin().await;
    until(async || (admin.get(SYNC).await.data()["marked"] == 1).then_some(())).await;
}

#[tokio::test]
async fn a_server_copies_when_it_starts() {
    let stage = Stage::with([company(1, "Acme")]).await;
    stage.copy_well("").await;
    stage.cw.world().put(company(2, "New"));
    stage.cw.world().change(2, stage.app.clock.now(), &json!({}));
    let variables = stage.cw.variables();
    let usual = variables.iter().map(|(name, value)| (*name, value.as_str()));
    let variables: Vec<_> = [("CONNECTWISE_SYNC_INTERVAL", "1h")].into_iter().chain(usual).collect();
    let database = (*stage.app.pool().connect_options()).clone();
    let _started = TestApp::on(database, stage.app.clock.clone(), &variables).await;
    until(async || stage.companies().await.contains_key(&2).then_some(())).await;
}

#[tokio::test]
async fn the_companies_of_another_tenant_are_not_mixed_in() {
    let cw = TestConnectWise::start([company(1, "Acme")]).await;
    let database = cluster::database().await;
    let variables = cw.variables();
    let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let app = TestApp::on(database.clone(), TestClock::new(), &variables).await;
    let admin = app.admin().await;
    admin.post(SYNC, &Value::Null).await.expect(202);
    end_of_run(&admin).await;
    let other: Vec<_> = [("CONNECTWISE_COMPANY_ID", "Other")].into_iter().chain(variables).collect();
    let config = crate::helpers::app::config(database, &other);
    let refused = ttscm::app::Started::start(config, TestClock::new().shared()).await.err().unwrap();
    assert_eq!(
        refused.to_string(),
        "the companies of this database come from the ConnectWise company 'NWMSP', and CONNECTWISE_COMPANY_ID is 'Other'"
    );
}

#[tokio::test]
async fn who_may_copy_holds_the_node_everywhere() {
    let stage = Stage::with([company(1, "Acme")]).await;
    stage.copy_well("").await;
    let path = stage.path(1).await;
    let here = stage.app.holder_in(path.rsplit('/').next().unwrap(), &["company.*"]).await;
    for answer in [here.get(SYNC).await, here.post(SYNC, &Value::Null).await] {
        assert_eq!(answer.expect(403)["required"], json!(["company.sync"]));
    }
    stage.app.holder_of(&["company.sync"]).await.post(SYNC, &Value::Null).await.expect(202);
}
