//! Google and GitHub in the RBAC contract: the browser is sent there and back, and gets the token itself.

use reqwest::header::COOKIE;

use crate::helpers::desktop::{DESK, ELSEWHERE, client_at, with_settings};
use crate::helpers::github::{self, Github};
use crate::helpers::microsoft::{self, Microsoft};
use crate::helpers::request::Request;
use crate::helpers::{Answer, TestApp, Value, json};

/// Where a browser is sent, and the cookie that it keeps.
async fn begin(app: &TestApp, provider: &str) -> (String, String) {
    let answer = get(app, DESK, &format!("/rbac/api/auth/oauth/{provider}"), "").await;
    assert_eq!(answer.status, 302, "{}", answer.text);
    let cookie = answer.header("set-cookie").split(';').next().unwrap_or_default().to_owned();
    (answer.header("location").to_owned(), cookie)
}

async fn get(app: &TestApp, from: [u8; 4], path: &str, cookie: &str) -> Answer {
    Request(client_at(from).get(format!("http://{}{path}", app.address)).header(COOKIE, cookie)).send().await
}

async fn me(app: &TestApp, body: &Value) -> Value {
    let mut somebody = app.nobody();
    somebody.token = body["token"].as_str().map(str::to_owned);
    somebody.get("/v1/user/@me").await.data()
}

#[tokio::test]
async fn google_signs_the_browser_in_that_began() {
    let google = Microsoft::start().await;
    let app = with_settings(&google.settings_as_google()).await;
    let mut colleague = microsoft::person();
    (colleague["hd"], colleague["email_verified"]) = (json!("example.com"), json!(true));
    let (uri, cookie) = begin(&app, "google").await;
    assert!(uri.starts_with(&google.issuer()), "{uri}");
    let back = google.signs_in(&uri, &colleague);
    assert!(back.starts_with("/rbac/api/auth/oauth/google/callback?"), "{back}");
    let stranger = get(&app, ELSEWHERE, &back, "").await;
    assert!(stranger.rbac_error(400).contains("state"), "{}", stranger.text);
    let body = get(&app, DESK, &back, &cookie).await.expect_rbac(200);
    assert_eq!(
        (&body["user"]["email"], &body["user"]["authProvider"]),
        (&colleague["email"], &json!("google"))
    );
    assert_eq!(body["user"]["emailVerified"], true);
    assert_eq!(me(&app, &body).await["email"], colleague["email"]);
    get(&app, DESK, &back, &cookie).await.rbac_error(400);
}

#[tokio::test]
async fn github_makes_accounts_where_people_may_register_themselves() {
    let github = Github::start().await;
    let mut settings = github.settings();
    let closed = with_settings(&settings).await;
    let (uri, cookie) = begin(&closed, "github").await;
    let refused = get(&closed, DESK, &github.signs_in(&uri, &github::person()), &cookie).await;
    assert!(refused.rbac_error(403).contains("no account for you"), "{}", refused.text);

    settings.push(("SELF_REGISTRATION", "on".to_owned()));
    let open = with_settings(&settings).await;
    let mona = github::person();
    let (uri, cookie) = begin(&open, "github").await;
    let body = get(&open, DESK, &github.signs_in(&uri, &mona), &cookie).await.expect_rbac(200);
    assert_eq!(body["user"]["authProvider"], "github");
    assert_eq!(me(&open, &body).await["name"], mona.user["name"]);
}

#[tokio::test]
async fn what_goes_wrong_is_said_in_the_contracts_words() {
    let google = Microsoft::start().await;
    let app = with_settings(&google.settings_as_google()).await;
    let (uri, cookie) = begin(&app, "google").await;
    let state = &microsoft::query(&uri)["state"];
    let path = format!("/rbac/api/auth/oauth/google/callback?state={state}&error=access_denied");
    assert!(get(&app, DESK, &path, &cookie).await.rbac_error(403).contains("cancelled"));
    for query in ["", "?state=unknown&code=abc", "?state=a&state=b"] {
        get(&app, DESK, &format!("/rbac/api/auth/oauth/google/callback{query}"), "").await.rbac_error(400);
    }
    get(&app, DESK, "/rbac/api/auth/oauth/github", "").await.rbac_error(503);
    let (uri, cookie) = begin(&app, "google").await;
    let back = google.signs_in(&uri, &microsoft::person());
    google.is(microsoft::Mood::Broken);
    get(&app, DESK, &back, &cookie).await.rbac_error(502);
}
