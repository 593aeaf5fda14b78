//! What somebody tries who means harm, or goes away at the wrong moment.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

use sqlx::{Connection, PgConnection};
use ttscm::database;

use crate::helpers::fixture::company;
use crate::helpers::{TestApp, json};

#[tokio::test]
async fn a_transaction_for_somebody_who_has_gone_is_not_left_open() {
    let app = TestApp::start_with(&[("DATABASE_MAX_CONNECTIONS", "1")]).await;
    let mut observer = PgConnection::connect_with(&app.pool().connect_options()).await.unwrap();
    for _ in 0..50 {
        let mut begun = pin!(database::begin(&app.app.pool));
        let first_look = begun.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(first_look.is_pending());
        tokio::task::yield_now().await;
    }
    // the one connection is free again, and so not in a transaction
    drop(app.pool().acquire().await.unwrap());
    let open: i64 = sqlx::query_scalar(
        "select count(*) from pg_stat_activity where datname = current_database() and state like 'idle in %'",
    )
    .fetch_one(&mut observer)
    .await
    .unwrap();
    assert_eq!(open, 0);
}

#[tokio::test]
async fn a_flood_of_broken_rules_is_told_in_part() {
    let app = TestApp::start().await;
    let flood: serde_json::Map<_, _> = (0..5_000).map(|number| (format!("x{number}"), json!(0))).collect();
    let unknown = app.nobody().post("/v1/auth/login", &json!(flood)).await;
    assert!((1..=100).contains(&unknown.violations().len()));
    let zeros = json!({"permissions": vec![0; 5_000]});
    let admin = app.admin().await;
    assert_eq!(admin.post("/v1/user/@me/check-permission", &zeros).await.violations().len(), 100);
}

#[tokio::test]
async fn a_lock_does_not_tell_which_names_there_are() {
    let app = TestApp::start().await;
    let email = app.db_user(&[]).await;
    sqlx::query("update users set login = 'jane' where email = $1")
        .bind(&email)
        .execute(app.pool())
        .await
        .unwrap();
    for name in ["jane", "nobody-of-this-name"] {
        let ask = async |member: &str| {
            app.nobody()
                .post("/v1/auth/login", &json!({member: name, "password": "a wrong password"}))
                .await
                .status
        };
        for _ in 0..10 {
            assert_eq!(ask("login").await, 401, "{name}");
        }
        assert_eq!((ask("email").await, ask("login").await), (429, 429), "{name}");
    }
}

#[tokio::test]
async fn who_reads_accounts_in_one_company_learns_nothing_of_their_roles_in_others() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (acme, other) = (company(&admin, "Acme").await, company(&admin, "Other").await);
    let email = app.db_user(&[]).await;
    app.db_bound_role(&email, &acme, &["company.fetch"]).await;
    app.db_bound_role(&email, &other, &["company.fetch"]).await;
    let reader = app
        .holder_in(
            &acme,
            &["company.fetch", "user.read.other", "user.list.other", "user.write.other", "user.roles.other"],
        )
        .await;
    let all = admin.get(&format!("/v1/user/users?search={email}")).await.data();
    let (id, roles) = (all[0]["id"].as_str().unwrap(), all[0]["roles"].as_array().unwrap());
    assert_eq!(roles.len(), 3);
    let path = format!("/v1/user/users/{id}");
    let seen = reader.get(&path).await.data()["roles"].clone();
    assert_eq!(seen.as_array().unwrap().len(), 2, "user, and the one of Acme");
    let listed = reader.get("/v1/user/users").await.data();
    let row = listed.as_array().unwrap().iter().find(|row| row["id"] == id).unwrap();
    assert_eq!(row["roles"], seen);

    let hidden = roles.iter().find(|role| !seen.as_array().unwrap().contains(role)).unwrap();
    let named = reader.patch(&path, &json!({"roles": [hidden]})).await.expect(404);
    assert_eq!(named["error"], "RoleNotFound");
    let check = format!("{path}/check-permission");
    reader.post(&check, &json!({"permissions": ["company.fetch"]})).await.expect(403);
    let there = json!({"permissions": ["company.fetch"], "companyId": acme});
    assert_eq!(reader.post(&check, &there).await.data()["results"][0]["hasPermission"], true);
    reader.post(&check, &json!({"permissions": ["company.fetch"], "companyId": other})).await.expect(403);
}

#[tokio::test]
async fn who_lets_somebody_in_again_gives_them_what_they_held() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (boss, clerk) = (app.holder_of(&["*"]).await.id, app.holder_of(&["user.list.other"]).await.id);
    let manager = app.holder_of(&["user.read.other", "user.list.other", "user.write.other"]).await;
    for (person, status) in [(boss, 403), (clerk, 200)] {
        let path = format!("/v1/user/users/{person}");
        manager.patch(&path, &json!({"active": false})).await.expect(200);
        let answer = manager.patch(&path, &json!({"active": true})).await.expect(status);
        if status == 403 {
            assert_eq!(answer["required"], json!(["*"]));
            assert_eq!(admin.get(&path).await.data()["active"], false);
        }
    }
}
