//! Access tokens: what one must be, and every other thing that is none.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reqwest::Method;

use crate::helpers::fixture::{PASSWORD, hexadecimal};
use crate::helpers::time::TestClock;
use crate::helpers::{Actor, Answer, TestApp, Value, actor, json};

const ME: &str = "/v1/user/@me";

/// The key of every test's server.
const SECRET: &[u8] = b"the token secret of all the test";

fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// A token with these claims and this type, signed with `secret`.
fn signed(algorithm: Algorithm, typ: Option<&str>, claims: &Value, secret: &[u8]) -> String {
    let header = Header { typ: typ.map(str::to_owned), ..Header::new(algorithm) };
    encode(&header, claims, &EncodingKey::from_secret(secret)).unwrap()
}

/// A token that is right in all but its claims.
fn forged(claims: &Value) -> String {
    signed(Algorithm::HS256, Some("at+jwt"), claims, SECRET)
}

async fn with_header(app: &TestApp, value: &str) -> Answer {
    app.nobody().request(Method::GET, ME).header("authorization", value).send().await
}

async fn is_refused(app: &TestApp, header: &str) {
    let answer = with_header(app, header).await;
    let expected = json!({"status": 401, "message": "Unauthorized", "successful": false});
    assert_eq!(answer.expect(401), expected, "{header}");
}

/// The same claims but for one.
fn with(claims: &Value, name: &str, value: Value) -> Value {
    let mut claims = claims.clone();
    claims[name] = value;
    claims
}

async fn somebody(app: &TestApp) -> (Actor, Value) {
    let actor = app.holder_of(&[]).await;
    let claims = part(actor.token.as_ref().unwrap(), 1);
    (actor, claims)
}

#[tokio::test]
async fn a_token_says_who_for_what_and_how_long() {
    let app = TestApp::start().await;
    let (actor, claims) = somebody(&app).await;
    assert_eq!(part(actor.token.as_ref().unwrap(), 0), json!({"typ": "at+jwt", "alg": "HS256"}));
    let names: Vec<_> = claims.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["iss", "aud", "exp", "iat", "sub", "sid"]);
    assert_eq!(
        json!([claims["iss"], claims["aud"], claims["sub"]]),
        json!(["http://ttscm.test", "ttscm", actor.id])
    );
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 15 * 60);
    // what the forgeries below start from is good
    with_header(&app, &format!("Bearer {}", forged(&claims))).await.expect(200);
}

#[tokio::test]
async fn a_token_must_be_signed_with_the_one_algorithm_and_key() {
    let app = TestApp::start().await;
    let (actor, claims) = somebody(&app).await;
    let token = actor.token.unwrap();
    let (head, signature) = token.rsplit_once('.').unwrap();
    let payload = head.split_once('.').unwrap().1;
    let none = |header: &str| format!("{}.{payload}.", URL_SAFE_NO_PAD.encode(header));
    let mut tokens = vec![
        none(r#"{"alg":"none","typ":"at+jwt"}"#),
        none(r#"{"alg":"None","typ":"at+jwt"}"#),
        none(r#"{"typ":"at+jwt"}"#),
        format!("{}{signature}", none(r#"{"alg":"none","typ":"at+jwt"}"#)),
        format!("{head}."),
        head.to_owned(),
        format!("{head}.{}", STANDARD.encode([0; 32])),
        format!("{token}."),
        format!("{token}A"),
        with_other_payload(&token, &with(&claims, "sub", json!(ttscm::id::new()))),
    ];
    tokens.extend(
        [Algorithm::HS384, Algorithm::HS512]
            .map(|algorithm| signed(algorithm, Some("at+jwt"), &claims, SECRET)),
    );
    tokens.extend(
        [&b"another secret, of thirty-two b."[..], b"", STANDARD.encode(SECRET).as_bytes()]
            .map(|secret| signed(Algorithm::HS256, Some("at+jwt"), &claims, secret)),
    );
    tokens.extend(
        [None, Some("JWT"), Some("jwt"), Some("id+jwt"), Some("")]
            .map(|typ| signed(Algorithm::HS256, typ, &claims, SECRET)),
    );
    for token in tokens {
        is_refused(&app, &format!("Bearer {token}")).await;
    }
}

fn with_other_payload(token: &str, claims: &Value) -> String {
    let parts: Vec<_> = token.split('.').collect();
    format!("{}.{}.{}", parts[0], URL_SAFE_NO_PAD.encode(claims.to_string()), parts[2])
}

#[tokio::test]
async fn a_token_must_have_the_right_claims() {
    let app = TestApp::start().await;
    let (_, claims) = somebody(&app).await;
    let (_, others) = somebody(&app).await;
    let iat = claims["iat"].as_i64().unwrap();
    let mut wrong = vec![
        with(&claims, "iss", json!("http://other.test")),
        with(&claims, "iss", json!("http://ttscm.test/")),
        with(&claims, "aud", json!("other")),
        with(&claims, "aud", json!(["other"])),
        with(&claims, "exp", json!(iat - 1)),
        with(&claims, "exp", json!(iat)),
        with(&claims, "exp", json!("tomorrow")),
        with(&claims, "sub", others["sub"].clone()),
        with(&claims, "sid", others["sid"].clone()),
        with(&claims, "sub", json!(ttscm::id::new())),
        with(&claims, "sid", json!(ttscm::id::new())),
        with(&claims, "sub", json!("'; drop table users; --")),
        json!({}),
        json!([]),
        json!("text"),
    ];
    for name in ["iss", "aud", "exp", "sub", "sid"] {
        let mut lacking = claims.clone();
        lacking.as_object_mut().unwrap().remove(name);
        wrong.extend([lacking, with(&claims, name, Value::Null)]);
    }
    for claims in wrong {
        is_refused(&app, &format!("Bearer {}", forged(&claims))).await;
    }
}

#[tokio::test]
async fn the_header_is_bearer_and_one_token_once() {
    let app = TestApp::start().await;
    let (actor, _) = somebody(&app).await;
    let token = actor.token.clone().unwrap();
    for scheme in ["Bearer", "bearer", "BEARER"] {
        with_header(&app, &format!("{scheme} {token}")).await.expect(200);
    }
    let basic = STANDARD.encode(format!("somebody:{token}"));
    for header in [
        String::new(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        "Bearer null".to_owned(),
        "Bearer a.b.c".to_owned(),
        format!("Bearer {}", ".".repeat(2000)),
        token.clone(),
        format!("Basic {basic}"),
        format!("Token {token}"),
        format!("Bearer {token}, Bearer {token}"),
        format!("Bearer {token} {token}"),
        format!("Bearer {}", actor.refresh_token.as_ref().unwrap()),
    ] {
        is_refused(&app, &header).await;
    }
    for path in [format!("{ME}?access_token={token}"), format!("{ME}?token={token}")] {
        app.nobody().get(&path).await.expect(401);
    }
    let twice = actor.request(Method::GET, ME).header("authorization", &format!("Bearer {token}"));
    assert_eq!(twice.send().await.expect(400)["message"], "More than one Authorization header");
    let at_the_door = actor.request(Method::POST, "/v1/auth/login").header("authorization", "Bearer x");
    at_the_door.json(&json!({"email": "a@example.com", "password": "x"})).send().await.expect(400);
}

#[tokio::test]
async fn the_secret_can_be_changed_while_people_are_signed_in() {
    let old = TestApp::start().await;
    let secret = |byte: u8| STANDARD.encode([[byte; 31].as_slice(), &[1]].concat());
    let (database, old_secret, new_secret) =
        ((*old.pool().connect_options()).clone(), STANDARD.encode(SECRET), secret(7));
    let variables = [("TOKEN_SECRET", new_secret.as_str()), ("TOKEN_SECRET_PREVIOUS", &old_secret)];
    let changing = TestApp::on(database.clone(), TestClock::new(), &variables).await;
    let changed = TestApp::on(database, TestClock::new(), &variables[..1]).await;

    let email = old.db_user(&[]).await;
    let (before, after) =
        (actor::sign_in(&old, &email, PASSWORD).await, actor::sign_in(&changing, &email, PASSWORD).await);
    let seen = async |app: &TestApp, actor: &Actor| {
        with_header(app, &format!("Bearer {}", actor.token.as_ref().unwrap())).await.status
    };
    assert_eq!((seen(&changing, &before).await, seen(&changing, &after).await), (200, 200));
    assert_eq!((seen(&old, &after).await, seen(&changed, &before).await), (401, 401));
    assert_eq!(seen(&changed, &after).await, 200);
}

#[tokio::test]
async fn tokens_are_neither_stored_nor_logged() {
    let app = TestApp::start().await;
    let (actor, claims) = somebody(&app).await;
    let (access, refresh) = (actor.token.clone().unwrap(), actor.refresh_token.clone().unwrap());
    actor.get(ME).await.expect(200);
    for secret in [&access, access.rsplit('.').next().unwrap(), &refresh] {
        assert_eq!(app.db_tables_with(secret).await, Vec::<String>::new());
        assert_eq!(crate::helpers::log::lines_with(secret), Vec::<String>::new());
    }
    let raw = URL_SAFE_NO_PAD.decode(&refresh).unwrap();
    assert_eq!((raw.len(), app.db_tables_with(&hexadecimal(&raw)).await), (32, Vec::new()));
    // it would be found: the session's id is
    let session = claims["sid"].as_str().unwrap();
    assert!(app.db_tables_with(session).await.contains(&"sessions".to_owned()));
}
