//! What is found out about products that fail, or do not want to be asked: the same for all of them.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::Response;
use futures_util::{StreamExt, stream};
use ttscm::integration::probe::probe;
use ttscm::integration::{AuthType, Client, Finding, Kind, Product, Verdict};
use ttscm::outgoing::Bounds;

use super::verdicts::{BASIC, find, tells_nothing};
use crate::helpers::product::{HERE, MARKER, TestProduct, answer, answer_with, client, guard, product};
use crate::helpers::time::TestClock;

const WITH_API: [Kind; 4] = [Kind::Jira, Kind::Servicenow, Kind::Zendesk, Kind::Connectwise];

#[tokio::test]
async fn every_product_can_fail_in_the_same_ways() {
    let client = client();
    let page = format!("<!DOCTYPE html><html>Down for maintenance {MARKER}</html>");
    let nul = format!("{{\"accountId\": \"{MARKER}\0\"}}");
    let oversize = format!("[\"{}\"]", "a".repeat(300_000));
    for (status, body, verdict) in [
        (200, page.as_str(), Verdict::NotThisProduct),
        (200, "", Verdict::NotThisProduct),
        (204, "", Verdict::NotThisProduct),
        (200, nul.as_str(), Verdict::NotThisProduct),
        (200, oversize.as_str(), Verdict::NotThisProduct),
        (200, r#"{"accountId": null, "user": {}, "result": "marker"}"#, Verdict::NotThisProduct),
        (200, r#""marker""#, Verdict::NotThisProduct),
        (200, r#"{"accountId": "mark"#, Verdict::NotThisProduct),
        (400, r#"{"error": "marker"}"#, Verdict::NotThisProduct),
        (401, oversize.as_str(), Verdict::BadCredentials),
        (503, oversize.as_str(), Verdict::Error),
        (401, page.as_str(), Verdict::BadCredentials),
        (403, r#"{"error": "marker"}"#, Verdict::Forbidden),
        (404, page.as_str(), Verdict::NotThisProduct),
        (500, MARKER, Verdict::Error),
        (502, page.as_str(), Verdict::Error),
        (503, page.as_str(), Verdict::Error),
    ] {
        let server = TestProduct::that_answers(status, body).await;
        for kind in WITH_API {
            let found = find(&client, kind, &server.url()).await;
            assert_eq!(found.verdict, verdict, "{kind:?} {status} {found:?}");
            assert!(!found.is_locked && found.retry_after.is_none());
        }
    }
}

#[tokio::test]
async fn a_product_that_asks_for_patience_is_heard() {
    let client = client();
    let wait = Some(Duration::from_secs(93));
    for (status, body, retry_after, verdict, wanted) in [
        (429, r#"{"error":{"message":"Rate limit exceeded"}}"#, "93", Verdict::RateLimited, wait),
        (429, "Number of allowed API requests per minute exceeded", "93", Verdict::RateLimited, wait),
        (429, "<html>slow down</html>", "soon", Verdict::RateLimited, None),
        (503, "", "93", Verdict::Error, wait),
    ] {
        let server = TestProduct::start(move |_| answer_with(status, "retry-after", retry_after, body)).await;
        for kind in Kind::ALL {
            let found = find(&client, kind, &server.url()).await;
            assert_eq!((found.verdict, found.retry_after), (verdict, wanted), "{kind:?} {body}");
        }
    }
}

#[tokio::test]
async fn a_product_that_sends_one_elsewhere_is_not_believed() {
    let client = client();
    let behind = TestProduct::that_answers(200, "[]").await;
    for location in [behind.url(), "http://169.254.169.254/latest/meta-data/".to_owned()] {
        let server = TestProduct::start(move |_| {
            let mut response = answer(302, MARKER);
            response.headers_mut().insert("location", location.parse().unwrap());
            response
        })
        .await;
        for kind in Kind::ALL {
            let found = find(&client, kind, &server.url()).await;
            assert_eq!(found.verdict, Verdict::NotThisProduct);
            assert!(found.message.contains("a redirect, which is not followed"), "{found:?}");
        }
    }
    assert!(behind.take_asked().is_empty());
}

/// What a client with these bounds, into these networks, finds.
async fn find_with(allowed: &[&str], total: u64, url: &str) -> Finding {
    let here = client();
    let product = product(&here, Kind::Zendesk, url, AuthType::Basic, &BASIC);
    let bounds = Bounds { total: Duration::from_millis(total), ..Bounds::default() };
    let client = Client::new(guard(allowed, bounds), TestClock::new().shared());
    let found = probe(&client, &product).await;
    tells_nothing(&found);
    found
}

#[tokio::test]
async fn a_product_that_cannot_be_reached_is_unreachable_whatever_the_reason() {
    let slow = TestProduct::start(|_| {
        let begun = stream::once(async { Ok::<_, std::io::Error>(Bytes::from_static(b"{")) });
        Response::new(Body::from_stream(begun.chain(stream::pending())))
    })
    .await;
    let found = find_with(&[HERE], 150, &slow.url()).await;
    assert_eq!((found.verdict, &*found.message), (Verdict::Unreachable, "Zendesk did not answer in time"));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let found = find_with(&[HERE], 10_000, &nobody).await;
    assert_eq!((found.verdict, &*found.message), (Verdict::Unreachable, "Zendesk cannot be reached"));
    slow.take_asked();
    for url in [slow.url(), slow.url_by("acme.zendesk.com")] {
        let found = find_with(&["10.0.0.0/8"], 10_000, &url).await;
        assert_eq!(found.verdict, Verdict::Unreachable);
        assert!(found.message.contains("INTEGRATION_ALLOWED_NETWORKS"), "{found:?}");
    }
    assert!(slow.take_asked().is_empty());
}

#[tokio::test]
async fn without_credentials_nobody_is_asked() {
    let client = client();
    let server = TestProduct::that_answers(200, "[]").await;
    for (auth_type, missing) in [
        (AuthType::Basic, "username, password"),
        (AuthType::Token, "apiToken"),
        (AuthType::Bearer, "token"),
        (AuthType::ApiKey, "header, value"),
        (AuthType::Oauth, "clientId, clientSecret"),
        (AuthType::Connectwise, "companyId, publicKey, privateKey, clientId"),
    ] {
        for kind in Kind::ALL {
            let bare = Product { credentials: None, auth_type, ..bare(&client, kind, &server) };
            let found = probe(&client, &bare).await;
            assert_eq!(found.verdict, Verdict::BadCredentials);
            assert_eq!(
                found.message,
                format!("The credentials are not complete; what is missing: {missing}")
            );
        }
    }
    assert!(server.take_asked().is_empty());
}

fn bare(client: &Client, kind: Kind, server: &TestProduct) -> Product {
    product(client, kind, &server.url(), AuthType::Basic, &BASIC)
}
