//! A hundred thousand companies: how long copying takes, how much memory, and how fast they are searched.
//!
//! `cargo test --release --test api connectwise::scale -- --ignored --nocapture --test-threads 1` prints the
//! figures; the program that is measured is the one that cargo builds along with the test.

use std::fmt::Write;
use std::time::{Duration, Instant};

use sqlx::AssertSqlSafe;
use tokio::process::Command;

use super::Stage;
use super::commands::Ran;
use crate::helpers::connectwise::company;
use crate::helpers::{TestApp, Value};

const MANY: i64 = 100_000;

const WORDS: [&str; 16] = [
    "Alder",
    "Birchwood",
    "Cedar",
    "Dunmore",
    "Eastgate",
    "Fairview",
    "Granite",
    "Harbor",
    "Ironworks",
    "Juniper",
    "Kestrel",
    "Lakeside",
    "Northwind",
    "Meridian",
    "Oakridge",
    "Pinnacle",
];

/// A name that is much like those of others.
fn name(number: i64) -> String {
    let word = |shift: u32| WORDS[usize::try_from((number >> shift) & 15).unwrap()];
    format!("{} {} {} {number}", word(0), word(4), word(8))
}

/// What its identifier is made of, usually: the beginnings of its words.
fn identifier(number: i64) -> String {
    let word = |shift: u32| &WORDS[usize::try_from((number >> shift) & 15).unwrap()][..4];
    format!("{}{}{number}", word(4), word(8))
}

/// The query of the list with a search, as the program was compiled with it.
fn search_query() -> String {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(".sqlx");
    let files = folder.read_dir().unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap());
    let queries = files
        .map(|bytes| serde_json::from_slice::<Value>(&bytes).unwrap()["query"].as_str().unwrap().to_owned());
    let is_search = |query: &String| query.contains("word_similarity") && query.contains("cw_identifier");
    queries.into_iter().find(is_search).expect("the query")
}

/// How Postgres would run the search.
async fn plan(app: &TestApp, search: &str) -> String {
    let explain = AssertSqlSafe(format!("explain {}", search_query()));
    let lines: Vec<String> = sqlx::query_scalar(explain)
        .bind(true)
        .bind(Vec::<uuid::Uuid>::new())
        .bind(search)
        .bind(format!("%{search}%"))
        .bind(30_i64)
        .bind(0_i64)
        .bind(false)
        .fetch_all(app.pool())
        .await
        .unwrap();
    lines.join("\n")
}

async fn db_fill(app: &TestApp, count: i64) {
    let (mut names, mut identifiers) = (Vec::new(), Vec::new());
    for number in 0..count {
        names.push(name(number));
        identifiers.push(identifier(number));
    }
    let fill = "insert into companies (id, name, cw_company_id, cw_identifier, created_at, updated_at)
                select gen_random_uuid(), n, row_number() over (), i, now(), now() from unnest($1::text[], $2::text[]) as t (n, i)";
    sqlx::query(fill).bind(names).bind(identifiers).execute(app.pool()).await.unwrap();
    app.db_run("vacuum analyze companies").await.unwrap();
}

#[tokio::test]
async fn a_search_uses_the_indexes_of_names_and_identifiers() {
    let app = TestApp::start().await;
    db_fill(&app, 40_000).await;
    for search in ["Northwind Kestrel", "KestPinn12345", "Nortwind"] {
        let plan = plan(&app, search).await;
        for index in ["companies_name_search_idx", "companies_identifier_search_idx"] {
            assert!(plan.contains(index), "{search}: {plan}");
        }
        assert!(!plan.contains("Seq Scan on companies"), "{search}: {plan}");
    }
}

#[tokio::test]
#[ignore = "it measures, which takes a release build and some minutes"]
async fn searching_a_hundred_thousand_companies_takes_little_longer_than_a_thousand() {
    for count in [1000, MANY] {
        let app = TestApp::start().await;
        db_fill(&app, count).await;
        let admin = app.admin().await;
        for (what, search) in [
            ("a name", "Kestrel Pinnacle"),
            ("a typing error", "Kestral Pinacle"),
            ("an identifier", "KestPinn777"),
        ] {
            let path = format!("/v1/company/companies?search={}", search.replace(' ', "%20"));
            admin.get(&path).await.expect(200);
            let mut times = Vec::new();
            for _ in 0..200 {
                let began = Instant::now();
                admin.get(&path).await.expect(200);
                times.push(began.elapsed());
            }
            times.sort_unstable();
            eprintln!("{count} companies, {what}: median {:?}, p99 {:?}", times[100], times[197]);
        }
        eprintln!("{}", plan(&app, "Kestrel Pinnacle").await);
    }
}

/// The most memory that a process has used, in kilobytes, for as long as it is there.
fn peak(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

/// Runs the command, and how long it took and how much memory.
async fn measured(stage: &Stage) -> (Ran, Duration, u64) {
    let began = Instant::now();
    let mut most = 0;
    let watch = |process| most = peak(process).unwrap_or(most);
    let ran = stage.command_watched(&["sync", "--full"], &[], watch).await;
    (ran, began.elapsed(), most)
}

/// How long the test server needs to give the same pages to somebody who does nothing with them.
async fn server_alone(stage: &Stage) -> Duration {
    let calls = stage.cw.take_calls();
    let began = Instant::now();
    for call in calls.iter().filter(|call| call.path.ends_with("/company/companies")) {
        let url = format!("http://{}{}", stage.cw.address, call.path);
        let mut request = stage.app.client.get(url).query(&call.query);
        for name in ["authorization", "clientid", "pagination-type", "accept"] {
            request = request.header(name, &call.headers[name]);
        }
        assert!(!request.send().await.unwrap().bytes().await.unwrap().is_empty());
    }
    let took = began.elapsed();
    stage.cw.take_calls();
    took
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it measures, which takes a release build and some minutes"]
async fn copying_a_hundred_thousand_companies_takes_little_longer_than_reading_them() {
    let stage = Stage::with((1..=MANY).map(|number| company(number, &name(number)))).await;
    let mut report = String::new();
    for what in ["first", "second, unchanged"] {
        let (ran, took, memory) = measured(&stage).await;
        assert_eq!(ran.code, 0, "{}", ran.err);
        let alone = server_alone(&stage).await;
        let rate = f64::from(u32::try_from(MANY).unwrap()) / took.as_secs_f64();
        let ratio = took.as_secs_f64() / alone.as_secs_f64();
        write!(report, "{what} run: {}", ran.out).unwrap();
        writeln!(report, "  {took:?}, {rate:.0} companies a second, peak memory {} MiB", memory / 1024)
            .unwrap();
        writeln!(report, "  the test server alone: {alone:?}, ratio {ratio:.2}").unwrap();
    }
    eprintln!("{report}");
    let count: i64 =
        sqlx::query_scalar("select count(*) from companies").fetch_one(stage.app.pool()).await.unwrap();
    assert_eq!(count, MANY);
}

/// Waits for the end of a process, looking at it now and then.
pub(super) async fn watched(mut command: Command, mut watch: impl FnMut(u32)) -> std::process::Output {
    let child =
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let process = child.id().unwrap();
    let mut looks = tokio::time::interval(Duration::from_millis(10));
    let ended = child.wait_with_output();
    tokio::pin!(ended);
    loop {
        tokio::select! {
            ended = &mut ended => return ended.unwrap(),
            _ = looks.tick() => watch(process),
        }
    }
}
