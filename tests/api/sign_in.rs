//! Signing in with Microsoft: what the client, the browser and the person see.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use sha2::{Digest, Sha256};

use crate::helpers::desktop::{
    DESK, ELSEWHERE, Page, assert_closing, assert_page, on, start, with_microsoft,
};
use crate::helpers::log::lines_with;
use crate::helpers::microsoft::{self, CLIENT_ID, Microsoft, person};
use crate::helpers::time::TestClock;
use crate::helpers::{Value, cluster, json};

#[tokio::test]
async fn a_client_gets_an_address_a_key_and_a_number() {
    let (app, microsoft) = with_microsoft(&[]).await;
    let answer = app.nobody().get("/v1/auth/uri").await;
    let body = answer.expect(200);
    assert_eq!(body["message"], "Successfully fetch Auth URI");
    let uri = body["data"]["uri"].as_str().unwrap();
    assert!(uri.starts_with(&format!("{}/authorize?", microsoft.issuer())), "{uri}");
    let asked = microsoft::query(uri);
    let given = |name: &str| asked[name].as_str();
    assert_eq!((given("client_id"), given("response_type")), (CLIENT_ID, "code"));
    assert_eq!(given("redirect_uri"), "http://ttscm.test/v1/auth/redirect");
    assert_eq!((given("scope"), given("code_challenge_method")), ("openid profile email User.Read", "S256"));
    assert_eq!(body["data"]["callbackKey"], given("state"));
    assert!(URL_SAFE_NO_PAD.decode(given("state")).unwrap().len() >= 32, "256 bits");
    let number: u8 = body["data"]["matchCode"].as_str().unwrap().parse().unwrap();
    assert!((10..100).contains(&number));
}

#[tokio::test]
async fn the_cookie_is_for_this_sign_in_and_no_script() {
    let (app, _) = with_microsoft(&[]).await;
    let cookie = app.nobody().get("/v1/auth/uri").await.header("set-cookie").to_owned();
    assert!(cookie.starts_with("ttscm-sign-in-"), "{cookie}");
    assert!(cookie.ends_with("; HttpOnly; SameSite=Lax; Path=/; Max-Age=600"), "{cookie}");
    let (safe, _) = with_microsoft(&[("PUBLIC_URL", "https://vault.example.com")]).await;
    let cookie = safe.nobody().get("/v1/auth/uri").await.header("set-cookie").to_owned();
    assert!(cookie.starts_with("__Host-ttscm-sign-in-"), "{cookie}");
    assert!(cookie.ends_with("; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=600"), "{cookie}");
}

#[tokio::test]
async fn the_browser_that_began_closes_at_once_and_the_socket_gets_tokens_that_work() {
    let (app, microsoft) = with_microsoft(&[]).await;
    let jane = person();
    let signed_in = app.sign_in_with(&microsoft, &jane).await;
    let me = signed_in.get("/v1/user/@me").await.data();
    assert_eq!(me["name"], jane["name"]);
    assert_eq!(me["email"], jane["email"]);
    assert_eq!(me["login"], jane["preferred_username"].as_str().unwrap().to_lowercase());
    assert_eq!(me["roles"], json!(["user"]));
    let again = app.sign_in_with(&microsoft, &jane).await;
    assert_eq!(again.get("/v1/user/@me").await.data()["id"], me["id"]);
    let refreshed = app.nobody().request(reqwest::Method::POST, "/v1/auth/refresh");
    refreshed.header("x-refresh-token", again.refresh_token.as_deref().unwrap()).send().await.expect(201);
}

#[tokio::test]
async fn another_browser_is_asked_and_the_right_number_lets_the_client_in() {
    let (app, microsoft) = with_microsoft(&[]).await;
    let begun = app.begin().await;
    let mut socket = app.wait(&begun).await;
    socket.expect("auth.pending").await;
    let jane = person();
    let asked = app.browse(ELSEWHERE, &microsoft.signs_in(&begun.uri, &jane), &[]).await;
    for said in ["Which number does the app show?", "“Desk”", "127.0.0.1", "just now", "Microsoft"] {
        assert!(asked.text.contains(said), "{said}: {}", asked.text);
    }
    assert!(asked.text.contains(jane["name"].as_str().unwrap()));
    assert!(!asked.text.contains(&begun.key), "the key is the client's");
    let page = Page::of(&asked);
    let mut numbers = page.numbers.clone();
    numbers.sort();
    numbers.dedup();
    assert_eq!(numbers.len(), 3, "{numbers:?}");
    assert!(numbers.contains(&begun.number));
    assert_eq!(sessions(&app).await, 0, "no tokens before the answer");
    assert_closing(&app.answer_page(ELSEWHERE, &page, &begun.number).await);
    let data = socket.expect_last("auth.tokens").await["data"].clone();
    let me = app.holder_of_tokens(&data).get("/v1/user/@me").await.data();
    assert_eq!(me["name"], jane["name"]);
}

async fn sessions(app: &crate::helpers::TestApp) -> i64 {
    sqlx::query_scalar("select count(*) from sessions").fetch_one(app.pool()).await.unwrap()
}

#[tokio::test]
async fn the_wrong_number_and_not_me_end_the_sign_in() {
    let (app, microsoft) = with_microsoft(&[]).await;
    for choice in ["wrong", "none", ""] {
        let begun = app.begin().await;
        let mut socket = app.wait(&begun).await;
        socket.expect("auth.pending").await;
        let back = microsoft.signs_in(&begun.uri, &person());
        let page = Page::of(&app.browse(ELSEWHERE, &back, &[]).await);
        let wrong = page.numbers.iter().find(|number| **number != begun.number).unwrap();
        let number = if choice == "wrong" { wrong } else { choice };
        let says = if choice == "none" { "did not begin" } else { "not the number" };
        assert_page(&app.answer_page(ELSEWHERE, &page, number).await, 403, says);
        socket.expect_last("auth.denied").await;
        let late = app.answer_page(ELSEWHERE, &page, &begun.number).await;
        assert_page(&late, 400, "used already");
    }
    assert_eq!(sessions(&app).await, 0);
}

#[tokio::test]
async fn tokens_wait_for_sixty_seconds_where_the_browser_is_first() {
    let (app, microsoft) = with_microsoft(&[]).await;
    let begun = app.begin().await;
    assert_closing(&app.come_back(&begun, &microsoft.signs_in(&begun.uri, &person())).await);
    app.clock.advance(TimeDelta::seconds(59));
    assert_eq!(sessions(&app).await, 0, "they are made when they are taken");
    let mut socket = app.wait(&begun).await;
    socket.expect("auth.pending").await;
    socket.expect_last("auth.tokens").await;
    assert_eq!(app.try_to_wait(&begun.key, DESK, &[]).await.err(), Some(409), "they are taken once");

    let late = app.begin().await;
    assert_closing(&app.come_back(&late, &microsoft.signs_in(&late.uri, &person())).await);
    app.clock.advance(TimeDelta::seconds(61));
    let mut socket = app.wait(&late).await;
    socket.expect("auth.pending").await;
    socket.expect_last("auth.expired").await;
    assert_eq!(sessions(&app).await, 1);
}

#[tokio::test]
async fn the_browser_that_began_can_have_the_tokens_itself() {
    let (app, microsoft) = with_microsoft(&[]).await;
    let begun = app.begin().await;
    let mut socket = app.wait(&begun).await;
    socket.expect("auth.pending").await;
    let back = microsoft.signs_in(&begun.uri, &person());
    let body = app.come_back_for_tokens(&begun, &back).await.expect(200);
    assert_eq!(body["message"], "Signed in successfully!");
    app.holder_of_tokens(&body["data"]).get("/v1/user/@me").await.expect(200);
    socket.expect_last("auth.completed").await;
    let again = app.come_back_for_tokens(&begun, &back).await.violations();
    assert_eq!(again, [(json!(["state"]), "Has been used".to_owned())]);
}

#[tokio::test]
async fn a_bound_client_shows_its_verifier_first() {
    let (app, microsoft) = with_microsoft(&[]).await;
    let verifier = "a-verifier-of-at-least-forty-three-characters-0123456789";
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier));
    let bound = format!("?codeChallenge={challenge}");
    let begun = app.begin_with(&bound, &[]).await;
    let back = microsoft.signs_in(&begun.uri, &person());
    app.come_back_for_tokens(&begun, &back).await.expect(403);
    assert_closing(&app.come_back(&begun, &back).await);
    let mut socket = app.wait(&begun).await;
    socket.expect("auth.verify").await;
    socket.say(&json!({"codeVerifier": verifier}).to_string()).await;
    socket.expect("auth.pending").await;
    socket.expect_last("auth.tokens").await;

    for wrong in [json!({"codeVerifier": "another"}).to_string(), "{}".to_owned(), "no JSON".to_owned()] {
        let begun = app.begin_with(&bound, &[]).await;
        let mut socket = app.wait(&begun).await;
        socket.expect("auth.verify").await;
        socket.say(&wrong).await;
        socket.expect_last("auth.failed").await;
        let back = microsoft.signs_in(&begun.uri, &person());
        assert_page(&app.come_back(&begun, &back).await, 400, "used already");
    }
    let malformed = app.nobody().get("/v1/auth/uri?codeChallenge=short").await.violations();
    assert_eq!(malformed[0].0, json!(["codeChallenge"]));
}

#[tokio::test]
async fn the_socket_and_the_browser_may_be_at_different_servers() {
    let (database, clock, microsoft) =
        (cluster::database().await, TestClock::new(), Microsoft::start().await);
    let here = on(database.clone(), clock.clone(), &microsoft, &[]).await;
    let there = on(database, clock, &microsoft, &[]).await;
    let jane = person();
    for (waits, comes) in [(&here, &there), (&there, &here)] {
        let begun = here.begin().await;
        let mut socket = waits.wait(&begun).await;
        socket.expect("auth.pending").await;
        assert_closing(&comes.come_back(&begun, &microsoft.signs_in(&begun.uri, &jane)).await);
        let data = socket.expect_last("auth.tokens").await["data"].clone();
        comes.holder_of_tokens(&data).get("/v1/user/@me").await.expect(200);
        let (begun, other) = (comes.begin().await, waits);
        let page = Page::of(&other.browse(ELSEWHERE, &microsoft.signs_in(&begun.uri, &jane), &[]).await);
        let mut socket = here.wait(&begun).await;
        socket.expect("auth.pending").await;
        assert_eq!(there.try_to_wait(&begun.key, DESK, &[]).await.err(), Some(409), "one socket, anywhere");
        assert_closing(&there.answer_page(ELSEWHERE, &page, &begun.number).await);
        socket.expect_last("auth.tokens").await;
    }
}

#[tokio::test]
async fn on_the_servers_own_machine_nobody_is_asked() {
    let (app, microsoft) = with_microsoft(&[("PUBLIC_URL", "http://127.0.0.1:3000")]).await;
    let begun = app.begin().await;
    assert_closing(&app.browse(DESK, &microsoft.signs_in(&begun.uri, &person()), &[]).await);
    let begun = app.begin().await;
    Page::of(&app.browse(ELSEWHERE, &microsoft.signs_in(&begun.uri, &person()), &[]).await);
    for mark in ["x-forwarded-for", "forwarded", "via", "x-real-ip"] {
        let begun = app.begin().await;
        let path = microsoft.signs_in(&begun.uri, &person());
        Page::of(&app.browse(DESK, &path, &[(mark, "127.0.0.1")]).await);
        let begun = app.begin_with("", &[(mark, "127.0.0.1")]).await;
        Page::of(&app.browse(DESK, &microsoft.signs_in(&begun.uri, &person()), &[]).await);
    }
    let (public, microsoft) = with_microsoft(&[("PUBLIC_URL", "https://vault.example.com")]).await;
    let begun = public.begin().await;
    let asked = public.browse(DESK, &microsoft.signs_in(&begun.uri, &person()), &[]).await;
    assert_eq!(Page::of(&asked).numbers.len(), 3, "whoever comes from here came through something");
}

#[tokio::test]
async fn a_common_address_counts_where_the_settings_say_so() {
    let trusting = [("SIGN_IN_CONFIRM", "address"), ("TRUSTED_PROXIES", "127.0.0.1")];
    let (app, microsoft) = with_microsoft(&trusting).await;
    let at = |address| [("x-forwarded-for", address)];
    let begun = app.begin_with("", &at("203.0.113.9")).await;
    let same = app.browse(DESK, &microsoft.signs_in(&begun.uri, &person()), &at("203.0.113.9")).await;
    assert_closing(&same);
    let begun = app.begin_with("", &at("203.0.113.9")).await;
    let other = app.browse(DESK, &microsoft.signs_in(&begun.uri, &person()), &at("203.0.113.10")).await;
    assert!(Page::of(&other).numbers.contains(&begun.number));
    // the proxy that says nothing, and the one that nobody trusts
    let begun = app.begin().await;
    Page::of(&app.browse(DESK, &microsoft.signs_in(&begun.uri, &person()), &[]).await);
    let begun = app.begin_with("", &at("127.0.0.2")).await;
    let lied = app.browse(ELSEWHERE, &microsoft.signs_in(&begun.uri, &person()), &at("203.0.113.9")).await;
    Page::of(&lied);
    let (strict, microsoft) = with_microsoft(&[("TRUSTED_PROXIES", "127.0.0.1")]).await;
    let begun = strict.begin_with("", &at("203.0.113.9")).await;
    let same = strict.browse(DESK, &microsoft.signs_in(&begun.uri, &person()), &at("203.0.113.9")).await;
    Page::of(&same);
}

#[tokio::test]
async fn sessions_are_those_of_the_clients_that_began_and_can_be_ended() {
    let (app, microsoft) = with_microsoft(&[]).await;
    let jane = person();
    let (first, second) =
        (app.sign_in_with(&microsoft, &jane).await, app.sign_in_with(&microsoft, &jane).await);
    let body = second.get("/v1/auth/sessions").await.expect(200);
    assert_eq!(body["message"], "Sessions Fetched Successfully!");
    let listed = body["data"].as_array().unwrap().clone();
    let of = |index: usize, name: &str| listed[index][name].clone();
    assert_eq!((listed.len(), of(0, "current"), of(1, "current")), (2, json!(true), json!(false)));
    assert_eq!((of(0, "address"), of(0, "userAgent")), (json!("127.0.0.1"), json!("Desk/1.0")));
    assert!(of(0, "createdAt").is_string() && of(0, "lastUsedAt").is_string());

    let path = format!("/v1/auth/sessions/{}", of(1, "id").as_str().unwrap());
    let stranger = app.sign_in_with(&microsoft, &person()).await;
    assert_eq!(stranger.delete(&path).await.expect(404)["error"], "SessionNotFound");
    assert_eq!(second.delete(&path).await.expect(200)["message"], "Session Ended Successfully!");
    first.get("/v1/user/@me").await.expect(401);
    second.delete(&path).await.expect(404);
    second.delete("/v1/auth/sessions/none").await.expect(404);
    assert_eq!(second.get("/v1/auth/sessions").await.data().as_array().unwrap().len(), 1);
    let own = format!("/v1/auth/sessions/{}", of(0, "id").as_str().unwrap());
    second.delete(&own).await.expect(200);
    second.get("/v1/auth/sessions").await.expect(401);
}

#[tokio::test]
async fn keys_codes_and_tokens_are_nowhere_in_clear() {
    let (app, microsoft) = with_microsoft(&[]).await;
    let begun = app.begin().await;
    let mut socket = app.wait(&begun).await;
    socket.expect("auth.pending").await;
    let back = microsoft.signs_in(&begun.uri, &person());
    let page = Page::of(&app.browse(ELSEWHERE, &back, &[]).await);
    let asked = microsoft::query(&begun.uri);
    let nonce = asked["nonce"].clone();
    let code = back.split("code=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    let mut secrets = vec![begun.key.clone(), nonce, code, page.token.clone(), begun.cookie.clone()];
    secrets.push(begun.cookie.split('=').nth(1).unwrap().to_owned());
    secrets.push(microsoft::ACCESS_TOKEN.to_owned());
    secrets.push(microsoft::CLIENT_SECRET.to_owned());
    app.answer_page(ELSEWHERE, &page, &begun.number).await;
    let data = socket.expect_last("auth.tokens").await["data"].clone();
    secrets.extend(["accessToken", "refreshToken"].map(|name| data[name].as_str().unwrap().to_owned()));
    for secret in &secrets {
        assert_eq!(app.db_tables_with(secret).await, Vec::<String>::new(), "{secret}");
        assert_eq!(lines_with(secret), Vec::<String>::new(), "{secret}");
    }
}

#[tokio::test]
async fn cookies_are_for_the_beginning_of_a_sign_in_only() {
    let (app, _) = with_microsoft(&[("CORS_ALLOWED_ORIGINS", "https://app.example.com")]).await;
    let from = |path: &'static str, origin: &'static str| {
        app.nobody().request(reqwest::Method::GET, path).header("origin", origin).send()
    };
    let begun = from("/v1/auth/uri", "https://app.example.com").await;
    assert_eq!(begun.header("access-control-allow-credentials"), "true");
    assert_eq!(begun.header("access-control-allow-origin"), "https://app.example.com");
    let elsewhere = from("/v1/teapot", "https://app.example.com").await;
    assert_eq!(elsewhere.header("access-control-allow-credentials"), "");
    let foreign = from("/v1/auth/uri", "https://evil.example.com").await;
    assert_eq!(foreign.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn the_audit_record_says_who_came_in_from_where() {
    let (app, microsoft) = with_microsoft(&[]).await;
    let jane = person();
    let signed_in = app.sign_in_with(&microsoft, &jane).await;
    let id = signed_in.get("/v1/user/@me").await.data()["id"].clone();
    let admin = app.admin().await;
    let events = admin.get(&format!("/v1/audit?user={}", id.as_str().unwrap())).await.data();
    let event = &events[0];
    assert_eq!((&event["action"], &event["outcome"]), (&json!("session.create"), &json!("success")));
    assert_eq!((&event["actor"]["name"], &event["address"]), (&jane["name"], &json!("127.0.0.1")));
    let made: Value = admin.get("/v1/audit?action=user.create").await.data();
    assert!(made.as_array().unwrap().iter().any(|event| event["target"]["id"] == id));
}

#[tokio::test]
async fn several_tenants_sign_in_where_they_are_listed() {
    let microsoft = Microsoft::of_organizations().await;
    let listed = format!("{},dddddddd-0000-4000-8000-000000000004", microsoft::TENANT);
    let app = start(&microsoft, &[("SIGN_IN_ALLOWED_TENANTS", &listed)]).await;
    app.sign_in_with(&microsoft, &person()).await.get("/v1/user/@me").await.expect(200);
    let mut foreign = person();
    foreign["tid"] = json!(microsoft::OTHER_TENANT);
    let begun = app.begin().await;
    let back = microsoft.signs_in(&begun.uri, &foreign);
    assert_page(&app.come_back(&begun, &back).await, 403, "organization may not");
}
