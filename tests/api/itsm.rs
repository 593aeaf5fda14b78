//! The ITSM contract beyond its examples: who reaches whom, and what is refused in which words.

use reqwest::Method;

use crate::helpers::app::{ADMIN_EMAIL, ADMIN_PASSWORD};
use crate::helpers::fixture::{PASSWORD, company};
use crate::helpers::keys::key;
use crate::helpers::people::{person, role};
use crate::helpers::{Actor, Answer, TestApp, Value, json};

const API: &str = "/itsm/api";

/// An id that nothing has, in the shape of those that the documents show.
const NOBODY: &str = "60d21b4667d0d8992e610c85";

async fn get(actor: &Actor, path: &str) -> Answer {
    actor.get(&format!("{API}{path}")).await
}

async fn put(actor: &Actor, path: &str, body: &Value) -> Answer {
    actor.put(&format!("{API}{path}"), body).await
}

async fn update(actor: &Actor, user: &str, body: &Value) -> Answer {
    put(actor, &format!("/users/{user}"), body).await
}

async fn login(app: &TestApp, email: &str, password: &str) -> Answer {
    let body = json!({"email": email, "password": password});
    app.nobody().post(&format!("{API}/auth/login"), &body).await
}

/// The e-mail address of somebody.
async fn email_of(actor: &Actor) -> String {
    get(actor, "/users/profile/me").await.itsm()["email"].as_str().unwrap().to_owned()
}

/// The refusal of whatever one may not do, which never says what is missing.
#[track_caller]
fn assert_denied(answer: &Answer) {
    assert_eq!(answer.expect_itsm(403), json!({"success": false, "message": "Access denied"}));
}

#[tokio::test]
async fn bad_input_is_told_in_this_envelope() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for (path, message) in [
        ("/users?limit=0", "limit: Must be at least 1"),
        ("/users?limit=1001", "limit: Must be at most 1000"),
        ("/users?page=0", "page: Must be at least 1"),
        ("/users?page=1&page=2", "page: Must be given once"),
    ] {
        assert_eq!(get(&admin, path).await.itsm_error(400), message, "{path}");
    }
    let me = format!("/users/{}", admin.id);
    let password = format!("{me}/password");
    for (path, body, message) in [
        (&me, json!({"firstName": 5}), "firstName: Must be a string"),
        (&me, json!({"firstName": null}), "firstName: Must be a string"),
        (&me, json!({"firstName": "a\0b"}), "firstName: Must not contain the NUL character"),
        (&me, json!({"lastName": "x".repeat(101)}), "lastName: Must have at most 100 characters"),
        (&me, json!({"email": "nobody"}), "email: Must be an e-mail address"),
        (&me, json!({"role": "owner"}), "role: Must be one of admin, integrator, user"),
        (&me, json!({"isActive": "yes"}), "isActive: Must be true or false"),
        (
            &me,
            json!({"firstName": " ", "lastName": ""}),
            "firstName: Must not be blank where lastName is, too",
        ),
        (&me, json!([]), "Must be an object"),
        (&password, json!({}), "newPassword: Field is required"),
        (&password, json!({"newPassword": "another horse battery"}), "currentPassword: Field is required"),
        (
            &password,
            json!({"currentPassword": ADMIN_PASSWORD, "newPassword": "too short"}),
            "newPassword: Must have at least 10 characters",
        ),
        (
            &password,
            json!({"currentPassword": "not the one", "newPassword": "another horse battery"}),
            "currentPassword: Is not the password of this account",
        ),
    ] {
        let refused = put(&admin, path, &body).await;
        assert_eq!(refused.itsm_error(400), message, "{path} {body}");
        assert_eq!(refused.expect_itsm(400)["errors"].as_array().map(Vec::len), Some(1), "{path} {body}");
    }
    let known = json!({"firstName": "Ada", "_id": NOBODY, "password": "ignored", "nobody": {"knows": "it"}});
    let changed = update(&admin, &admin.id, &known).await.itsm();
    assert_eq!((&changed["firstName"], &changed["_id"]), (&json!("Ada"), &json!(admin.id)));
    let sign_in = || admin.request(Method::POST, "/itsm/api/auth/login");
    let refused = [
        sign_in().header("content-type", "application/json").body("{").send().await,
        sign_in().header("content-type", "text/plain").body("{}").send().await,
        sign_in().header("content-type", "application/json").body("x".repeat(1024 * 1024 + 1)).send().await,
        get(&admin, "/nothing").await,
        put(&admin, "/users", &json!({})).await,
        admin.request(Method::GET, "/itsm/api/users").header("x-long", &"x".repeat(33 * 1024)).send().await,
    ];
    let statuses = refused.each_ref().map(|answer| {
        answer.expect_itsm(answer.status);
        answer.status
    });
    assert_eq!(statuses, [400, 415, 413, 404, 405, 431]);
}

#[tokio::test]
async fn an_unknown_user_is_not_found_by_those_who_may_look() {
    let app = TestApp::start().await;
    let (admin, jane) = (app.admin().await, app.holder_of(&[]).await);
    for id in [NOBODY, "019a7a52-8c3e-7d1f-b0a4-2f6d1c9e8b70", "%20"] {
        let (user, new) = (format!("/users/{id}"), json!({"newPassword": "another horse battery"}));
        let password = format!("{user}/password");
        let answers = async |actor: &Actor| {
            [
                get(actor, &user).await,
                put(actor, &user, &json!({"firstName": "X"})).await,
                put(actor, &password, &new).await,
                actor.delete(&format!("{API}{user}")).await,
            ]
        };
        for missing in answers(&admin).await {
            let body = missing.expect_itsm(404);
            assert_eq!(body, json!({"success": false, "message": "Resource not found"}));
        }
        answers(&jane).await.iter().for_each(assert_denied);
    }
}

#[tokio::test]
async fn people_reach_themselves_and_nobody_else() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (jane, ben) = (app.holder_of(&[]).await, app.holder_of(&[]).await);
    assert_eq!(get(&jane, &format!("/users/{}", jane.id)).await.itsm()["_id"], jane.id);
    let changed = update(&jane, &jane.id, &json!({"firstName": "Mary Ann", "lastName": "Doe"})).await;
    let changed = changed.expect_itsm(200);
    assert_eq!(changed["message"], "User updated successfully");
    assert_eq!(
        (&changed["data"]["firstName"], &changed["data"]["lastName"]),
        (&json!("Mary Ann"), &json!("Doe"))
    );
    assert_eq!(jane.get("/v1/user/@me").await.data()["name"], "Mary Ann Doe");
    let before = get(&admin, &format!("/users/{}", ben.id)).await.itsm();
    assert_denied(&get(&jane, "/users").await);
    assert_denied(&get(&jane, &format!("/users/{}", ben.id)).await);
    assert_denied(&update(&jane, &ben.id, &json!({"firstName": "X"})).await);
    let new = json!({"currentPassword": PASSWORD, "newPassword": "another horse battery"});
    assert_denied(&put(&jane, &format!("/users/{}/password", ben.id), &new).await);
    assert_denied(&jane.delete(&format!("{API}/users/{}", ben.id)).await);
    assert_denied(&jane.delete(&format!("{API}/users/{}", jane.id)).await);
    assert_eq!(get(&admin, &format!("/users/{}", ben.id)).await.itsm(), before);
    ben.get("/v1/user/@me").await.expect(200);

    let stripped = app.bare_holder_of(&[]).await;
    assert_denied(&get(&stripped, "/users/profile/me").await);
    assert_denied(&get(&stripped, &format!("/users/{}", stripped.id)).await);
    assert_denied(&update(&stripped, &stripped.id, &json!({"firstName": "X"})).await);
    assert_denied(&put(&stripped, &format!("/users/{}/password", stripped.id), &new).await);
}

#[tokio::test]
async fn who_looks_after_a_companys_people_sees_those() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let acme = company(&admin, "Acme").await;
    let keeper = app.holder_in(&acme, &["user.read.other", "user.list.other", "user.write.other"]).await;
    let (member, other) = (app.holder_of(&[]).await, app.holder_of(&[]).await);
    let joined = json!({"companyIds": [acme]});
    admin.patch(&format!("/v1/user/users/{}", member.id), &joined).await.expect(200);
    let listed = get(&keeper, "/users").await.expect_itsm(200);
    let ids: Vec<_> = listed["data"].as_array().unwrap().iter().map(|user| &user["_id"]).collect();
    assert_eq!(listed["count"], 2);
    assert!(ids.contains(&&json!(member.id)) && ids.contains(&&json!(keeper.id)), "{listed}");
    update(&keeper, &member.id, &json!({"firstName": "Known"})).await.itsm();
    get(&keeper, &format!("/users/{}", other.id)).await.itsm_error(404);
    update(&keeper, &other.id, &json!({"firstName": "X"})).await.itsm_error(404);
    // what opens an account everywhere takes the node everywhere
    assert_denied(&update(&keeper, &member.id, &json!({"email": "mine@example.com"})).await);
    assert_denied(&update(&keeper, &member.id, &json!({"isActive": false})).await);
    assert_denied(&update(&keeper, &member.id, &json!({"role": "user"})).await);
    let new = json!({"newPassword": "another horse battery"});
    assert_denied(&put(&keeper, &format!("/users/{}/password", member.id), &new).await);
    member.get("/v1/user/@me").await.expect(200);
}

#[tokio::test]
async fn a_list_is_whole_or_one_page() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for name in ["A", "B", "C", "D"] {
        let new = json!({"name": name, "email": format!("{name}@example.com")});
        admin.post("/v1/user/users", &new).await.expect(201);
    }
    let names = |body: &Value| -> Vec<String> {
        let rows = body["data"].as_array().unwrap().iter();
        rows.map(|row| row["firstName"].as_str().unwrap().to_owned()).collect()
    };
    let whole = get(&admin, "/users?page=&limit=").await.expect_itsm(200);
    assert_eq!(
        (names(&whole), &whole["count"]),
        (["A", "Administrator", "B", "C", "D"].map(str::to_owned).into(), &json!(5))
    );
    let page = get(&admin, "/users?limit=2&page=2").await.expect_itsm(200);
    assert_eq!(
        (names(&page), &page["count"], &page["total"]),
        (vec!["B".to_owned(), "C".to_owned()], &json!(2), &json!(5))
    );
    let beyond = get(&admin, "/users?page=99999999999999999999").await.expect_itsm(200);
    assert_eq!(beyond, json!({"success": true, "count": 0, "data": [], "total": 5}));
}

#[tokio::test]
async fn a_role_takes_the_place_of_its_like_and_the_others_stay() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let other = role(&admin, &["company.fetch"]).await;
    let jane = person(&app, &admin, &[&other, "user"]).await;
    let held = async || admin.get(&format!("/v1/user/users/{}", jane.id)).await.data()["roles"].clone();
    let moniker = held().await[0].clone();
    for role in ["admin", "integrator", "user", "user", "admin"] {
        let changed = update(&admin, &jane.id, &json!({"role": role})).await.itsm();
        assert_eq!(changed["role"], role);
        let mut expected = vec![moniker.as_str().unwrap(), role];
        expected.sort_unstable();
        assert_eq!(held().await, json!(expected));
        assert_eq!(get(&jane, "/users/profile/me").await.itsm()["role"], role);
    }
    // the highest of several is shown; with none of the three, the lowest
    admin
        .patch(&format!("/v1/user/users/{}", jane.id), &json!({"roles": ["user", "integrator"]}))
        .await
        .expect(200);
    assert_eq!(get(&admin, &format!("/users/{}", jane.id)).await.itsm()["role"], "integrator");
    admin.patch(&format!("/v1/user/users/{}", jane.id), &json!({"roles": [other]})).await.expect(200);
    assert_eq!(get(&admin, &format!("/users/{}", jane.id)).await.itsm()["role"], "user");
    let rows = admin.get(&format!("/v1/audit?action=user.update&user={}", admin.id)).await.data();
    assert_eq!(rows[0]["target"]["id"], jane.id);
}

#[tokio::test]
async fn nobody_lifts_themselves_or_others_above_what_they_hold() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (jane, ben) = (app.holder_of(&[]).await, app.holder_of(&[]).await);
    let before = get(&jane, "/users/profile/me").await.itsm();
    for body in [
        json!({"role": "admin"}),
        json!({"firstName": "X", "role": "integrator"}),
        json!({"firstName": "X", "role": "user"}),
        json!({"isActive": true}),
    ] {
        assert_denied(&update(&jane, &jane.id, &body).await);
    }
    assert_eq!(get(&jane, "/users/profile/me").await.itsm(), before);

    let manager = app.holder_of(&["user.*"]).await;
    for user in [&manager, &ben] {
        for role in ["admin", "integrator"] {
            assert_denied(&update(&manager, &user.id, &json!({"firstName": "X", "role": role})).await);
        }
        assert_eq!(update(&manager, &user.id, &json!({"role": "user"})).await.itsm()["role"], "user");
    }
    let writer = app.holder_of(&["user.write.other"]).await;
    assert_denied(&update(&writer, &ben.id, &json!({"role": "user"})).await);

    let last = "The last administrator cannot be removed, disabled or stripped";
    for body in [json!({"role": "user"}), json!({"isActive": false})] {
        assert_eq!(update(&admin, &admin.id, &body).await.itsm_error(409), last);
        assert_eq!(update(&manager, &admin.id, &body).await.itsm_error(409), last);
    }
    assert_eq!(admin.delete(&format!("{API}/users/{}", admin.id)).await.itsm_error(409), last);
    assert_eq!(get(&admin, "/users/profile/me").await.itsm()["role"], "admin");
}

#[tokio::test]
async fn whoever_is_switched_off_is_out_and_comes_back_in() {
    let app = TestApp::start().await;
    let (admin, jane) = (app.admin().await, app.holder_of(&[]).await);
    let email = email_of(&jane).await;
    assert_eq!(update(&admin, &jane.id, &json!({"isActive": false})).await.itsm()["isActive"], false);
    assert_eq!(get(&jane, "/users/profile/me").await.itsm_error(401), "Authentication required");
    assert_eq!(login(&app, &email, PASSWORD).await.itsm_error(401), "Invalid credentials");
    assert_eq!(update(&admin, &jane.id, &json!({"isActive": true})).await.itsm()["isActive"], true);
    login(&app, &email, PASSWORD).await.expect_itsm(200);
    admin.delete(&format!("{API}/users/{}", jane.id)).await.expect_itsm(200);
    assert_eq!(login(&app, &email, PASSWORD).await.itsm_error(401), "Invalid credentials");
    assert_eq!(login(&app, "nobody@example.com", PASSWORD).await.itsm_error(401), "Invalid credentials");
}

#[tokio::test]
async fn failures_count_in_all_contracts_together() {
    let app = TestApp::start().await;
    for number in 0..10 {
        let wrong = json!({"email": ADMIN_EMAIL, "password": "not the right password"});
        if number % 2 == 0 {
            login(&app, &format!(" {}", ADMIN_EMAIL.to_uppercase()), "not the right password")
                .await
                .itsm_error(401);
        } else {
            app.nobody().post("/v1/auth/login", &wrong).await.expect(401);
        }
    }
    let locked = login(&app, ADMIN_EMAIL, ADMIN_PASSWORD).await;
    assert_eq!(
        locked.expect_itsm(429),
        json!({"success": false, "message": "Too many failed sign-ins, try again later"})
    );
    assert!(locked.header("retry-after").parse::<u32>().unwrap() > 600);
}

#[tokio::test]
async fn a_service_with_a_bad_key_locks_out_nobody_with_a_password_and_one_with_an_old_key_nobody() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (good, old) = (key(&admin, &["user.read"]).await, key(&admin, &["user.read"]).await);
    admin.delete(&old.path()).await.expect(200);
    let exchange = async |shown: &str| {
        app.nobody().post(&format!("{API}/auth/api-key"), &json!({"apiKey": shown})).await
    };
    for shown in [&old.secret, "ttscm_guessed"] {
        exchange(&good.secret).await.expect_itsm(200);
        for _ in 0..100 {
            assert_eq!(exchange(shown).await.itsm_error(401), "Invalid API key");
        }
    }
    exchange(&good.secret).await.expect_itsm(429);
    login(&app, ADMIN_EMAIL, "not the right password").await.expect_itsm(401);
    login(&app, ADMIN_EMAIL, ADMIN_PASSWORD).await.expect_itsm(200);
}

#[tokio::test]
async fn a_service_reaches_others_by_its_key_and_has_no_account_of_its_own() {
    let app = TestApp::start().await;
    let (admin, jane) = (app.admin().await, app.holder_of(&[]).await);
    let made = key(&admin, &["user.read", "user.read.other", "user.list.other", "user.write"]).await;
    let exchange = async |shown: &str| {
        app.nobody().post(&format!("{API}/auth/api-key"), &json!({"apiKey": shown})).await
    };
    let token = exchange(&made.secret).await.expect_itsm(200)["token"].as_str().unwrap().to_owned();
    let service = app.nobody().showing(&token);
    for caller in [&service, &made.service] {
        assert_eq!(get(caller, "/users").await.expect_itsm(200)["count"], 2);
        assert_eq!(get(caller, &format!("/users/{}", jane.id)).await.itsm()["_id"], jane.id);
        assert_denied(&get(caller, "/users/profile/me").await);
        for user in [&admin, &jane] {
            assert_denied(&update(caller, &user.id, &json!({"firstName": "X"})).await);
            let new = json!({"currentPassword": ADMIN_PASSWORD, "newPassword": "another horse battery"});
            assert_denied(&put(caller, &format!("/users/{}/password", user.id), &new).await);
        }
    }
    let unknown = app.nobody().post(&format!("{API}/auth/api-key"), &json!({"apiKey": 5})).await;
    assert_eq!(unknown.itsm_error(400), "apiKey: Must be a string");
    for nonsense in ["", "nonsense", &"x".repeat(10_000), &token, &made.secret[1..]] {
        assert_eq!(exchange(nonsense).await.itsm_error(401), "Invalid API key");
    }
    admin.delete(&made.path()).await.expect(200);
    assert_eq!(exchange(&made.secret).await.itsm_error(401), "Invalid API key");
    for caller in [&service, &made.service] {
        assert_eq!(get(caller, "/users").await.itsm_error(401), "Authentication required");
    }
}

#[tokio::test]
async fn a_key_does_not_take_over_its_maker() {
    let app = TestApp::start().await;
    let maker = app.holder_of(&["user.*", "api_key.*"]).await;
    let service = key(&maker, &["user.*"]).await.service;
    let new = json!({"newPassword": "another horse battery"});
    assert_denied(&put(&service, &format!("/users/{}/password", maker.id), &new).await);
    assert_denied(&update(&service, &maker.id, &json!({"email": "mine@example.com"})).await);
    let jane = app.holder_of(&[]).await;
    put(&service, &format!("/users/{}/password", jane.id), &new).await.expect_itsm(200);
    assert_denied(&update(&service, &jane.id, &json!({"role": "admin"})).await);
    maker.get("/v1/user/@me").await.expect(200);
}
