//! Sessions: how refresh tokens rotate, what ends a session, and how long things last.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use reqwest::Method;
use tokio::task::JoinSet;

use crate::helpers::fixture::PASSWORD;
use crate::helpers::{Actor, Answer, TestApp, Value, actor, json};

const ME: &str = "/v1/user/@me";

/// Shows a refresh token.
async fn refresh_with(app: &TestApp, token: &str) -> Answer {
    app.nobody().request(Method::POST, "/v1/auth/refresh").header("x-refresh-token", token).send().await
}

/// Spends an actor's refresh token; the same actor with the new pair.
async fn refreshed(app: &TestApp, actor: &Actor) -> Actor {
    let answer = refresh_with(app, actor.refresh_token.as_ref().unwrap()).await;
    with_pair(actor, &answer.expect(201)["data"])
}

fn with_pair(actor: &Actor, pair: &Value) -> Actor {
    let mut actor = actor.clone();
    actor.token = pair["accessToken"].as_str().map(str::to_owned);
    actor.refresh_token = pair["refreshToken"].as_str().map(str::to_owned);
    actor
}

/// The session that an actor's access token names.
fn session_of(actor: &Actor) -> Value {
    let claims = actor.token.as_ref().unwrap().split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    claims["sid"].clone()
}

#[track_caller]
fn refused(answer: &Answer) {
    assert_eq!(answer.expect(401), json!({"status": 401, "message": "Unauthorized", "successful": false}));
}

/// Neither of an actor's tokens is good any more.
async fn is_out(app: &TestApp, actor: &Actor) {
    refused(&actor.get(ME).await);
    refused(&refresh_with(app, actor.refresh_token.as_ref().unwrap()).await);
}

#[tokio::test]
async fn a_refresh_gives_a_new_pair_of_the_same_session() {
    let app = TestApp::start().await;
    let first = app.holder_of(&[]).await;
    let answer = refresh_with(&app, first.refresh_token.as_ref().unwrap()).await.expect(201);
    assert_eq!(answer["message"], "Token refreshed successfully!");
    assert_eq!(
        answer["data"].as_object().unwrap().keys().collect::<Vec<_>>(),
        ["accessToken", "refreshToken"]
    );
    let second = with_pair(&first, &answer["data"]);
    assert_ne!(first.refresh_token, second.refresh_token);
    assert_eq!(session_of(&first), session_of(&second));
    assert_eq!(second.get(ME).await.data()["id"], json!(first.id));
    refreshed(&app, &second).await.get(ME).await.expect(200);
}

#[tokio::test]
async fn a_refresh_needs_a_refresh_token() {
    let app = TestApp::start().await;
    let somebody = app.holder_of(&[]).await;
    refused(&app.nobody().post("/v1/auth/refresh", &json!({})).await);
    refused(&somebody.post("/v1/auth/refresh", &json!({})).await);
    for garbage in ["", "x", "null", &"A".repeat(43), &"A".repeat(10_000), somebody.token.as_ref().unwrap()] {
        refused(&refresh_with(&app, garbage).await);
    }
}

#[tokio::test]
async fn a_thief_who_refreshes_first_is_thrown_out_when_the_owner_comes() {
    let app = TestApp::start().await;
    let owner = app.holder_of(&[]).await;
    let thief = refreshed(&app, &owner).await;
    app.clock.advance(TimeDelta::seconds(11));
    thief.get(ME).await.expect(200);
    refused(&refresh_with(&app, owner.refresh_token.as_ref().unwrap()).await);
    is_out(&app, &thief).await;
    is_out(&app, &owner).await;
}

#[tokio::test]
async fn a_thief_who_comes_after_the_owner_ends_the_session_and_is_on_record() {
    let app = TestApp::start().await;
    let (admin, stolen) = (app.admin().await, app.holder_of(&[]).await);
    let owner = refreshed(&app, &refreshed(&app, &stolen).await).await;
    app.clock.advance(TimeDelta::seconds(11));
    owner.get(ME).await.expect(200);
    let answer = refresh_with(&app, stolen.refresh_token.as_ref().unwrap()).await;
    refused(&answer);
    is_out(&app, &owner).await;
    let rows = admin.get("/v1/audit?action=session.reuse").await.data();
    let row = &rows[0];
    assert_eq!(rows.as_array().unwrap().len(), 1, "the tokens that died with it are no reuse");
    assert_eq!(
        json!([row["outcome"], row["actor"]["id"], row["target"], row["address"], row["requestId"]]),
        json!([
            "denied",
            owner.id,
            {"kind": "session", "id": session_of(&owner), "name": null},
            "127.0.0.1",
            answer.header("x-request-id")
        ])
    );
}

#[tokio::test]
async fn a_reuse_leaves_other_sessions_alone() {
    let app = TestApp::start().await;
    let email = app.db_user(&[]).await;
    let (phone, laptop) =
        (actor::sign_in(&app, &email, PASSWORD).await, actor::sign_in(&app, &email, PASSWORD).await);
    refreshed(&app, &phone).await;
    app.clock.advance(TimeDelta::seconds(11));
    refused(&refresh_with(&app, phone.refresh_token.as_ref().unwrap()).await);
    laptop.get(ME).await.expect(200);
    refreshed(&app, &laptop).await;
}

#[tokio::test]
async fn within_ten_seconds_every_parallel_refresh_gets_a_working_pair() {
    let app = TestApp::start().await;
    let somebody = app.holder_of(&[]).await;
    let mut refreshes = JoinSet::new();
    for _ in 0..20 {
        let request = app.nobody().request(Method::POST, "/v1/auth/refresh");
        let request = request.header("x-refresh-token", somebody.refresh_token.as_ref().unwrap());
        refreshes.spawn(request.send());
    }
    let pairs = refreshes.join_all().await;
    let windows: Vec<_> = pairs.iter().map(|pair| with_pair(&somebody, &pair.expect(201)["data"])).collect();
    for window in &windows {
        assert_eq!(session_of(window), session_of(&somebody));
        window.get(ME).await.expect(200);
        refreshed(&app, window).await.get(ME).await.expect(200);
    }
    somebody.get(ME).await.expect(200);
}

#[tokio::test]
async fn a_spent_token_answers_for_ten_seconds() {
    let app = TestApp::start().await;
    let somebody = app.holder_of(&[]).await;
    refreshed(&app, &somebody).await;
    app.clock.advance(TimeDelta::seconds(5));
    refreshed(&app, &somebody).await;
    // the second use has not begun another ten
    app.clock.advance(TimeDelta::seconds(6));
    refused(&refresh_with(&app, somebody.refresh_token.as_ref().unwrap()).await);
}

#[tokio::test]
async fn a_token_two_generations_old_is_reuse_however_young() {
    let app = TestApp::start().await;
    let first = app.holder_of(&[]).await;
    let third = refreshed(&app, &refreshed(&app, &first).await).await;
    refused(&refresh_with(&app, first.refresh_token.as_ref().unwrap()).await);
    is_out(&app, &third).await;
}

#[tokio::test]
async fn signing_out_ends_the_session_at_once() {
    let app = TestApp::start().await;
    let email = app.db_user(&[]).await;
    let (here, there) =
        (actor::sign_in(&app, &email, PASSWORD).await, actor::sign_in(&app, &email, PASSWORD).await);
    let newer = refreshed(&app, &here).await;
    assert_eq!(
        here.post("/v1/auth/logout", &json!({})).await.expect(200),
        json!({"status": 200, "message": "Signed out successfully!", "data": null, "successful": true})
    );
    is_out(&app, &here).await;
    is_out(&app, &newer).await;
    refused(&here.post("/v1/auth/logout", &json!({})).await);
    there.get(ME).await.expect(200);
    let ended = app.admin().await.get("/v1/audit?action=session.end").await.data();
    assert_eq!(
        json!([ended.as_array().unwrap().len(), ended[0]["outcome"], ended[0]["target"]["id"]]),
        json!([1, "success", session_of(&here)])
    );
}

#[tokio::test]
async fn an_access_token_is_good_for_fifteen_minutes() {
    let app = TestApp::start().await;
    let somebody = app.holder_of(&[]).await;
    app.clock.advance(TimeDelta::minutes(14));
    somebody.get(ME).await.expect(200);
    app.clock.advance(TimeDelta::minutes(1));
    refused(&somebody.get(ME).await);
    refreshed(&app, &somebody).await.get(ME).await.expect(200);
}

#[tokio::test]
async fn a_refresh_token_is_good_for_thirty_days() {
    let app = TestApp::start().await;
    let somebody = app.holder_of(&[]).await;
    app.clock.advance(TimeDelta::days(30) - TimeDelta::minutes(5));
    let later = refreshed(&app, &somebody).await;
    app.clock.advance(TimeDelta::days(30));
    is_out(&app, &later).await;
}

#[tokio::test]
async fn a_session_lasts_ninety_days_however_often_it_is_refreshed() {
    let app = TestApp::start().await;
    let mut somebody = app.holder_of(&[]).await;
    for _ in 0..3 {
        app.clock.advance(TimeDelta::days(29));
        somebody = refreshed(&app, &somebody).await;
    }
    app.clock.advance(TimeDelta::days(3) - TimeDelta::minutes(5));
    somebody = refreshed(&app, &somebody).await;
    somebody.get(ME).await.expect(200);
    app.clock.advance(TimeDelta::minutes(5));
    is_out(&app, &somebody).await;
}

#[tokio::test]
async fn a_disabled_account_is_refused_at_once() {
    let app = TestApp::start().await;
    let email = app.db_user(&[]).await;
    let somebody = actor::sign_in(&app, &email, PASSWORD).await;
    app.db_disable(&email).await;
    is_out(&app, &somebody).await;
}

#[tokio::test]
async fn what_a_role_grants_counts_at_the_next_request() {
    let app = TestApp::start().await;
    let email = app.db_user(&["user.read"]).await;
    let somebody = actor::sign_in(&app, &email, PASSWORD).await;
    somebody.patch(ME, &json!({"name": "Somebody"})).await.expect(200);
    app.db_strip(&email).await;
    somebody.patch(ME, &json!({"name": "Nobody"})).await.expect(403);
    assert_eq!(somebody.get(ME).await.data()["name"], "Somebody");
}
