//! Browsers: which scripts may read answers.

use reqwest::Method;

use crate::helpers::{Answer, TestApp};

const ME: &str = "/v1/user/@me";

async fn from_origin(app: &TestApp, origin: &str) -> Answer {
    app.nobody().request(Method::GET, ME).header("origin", origin).send().await
}

async fn preflight(app: &TestApp, origin: &str) -> Answer {
    let request = app.nobody().request(Method::OPTIONS, ME).header("origin", origin);
    let request = request.header("access-control-request-method", "PATCH");
    request.header("access-control-request-headers", "authorization,content-type").send().await
}

/// The headers that tell a browser what scripts may do.
fn permissions(answer: &Answer) -> Vec<String> {
    let names = answer.headers.keys().map(ToString::to_string);
    names.filter(|name| name.starts_with("access-control-")).collect()
}

#[tokio::test]
async fn no_script_may_read_answers_unless_its_origin_is_listed() {
    let app = TestApp::start().await;
    for origin in ["https://app.example.com", "http://ttscm.test", "null"] {
        assert_eq!(permissions(&from_origin(&app, origin).await), Vec::<String>::new());
        let preflight = preflight(&app, origin).await;
        assert_eq!((preflight.status, permissions(&preflight)), (405, Vec::new()));
    }
}

#[tokio::test]
async fn a_listed_origin_and_no_other_reads_answers_without_cookies() {
    let origins = "https://app.example.com, http://localhost:5173";
    let app = TestApp::start_with(&[("CORS_ALLOWED_ORIGINS", origins)]).await;
    for origin in ["https://app.example.com", "http://localhost:5173"] {
        let answer = from_origin(&app, origin).await;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (401, origin));
        assert_eq!(answer.header("access-control-expose-headers"), "x-request-id,retry-after");
        assert!(answer.header("vary").contains("origin"));

        let asked = preflight(&app, origin).await;
        assert_eq!((asked.status, asked.header("access-control-allow-origin")), (200, origin));
        assert_eq!(asked.header("access-control-allow-methods"), "GET,POST,PUT,PATCH,DELETE");
        assert_eq!(
            asked.header("access-control-allow-headers"),
            "authorization,content-type,x-refresh-token"
        );
        for answer in [answer, asked] {
            assert!(!answer.headers.contains_key("access-control-allow-credentials"));
        }
    }
    for origin in [
        "https://app.example.com.evil.test",
        "https://evil.test",
        "https://sub.app.example.com",
        "http://app.example.com",
        "https://app.example.com:8443",
        "https://APP.example.com",
        "http://localhost",
        "null",
        "*",
    ] {
        for answer in [from_origin(&app, origin).await, preflight(&app, origin).await] {
            assert!(!answer.headers.contains_key("access-control-allow-origin"), "{origin}");
            assert!(!answer.headers.contains_key("access-control-allow-credentials"), "{origin}");
        }
    }
}
