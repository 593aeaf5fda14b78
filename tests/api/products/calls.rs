//! Calls of a product's endpoints.

use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::Response;
use futures_util::stream;
use serde_json::Value;
use ttscm::error::{Error, Violation};
use ttscm::integration::call::{Ask, MAX_ANSWER, METHODS, Reply, call};
use ttscm::integration::{AuthType, Client, Kind, Product};
use ttscm::outgoing::Bounds;

use crate::helpers::json;
use crate::helpers::product::{
    HERE, MARKER, TestProduct, answer, answer_with, client, guard, product, sent_json,
};
use crate::helpers::time::TestClock;

const KEY: [(&str, &str); 2] = [("header", "X-Api-Key"), ("value", "marker-key-Wz5")];

fn keyed(client: &Client, url: &str) -> Product {
    product(client, Kind::Custom, url, AuthType::ApiKey, &KEY)
}

fn get(path: &str) -> Ask<'_> {
    Ask { method: "GET", path, query: &[], body: None }
}

#[tokio::test]
async fn a_call_says_what_it_is_told_and_shows_the_credentials() {
    let server = TestProduct::start(|_| answer(201, r#"{"id": 7}"#)).await;
    let client = client();
    let product = keyed(&client, &format!("{}/api/", server.url()));
    let body = json!({"subject": "Zoë & 株"});
    let query = [("q", "a&b=c d"), ("q", "#?é"), ("x-api-key", "mine")];
    let ask = Ask { method: "POST", path: "/v2/tickets", query: &query, body: Some(&body) };
    let reply = call(&client, &product, &ask).await.unwrap();
    assert_eq!((reply.status, &reply.body), (201, &json!({"id": 7})));
    let asked = server.take_asked().remove(0);
    assert_eq!(asked.method, "POST");
    assert_eq!(asked.target, "/api/v2/tickets?q=a%26b%3Dc+d&q=%23%3F%C3%A9&x-api-key=mine");
    assert_eq!(sent_json(&asked), body);
    assert_eq!(asked.header("content-type"), "application/json; charset=utf-8");
    assert_eq!(asked.headers.get_all("x-api-key").iter().collect::<Vec<_>>(), ["marker-key-Wz5"]);
    assert!(asked.header("user-agent").starts_with("ttscm/"));
    assert!(asked.headers.get("authorization").is_none());
}

#[tokio::test]
async fn every_method_of_an_endpoint_is_sent_and_no_other() {
    let server = TestProduct::that_answers(200, "{}").await;
    let client = client();
    let product = keyed(&client, &server.url());
    for method in METHODS {
        call(&client, &product, &Ask { method, ..get("/x") }).await.unwrap();
        assert_eq!(server.take_asked()[0].method, method);
    }
    for method in ["TRACE", "CONNECT", "OPTIONS", "get", "", "GET /y HTTP/1.1\r\n\r\nPOST"] {
        let refused = call(&client, &product, &Ask { method, ..get("/x") }).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{method}");
    }
    for path in ["", "x", "//evil.example/x", "/../x", "/a/%2e%2e/x", "/x?y", "/\\x", "https://evil.example"]
    {
        let refused = call(&client, &product, &get(path)).await;
        let Err(Error::Invalid(violations)) = refused else { panic!("{path}") };
        assert_eq!(violations[0].path, Violation::field("path", "").path, "{path}");
    }
    assert!(server.take_asked().is_empty());
}

#[tokio::test]
async fn connectwise_gets_the_headers_that_it_wants() {
    let server = TestProduct::that_answers(200, "[]").await;
    let client = client();
    let parts =
        [("companyId", "acme"), ("publicKey", "pub"), ("privateKey", "priv"), ("clientId", "the-client-id")];
    let product = product(&client, Kind::Connectwise, &server.url(), AuthType::Connectwise, &parts);
    call(&client, &product, &get("/v4_6_release/apis/3.0/service/tickets")).await.unwrap();
    let asked = server.take_asked().remove(0);
    // acme+pub:priv
    assert_eq!(asked.header("authorization"), "Basic YWNtZStwdWI6cHJpdg==");
    assert_eq!(asked.header("clientid"), "the-client-id");
    assert_eq!(asked.header("accept"), "application/vnd.connectwise.com+json; version=2025.1");
    assert_eq!(asked.target, "/v4_6_release/apis/3.0/service/tickets");
}

#[tokio::test]
async fn each_product_takes_a_token_in_its_own_way() {
    let server = TestProduct::that_answers(200, "[]").await;
    let client = client();
    let cloud = server.url_by("acme.atlassian.net");
    let mine = [("apiToken", "t"), ("email", "me@example.com")];
    let here = server.url();
    for (kind, url, parts, shown) in [
        (Kind::Jira, &cloud, &mine[..], "Basic bWVAZXhhbXBsZS5jb206dA=="),
        (Kind::Jira, &here, &mine[..], "Bearer t"),
        (Kind::Jira, &here, &mine[..1], "Bearer t"),
        (Kind::Zendesk, &here, &mine[..], "Basic bWVAZXhhbXBsZS5jb20vdG9rZW46dA=="),
        (Kind::Custom, &here, &mine[..], "Basic bWVAZXhhbXBsZS5jb206dA=="),
        (Kind::Custom, &here, &mine[..1], "Bearer t"),
    ] {
        let product = product(&client, kind, url, AuthType::Token, parts);
        call(&client, &product, &get("/x")).await.unwrap();
        assert_eq!(server.take_asked()[0].header("authorization"), shown, "{kind:?} {parts:?}");
    }
}

#[tokio::test]
async fn an_answer_is_passed_on_whatever_its_status() {
    for (status, body, shown) in [
        (200, r#"{"a": [1, "\u0000"]}"#, json!({"a": [1, "\0"]})),
        (404, r#"{"error": "no such ticket"}"#, json!({"error": "no such ticket"})),
        (500, "<html>oh no</html>", json!("<html>oh no</html>")),
        (200, "", Value::Null),
        (200, "7", json!(7)),
        (200, "{half", json!("{half")),
        (200, "a\0b", json!("a\0b")),
    ] {
        let server = TestProduct::that_answers(status, body).await;
        let client = client();
        let reply = call(&client, &keyed(&client, &server.url()), &get("/x")).await.unwrap();
        assert_eq!((reply.status, reply.body), (status, shown), "{body}");
    }
}

#[tokio::test]
async fn of_the_headers_only_the_useful_ones_are_passed_on() {
    let server = TestProduct::start(|_| {
        let mut response = answer_with(429, "retry-after", "93", "{}");
        for (name, value) in [
            ("set-cookie", "session=1"),
            ("server", "secret/1.0"),
            ("x-ratelimit-remaining", "0"),
            ("link", "<https://x/1>; rel=next"),
            ("etag", "\"1\""),
            ("www-authenticate", "Basic"),
        ] {
            response.headers_mut().append(name, value.parse().unwrap());
        }
        response.headers_mut().append("link", "<https://x/2>; rel=last".parse().unwrap());
        response
    })
    .await;
    let client = client();
    let Reply { headers, .. } = call(&client, &keyed(&client, &server.url()), &get("/x")).await.unwrap();
    let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let wanted = [
        ("content-type", "application/json"),
        ("etag", "\"1\""),
        ("link", "<https://x/1>; rel=next, <https://x/2>; rel=last"),
        ("retry-after", "93"),
        ("x-ratelimit-remaining", "0"),
    ];
    assert_eq!(headers, wanted);
}

/// What a call is refused with: the message, and whether it was a matter of time.
async fn refusal(client: &Client, product: &Product) -> (String, bool) {
    let refused = call(client, product, &get("/x")).await;
    let Err(Error::Upstream { message, timed_out, cause }) = refused else { panic!("{refused:?}") };
    for told in [MARKER, "127.0.0.1"] {
        assert!(!message.contains(told) && !format!("{cause:?}").contains(told), "{cause:?}");
    }
    (message.to_owned(), timed_out)
}

#[tokio::test]
async fn a_product_that_does_not_answer_is_told_as_such() {
    let bounds = Bounds { total: Duration::from_millis(150), ..Bounds::default() };
    let here = client();
    let impatient = Client::new(guard(&[HERE], bounds), TestClock::new().shared());
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let product = keyed(&here, &format!("http://{}", silent.local_addr().unwrap()));
    let slow = ("The product did not answer in time".to_owned(), true);
    assert_eq!(refusal(&impatient, &product).await, slow);
    // however long each of its calls may take, a question ends
    let bounds_of_all = Bounds { question: Duration::from_millis(150), ..Bounds::default() };
    let began = Instant::now();
    let hurried = Client::new(guard(&[HERE], bounds_of_all), TestClock::new().shared());
    assert_eq!(refusal(&hurried, &product).await, slow);
    assert!(began.elapsed() < Bounds::default().total);
    let elsewhere = Client::new(guard(&["10.0.0.0/8"], bounds), TestClock::new().shared());
    let (message, timed_out) = refusal(&elsewhere, &product).await;
    assert!(message.contains("INTEGRATION_ALLOWED_NETWORKS") && !timed_out);
    drop(silent);
    let gone = ("The product cannot be reached".to_owned(), false);
    assert_eq!(refusal(&here, &product).await, gone);
    let redirect = TestProduct::start(|_| answer_with(302, "location", "http://127.0.0.1:22", MARKER)).await;
    let (message, _) = refusal(&here, &keyed(&here, &redirect.url())).await;
    assert_eq!(message, "The product answers with a redirect, which is not followed");
}

#[tokio::test]
async fn an_answer_may_have_a_mebibyte_and_no_more() {
    let client = client();
    let largest = TestProduct::that_answers(200, &"a".repeat(MAX_ANSWER)).await;
    let reply = call(&client, &keyed(&client, &largest.url()), &get("/x")).await.unwrap();
    assert_eq!(reply.body.as_str().map(str::len), Some(MAX_ANSWER));
    let endless = TestProduct::start(|_| {
        let chunk = || Ok::<_, std::io::Error>(axum::body::Bytes::from_static(&[b'a'; 10_000]));
        Response::new(Body::from_stream(stream::repeat_with(chunk)))
    })
    .await;
    let (message, _) = refusal(&client, &keyed(&client, &endless.url())).await;
    assert_eq!(message, "The product's answer is too long");
}

#[tokio::test]
async fn without_whole_credentials_nothing_is_sent() {
    let server = TestProduct::that_answers(200, "{}").await;
    let client = client();
    let bare = Product { credentials: None, ..keyed(&client, &server.url()) };
    let refused = call(&client, &bare, &get("/x")).await;
    let Err(Error::Conflict(message)) = refused else { panic!("{refused:?}") };
    assert_eq!(message, "The credentials are not complete; what is missing: header, value");
    assert!(server.take_asked().is_empty());
}
