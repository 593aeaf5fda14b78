//! Accounts that people make for themselves, and their passwords.

use crate::helpers::actor::sign_in;
use crate::helpers::fixture::PASSWORD;
use crate::helpers::{TestApp, Value, json};

const REGISTER: &str = "/rbac/api/auth/register";
const CHANGE: &str = "/v1/user/@me/password";

fn jane() -> Value {
    json!({"username": "Jane", "email": "Jane@example.com", "password": PASSWORD, "firstName": "Jane", "lastName": "Doe"})
}

#[tokio::test]
async fn nobody_registers_where_it_is_off() {
    let app = TestApp::start().await;
    let message = "Self-registration is switched off: ask an administrator for an account";
    let refused = app.nobody().post(REGISTER, &jane()).await.expect_rbac(403);
    assert_eq!(refused, json!({"success": false, "error": message}));
    let native = json!({"name": "Jane", "email": "jane@example.com", "password": PASSWORD});
    assert_eq!(app.nobody().post("/v1/auth/register", &native).await.expect(403)["message"], message);
    assert_eq!(app.db_counts().await["users"], 1);
}

#[tokio::test]
async fn a_registered_account_has_the_role_of_users_and_nothing_else() {
    let app = TestApp::start_with(&[("SELF_REGISTRATION", "on")]).await;
    let admin = app.admin().await;
    let answer = app.nobody().post(REGISTER, &jane()).await.expect_rbac(201);
    let mut person = app.nobody();
    person.token = answer["token"].as_str().map(str::to_owned);
    let me = person.get("/v1/user/@me").await.data();
    assert_eq!(
        (&me["name"], &me["login"], &me["roles"]),
        (&json!("Jane Doe"), &json!("jane"), &json!(["user"]))
    );
    person.get("/v1/company/companies").await.expect(403);
    sign_in(&app, "jane@example.com", PASSWORD).await;
    for (taken, error) in [
        (json!({"username": "JANE", "email": "other@example.com"}), "The login 'jane' is taken"),
        (json!({"username": "other", "email": "JANE@example.com"}), "The e-mail address is taken"),
    ] {
        let mut again = jane();
        again["username"] = taken["username"].clone();
        again["email"] = taken["email"].clone();
        assert_eq!(app.nobody().post(REGISTER, &again).await.rbac_error(409), error);
    }
    let mut weak = jane();
    weak["password"] = json!("1234567890");
    assert_eq!(
        app.nobody().post(REGISTER, &weak).await.rbac_error(400),
        "password: Must not be one of the commonest passwords"
    );
    let native = json!({"name": "Nat Ive", "email": "nat@example.com", "password": PASSWORD});
    assert_eq!(
        app.nobody().post("/v1/auth/register", &native).await.data()["user"]["roles"],
        json!(["user"])
    );
    let rows = admin.get("/v1/audit?action=user.create").await.data();
    assert_eq!((rows.as_array().unwrap().len(), &rows[1]["actor"]["name"]), (3, &json!("Jane Doe")));
    assert_eq!(rows[1]["address"], "127.0.0.1");
}

#[tokio::test]
async fn an_address_does_not_register_without_end() {
    let app = TestApp::start_with(&[("SELF_REGISTRATION", "on")]).await;
    app.nobody().post(REGISTER, &jane()).await.expect_rbac(201);
    // each asks for what is taken already
    for _ in 0..99 {
        app.nobody().post(REGISTER, &jane()).await.expect_rbac(409);
    }
    let refused = app.nobody().post(REGISTER, &jane()).await;
    assert_eq!(refused.rbac_error(429), "Too many failed sign-ins, try again later");
    assert!(!refused.header("retry-after").is_empty());
}

#[tokio::test]
async fn a_password_is_changed_by_who_knows_it_and_other_sessions_end() {
    let app = TestApp::start().await;
    let email = app.db_user(&[]).await;
    let (here, there) = (sign_in(&app, &email, PASSWORD).await, sign_in(&app, &email, PASSWORD).await);
    let change = |current: &str, new: &str| json!({"currentPassword": current, "newPassword": new});
    for (body, path) in [
        (change("wrong", "a brand new password"), "currentPassword"),
        (change(PASSWORD, "short"), "newPassword"),
        (change(PASSWORD, "1234567890"), "newPassword"),
        (change(PASSWORD, &email), "newPassword"),
    ] {
        assert_eq!(here.post(CHANGE, &body).await.violations()[0].0, json!([path]));
    }
    here.post(CHANGE, &change(PASSWORD, "a brand new password")).await.expect(200);
    here.get("/v1/user/@me").await.expect(200);
    there.get("/v1/user/@me").await.expect(401);
    let old = json!({"email": email, "password": PASSWORD});
    app.nobody().post("/v1/auth/login", &old).await.expect(401);
    sign_in(&app, &email, "a brand new password").await;
    let rows = app.admin().await.get("/v1/audit?action=user.password").await.data();
    let outcomes: Vec<_> = rows.as_array().unwrap().iter().map(|row| &row["outcome"]).collect();
    assert_eq!(outcomes, ["success", "denied"]);
    for word in [PASSWORD, "a brand new password"] {
        assert_eq!(app.db_tables_with(word).await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn guesses_at_the_current_password_count_like_sign_ins() {
    let app = TestApp::start().await;
    let email = app.db_user(&[]).await;
    let person = sign_in(&app, &email, PASSWORD).await;
    let wrong = json!({"currentPassword": "wrong", "newPassword": "a brand new password"});
    for _ in 0..10 {
        person.post(CHANGE, &wrong).await.expect(400);
    }
    person.post(CHANGE, &wrong).await.expect(429);
    let right = json!({"email": email, "password": PASSWORD});
    app.nobody().post("/v1/auth/login", &right).await.expect(429);
}
