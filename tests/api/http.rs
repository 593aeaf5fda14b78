//! What holds for every request, whatever the route.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use reqwest::Method;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::helpers::app::{ADMIN_EMAIL, ADMIN_PASSWORD};
use crate::helpers::gate::Gate;
use crate::helpers::time::TestClock;
use crate::helpers::{Actor, Answer, TestApp, Value, cluster, json, log};

const COMPANIES: &str = "/v1/company/companies";
const ME: &str = "/v1/user/@me";

/// One answer of each kind.
async fn one_of_each(admin: &Actor) -> Vec<Answer> {
    let login = || admin.request(Method::POST, "/v1/auth/login");
    let too_long = json!({"email": ADMIN_EMAIL, "password": "x".repeat(1024 * 1024)}).to_string();
    vec![
        admin.get("/health/live").await,
        admin.get(COMPANIES).await,
        admin.get("/v1/company/companies/nothing").await,
        admin.get("/v1/nothing").await,
        admin.get("/nothing").await,
        admin.put(COMPANIES, &json!({})).await,
        login().send().await,
        login().header("content-type", "text/plain").body("{}").send().await,
        login().header("content-type", "application/json").body(too_long).send().await,
        login().json(&json!({})).send().await,
        admin.request(Method::GET, ME).header("x-long", &"x".repeat(33 * 1024)).send().await,
        admin.request(Method::GET, ME).header("authorization", "Bearer x").send().await,
    ]
}

#[tokio::test]
async fn every_answer_has_an_id_of_its_own_and_tells_browsers_to_keep_off() {
    let app = TestApp::start().await;
    let answers = one_of_each(&app.admin().await).await;
    let statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [200, 200, 404, 404, 404, 405, 415, 415, 413, 400, 431, 400]);
    let ids: BTreeSet<_> = answers.iter().map(|answer| answer.header("x-request-id").to_owned()).collect();
    assert_eq!(ids.len(), answers.len());
    assert!(ids.iter().all(|id| ttscm::id::parse(id).is_some()), "{ids:?}");
    for answer in &answers {
        for (name, value) in [
            ("content-type", "application/json"),
            ("cache-control", "no-store"),
            ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
            ("referrer-policy", "no-referrer"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("strict-transport-security", ""),
            ("server", ""),
        ] {
            assert_eq!(answer.header(name), value, "{name} of {}", answer.text);
        }
    }
    let chosen = app.nobody().request(Method::GET, "/v1/nothing").header("x-request-id", "mine").send().await;
    assert_ne!(chosen.header("x-request-id"), "mine");
}

#[tokio::test]
async fn behind_https_browsers_are_told_to_stay_there() {
    let app = TestApp::start_with(&[("PUBLIC_URL", "https://vault.example.com")]).await;
    assert_eq!(app.nobody().get(ME).await.header("strict-transport-security"), "max-age=31536000");
}

#[tokio::test]
async fn refusals_of_http_itself_have_the_envelope() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let refusal =
        |status: u16, message: &str| json!({"status": status, "message": message, "successful": false});
    let login = || app.nobody().request(Method::POST, "/v1/auth/login");
    for path in
        ["/", "/v1", "/v1/", "/v1/nothing", "/v2/user/@me", "/v1/user/@me/", "/v1//user/@me", "/V1/user/@me"]
    {
        assert_eq!(admin.get(path).await.expect(404), refusal(404, "Resource not found"), "{path}");
    }
    for (method, path, allowed) in [
        (Method::PUT, COMPANIES, "GET,HEAD,POST"),
        (Method::GET, "/v1/auth/login", "POST"),
        (Method::OPTIONS, ME, "GET,HEAD,PATCH"),
        (Method::POST, "/health/live", "GET,HEAD"),
    ] {
        let answer = app.nobody().request(method, path).send().await;
        assert_eq!(answer.expect(405), refusal(405, "Method not allowed"));
        assert_eq!(answer.header("allow"), allowed, "{path}");
    }
    let unsupported = refusal(415, "The Content-Type must be application/json");
    assert_eq!(login().body("{}").send().await.expect(415), unsupported);
    let json_type =
        |body: String| login().header("content-type", "application/json; charset=utf-8").body(body).send();
    let long = |length: usize| format!("\"{}\"", "x".repeat(length - 2));
    assert_eq!(
        json_type(long(1024 * 1024 + 1)).await.expect(413),
        refusal(413, "The body must be at most 1 MiB")
    );
    json_type(long(1024 * 1024)).await.expect(400);
    let nested = |depth: usize| format!("{{\"password\":{}1{}}}", "[".repeat(depth), "]".repeat(depth));
    for (body, message) in [
        ("{".to_owned(), "The body is not valid JSON at line 1 column 1"),
        (String::new(), "The body is not valid JSON at line 1 column 0"),
        (nested(100), "Must be nested at most 64 deep"),
    ] {
        assert_eq!(json_type(body).await.violations(), [(json!([]), message.to_owned())]);
    }
    json_type(nested(100_000)).await.violations();
}

#[tokio::test]
async fn headers_are_bounded() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let with_header = async |length: usize| {
        admin.request(Method::GET, ME).header("x-long", &"x".repeat(length)).send().await
    };
    with_header(30 * 1024).await.expect(200);
    assert_eq!(
        with_header(32 * 1024).await.expect(431),
        json!({"status": 431, "message": "The headers must be at most 32 KiB", "successful": false})
    );
    let head = format!("GET {ME} HTTP/1.1\r\nhost: x\r\nx-long: {}\r\n\r\n", "x".repeat(1024 * 1024));
    let far_over = raw(&app, head.as_bytes()).await;
    assert!(far_over.is_empty() || far_over.starts_with("HTTP/1.1 431"), "{far_over}");
    let many = format!("GET {ME} HTTP/1.1\r\nhost: x\r\n{}\r\n", "a: b\r\n".repeat(1000));
    let many = raw(&app, many.as_bytes()).await;
    assert!(many.is_empty() || many.starts_with("HTTP/1.1 431"), "{many}");
    admin.get(ME).await.expect(200);
}

/// Sends bytes as they are; all that comes back until the server closes.
async fn raw(app: &TestApp, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(app.address).await.unwrap();
    // the server may close before it has read all of it
    drop(stream.write_all(bytes).await);
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer).await);
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (get, head) = (admin.get(ME).await, admin.request(Method::HEAD, ME).send().await);
    assert_eq!((head.status, head.text.as_str()), (200, ""));
    assert_eq!(head.header("content-length"), get.text.len().to_string());
    assert_eq!(app.nobody().request(Method::HEAD, ME).send().await.status, 401);
}

#[tokio::test]
async fn a_slow_body_holds_nobody_up() {
    let app = TestApp::start().await;
    let body = json!({"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD}).to_string();
    let (first, rest) = body.split_at(5);
    let mut slow = Vec::new();
    for _ in 0..50 {
        let mut stream = TcpStream::connect(app.address).await.unwrap();
        let head = format!(
            "POST /v1/auth/login HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{first}",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        slow.push(stream);
    }
    let admin = app.admin().await;
    let began = Instant::now();
    for _ in 0..10 {
        admin.get(ME).await.expect(200);
    }
    assert!(began.elapsed() < Duration::from_secs(5));
    let mut last = slow.pop().unwrap();
    last.write_all(rest.as_bytes()).await.unwrap();
    let mut answer = String::new();
    last.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn a_request_is_one_line_of_the_log_without_what_was_asked() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = ttscm::id::new();
    let path = format!("{COMPANIES}/{id}?search=a-needle-in-the-query");
    let answer =
        admin.request(Method::GET, &path).header("x-refresh-token", "a-needle-in-a-header").send().await;
    answer.expect(404);
    let lines: Vec<Value> = log::lines_with(answer.header("x-request-id"))
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|line: &Value| line["level"] != "TRACE" && line["level"] != "DEBUG")
        .collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    let line = &lines[0];
    assert_eq!(
        json!([
            line["level"],
            line["message"],
            line["method"],
            line["route"],
            line["status"],
            line["address"]
        ]),
        json!(["INFO", "answered", "GET", "/v1/company/companies/{identifier}", 404, "127.0.0.1"])
    );
    assert!(line["microseconds"].is_u64());
    for secret in ["a-needle-in", admin.token.as_ref().unwrap()] {
        assert_eq!(log::lines_with(secret), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_path_without_a_route_is_not_in_the_log() {
    let app = TestApp::start().await;
    let answer = app.nobody().get("/v1/an-odd-path-that-may-hold-a-secret").await;
    assert_eq!(log::lines_with("an-odd-path-that-may-hold-a-secret"), Vec::<String>::new());
    assert_eq!(log::lines_with(answer.header("x-request-id")).len(), 1);
}

/// What readiness says, as soon as announcements are heard: a moment after the start.
async fn readiness(app: &TestApp) -> (u16, Value) {
    loop {
        let answer = app.nobody().get("/health/ready").await;
        let said: Value = serde_json::from_str(&answer.text).unwrap();
        if said["checks"]["listener"] == "ok" {
            return (answer.status, said);
        }
        assert_eq!((answer.status, &said["status"]), (503, &json!("unavailable")));
    }
}

#[tokio::test]
async fn health_tells_the_living_from_the_ready() {
    let app = TestApp::start().await;
    let living = app.nobody().get("/health/live").await;
    assert_eq!((living.status, living.text.as_str()), (200, r#"{"status":"ok"}"#));
    let ready = json!({"status": "ok", "checks": {"database": "ok", "listener": "ok", "migrations": "ok"}});
    assert_eq!(readiness(&app).await, (200, ready));
}

#[tokio::test]
async fn a_server_whose_schema_is_older_than_itself_is_not_ready() {
    let app = TestApp::start().await;
    let of_newer = "insert into _sqlx_migrations select 9999, 'later', now(), true, '', 0";
    app.db_run(of_newer).await.unwrap();
    assert_eq!(readiness(&app).await.0, 200, "a newer server has begun to work beside this one");
    let unready = json!({"status": "unavailable", "checks": {"database": "ok", "listener": "ok", "migrations": "unavailable"}});
    for missing in [
        "update _sqlx_migrations set success = false where version = 1",
        "delete from _sqlx_migrations where version = 1",
        "drop table _sqlx_migrations",
    ] {
        app.db_run(missing).await.unwrap();
        assert_eq!(readiness(&app).await, (503, unready.clone()), "{missing}");
    }
}

fn unavailable() -> Value {
    json!({"status": 503, "message": "The database is not available, try again soon", "successful": false})
}

#[tokio::test]
async fn without_the_database_the_answer_is_503_at_once_and_it_comes_back_by_itself() {
    let (mut gate, database) = Gate::before(&cluster::database().await);
    let app = TestApp::on(database, TestClock::new(), &[]).await;
    let admin = app.admin().await;
    gate.close().await;

    let (stranger, company) = (app.nobody(), json!({"name": "Acme"}));
    let login = json!({"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD});
    for round in 0..2 {
        let began = Instant::now();
        let (reading, writing, asking, entering) = tokio::join!(
            admin.get(COMPANIES),
            admin.post(COMPANIES, &company),
            admin.get(ME),
            stranger.post("/v1/auth/login", &login),
        );
        assert!(began.elapsed() < Duration::from_secs(5), "round {round}: {:?}", began.elapsed());
        for answer in [reading, writing, asking, entering] {
            assert_eq!(answer.expect(503), unavailable());
            assert_eq!(answer.header("retry-after"), "2");
        }
    }
    assert_eq!(app.nobody().get("/health/live").await.status, 200);
    let unready = app.nobody().get("/health/ready").await;
    assert_eq!(unready.status, 503);
    let checks = r#"{"database":"unavailable","listener":"unavailable","migrations":"unavailable"}"#;
    assert_eq!(unready.text, format!(r#"{{"status":"unavailable","checks":{checks}}}"#));

    gate.open();
    admin.get(ME).await.expect(200);
    assert_eq!(readiness(&app).await.0, 200);
}

#[tokio::test]
async fn a_database_that_lets_nobody_in_is_away_too() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let options = app.pool().connect_options();
    let name = options.get_database().unwrap();
    let mut owner = PgConnection::connect_with(&(*options).clone().database("postgres")).await.unwrap();
    let shut = format!(
        "alter database {name} allow_connections false;
         select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'"
    );
    for away in [shut, format!("drop database {name} with (force)")] {
        sqlx::raw_sql(AssertSqlSafe(away)).execute(&mut owner).await.unwrap();
        for _ in 0..6 {
            assert_eq!(admin.get(ME).await.expect(503), unavailable());
        }
    }
}

#[tokio::test]
async fn a_pool_that_is_closed_for_the_shutdown_answers_503_too() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    app.pool().close().await;
    let answer = admin.get(ME).await;
    assert_eq!(answer.expect(503), unavailable());
    assert_eq!(answer.header("retry-after"), "2");
}
