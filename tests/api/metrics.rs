//! The numbers for operators, at their own address.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::Method;

use crate::helpers::app::{ADMIN_EMAIL, ADMIN_PASSWORD};
use crate::helpers::connectwise::{Fault, TestConnectWise, company};
use crate::helpers::product::{HERE, TestProduct};
use crate::helpers::scene::id_in;
use crate::helpers::{Actor, Scene, TestApp, json};

const COMPANIES: &str = "/v1/company/companies";

/// Serves the metrics of a server; somebody who asks for them.
fn operator(app: &TestApp) -> Actor {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    let served = Arc::clone(&app.app);
    tokio::spawn(async move { ttscm::http::serve_metrics(&served, listener, std::future::pending()).await });
    Actor::new(app.client.clone(), address, None)
}

/// All of them.
async fn numbers(operator: &Actor) -> String {
    let answer = operator.get("/metrics").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.text
}

/// The value of a series, where there is one.
fn value(numbers: &str, series: &str) -> Option<f64> {
    let line = numbers.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
    Some(line.parse().unwrap())
}

/// How many requests were answered so.
fn answered(numbers: &str, method: &str, route: &str, status: u16) -> Option<f64> {
    let series = format!(
        "http_server_request_duration_seconds_count{{http_request_method=\"{method}\",http_route=\"{route}\",http_response_status_code=\"{status}\"}}"
    );
    value(numbers, &series)
}

#[tokio::test]
async fn requests_are_measured_by_method_template_and_status() {
    let app = TestApp::start().await;
    let (admin, operator) = (app.admin().await, operator(&app));
    let id = ttscm::id::new();
    for _ in 0..3 {
        admin.get(&format!("{COMPANIES}/{id}?search=a-needle-in-the-query")).await.expect(404);
    }
    admin.get(COMPANIES).await.expect(200);
    admin.put(COMPANIES, &json!({})).await.expect(405);
    app.nobody().get(COMPANIES).await.expect(401);
    let numbers = numbers(&operator).await;
    let one = "/v1/company/companies/{identifier}";
    for (method, route, status, times) in [
        ("GET", one, 404, 3.0),
        ("GET", COMPANIES, 200, 1.0),
        ("GET", COMPANIES, 401, 1.0),
        ("PUT", COMPANIES, 405, 1.0),
        ("POST", "/v1/auth/login", 200, 1.0),
    ] {
        assert_eq!(answered(&numbers, method, route, status), Some(times), "{method} {route}\n{numbers}");
    }
    let labels =
        format!("http_request_method=\"GET\",http_route=\"{one}\",http_response_status_code=\"404\"");
    let series = |part: &str| format!("http_server_request_duration_seconds_{part}");
    let took = value(&numbers, &format!("{}{{{labels}}}", series("sum"))).unwrap();
    assert!(took > 0.0 && took < 30.0, "{took}");
    let all = value(&numbers, &format!("{}{{le=\"+Inf\",{labels}}}", series("bucket")));
    assert_eq!(all, Some(3.0), "{numbers}");
    assert!(numbers.contains("# TYPE http_server_request_duration_seconds histogram\n"));
    for secret in ["a-needle", &id.to_string(), admin.token.as_ref().unwrap()] {
        assert!(!numbers.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn what_a_client_makes_up_makes_no_new_numbers() {
    let app = TestApp::start().await;
    let (nobody, operator) = (app.nobody(), operator(&app));
    let paths = ["/nothing-1", "/v1/nothing-2/x", "/rbac/api/nothing-3", "/itsm/api/nothing-4", "/v2", "/v1"];
    for path in paths {
        assert_eq!(nobody.get(path).await.status, 404);
    }
    for method in ["BREW", "PROPFIND"] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        assert_eq!(nobody.request(method.clone(), COMPANIES).send().await.status, 405);
        assert_eq!(nobody.request(method, "/nothing-5").send().await.status, 404);
    }
    let numbers = numbers(&operator).await;
    assert_eq!(answered(&numbers, "GET", "-", 404), Some(6.0), "{numbers}");
    assert_eq!(answered(&numbers, "_OTHER", COMPANIES, 405), Some(2.0), "{numbers}");
    assert_eq!(answered(&numbers, "_OTHER", "-", 404), Some(2.0), "{numbers}");
    for made_up in ["nothing", "BREW", "PROPFIND"] {
        assert!(!numbers.contains(made_up), "{made_up}");
    }
}

#[tokio::test]
async fn sign_ins_are_counted_by_how_they_end() {
    let app = TestApp::start().await;
    let (nobody, operator) = (app.nobody(), operator(&app));
    let of = |outcome: &str| format!("ttscm_sign_ins_total{{outcome=\"{outcome}\"}}");
    let before = numbers(&operator).await;
    for outcome in ["success", "denied", "failure"] {
        assert_eq!(value(&before, &of(outcome)), Some(0.0), "{before}");
    }
    let login = |password: &str| json!({"email": ADMIN_EMAIL, "password": password});
    let tokens = nobody.post("/v1/auth/login", &login(ADMIN_PASSWORD)).await.data();
    nobody.post("/v1/auth/login", &login(ADMIN_PASSWORD)).await.expect(200);
    nobody.post("/v1/auth/login", &login("a wrong password")).await.expect(401);
    nobody.post("/rbac/api/auth/login", &json!({"username": ADMIN_EMAIL, "password": "wrong"})).await;
    // to refresh is no sign-in
    let refresh = nobody.request(Method::POST, "/v1/auth/refresh");
    let refresh = refresh.header("x-refresh-token", tokens["refreshToken"].as_str().unwrap()).send().await;
    assert!(refresh.status < 300, "{}", refresh.text);
    let after = numbers(&operator).await;
    for (outcome, times) in [("success", 2.0), ("denied", 2.0), ("failure", 0.0)] {
        assert_eq!(value(&after, &of(outcome)), Some(times), "{after}");
    }
}

#[tokio::test]
async fn reveals_are_counted_by_value_and_no_value_is_told() {
    let secret = "a-secret-that-no-number-tells";
    let scene = Scene::start().await;
    let operator = operator(&scene.app);
    let credential = scene.credential(secret).await;
    let values = format!("{credential}/secure-values");
    scene.admin.get(&values).await.expect(200);
    scene.admin.get(&format!("{values}/secretAccessKey")).await.expect(200);
    scene.admin.get(&format!("{values}/nothing")).await.expect(404);
    scene.app.nobody().get(&values).await.expect(401);
    let after = numbers(&operator).await;
    assert_eq!(value(&after, "ttscm_reveals_total{outcome=\"success\"}"), Some(2.0), "{after}");
    let (id, field) = (id_in(&credential), "secretAccessKey");
    let sealed = scene.app.db_sealed(id, field).await;
    scene.app.db_put_sealed(id, field, &sealed[..sealed.len() - 1]).await;
    scene.admin.get(&values).await.expect(500);
    let after = numbers(&operator).await;
    assert_eq!(value(&after, "ttscm_reveals_total{outcome=\"failure\"}"), Some(1.0), "{after}");
    assert!(!after.contains(secret) && !after.contains("Acme"), "{after}");
}

#[tokio::test]
async fn runs_of_the_copying_are_counted_with_what_they_did() {
    let cw = TestConnectWise::start([company(1, "Acme"), company(2, "Bolt")]).await;
    let variables = cw.variables();
    let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let app = TestApp::start_with(&variables).await;
    let (admin, operator) = (app.admin().await, operator(&app));
    let sync = "/v1/company/sync";
    assert_eq!(value(&numbers(&operator).await, "ttscm_sync_complete_timestamp_seconds"), Some(0.0));
    let run = async |path: &str| {
        admin.post(path, &json!(null)).await.expect(202);
        while admin.get(sync).await.data()["state"] == "running" {}
    };
    run(sync).await;
    cw.world().fail([Fault::Unauthorized; 3]);
    run("/v1/company/sync?full=true").await;
    let after = numbers(&operator).await;
    for (series, times) in [
        ("ttscm_sync_runs_total{mode=\"full\",outcome=\"complete\"}", 1.0),
        ("ttscm_sync_runs_total{mode=\"full\",outcome=\"incomplete\"}", 1.0),
        ("ttscm_sync_companies_total{what=\"read\"}", 2.0),
        ("ttscm_sync_companies_total{what=\"written\"}", 2.0),
        ("ttscm_sync_companies_total{what=\"marked\"}", 0.0),
    ] {
        assert_eq!(value(&after, series), Some(times), "{series}\n{after}");
    }
    assert!(value(&after, "ttscm_sync_complete_timestamp_seconds").unwrap() > 1e9, "{after}");
}

#[tokio::test]
async fn checks_of_integrations_are_counted_by_what_they_find() {
    let app = TestApp::start_with(&[("INTEGRATION_ALLOWED_NETWORKS", HERE)]).await;
    let (admin, operator) = (app.admin().await, operator(&app));
    let product = TestProduct::that_answers(401, "{}").await;
    let auth = json!({"type": "bearer", "credentials": {"token": "a-token-of-the-product"}});
    let body = json!({
        "name": "Tickets", "type": "custom", "config": {"baseUrl": product.url(), "auth": auth},
        "endpoints": [{"name": "all", "path": "/tickets", "method": "GET"}],
    });
    let made = admin.post("/v1/integration", &body).await.expect(201);
    let path = format!("/v1/integration/{}/check", made["data"]["id"].as_str().unwrap());
    admin.post(&path, &json!({})).await.expect(200);
    let after = numbers(&operator).await;
    let series = "ttscm_integration_checks_total{kind=\"custom\",verdict=\"bad_credentials\"}";
    assert_eq!(value(&after, series), Some(1.0), "{after}");
}

#[tokio::test]
async fn the_pool_the_listener_and_the_program_are_shown() {
    let app = TestApp::start().await;
    let (admin, operator) = (app.admin().await, operator(&app));
    let held = app.pool().acquire().await.unwrap();
    let (used, idle) =
        ("ttscm_database_connections{state=\"used\"}", "ttscm_database_connections{state=\"idle\"}");
    let is_so = |shown: &str| {
        value(shown, "ttscm_listener_up") == Some(1.0)
            && value(shown, used) == Some(1.0)
            && value(shown, idle) >= Some(1.0)
    };
    // a connection is given back, and announcements are heard, a moment after
    let began = Instant::now();
    let mut shown = numbers(&operator).await;
    while !is_so(&shown) {
        assert!(began.elapsed() < Duration::from_secs(10), "{shown}");
        admin.get(COMPANIES).await.expect(200);
        shown = numbers(&operator).await;
    }
    assert_eq!(value(&shown, "ttscm_database_connections_max"), Some(5.0), "{shown}");
    let build = format!("ttscm_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"));
    assert_eq!(value(&shown, &build), Some(1.0), "{shown}");
    drop(held);
}

#[tokio::test]
async fn each_address_answers_its_own_alone() {
    let app = TestApp::start().await;
    let operator = operator(&app);
    let answer = operator.get("/metrics").await;
    assert_eq!(answer.header("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert!(answer.text.ends_with("# EOF\n"));
    for path in ["/", "/health/live", "/health/ready", "/v1/user/@me", "/docs", "/metrics/"] {
        assert_eq!(operator.get(path).await.status, 404, "{path}");
    }
    assert_eq!(operator.request(Method::POST, "/metrics").send().await.status, 405);
    app.nobody().get("/metrics").await.expect(404);
}
