//! Clients and browsers that misbehave, or go away half-way.

use std::time::Duration;

use reqwest::header::{ACCEPT, COOKIE};

use crate::helpers::desktop::{
    DESK, ELSEWHERE, Page, assert_closing, assert_page, client_at, with_microsoft,
};
use crate::helpers::microsoft::{Mood, person};
use crate::helpers::{TestApp, json};

const CHALLENGE: &str = "?codeChallenge=abcdefghijklmnopqrstuvwxyz-0123456789_ABCDE";

async fn cancel(app: &TestApp, key: &str) {
    let path = format!("/v1/auth/redirect?state={key}&error=access_denied");
    assert_page(&app.browse(DESK, &path, &[]).await, 403, "cancelled");
}

#[tokio::test]
async fn a_bound_client_that_comes_late_hears_of_the_end_at_once() {
    let (app, _) = with_microsoft(&[]).await;
    let begun = app.begin_with(CHALLENGE, &[]).await;
    cancel(&app, &begun.key).await;
    let mut socket = app.wait(&begun).await;
    socket.expect("auth.verify").await;
    socket.expect_last("auth.denied").await;
}

#[tokio::test]
async fn beginning_and_cancelling_is_bounded_too() {
    let (app, _) = with_microsoft(&[("SIGN_IN_MAX_PENDING", "3")]).await;
    for _ in 0..12 {
        cancel(&app, &app.begin().await.key).await;
    }
    let uri = format!("http://{}/v1/auth/uri", app.address);
    assert_eq!(client_at(DESK).get(&uri).send().await.unwrap().status(), 429);
    app.clock.advance(chrono::TimeDelta::minutes(10));
    app.begin().await;
}

#[tokio::test]
async fn a_browser_that_goes_away_leaves_no_client_waiting() {
    let (app, microsoft) = with_microsoft(&[]).await;
    let begun = app.begin().await;
    let mut socket = app.wait(&begun).await;
    socket.expect("auth.pending").await;
    let back = microsoft.signs_in(&begun.uri, &person());
    microsoft.is(Mood::Silent);
    let request = client_at(DESK).get(format!("http://{}{back}", app.address)).header(COOKIE, &begun.cookie);
    let gone = request.timeout(Duration::from_millis(300)).send().await;
    assert!(gone.unwrap_err().is_timeout());
    microsoft.is(Mood::Well);
    socket.expect_last("auth.tokens").await;
}

#[tokio::test]
async fn a_refused_confirmation_is_on_record_under_the_account_it_was_about() {
    let (app, microsoft) = with_microsoft(&[]).await;
    let jane = person();
    let id = app.sign_in_with(&microsoft, &jane).await.get("/v1/user/@me").await.data()["id"].clone();
    for number in ["none", "wrong"] {
        let begun = app.begin().await;
        let asked = app.browse(ELSEWHERE, &microsoft.signs_in(&begun.uri, &jane), &[]).await;
        app.answer_page(ELSEWHERE, &Page::of(&asked), number).await;
    }
    let events = app.admin().await.get("/v1/audit?action=session.confirm").await.data();
    assert_eq!(events.as_array().unwrap().len(), 2);
    for event in events.as_array().unwrap() {
        assert_eq!(
            json!([event["outcome"], event["actor"]["id"], event["address"]]),
            json!(["denied", id, "127.0.0.2"])
        );
    }
}

#[tokio::test]
async fn a_wrong_verifier_and_a_failing_provider_are_on_record() {
    let (app, microsoft) = with_microsoft(&[]).await;
    let begun = app.begin_with(CHALLENGE, &[]).await;
    let mut socket = app.wait(&begun).await;
    socket.expect("auth.verify").await;
    socket.say("{\"codeVerifier\": \"wrong\"}").await;
    socket.expect_last("auth.failed").await;
    let begun = app.begin().await;
    let back = microsoft.signs_in(&begun.uri, &person());
    microsoft.is(Mood::Broken);
    app.come_back(&begun, &back).await;
    let events = app.admin().await.get("/v1/audit?action=session.create").await.data();
    let outcomes: Vec<_> = (1..3).map(|index| events[index]["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["failure", "denied"], "{events}");
}

#[tokio::test]
async fn of_two_answers_at_once_the_wrong_one_never_lets_a_second_client_in() {
    let (app, microsoft) = with_microsoft(&[]).await;
    for _ in 0..10 {
        let begun = app.begin().await;
        let mut socket = app.wait(&begun).await;
        socket.expect("auth.pending").await;
        let asked = app.browse(ELSEWHERE, &microsoft.signs_in(&begun.uri, &person()), &[]).await;
        let page = Page::of(&asked);
        let wrong = page.numbers.iter().find(|number| **number != begun.number).unwrap();
        let (right, wrong) = tokio::join!(
            app.answer_page(ELSEWHERE, &page, &begun.number),
            app.answer_page(ELSEWHERE, &page, wrong)
        );
        let end = socket.event().await.unwrap();
        match end["event"].as_str().unwrap() {
            "auth.tokens" => assert_closing(&right),
            "auth.denied" => assert_eq!(wrong.status, 403),
            other => panic!("{other}"),
        }
        assert_eq!(socket.event().await, None);
        assert_eq!(app.try_to_wait(&begun.key, DESK, &[]).await.err(), Some(409));
    }
}

#[tokio::test]
async fn who_only_looks_at_the_address_spends_nothing() {
    let (app, microsoft) = with_microsoft(&[]).await;
    let begun = app.begin().await;
    let back = microsoft.signs_in(&begun.uri, &person());
    let look = client_at(DESK).head(format!("http://{}{back}", app.address)).header(COOKIE, &begun.cookie);
    assert_eq!(look.header(ACCEPT, "application/json").send().await.unwrap().status(), 405);
    assert_closing(&app.come_back(&begun, &back).await);
}

#[tokio::test]
async fn pages_of_other_sites_begin_no_sign_ins() {
    let (app, _) = with_microsoft(&[("CORS_ALLOWED_ORIGINS", "https://app.example.com")]).await;
    let begin = |origin: Option<&'static str>| {
        let request =
            app.nobody().request(reqwest::Method::GET, "/v1/auth/uri").header("sec-fetch-site", "cross-site");
        match origin {
            Some(origin) => request.header("origin", origin).send(),
            None => request.send(),
        }
    };
    begin(Some("https://app.example.com")).await.expect(200);
    begin(Some("https://evil.example.com")).await.expect(403);
    begin(None).await.expect(403);
}
