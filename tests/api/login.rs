//! Signing in with a password, and the limits on trying.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use sqlx::postgres::PgConnectOptions;
use tokio::task::JoinSet;
use ttscm::app::Started;

use crate::helpers::app::{self, ADMIN_EMAIL, ADMIN_PASSWORD};
use crate::helpers::fixture::PASSWORD;
use crate::helpers::time::TestClock;
use crate::helpers::{Answer, TestApp, Value, json};

const LOGIN: &str = "/v1/auth/login";
const WRONG: &str = "not the right password";

/// Somebody with another login than their e-mail address; the address.
async fn db_jane(app: &TestApp) -> String {
    let email = app.db_user(&[]).await;
    sqlx::query("update users set login = 'jane.doe', name = 'Jane Doe' where email = $1")
        .bind(&email)
        .execute(app.pool())
        .await
        .unwrap();
    email
}

async fn with_email(app: &TestApp, email: &str, password: &str) -> Answer {
    app.nobody().post(LOGIN, &json!({"email": email, "password": password})).await
}

async fn with_login(app: &TestApp, login: &str, password: &str) -> Answer {
    app.nobody().post(LOGIN, &json!({"login": login, "password": password})).await
}

/// A sign-in that a proxy says to come from `client`.
async fn forwarded(app: &TestApp, client: &str, email: &str, password: &str) -> Answer {
    let body = json!({"email": email, "password": password});
    let request = app.nobody().request(reqwest::Method::POST, LOGIN).header("x-forwarded-for", client);
    request.json(&body).send().await
}

/// The refusal of an account or an address that has used up its failures; for how long.
#[track_caller]
fn locked_for(answer: &Answer) -> u64 {
    let expected = json!({
        "status": 429, "message": "Too many failed sign-ins, try again later", "error": "TooManyRequests",
        "successful": false
    });
    assert_eq!(answer.expect(429), expected);
    answer.header("retry-after").parse().unwrap()
}

/// A hundred failures, each at another account and from the address that `client` gives for its number.
async fn hundred_failures(app: &TestApp, client: impl Fn(usize) -> String) {
    for batch in 0..20 {
        let mut attempts = JoinSet::new();
        for number in batch * 5..batch * 5 + 5 {
            let request = app.nobody().request(reqwest::Method::POST, LOGIN);
            let body = json!({"email": format!("nobody{number}@example.com"), "password": WRONG});
            let request = request.header("x-forwarded-for", &client(number)).json(&body);
            attempts.spawn(async move { request.send().await.status });
        }
        assert_eq!(attempts.join_all().await, [401; 5]);
    }
}

#[tokio::test]
async fn a_person_signs_in_by_email_or_login_in_any_spelling() {
    let app = TestApp::start().await;
    let email = db_jane(&app).await;
    let shouted = format!("  {}\t", email.to_uppercase());
    for answer in [
        with_email(&app, &email, PASSWORD).await,
        with_email(&app, &shouted, PASSWORD).await,
        with_login(&app, "jane.doe", PASSWORD).await,
        with_login(&app, " Jane.DOE ", PASSWORD).await,
    ] {
        let mut body = answer.expect(200);
        let data = body["data"].take();
        assert_eq!(
            body,
            json!({"status": 200, "message": "Signed in successfully!", "data": null, "successful": true})
        );
        let names: Vec<_> = data.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, ["accessToken", "refreshToken", "user"]);
        let mut jane = app.nobody();
        jane.token = data["accessToken"].as_str().map(str::to_owned);
        assert_eq!(jane.get("/v1/user/@me").await.data(), data["user"]);
        let user = &data["user"];
        assert_eq!(
            json!([user["name"], user["email"], user["login"], user["image"], user["roles"]]),
            json!(["Jane Doe", email, "jane.doe", null, ["user"]])
        );
    }
}

#[tokio::test]
async fn one_name_and_a_password_of_bearable_length_must_be_given() {
    let app = TestApp::start().await;
    for body in [
        json!({"password": PASSWORD}),
        json!({"email": ADMIN_EMAIL, "login": ADMIN_EMAIL, "password": ADMIN_PASSWORD}),
    ] {
        let answer = app.nobody().post(LOGIN, &body).await;
        assert_eq!(answer.violations(), [(json!(["email"]), "Give either email or login".to_owned())]);
    }
    for (body, path, message) in [
        (json!({"email": ADMIN_EMAIL}), json!(["password"]), "Field is required"),
        (json!({"email": null, "password": WRONG}), json!(["email"]), "Must be a string"),
        (json!({"email": ADMIN_EMAIL, "password": WRONG, "otp": "1"}), json!(["otp"]), "Unknown field"),
        (
            json!({"email": ADMIN_EMAIL, "password": "x".repeat(1025)}),
            json!(["password"]),
            "Must be at most 1024 bytes",
        ),
        (
            json!({"email": ADMIN_EMAIL, "password": "é".repeat(513)}),
            json!(["password"]),
            "Must be at most 1024 bytes",
        ),
    ] {
        assert_eq!(app.nobody().post(LOGIN, &body).await.violations(), [(path, message.to_owned())]);
    }
    with_email(&app, ADMIN_EMAIL, &"x".repeat(1024)).await.expect(401);
}

#[tokio::test]
async fn no_answer_tells_a_wrong_password_an_unknown_name_and_a_disabled_account_apart() {
    let app = TestApp::start().await;
    let (known, disabled, other) = (app.db_user(&[]).await, app.db_user(&[]).await, app.db_user(&[]).await);
    app.db_disable(&disabled).await;
    app.db_disable(&other).await;
    let cases = [(&*known, WRONG), ("nobody@example.com", WRONG), (&disabled, WRONG), (&other, PASSWORD)];
    let mut times: [Vec<Duration>; 4] = Default::default();
    let mut answers = Vec::new();
    for _ in 0..7 {
        for ((name, password), times) in cases.iter().zip(&mut times) {
            let began = Instant::now();
            let mut answer = with_email(&app, name, password).await;
            times.push(began.elapsed());
            assert!(
                ["x-request-id", "date"].iter().all(|changing| answer.headers.remove(*changing).is_some())
            );
            answers.push((answer.status, answer.text, answer.headers));
        }
    }
    let (status, text, _) = &answers[0];
    let expected = r#"{"status":401,"message":"Wrong name or password","error":"InvalidCredentials","successful":false}"#;
    assert_eq!((*status, text.as_str()), (401, expected));
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    let medians = times.map(|mut times| {
        times.sort();
        times[times.len() / 2]
    });
    let (slowest, fastest) = (medians.iter().max().unwrap(), medians.iter().min().unwrap());
    assert!(*slowest < *fastest * 2, "{medians:?}");
}

#[tokio::test]
async fn ten_failures_lock_an_account_by_all_its_names_for_the_right_password_too() {
    let app = TestApp::start().await;
    let email = db_jane(&app).await;
    for attempt in 0..10 {
        match attempt % 4 {
            0 => with_email(&app, &email, WRONG).await.expect(401),
            1 => with_email(&app, &format!(" {} ", email.to_uppercase()), WRONG).await.expect(401),
            2 => with_login(&app, "jane.doe", WRONG).await.expect(401),
            _ => with_login(&app, "\tJANE.doe", WRONG).await.expect(401),
        };
    }
    for answer in [
        with_email(&app, &email, PASSWORD).await,
        with_email(&app, &email.to_uppercase(), PASSWORD).await,
        with_login(&app, "jane.doe", PASSWORD).await,
        with_login(&app, " Jane.Doe", WRONG).await,
    ] {
        assert!((700..=900).contains(&locked_for(&answer)));
    }
    with_email(&app, ADMIN_EMAIL, ADMIN_PASSWORD).await.expect(200);
}

#[tokio::test]
async fn names_that_nobody_has_are_locked_like_any_other() {
    let app = TestApp::start().await;
    for _ in 0..10 {
        with_email(&app, "nobody@example.com", WRONG).await.expect(401);
    }
    locked_for(&with_email(&app, " NOBODY@example.com", WRONG).await);
}

#[tokio::test]
async fn failures_count_for_fifteen_minutes() {
    let app = TestApp::start().await;
    let email = app.db_user(&[]).await;
    for _ in 0..2 {
        for _ in 0..5 {
            with_email(&app, &email, WRONG).await.expect(401);
        }
        app.clock.advance(TimeDelta::minutes(10));
    }
    // the first five have just left the window
    for _ in 0..5 {
        with_email(&app, &email, WRONG).await.expect(401);
    }
    let wait = locked_for(&with_email(&app, &email, PASSWORD).await);
    assert!((100..=300).contains(&wait), "the oldest of the ten leaves in about five minutes, not {wait} s");
    app.clock.advance(TimeDelta::seconds(i64::try_from(wait).unwrap()));
    with_email(&app, &email, PASSWORD).await.expect(200);
}

#[tokio::test]
async fn a_success_starts_the_count_anew() {
    let app = TestApp::start().await;
    let email = app.db_user(&[]).await;
    for _ in 0..2 {
        for _ in 0..9 {
            with_email(&app, &email, WRONG).await.expect(401);
        }
        with_email(&app, &email, PASSWORD).await.expect(200);
    }
}

#[tokio::test]
async fn attempts_at_the_same_moment_cannot_slip_through_together() {
    let app = TestApp::start().await;
    let email = app.db_user(&[]).await;
    let mut attempts = JoinSet::new();
    for _ in 0..30 {
        let (stranger, body) = (app.nobody(), json!({"email": email, "password": WRONG}));
        attempts.spawn(async move { stranger.post(LOGIN, &body).await.status });
    }
    let mut statuses = attempts.join_all().await;
    statuses.sort_unstable();
    assert_eq!(statuses, [[401; 10], [429; 10], [429; 10]].concat());
}

#[tokio::test]
async fn a_hundred_failures_lock_an_address_and_a_client_cannot_invent_others() {
    let app = TestApp::start().await;
    hundred_failures(&app, |number| format!("203.0.113.{number}")).await;
    let answer = forwarded(&app, "198.51.100.7", ADMIN_EMAIL, ADMIN_PASSWORD).await;
    assert!((600..=900).contains(&locked_for(&answer)));
    app.clock.advance(TimeDelta::minutes(15));
    with_email(&app, ADMIN_EMAIL, ADMIN_PASSWORD).await.expect(200);
}

#[tokio::test]
async fn behind_a_trusted_proxy_each_client_counts_alone() {
    let app = TestApp::start_with(&[("TRUSTED_PROXIES", "127.0.0.0/8")]).await;
    hundred_failures(&app, |number| format!("10.1.2.{number}, 203.0.113.9")).await;
    locked_for(&forwarded(&app, "203.0.113.9", ADMIN_EMAIL, ADMIN_PASSWORD).await);
    forwarded(&app, "203.0.113.10", ADMIN_EMAIL, ADMIN_PASSWORD).await.expect(200);
}

#[tokio::test]
async fn an_ipv6_network_of_64_bits_is_one_address() {
    let app = TestApp::start_with(&[("TRUSTED_PROXIES", "127.0.0.1")]).await;
    hundred_failures(&app, |number| format!("2001:db8:1:2:{number:x}::1")).await;
    locked_for(&forwarded(&app, "2001:db8:1:2:ffff:ffff:ffff:ffff", ADMIN_EMAIL, ADMIN_PASSWORD).await);
    forwarded(&app, "2001:db8:1:3::1", ADMIN_EMAIL, ADMIN_PASSWORD).await.expect(200);
}

#[tokio::test]
async fn the_first_administrator_is_not_made_with_a_password_that_nobody_may_have() {
    for (password, rule) in [
        ("nine char", "Must have at least 10 characters"),
        (&"x".repeat(1025), "Must be at most 1 KiB long"),
        ("boss@example.com", "Must not be the login or the e-mail address"),
    ] {
        let settings = [("ADMIN_EMAIL", "boss@example.com"), ("ADMIN_PASSWORD", password)];
        let config = app::config(PgConnectOptions::new().host("there.is.no.database.invalid"), &settings);
        let refused = Started::start(config, TestClock::new().shared()).await.err().unwrap();
        assert_eq!(refused.to_string(), format!("ADMIN_PASSWORD: {rule}"));
    }
}

#[tokio::test]
async fn sign_ins_and_refusals_are_on_record_but_not_what_was_typed() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let email = db_jane(&app).await;
    let (typed_name, typed_password) = ("my-very-own-passphrase", "a-password-nobody-may-read");
    let signed_in = with_email(&app, &email, PASSWORD).await;
    let jane = signed_in.data()["user"]["id"].clone();
    let refused = with_email(&app, &email, typed_password).await;
    let unknown = with_login(&app, typed_name, typed_password).await;

    let rows = admin.get("/v1/audit?action=session.create&limit=3").await.data();
    let row = |answer: &Answer, outcome: &str, actor: Value, session: &Value| {
        json!({
            "action": "session.create", "outcome": outcome, "actor": actor,
            "target": {"kind": "session", "id": session, "name": null}, "companyId": null, "fieldId": null,
            "address": "127.0.0.1", "requestId": answer.header("x-request-id")
        })
    };
    let known = json!({"id": jane, "name": "Jane Doe", "kind": "user"});
    let expected = [
        row(&unknown, "denied", json!({"id": null, "name": "unknown", "kind": "user"}), &Value::Null),
        row(&refused, "denied", known.clone(), &Value::Null),
        row(&signed_in, "success", known, &rows[2]["target"]["id"]),
    ];
    for (row, expected) in rows.as_array().unwrap().iter().zip(expected) {
        let mut row = row.as_object().unwrap().clone();
        assert!(row.remove("id").is_some() && row.remove("at").is_some());
        assert_eq!(Value::Object(row), expected);
    }
    assert!(rows[2]["target"]["id"].is_string());
    for typed in [typed_name, typed_password] {
        assert_eq!(app.db_tables_with(typed).await, Vec::<String>::new());
        assert_eq!(crate::helpers::log::lines_with(typed), Vec::<String>::new());
    }
}
