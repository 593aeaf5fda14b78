//! OAuth client credentials: traded for tokens, which are kept no longer than they are good.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use axum::http::Response;
use chrono::TimeDelta;
use ttscm::integration::probe::{HEALTHY, probe};
use ttscm::integration::{AuthType, Client, Kind, Product, Verdict};
use ttscm::outgoing::Bounds;

use crate::helpers::product::{
    Asked, HERE, MARKER, TestProduct, answer, answer_with, client, guard, product,
};
use crate::helpers::time::TestClock;

const CLIENT: [(&str, &str); 2] = [("clientId", "client_id"), ("clientSecret", "marker-secret-Lp1")];

/// A `ServiceNow` whose tokens are numbered. Those before `revoked` are not good any more.
async fn servicenow(revoked: Arc<AtomicUsize>) -> TestProduct {
    let given = Arc::new(AtomicUsize::new(0));
    TestProduct::start(move |asked| {
        if asked.target == "/oauth_token.do" {
            return token(asked, given.fetch_add(1, Ordering::SeqCst));
        }
        let number = asked.header("authorization").strip_prefix("Bearer token-").map(str::parse::<usize>);
        match number {
            Some(Ok(number)) if number >= revoked.load(Ordering::SeqCst) => answer(200, r#"{"result": []}"#),
            _ => answer(401, r#"{"error":{"message":"User Not Authenticated"},"status":"failure"}"#),
        }
    })
    .await
}

fn token(asked: &Asked, number: usize) -> Response<Body> {
    let form: HashMap<_, _> = form_urlencoded::parse(&asked.body).into_owned().collect();
    let wanted = [
        ("grant_type", "client_credentials"),
        ("client_id", "client_id"),
        ("client_secret", "marker-secret-Lp1"),
    ];
    if asked.method == "POST"
        && wanted.iter().all(|(name, value)| form.get(*name).is_some_and(|sent| sent == value))
    {
        let token = format!(r#"{{"access_token":"token-{number}","token_type":"Bearer","expires_in":1799}}"#);
        answer(200, &token)
    } else {
        answer(401, r#"{"error":"access_denied","error_description":"access_denied"}"#)
    }
}

fn targets(server: &TestProduct) -> Vec<String> {
    server.take_asked().into_iter().map(|asked| asked.target).collect()
}

const TOKEN: &str = "/oauth_token.do";
const TABLE: &str = "/api/now/table/sys_user?sysparm_limit=1&sysparm_fields=sys_id";

fn oauth(client: &Client, server: &TestProduct) -> Product {
    product(client, Kind::Servicenow, &server.url(), AuthType::Oauth, &CLIENT)
}

#[tokio::test]
async fn a_token_is_used_until_shortly_before_its_end() {
    let server = servicenow(Arc::default()).await;
    let clock = TestClock::new();
    let client = Client::new(guard(&[HERE], Bounds::default()), clock.shared());
    let product = oauth(&client, &server);
    assert_eq!(probe(&client, &product).await.message, HEALTHY);
    assert_eq!(targets(&server), [TOKEN, TABLE]);
    clock.advance(TimeDelta::minutes(29));
    assert_eq!(probe(&client, &product).await.message, HEALTHY);
    assert_eq!(targets(&server), [TABLE]);
    clock.advance(TimeDelta::seconds(40));
    assert_eq!(probe(&client, &product).await.message, HEALTHY);
    assert_eq!(targets(&server), [TOKEN, TABLE]);
}

#[tokio::test]
async fn a_token_belongs_to_its_integration_and_credentials() {
    let server = servicenow(Arc::default()).await;
    let client = client();
    let first = oauth(&client, &server);
    assert_eq!(probe(&client, &first).await.verdict, Verdict::Healthy);
    let second = oauth(&client, &server);
    assert_eq!(probe(&client, &second).await.verdict, Verdict::Healthy);
    assert_eq!(targets(&server), [TOKEN, TABLE, TOKEN, TABLE], "another integration");
    let other = [("clientId", "client_id"), ("clientSecret", "another")];
    let changed = product(&client, Kind::Servicenow, &server.url(), AuthType::Oauth, &other);
    let changed = Product { id: first.id, ..changed };
    let found = probe(&client, &changed).await;
    assert_eq!(found.verdict, Verdict::BadCredentials);
    assert_eq!(found.message, "ServiceNow gives no token for these credentials (status 401)");
    assert_eq!(targets(&server), [TOKEN], "other credentials");
}

#[tokio::test]
async fn a_token_that_was_taken_back_is_asked_for_anew_once() {
    let revoked = Arc::new(AtomicUsize::new(0));
    let server = servicenow(Arc::clone(&revoked)).await;
    let client = client();
    let product = oauth(&client, &server);
    assert_eq!(probe(&client, &product).await.verdict, Verdict::Healthy);
    revoked.store(1, Ordering::SeqCst);
    assert_eq!(probe(&client, &product).await.verdict, Verdict::Healthy);
    assert_eq!(targets(&server), [TOKEN, TABLE, TABLE, TOKEN, TABLE]);
    revoked.store(9, Ordering::SeqCst);
    assert_eq!(probe(&client, &product).await.verdict, Verdict::BadCredentials);
    assert_eq!(targets(&server), [TABLE, TOKEN, TABLE]);
    assert_eq!(probe(&client, &product).await.verdict, Verdict::BadCredentials);
    assert_eq!(targets(&server), [TOKEN, TABLE], "a refused token is not kept");
}

#[tokio::test]
async fn only_servicenow_has_an_address_for_tokens_of_its_own() {
    let tokens = servicenow(Arc::default()).await;
    let server = TestProduct::that_answers(200, "{}").await;
    let client = client();
    let bare = product(&client, Kind::Custom, &server.url(), AuthType::Oauth, &CLIENT);
    let found = probe(&client, &bare).await;
    assert_eq!(found.message, "The credentials are not complete; what is missing: tokenUrl");
    let url = format!("{}{TOKEN}", tokens.url());
    let parts = [CLIENT[0], CLIENT[1], ("tokenUrl", &url)];
    let whole = product(&client, Kind::Custom, &server.url(), AuthType::Oauth, &parts);
    assert_eq!(probe(&client, &whole).await.verdict, Verdict::Healthy);
    assert_eq!(server.take_asked()[0].header("authorization"), "Bearer token-0");
}

#[tokio::test]
async fn the_address_for_tokens_can_fail_as_the_product_can() {
    for (status, body, verdict) in [
        (400, r#"{"error":"invalid_client","error_description":"marker"}"#, Verdict::BadCredentials),
        (400, "<html>marker</html>", Verdict::NotThisProduct),
        (401, "<html>marker</html>", Verdict::BadCredentials),
        (403, "", Verdict::BadCredentials),
        (404, "<html>marker</html>", Verdict::NotThisProduct),
        (429, "marker", Verdict::RateLimited),
        (500, "marker", Verdict::Error),
        (503, "<html>marker</html>", Verdict::Error),
        (200, "<html>hibernating</html>", Verdict::NotThisProduct),
        (200, r#"{"token": "marker"}"#, Verdict::NotThisProduct),
        (200, r#"{"access_token": "a\nb", "token_type": "Bearer"}"#, Verdict::NotThisProduct),
    ] {
        let server = TestProduct::start(move |_| answer_with(status, "x-more", MARKER, body)).await;
        let client = client();
        let found = probe(&client, &oauth(&client, &server)).await;
        assert_eq!(found.verdict, verdict, "{status} {body}: {found:?}");
        assert!(!found.message.contains("marker") && !found.message.contains("127.0.0.1"), "{found:?}");
        assert_eq!(targets(&server), [TOKEN]);
    }
}

#[tokio::test]
async fn the_address_for_tokens_stands_behind_the_guard() {
    let here = client();
    let server = TestProduct::that_answers(200, "{}").await;
    let url = server.url_by("login.corp.local");
    let parts = [CLIENT[0], CLIENT[1], ("tokenUrl", &url)];
    let product = product(&here, Kind::Custom, "https://jira.example.com", AuthType::Oauth, &parts);
    for allowed in [&[][..], &["10.0.0.0/8"]] {
        let client = Client::new(guard(allowed, Bounds::default()), TestClock::new().shared());
        let found = probe(&client, &product).await;
        assert_eq!(found.verdict, Verdict::Unreachable);
        assert!(found.message.contains("INTEGRATION_ALLOWED_NETWORKS"), "{found:?}");
    }
    let redirect = TestProduct::start(|_| answer_with(302, "location", "http://127.0.0.1:22/", "")).await;
    assert_eq!(probe(&here, &oauth(&here, &redirect)).await.verdict, Verdict::NotThisProduct);
    assert!(server.take_asked().is_empty());
}
