//! The chain over the audit record: what was changed, removed or inserted is found, and nothing else is.

use std::time::Instant;

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use ttscm::audit::Chain;
use ttscm::audit::chain::{self, verify};
use ttscm::config::Key;
use ttscm::vault::{MasterKey, Vault};

use crate::helpers::command::Ran;
use crate::helpers::time::TestClock;
use crate::helpers::{Scene, TestApp, cluster, fixture, json};

impl TestApp {
    /// Seals what is on record so far; how many events it were.
    pub async fn seal(&self) -> usize {
        chain::seal(&self.app).await.expect("a seal")
    }

    /// What is found wrong with the record.
    async fn faults(&self) -> Vec<String> {
        let report = verify::verify(&self.app).await.expect("a report");
        report.faults.iter().map(ToString::to_string).collect()
    }

    /// Writes this many events of the last days down.
    pub async fn db_events(&self, count: usize) {
        let insert = format!(
            "insert into audit_events (id, at, action, outcome, actor_kind, actor_name, target_kind, target_name)
             select new_id(), date_trunc('second', now()) - interval '2 days' + n * interval '1 second', 'test', 'success', 'system',
                 'ttscm', 'setting', 'number ' || n
             from generate_series(1, {count}) n"
        );
        self.db_run(&insert).await.expect("events");
    }

    /// Does what only a superuser can do to the record, and nothing prevents.
    async fn db_tamper(&self, statement: &str) {
        let statements = format!(
            "begin; alter table audit_events disable trigger user; alter table audit_batches disable trigger user;
             {statement};
             alter table audit_events enable trigger user; alter table audit_batches enable trigger user; commit"
        );
        self.db_run(&statements).await.expect(statement);
    }

    async fn db_text_of(&self, query: &str) -> String {
        let query = AssertSqlSafe(format!("select ({query})::text"));
        sqlx::query_scalar(query).fetch_one(self.pool()).await.expect("a text")
    }

    /// The batch and the id of an event.
    async fn db_event(&self, name: &str) -> (String, String) {
        let id = self.db_text_of(&format!("select id from audit_events where target_name = '{name}'")).await;
        let batch = format!("select number from audit_batches where event_ids @> array['{id}'::uuid]");
        (self.db_text_of(&batch).await, id)
    }

    /// Whether the last event is sealed by now, by the program itself.
    async fn db_is_sealed(&self) -> bool {
        self.db_text_of("select count(*) from audit_unsealed").await == "0"
    }
}

/// Changes an event, removes one and inserts one, of this many that are sealed; the lines that tell of it.
pub async fn three_faults_in(app: &TestApp, count: usize) -> [String; 3] {
    app.db_events(count).await;
    app.seal().await;
    let named = |share: usize| format!("number {}", count * share / 4);
    let (changed, removed) = (app.db_event(&named(1)).await, app.db_event(&named(2)).await);
    let beside = app.db_event(&named(3)).await;
    app.db_tamper(&format!("update audit_events set outcome = 'denied' where id = '{}'", changed.1)).await;
    app.db_tamper(&format!("delete from audit_events where id = '{}'", removed.1)).await;
    let inserted = ttscm::id::new();
    app.db_tamper(&format!(
        "create temp table copied on commit drop as select * from audit_events where id = '{}';
         update copied set id = '{inserted}'; insert into audit_events select * from copied",
        beside.1
    ))
    .await;
    [
        format!("batch {}: changed: event {}", changed.0, changed.1),
        format!("batch {}: removed: event {}", removed.0, removed.1),
        // one of the batches that have events of that time
        format!(": inserted: event {inserted} of "),
    ]
}

#[track_caller]
pub fn assert_told(ran: &Ran, lines: &[String; 3]) {
    assert_eq!((ran.code, &*ran.err), (1, ""), "{}", ran.out);
    let told: Vec<_> = ran.out.lines().collect();
    assert_eq!(told.len(), 4, "{}", ran.out);
    // in the order of their batches, which need not be the order of time
    assert!(lines[..2].iter().all(|line| told[..2].contains(&&**line)), "{} {lines:?}", ran.out);
    assert!(
        told[2].starts_with("batch ") && told[2].contains(&lines[2]) && told[3].ends_with("; 3 faults"),
        "{}",
        ran.out
    );
}

#[tokio::test]
async fn a_changed_a_removed_and_an_inserted_event_are_found_with_their_batches() {
    let app = TestApp::start().await;
    let lines = three_faults_in(&app, 6000).await;
    assert_told(&app.ran(&["audit", "verify"]).await, &lines);
}

#[tokio::test]
async fn what_was_only_written_down_is_verified() {
    let scene = Scene::start().await;
    let ran = scene.app.ran(&["audit", "verify"]).await;
    let (code, waiting) = (ran.code, scene.app.db_text_of("select count(*) from audit_events").await);
    let none = "0 events in 0 batches are as they were sealed, 0 were dropped by AUDIT_RETENTION";
    assert_eq!((code, ran.out), (0, format!("{none}, {waiting} are not sealed yet; 0 faults\n")));
    assert_eq!(scene.app.seal().await.to_string(), waiting);
    assert_eq!(scene.app.seal().await, 0);
    fixture::company(&scene.admin, "Another").await;
    let ran = scene.app.ran(&["audit", "verify"]).await;
    let one =
        format!("{waiting} events in 1 batches are as they were sealed, 0 were dropped by AUDIT_RETENTION");
    assert_eq!((ran.code, ran.out), (0, format!("{one}, 1 are not sealed yet; 0 faults\n")));
}

#[tokio::test]
async fn the_server_seals_by_itself() {
    let app = TestApp::start_with(&[("AUDIT_SEAL_INTERVAL", "1s")]).await;
    let admin = app.admin().await;
    fixture::company(&admin, "Acme").await;
    let began = Instant::now();
    while !app.db_is_sealed().await {
        assert!(began.elapsed().as_secs() < 10, "it is not sealed");
        admin.get("/v1/audit?limit=1").await.expect(200);
    }
    assert_eq!(app.faults().await, Vec::<String>::new());
}

/// An event that a transaction of its own writes.
const LATE: &str =
    "insert into audit_events (id, at, action, outcome, actor_kind, actor_name, target_kind, target_name)
    values (new_id(), now(), 'test', 'success', 'system', 'ttscm', 'setting', 'late')";

#[tokio::test]
async fn a_transaction_that_commits_late_is_sealed_later_and_not_called_inserted() {
    let scene = Scene::start().await;
    let mut late = PgConnection::connect_with(&scene.app.pool().connect_options()).await.unwrap();
    let mut transaction = late.begin().await.unwrap();
    sqlx::query(LATE).execute(&mut *transaction).await.unwrap();
    fixture::company(&scene.admin, "Sooner").await;
    scene.app.seal().await;
    fixture::company(&scene.admin, "Soon").await;
    scene.app.seal().await;
    assert_eq!(scene.app.faults().await, Vec::<String>::new());
    transaction.commit().await.unwrap();
    let report = verify::verify(&scene.app.app).await.unwrap();
    assert_eq!((report.faults.len(), report.unsealed), (0, 1));
    assert_eq!(scene.app.seal().await, 1);
    let report = verify::verify(&scene.app.app).await.unwrap();
    assert_eq!((report.faults.len(), report.unsealed, report.batches), (0, 0, 3));
    assert_eq!(scene.app.db_event("late").await.0, "3");
}

#[tokio::test]
async fn an_event_that_claims_a_time_among_sealed_ones_is_found_even_if_no_trigger_was_in_its_way() {
    let app = TestApp::start().await;
    app.db_events(100).await;
    app.seal().await;
    let forged = LATE.replace("now()", "now() - interval '2 days' + interval '50 seconds'");
    app.db_run(&forged).await.unwrap();
    for _ in 0..2 {
        let faults = app.faults().await;
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].contains(": inserted: event "), "{faults:?}");
        assert_eq!(app.seal().await, 0);
    }
}

/// What somebody with SQL alone may try on batches, and what is found then.
fn done_to_batches() -> Vec<(String, Vec<&'static str>)> {
    let without = |number| {
        format!(
            "delete from audit_events where id in (select unnest(event_ids) from audit_batches where number = {number});
             delete from audit_batches where number = {number}"
        )
    };
    let end = "outside of batches: changed: the end of the chain";
    vec![
        (without(4), vec!["batch 4: removed: the whole batch"]),
        (without(2), vec!["batch 2: removed: the whole batch"]),
        (
            // the end as well, as far as that goes without the key
            format!("{}; update audit_chain set number = 3", without(4)),
            vec![end, "batch 3: changed: it is not the one that the chain ends with"],
        ),
        (
            "update audit_batches set sealed_at = sealed_at - interval '1 day' where number = 3".to_owned(),
            vec!["batch 3: changed: its seal does not fit"],
        ),
        (
            "update audit_batches set event_ids = event_ids[2:] where number = 1".to_owned(),
            vec!["batch 1: changed: the list of its events"],
        ),
        ("update audit_chain set first_at = null".to_owned(), vec![end]),
        // the program's own function, but not the program
        (
            "select audit_drop_batch(2, now(), 'mark')".to_owned(),
            vec!["batch 2: removed: all of its 2 events"],
        ),
    ]
}

#[tokio::test]
async fn what_is_done_to_batches_is_found() {
    let app = TestApp::start().await;
    for _ in 0..4 {
        fixture::company(&app.admin().await, "Acme").await;
        app.seal().await;
    }
    let whole: Vec<String> = Vec::new();
    assert_eq!(app.faults().await, whole);
    let copies =
        "create table kept as select * from audit_batches; create table events as select * from audit_events;
        create table ends as select * from audit_chain";
    app.db_run(copies).await.unwrap();
    for (statement, faults) in done_to_batches() {
        app.db_tamper(&statement).await;
        let found = app.faults().await;
        assert!(
            faults.iter().all(|fault| found.iter().any(|found| found == fault)),
            "{statement}: {found:?}"
        );
        app.db_tamper(
            "delete from audit_batches; insert into audit_batches select * from kept; delete from audit_events;
             insert into audit_events select * from events; delete from audit_chain;
             insert into audit_chain select * from ends",
        )
        .await;
        assert_eq!(app.faults().await, whole, "{statement}");
    }
    app.db_run("delete from audit_chain").await.unwrap();
    assert_eq!(app.faults().await, ["outside of batches: removed: the end of the chain and its key"]);
}

#[tokio::test]
async fn batches_cannot_be_changed_either() {
    let scene = Scene::start().await;
    scene.app.seal().await;
    for statement in
        ["update audit_batches set number = 9", "delete from audit_batches", "truncate audit_batches"]
    {
        let error = scene.app.db_run(statement).await.expect_err(statement);
        assert!(error.to_string().contains("append-only"), "{statement} {error}");
    }
}

#[tokio::test]
async fn servers_that_seal_at_once_make_one_chain() {
    let (database, clock) = (cluster::database().await, TestClock::new());
    let here = TestApp::on(database.clone(), clock.clone(), &[]).await;
    let there = TestApp::on(database, clock, &[]).await;
    here.db_events(3000).await;
    let expected: usize = here.db_text_of("select count(*) from audit_events").await.parse().unwrap();
    let (first, second) = tokio::join!(here.seal(), there.seal());
    assert_eq!(first + second + here.seal().await, expected);
    let report = verify::verify(&there.app).await.unwrap();
    assert_eq!((report.faults.len(), report.unsealed), (0, 0));
    assert_eq!(usize::try_from(report.events).unwrap(), expected);
}

#[tokio::test]
async fn a_record_that_was_put_back_is_the_same_chain() {
    let scene = Scene::start().await;
    scene.app.seal().await;
    fixture::company(&scene.admin, "Unsealed").await;
    // what the trigger does where rows are put back one by one
    scene.app.db_run("insert into audit_unsealed (event_id) select id from audit_events").await.unwrap();
    let report = verify::verify(&scene.app.app).await.unwrap();
    assert_eq!((report.faults.len(), report.unsealed), (0, 1));
    assert_eq!(scene.app.seal().await, 1);
    assert!(scene.app.db_is_sealed().await);
    assert_eq!(scene.app.faults().await, Vec::<String>::new());
}

#[tokio::test]
async fn what_was_kept_long_enough_is_dropped_by_the_batch_and_the_chain_stays() {
    let (database, clock) = (cluster::database().await, TestClock::new());
    let app = TestApp::on(database, clock, &[("AUDIT_RETENTION", "1d")]).await;
    app.seal().await;
    app.db_events(2500).await;
    let admin = app.admin().await;
    app.seal().await;
    let count = async || app.db_text_of("select count(*) from audit_events").await;
    let before: usize = count().await.parse().unwrap();
    chain::drop_expired(&app.app).await.unwrap();
    let left: usize = count().await.parse().unwrap();
    // the 2500 old ones lie in two batches, of which the second has a newer event too
    assert_eq!(before + 1 - left, 2000, "one row tells of it");
    let dropped = admin.get("/v1/audit?action=audit.drop").await.data();
    let name = "2000 events of 1 audit batches from 2 to 2";
    assert_eq!(
        (&dropped[0]["target"], &dropped[0]["actor"]["kind"]),
        (&json!({"kind": "setting", "id": null, "name": name}), &json!("system"))
    );
    app.seal().await;
    let ran = app.ran(&["audit", "verify"]).await;
    assert_eq!(ran.code, 0, "{}", ran.out);
    assert!(ran.out.contains(", 2000 were dropped by AUDIT_RETENTION, "), "{}", ran.out);
    chain::drop_expired(&app.app).await.unwrap();
    assert_eq!(admin.get("/v1/audit?action=audit.drop").await.data().as_array().unwrap().len(), 1);
    app.db_run("delete from audit_events").await.expect_err("the door is shut again");
}

#[tokio::test]
async fn the_chain_outlives_a_change_of_the_master_key() {
    let app = TestApp::start().await;
    let (old, new) = (*b"the master key of every test run", [9; 32]);
    let master = |current, previous: Option<_>| MasterKey::new(Key::new(current), previous.map(Key::new));
    let open = async |current: [u8; 32], previous: Option<[u8; 32]>| {
        let opened = Chain::open(app.pool(), &master(current, previous)).await;
        opened.map(drop).map_err(|error| error.to_string())
    };
    let rewrap = async |current, previous| {
        let vault =
            Vault::open_ring(app.pool(), master(current, previous), async { Ok(true) }).await.unwrap();
        chain::rewrap(&mut app.pool().acquire().await.unwrap(), &vault).await.unwrap();
    };
    let wrapped = async || app.db_text_of("select wrapped_key from audit_chain").await;
    let before = wrapped().await;
    rewrap(old, None).await;
    assert_eq!(wrapped().await, before);
    let refusal = open(new, None).await.unwrap_err();
    assert!(refusal.contains("VAULT_MASTER_KEY_PREVIOUS"), "{refusal}");
    open(new, Some(old)).await.unwrap();
    assert_eq!(wrapped().await, before, "servers that have the old key alone can still start");
    rewrap(new, Some(old)).await;
    open(new, None).await.unwrap();
    open(old, None).await.unwrap_err();
}

#[tokio::test]
async fn a_chain_without_its_key_is_not_begun_anew() {
    let scene = Scene::start().await;
    scene.app.seal().await;
    scene.app.db_run("delete from audit_chain").await.unwrap();
    let master = MasterKey::new(Key::new(*b"the master key of every test run"), None);
    let refusal = Chain::open(scene.app.pool(), &master).await.err().map(|error| error.to_string());
    assert!(refusal.is_some_and(|refusal| refusal.contains("restore it whole")));
    assert!(chain::seal(&scene.app.app).await.is_err());
}
