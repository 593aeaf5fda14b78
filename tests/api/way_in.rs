//! What somebody signs in with, changed by themselves and by others: the e-mail address and the password.

use crate::helpers::actor::sign_in;
use crate::helpers::app::{ADMIN_EMAIL, ADMIN_PASSWORD};
use crate::helpers::fixture::PASSWORD;
use crate::helpers::keys::key;
use crate::helpers::people::person;
use crate::helpers::{Actor, Answer, TestApp, Value, json};

const NEW: &str = "another horse battery staple";

fn account(id: &str) -> String {
    format!("/v1/user/users/{id}")
}

async fn set_password(actor: &Actor, user: &str, password: &str) -> Answer {
    actor.post(&format!("{}/password", account(user)), &json!({"newPassword": password})).await
}

/// Changes one's own account through the contract that lets one change one's own address.
async fn change_own(actor: &Actor, body: &Value) -> Answer {
    actor.put(&format!("/itsm/api/users/{}", actor.id), body).await
}

async fn email_of(actor: &Actor) -> String {
    actor.get("/v1/user/@me").await.data()["email"].as_str().unwrap().to_owned()
}

async fn log_in(app: &TestApp, email: &str, password: &str) -> Answer {
    app.nobody().post("/v1/auth/login", &json!({"email": email, "password": password})).await
}

/// The refusal of the way into an account that holds more.
#[track_caller]
fn assert_holds_more(answer: &Answer, node: &str) {
    assert_eq!(
        answer.expect(403),
        json!({
            "status": 403, "message": format!("The account holds '{node}', which you do not hold yourself"),
            "error": "InsufficientPermission", "required": [node], "successful": false,
        })
    );
}

#[tokio::test]
async fn an_administrator_gives_somebody_another_password() {
    let app = TestApp::start().await;
    let (admin, jane) = (app.admin().await, app.holder_of(&[]).await);
    let email = email_of(&jane).await;
    let done = set_password(&admin, &jane.id, NEW).await.expect(200);
    assert_eq!(done["message"], "Password Changed Successfully!");
    jane.get("/v1/user/@me").await.expect(401);
    let refresh = app.nobody().request(reqwest::Method::POST, "/v1/auth/refresh");
    refresh.header("x-refresh-token", jane.refresh_token.as_ref().unwrap()).send().await.expect(401);
    log_in(&app, &email, PASSWORD).await.expect(401);
    log_in(&app, &email, NEW).await.expect(200);
    admin.get("/v1/user/@me").await.expect(200);
    let rows = admin.get("/v1/audit?action=user.password").await.data();
    let written: Vec<_> =
        rows.as_array().unwrap().iter().map(|row| (&row["actor"]["id"], &row["target"]["id"])).collect();
    assert_eq!(written, [(&json!(admin.id), &json!(jane.id))]);
    for canary in [NEW, PASSWORD] {
        assert_eq!(app.db_tables_with(canary).await, [""; 0]);
    }
}

#[tokio::test]
async fn the_new_password_keeps_the_rules_of_all() {
    let app = TestApp::start().await;
    let (admin, jane) = (app.admin().await, app.holder_of(&[]).await);
    let email = email_of(&jane).await;
    for (password, rule) in [
        ("nine char", "Must have at least 10 characters"),
        (&"x".repeat(1025), "Must be at most 1 KiB long"),
        (&email, "Must not be the login or the e-mail address"),
        ("Qwertyuiop", "Must not be one of the commonest passwords"),
    ] {
        let refused = set_password(&admin, &jane.id, password).await;
        assert_eq!(refused.violations(), [(json!(["newPassword"]), rule.to_owned())]);
    }
    log_in(&app, &email, PASSWORD).await.expect(200);
}

#[tokio::test]
async fn ones_own_password_takes_the_one_so_far_whoever_one_is() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let elsewhere = app.admin().await;
    let path = format!("{}/password", account(&admin.id));
    let change = async |body: Value| admin.post(&path, &body).await;
    let refused = change(json!({"newPassword": NEW})).await;
    assert_eq!(refused.violations(), [(json!(["currentPassword"]), "Field is required".to_owned())]);
    let refused = change(json!({"newPassword": NEW, "currentPassword": PASSWORD})).await;
    let rule = "Is not the password of this account".to_owned();
    assert_eq!(refused.violations(), [(json!(["currentPassword"]), rule)]);
    elsewhere.get("/v1/user/@me").await.expect(200);
    change(json!({"newPassword": NEW, "currentPassword": ADMIN_PASSWORD})).await.expect(200);
    elsewhere.get("/v1/user/@me").await.expect(401);
    admin.get("/v1/user/@me").await.expect(200);
    log_in(&app, ADMIN_EMAIL, NEW).await.expect(200);
}

#[tokio::test]
async fn nobody_takes_over_an_account_that_holds_more_than_they_do() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let helper = app.holder_of(&["user.*", "company.fetch"]).await;
    let (plain, equal) = (app.holder_of(&[]).await, app.holder_of(&["company.fetch"]).await);
    let stronger = app.holder_of(&["company.fetch.many"]).await;
    let local = app.holder_of(&[]).await;
    let acme = crate::helpers::fixture::company(&admin, "Acme").await;
    app.db_bound_role(&email_of(&local).await, &acme, &["credential.fetch"]).await;
    for (user, node) in [(&admin, "*"), (&stronger, "company.fetch.many"), (&local, "credential.fetch")] {
        assert_holds_more(&set_password(&helper, &user.id, NEW).await, node);
        let change = json!({"name": "X", "email": "mine@example.com"});
        assert_holds_more(&helper.patch(&account(&user.id), &change).await, node);
        let mut kept = json!({"name": "Y", "email": email_of(user).await});
        helper.patch(&account(&user.id), &kept).await.expect(200);
        kept["email"] = json!(format!(" {}", email_of(user).await.to_uppercase()));
        helper.patch(&account(&user.id), &kept).await.expect(200);
        user.get("/v1/user/@me").await.expect(200);
    }
    log_in(&app, ADMIN_EMAIL, ADMIN_PASSWORD).await.expect(200);
    for user in [&plain, &equal] {
        let email = email_of(user).await;
        set_password(&helper, &user.id, NEW).await.expect(200);
        log_in(&app, &email, NEW).await.expect(200);
    }
    let lifter = app.holder_of(&["user.write.other", "permission.escalate"]).await;
    set_password(&lifter, &stronger.id, NEW).await.expect(200);
    let reader = app.holder_of(&["user.read.other"]).await;
    set_password(&reader, &plain.id, NEW).await.expect(403);
}

#[tokio::test]
async fn what_everybody_holds_by_the_role_user_counts_too() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let maker = app.holder_of(&["user.read.other", "user.write.other", "api_key.create"]).await;
    let leaked = key(&maker, &["user.read.other", "user.write.other"]).await.service;
    let email = email_of(&maker).await;
    // even the least that the role holds is not the key's
    assert_holds_more(&set_password(&leaked, &maker.id, NEW).await, "api_key.create");
    let plain = app.holder_of(&[]).await;
    assert_holds_more(&set_password(&leaked, &plain.id, NEW).await, "user.read");
    let whole = ["user.read", "user.write", "user.read.other", "user.write.other"];
    let service = key(&maker, &whole).await.service;
    set_password(&service, &plain.id, NEW).await.expect(200);

    let role = admin.get("/v1/role/user").await.data();
    let nodes = json!({"permissions": ["user.read", "user.write", "credential.fetch"]});
    admin.patch(&format!("/v1/role/{}", role["id"].as_str().unwrap()), &nodes).await.expect(200);
    assert_holds_more(&set_password(&service, &plain.id, "a third password").await, "credential.fetch");
    let change = json!({"email": "mine@example.com"});
    assert_holds_more(&service.patch(&account(&plain.id), &change).await, "credential.fetch");
    log_in(&app, &email, PASSWORD).await.expect(200);
    // whoever has the role holds it too
    set_password(&maker, &plain.id, "a third password").await.expect(200);
}

#[tokio::test]
async fn an_address_is_changed_and_is_then_not_known_to_be_theirs() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let jane = person(&app, &admin, &["user"]).await;
    let old = email_of(&jane).await;
    let is_verified =
        async || admin.get(&format!("/rbac/api/users/{}", jane.id)).await.rbac()["emailVerified"].clone();
    app.db_verify(&old).await;
    change_own(&jane, &json!({"email": format!(" {} ", old.to_uppercase())})).await.itsm();
    assert_eq!((email_of(&jane).await, is_verified().await), (old.clone(), json!(true)));
    let changed = change_own(&jane, &json!({"email": " Jane@Example.com "})).await.itsm();
    assert_eq!((&changed["email"], is_verified().await), (&json!("jane@example.com"), json!(false)));
    log_in(&app, &old, PASSWORD).await.expect(401);
    log_in(&app, "JANE@example.com", PASSWORD).await.expect(200);

    app.db_verify("jane@example.com").await;
    let changed = admin.patch(&account(&jane.id), &json!({"email": "j.doe@example.com"})).await.data();
    assert_eq!((&changed["email"], is_verified().await), (&json!("j.doe@example.com"), json!(false)));
    // the login is a name of its own, and is not changed with it
    assert_eq!(changed["login"], old);
    sign_in(&app, "j.doe@example.com", PASSWORD).await;
}

#[tokio::test]
async fn an_address_of_somebody_else_is_not_to_be_had() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let jane = app.holder_of(&[]).await;
    let new = json!({"name": "Ben", "email": "ben@example.com", "login": "ben@corp.example"});
    admin.post("/v1/user/users", &new).await.expect(201);
    let before = jane.get("/v1/user/@me").await.data();
    for taken in [ADMIN_EMAIL, " BEN@example.com", "Ben@Corp.example"] {
        let refused = change_own(&jane, &json!({"firstName": "X", "email": taken})).await;
        assert_eq!(refused.itsm_error(409), "The e-mail address is taken", "{taken}");
        let refused = admin.patch(&account(&jane.id), &json!({"email": taken})).await.expect(409);
        assert_eq!(refused["message"], "The e-mail address is taken", "{taken}");
    }
    assert_eq!(jane.get("/v1/user/@me").await.data(), before);
    let malformed = admin.patch(&account(&jane.id), &json!({"email": "nobody"})).await;
    assert_eq!(malformed.violations(), [(json!(["email"]), "Must be an e-mail address".to_owned())]);
}
