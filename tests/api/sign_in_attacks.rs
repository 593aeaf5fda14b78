//! Attacks on signing in, each of which fails closed.

use chrono::TimeDelta;

use crate::helpers::desktop::{
    Begun, DESK, ELSEWHERE, Page, Socket, assert_closing, assert_page, client_at, on, with_microsoft,
};
use crate::helpers::microsoft::{Forgery, Key, Microsoft, person, query};
use crate::helpers::request::Request;
use crate::helpers::time::TestClock;
use crate::helpers::{TestApp, cluster, json};

async fn waiting(app: &TestApp) -> (Begun, Socket) {
    let begun = app.begin().await;
    let mut socket = app.wait(&begun).await;
    socket.expect("auth.pending").await;
    (begun, socket)
}

async fn is_empty(app: &TestApp) {
    let sessions: i64 =
        sqlx::query_scalar("select count(*) from sessions").fetch_one(app.pool()).await.unwrap();
    assert_eq!(sessions, 0, "nobody is signed in");
}

#[tokio::test]
async fn who_begins_gets_nothing_where_somebody_else_finishes_without_the_number() {
    let (app, microsoft) = with_microsoft(&[]).await;
    let (attack, mut socket) = waiting(&app).await;
    // the victim is signed in at Microsoft, which asks nothing, and comes back in their own browser
    let back = microsoft.signs_in(&attack.uri, &person());
    let page = Page::of(&app.browse(ELSEWHERE, &back, &[]).await);
    is_empty(&app).await;
    // they close the window
    app.clock.advance(TimeDelta::minutes(10));
    socket.expect_last("auth.expired").await;
    assert_page(&app.answer_page(ELSEWHERE, &page, &attack.number).await, 400, "longer than");
    is_empty(&app).await;
}

#[tokio::test]
async fn the_victims_own_cookie_of_another_sign_in_does_not_help_the_attacker() {
    let (app, microsoft) = with_microsoft(&[]).await;
    let (attack, _socket) = waiting(&app).await;
    let own = app.begin().await;
    let back = microsoft.signs_in(&attack.uri, &person());
    Page::of(&app.browse(ELSEWHERE, &back, &[("cookie", &own.cookie)]).await);
    is_empty(&app).await;
}

#[tokio::test]
async fn a_program_in_the_victims_place_gets_no_tokens_either() {
    let (app, microsoft) = with_microsoft(&[]).await;
    let (attack, _socket) = waiting(&app).await;
    let back = microsoft.signs_in(&attack.uri, &person());
    let program = client_at(ELSEWHERE).get(format!("http://{}{back}", app.address));
    let refused = Request(program.header("accept", "application/json")).send().await.expect(403);
    assert_eq!(refused["error"], "InsufficientPermission");
    is_empty(&app).await;
}

#[tokio::test]
async fn a_code_and_a_state_are_good_once() {
    let (app, microsoft) = with_microsoft(&[]).await;
    let (begun, mut socket) = waiting(&app).await;
    let back = microsoft.signs_in(&begun.uri, &person());
    assert_closing(&app.come_back(&begun, &back).await);
    socket.expect_last("auth.tokens").await;
    assert_page(&app.come_back(&begun, &back).await, 400, "used already");
    assert_eq!(app.try_to_wait(&begun.key, DESK, &[]).await.err(), Some(409));

    let (other, mut socket) = waiting(&app).await;
    let replayed = back.replace(&begun.key, &other.key);
    assert_page(&app.come_back(&other, &replayed).await, 502, "did not answer as it should");
    socket.expect_last("auth.failed").await;
}

#[tokio::test]
async fn a_state_that_two_browsers_bring_at_once_is_good_for_one() {
    let (app, microsoft) = with_microsoft(&[]).await;
    let begun = app.begin().await;
    let back = microsoft.signs_in(&begun.uri, &person());
    let (one, two) = tokio::join!(app.come_back(&begun, &back), app.come_back(&begun, &back));
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 400]);
}

#[tokio::test]
async fn swapped_states_do_not_fit_the_codes() {
    let (app, microsoft) = with_microsoft(&[]).await;
    let (mine, mut my_socket) = waiting(&app).await;
    let (theirs, mut their_socket) = waiting(&app).await;
    let my_back = microsoft.signs_in(&mine.uri, &person());
    let their_back = microsoft.signs_in(&theirs.uri, &person());
    let swap = |path: &str, from: &Begun, to: &Begun| path.replace(&from.key, &to.key);
    assert_page(&app.come_back(&mine, &swap(&their_back, &theirs, &mine)).await, 502, "did not answer");
    assert_page(&app.come_back(&theirs, &swap(&my_back, &mine, &theirs)).await, 502, "did not answer");
    my_socket.expect_last("auth.failed").await;
    their_socket.expect_last("auth.failed").await;
    is_empty(&app).await;
}

#[tokio::test]
async fn a_key_has_one_socket_and_always_from_one_address() {
    let (app, microsoft) = with_microsoft(&[]).await;
    let (begun, socket) = waiting(&app).await;
    for from in [DESK, ELSEWHERE] {
        assert_eq!(app.try_to_wait(&begun.key, from, &[]).await.err(), Some(409));
    }
    socket.close().await;
    let mut socket = loop {
        assert_eq!(
            app.try_to_wait(&begun.key, ELSEWHERE, &[]).await.err(),
            Some(409),
            "from elsewhere, never"
        );
        // the server has to notice first that it is closed
        if let Ok(socket) = app.try_to_wait(&begun.key, DESK, &[]).await {
            break socket;
        }
    };
    socket.expect("auth.pending").await;
    app.come_back(&begun, &microsoft.signs_in(&begun.uri, &person())).await;
    socket.expect_last("auth.tokens").await;
}

#[tokio::test]
async fn an_expired_key_is_worth_nothing() {
    let (app, microsoft) = with_microsoft(&[]).await;
    let (begun, mut socket) = waiting(&app).await;
    let back = microsoft.signs_in(&begun.uri, &person());
    app.clock.advance(TimeDelta::minutes(10));
    socket.expect_last("auth.expired").await;
    assert_page(&app.come_back(&begun, &back).await, 400, "longer than 10 minutes");
    let late = app.begin().await;
    app.clock.advance(TimeDelta::minutes(11));
    let mut socket = app.wait(&late).await;
    socket.expect("auth.pending").await;
    socket.expect_last("auth.expired").await;
    is_empty(&app).await;
}

#[tokio::test]
async fn an_unknown_or_missing_key_opens_no_socket() {
    let (app, _) = with_microsoft(&[]).await;
    for (key, status) in [("unknown", 404), ("", 400)] {
        assert_eq!(app.try_to_wait(key, DESK, &[]).await.err(), Some(status), "{key}");
    }
    assert_eq!(app.nobody().get("/v1/auth/callback?callbackKey=abc").await.expect(426)["successful"], false);
}

#[tokio::test]
async fn id_tokens_that_are_forged_let_nobody_in() {
    let (app, microsoft) = with_microsoft(&[]).await;
    let forgeries = [
        Forgery::ForeignKey,
        Forgery::Expired,
        Forgery::Unsigned,
        Forgery::PublicKeyAsSecret,
        Forgery::ClientSecretAsSecret,
        Forgery::ForeignIssuer,
        Forgery::OtherAudience,
        Forgery::TwoAudiences,
        Forgery::OtherNonce,
        Forgery::NoNonce,
        Forgery::ChangedClaims,
        Forgery::Missing,
    ];
    for forgery in forgeries {
        microsoft.forges(forgery);
        let (begun, mut socket) = waiting(&app).await;
        let page = app.come_back(&begun, &microsoft.signs_in(&begun.uri, &person())).await;
        assert_eq!(page.status, 502, "{forgery:?}");
        socket.expect_last("auth.failed").await;
    }
    is_empty(&app).await;
    microsoft.forges(Forgery::Nothing);
    app.sign_in_with(&microsoft, &person()).await.get("/v1/user/@me").await.expect(200);
}

#[tokio::test]
async fn a_token_of_several_tenants_must_name_its_own() {
    let microsoft = Microsoft::of_organizations().await;
    let (database, clock) = (cluster::database().await, TestClock::new());
    let tenants = [("SIGN_IN_ALLOWED_TENANTS", crate::helpers::microsoft::TENANT)];
    let app = on(database, clock, &microsoft, &tenants).await;
    microsoft.forges(Forgery::ForeignIssuer);
    let begun = app.begin().await;
    let page = app.come_back(&begun, &microsoft.signs_in(&begun.uri, &person())).await;
    assert_page(&page, 502, "did not answer as it should");
    microsoft.forges(Forgery::Nothing);
    let mut nobody = person();
    nobody["tid"] = json!(null);
    let begun = app.begin().await;
    let page = app.come_back(&begun, &microsoft.signs_in(&begun.uri, &nobody)).await;
    assert_page(&page, 502, "did not answer as it should");
}

#[tokio::test]
async fn a_new_signing_key_is_fetched_at_once_and_not_too_often() {
    let (app, microsoft) = with_microsoft(&[]).await;
    app.sign_in_with(&microsoft, &person()).await;
    microsoft.has_keys(&[Key::Own, Key::Other]);
    app.sign_in_with(&microsoft, &person()).await.get("/v1/user/@me").await.expect(200);
    assert_eq!(microsoft.requests("/keys"), 2);
    microsoft.has_keys(&[Key::Own]);
    microsoft.forges(Forgery::Nothing);
    app.sign_in_with(&microsoft, &person()).await;
    assert_eq!(microsoft.requests("/keys"), 2, "known keys are not asked for again");
}

#[tokio::test]
async fn what_the_provider_says_of_an_error_is_not_shown() {
    let (app, _) = with_microsoft(&[]).await;
    let markup = "%3Cscript%3Ealert(1)%3C/script%3E";
    for (error, status, event) in
        [("access_denied", 403, "auth.denied"), ("server_error", 502, "auth.failed")]
    {
        let (begun, mut socket) = waiting(&app).await;
        let path = format!(
            "/v1/auth/redirect?state={}&error={error}&error_description={markup}Call+555-0100&error_uri={markup}",
            begun.key
        );
        let page = app.browse(ELSEWHERE, &path, &[]).await;
        assert_page(&page, status, "You are not signed in");
        assert!(!page.text.contains("alert") && !page.text.contains("555-0100"), "{}", page.text);
        let told = socket.expect_last(event).await.to_string();
        assert!(!told.contains("alert") && !told.contains("555-0100"), "{told}");
    }
    let odd = app.browse(ELSEWHERE, &format!("/v1/auth/redirect?state={markup}&error={markup}"), &[]).await;
    assert_page(&odd, 400, "does not belong to a sign-in");
    assert!(!odd.text.contains("alert"));
}

#[tokio::test]
async fn what_people_and_clients_call_themselves_is_text_on_the_page() {
    let (app, microsoft) = with_microsoft(&[]).await;
    let begun = app.begin_with("", &[("user-agent", "<img src=x onerror=alert(1)>")]).await;
    let mut jane = person();
    jane["name"] = json!("<script>alert(2)</script>\u{0}\"'");
    let page = app.browse(ELSEWHERE, &microsoft.signs_in(&begun.uri, &jane), &[]).await;
    assert_eq!(Page::of(&page).numbers.len(), 3);
    assert!(!page.text.contains("<img") && !page.text.contains("<script>alert"), "{}", page.text);
    assert!(page.text.contains("&lt;script&gt;alert(2)&lt;/script&gt;"), "{}", page.text);
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    assert!(!policy.contains("unsafe") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(policy.contains("form-action 'self'; base-uri 'none'"), "{policy}");
    assert_eq!(page.header("referrer-policy"), "no-referrer");
    assert_eq!(page.header("cache-control"), "no-store");
    assert_eq!(page.header("x-frame-options"), "DENY");
}

#[tokio::test]
async fn nothing_sends_the_browser_elsewhere() {
    let (app, microsoft) = with_microsoft(&[]).await;
    let evil = "https://evil.example.com";
    let more = format!("?redirect_uri={evil}&redirectUri={evil}&returnTo={evil}&next={evil}");
    let host = [("host", "evil.example.com"), ("x-forwarded-host", "evil.example.com")];
    let begun = app.begin_with(&more, &host).await;
    assert_eq!(query(&begun.uri)["redirect_uri"], "http://ttscm.test/v1/auth/redirect");
    assert!(!begun.uri.contains("evil"));
    let back = microsoft.signs_in(&begun.uri, &person());
    let page = app.come_back(&begun, &format!("{back}&redirect_uri={evil}&next={evil}")).await;
    assert_closing(&page);
    assert_eq!(page.header("location"), "");
    assert!(!page.text.contains("evil"));
}

#[tokio::test]
async fn an_answer_that_names_another_issuer_is_not_believed() {
    let (app, microsoft) = with_microsoft(&[]).await;
    let (begun, mut socket) = waiting(&app).await;
    let back = microsoft.signs_in(&begun.uri, &person());
    let page = app.come_back(&begun, &format!("{back}&iss=https%3A%2F%2Fevil.example.com")).await;
    assert_page(&page, 502, "did not answer as it should");
    socket.expect_last("auth.failed").await;
    let begun = app.begin().await;
    let back = microsoft.signs_in(&begun.uri, &person());
    let own: String = form_urlencoded::byte_serialize(microsoft.issuer().as_bytes()).collect();
    assert_closing(&app.come_back(&begun, &format!("{back}&iss={own}")).await);
}

#[tokio::test]
async fn parameters_that_are_missing_or_given_twice_change_nothing() {
    let (app, microsoft) = with_microsoft(&[]).await;
    let begun = app.begin().await;
    let back = microsoft.signs_in(&begun.uri, &person());
    let key = &begun.key;
    let bad = [
        "/v1/auth/redirect".to_owned(),
        "/v1/auth/redirect?code=abc".to_owned(),
        format!("/v1/auth/redirect?state={key}"),
        format!("{back}&state={key}"),
        format!("{back}&code=another"),
        format!("/v1/auth/redirect?code=a&state={}", "x".repeat(300)),
        "/v1/auth/redirect?code=a&state=%00".to_owned(),
        "/v1/auth/redirect?code=a&state=%ff".to_owned(),
    ];
    for path in bad {
        assert_page(&app.come_back(&begun, &path).await, 400, "You are not signed in");
    }
    assert_closing(&app.come_back(&begun, &back).await);
}

#[tokio::test]
async fn an_answer_that_is_not_from_the_page_is_refused_and_the_request_lives_on() {
    let (app, microsoft) = with_microsoft(&[]).await;
    let (begun, mut socket) = waiting(&app).await;
    let back = microsoft.signs_in(&begun.uri, &person());
    let page = Page::of(&app.browse(ELSEWHERE, &back, &[]).await);
    for token in ["", "forged", &page.id] {
        let forged = Page { token: token.to_owned(), ..page.clone() };
        let refused = app.answer_page(ELSEWHERE, &forged, &begun.number).await;
        assert_page(&refused, 403, "did not come from our page");
    }
    for id in ["", "none", &begun.key] {
        let forged = Page { id: id.to_owned(), ..page.clone() };
        assert_page(&app.answer_page(ELSEWHERE, &forged, &begun.number).await, 400, "does not belong");
    }
    let (other, _socket) = waiting(&app).await;
    let other_page = Page::of(&app.browse(ELSEWHERE, &microsoft.signs_in(&other.uri, &person()), &[]).await);
    let crossed = Page { token: other_page.token, ..page.clone() };
    assert_page(
        &app.answer_page(ELSEWHERE, &crossed, &begun.number).await,
        403,
        "did not come from our page",
    );
    assert_closing(&app.answer_page(ELSEWHERE, &page, &begun.number).await);
    socket.expect_last("auth.tokens").await;
}

#[tokio::test]
async fn pages_of_other_origins_open_no_socket() {
    let settings =
        [("CORS_ALLOWED_ORIGINS", "https://app.example.com"), ("PUBLIC_URL", "https://vault.example.com")];
    let (app, _) = with_microsoft(&settings).await;
    for origin in
        ["https://evil.example.com", "null", "https://app.example.com.evil.com", "http://app.example.com"]
    {
        let begun = app.begin().await;
        let refused = app.try_to_wait(&begun.key, DESK, &[("origin", origin)]).await;
        assert_eq!(refused.err(), Some(403), "{origin}");
    }
    for origin in ["https://app.example.com", "https://vault.example.com"] {
        let begun = app.begin().await;
        let mut socket = app.try_to_wait(&begun.key, DESK, &[("origin", origin)]).await.unwrap();
        socket.expect("auth.pending").await;
    }
}

#[tokio::test]
async fn a_forwarded_address_from_an_untrusted_peer_helps_nobody() {
    let settings = [("SIGN_IN_CONFIRM", "address"), ("TRUSTED_PROXIES", "10.0.0.0/8")];
    let (app, microsoft) = with_microsoft(&settings).await;
    let (attack, _socket) = waiting(&app).await;
    let back = microsoft.signs_in(&attack.uri, &person());
    // the victim's browser is made to say that it is where the attacker is
    Page::of(&app.browse(ELSEWHERE, &back, &[("x-forwarded-for", "127.0.0.1")]).await);
    // and the attacker says that they are where the victim is
    let attack = app.begin_with("", &[("x-forwarded-for", "127.0.0.2")]).await;
    Page::of(&app.browse(ELSEWHERE, &microsoft.signs_in(&attack.uri, &person()), &[]).await);
    is_empty(&app).await;
}
