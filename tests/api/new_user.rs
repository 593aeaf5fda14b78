//! Making accounts, and keeping the last administrator.

use crate::helpers::actor::sign_in;
use crate::helpers::fixture::{PASSWORD, company, id_of};
use crate::helpers::people::{assert_last_administrator, delete_with, give_nodes, give_roles, person, role};
use crate::helpers::{Actor, TestApp, Value, json};

const USERS: &str = "/v1/user/users";

fn path_of(actor: &Actor) -> String {
    format!("{USERS}/{}", actor.id)
}

#[tokio::test]
async fn an_account_is_made_and_signs_in() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let new = json!({"name": " Jane Doe ", "email": " Jane.DOE@example.com", "password": PASSWORD});
    let made = admin.post(USERS, &new).await.expect(201);
    let data = &made["data"];
    assert_eq!(
        made,
        json!({
            "status": 201, "message": "User Created Successfully!", "successful": true,
            "data": {
                "id": data["id"], "name": "Jane Doe", "email": "jane.doe@example.com",
                "login": "jane.doe@example.com", "image": null, "active": true, "roles": ["user"], "companyIds": [],
                "createdAt": data["createdAt"], "updatedAt": data["createdAt"],
            },
        })
    );
    let jane = sign_in(&app, "JANE.doe@example.com", PASSWORD).await;
    assert_eq!(jane.get("/v1/user/@me").await.data(), *data);
    let other = json!({"name": "J", "email": "j@example.com", "login": "J.Doe", "roles": []});
    let other = admin.post(USERS, &other).await.data();
    assert_eq!((&other["login"], &other["roles"]), (&json!("j.doe"), &json!([])));
    for password in [PASSWORD, ""] {
        let login = json!({"login": "j.doe", "password": password});
        app.nobody().post("/v1/auth/login", &login).await.expect(401);
    }
    let unknown = json!({"name": "K", "email": "k@example.com", "roles": ["user", "nope"]});
    assert_eq!(
        admin.post(USERS, &unknown).await.expect(404)["message"],
        "Role with identifier 'nope' was not found."
    );
    assert_eq!(admin.get(USERS).await.data().as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_weak_password_is_refused() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (login, email) = ("jane.doe.login", "jane.doe@example.com");
    let same = "Must not be the login or the e-mail address".to_owned();
    let common = "Must not be one of the commonest passwords".to_owned();
    for (password, rule) in [
        ("9 letters".to_owned(), "Must have at least 10 characters".to_owned()),
        ("é".repeat(9), "Must have at least 10 characters".to_owned()),
        (String::new(), "Must have at least 10 characters".to_owned()),
        ("x".repeat(1025), "Must be at most 1 KiB long".to_owned()),
        ("é".repeat(513), "Must be at most 1 KiB long".to_owned()),
        (login.to_uppercase(), same.clone()),
        (email.to_owned(), same),
        ("1234567890".to_owned(), common.clone()),
        ("Password123".to_owned(), common),
    ] {
        let new = json!({"name": "Jane", "email": email, "login": login, "password": password});
        let refused = admin.post(USERS, &new).await;
        assert_eq!(refused.violations(), [(json!(["password"]), rule)], "{password}");
    }
    for (name, password) in [("ten", "xyzzy plug".to_owned()), ("most", "x".repeat(1024))] {
        let email = format!("{name}@example.com");
        let new = json!({"name": name, "email": email, "password": password});
        admin.post(USERS, &new).await.expect(201);
        sign_in(&app, &email, &password).await;
    }
}

#[tokio::test]
async fn malformed_accounts_are_refused() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for (member, value) in [
        ("email", "nobody"),
        ("email", "a b@example.com"),
        ("email", "@example.com"),
        ("login", "   "),
        ("login", "a\nb"),
        ("name", "   "),
    ] {
        let mut new = json!({"name": "Jane", "email": "jane@example.com"});
        new[member] = json!(value);
        let violations = admin.post(USERS, &new).await.violations();
        assert_eq!((violations.len(), &violations[0].0), (1, &json!([member])), "{value}");
    }
}

#[tokio::test]
async fn no_two_accounts_share_a_login_or_an_address_in_any_case() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let first = json!({"name": "Jane", "email": "jane@example.com", "login": "jane"});
    admin.post(USERS, &first).await.expect(201);
    for (email, login, message) in [
        ("other@example.com", "JANE", "The login 'jane' is taken"),
        (" JANE@example.COM", "other", "The e-mail address is taken"),
        ("Jane@Example.com", " Jane ", "The login 'jane' is taken"),
    ] {
        let second = json!({"name": "Jane", "email": email, "login": login});
        let refused = admin.post(USERS, &second).await.expect(409);
        assert_eq!(
            refused,
            json!({"status": 409, "message": message, "error": "Conflict", "successful": false})
        );
    }
}

/// Every way of taking everything from `admin`, who alone holds everything.
async fn assert_stays(admin: &Actor, judge: &Actor) {
    let path = path_of(admin);
    let before = judge.get(&path).await.data();
    assert_last_administrator(&judge.delete(&path).await);
    assert_last_administrator(&judge.patch(&path, &json!({"active": false, "name": "Changed"})).await);
    assert_last_administrator(&give_roles(judge, &admin.id, &["user"]).await);
    assert_eq!(judge.get(&path).await.data(), before);
    admin.get("/v1/permissions").await.expect(200);
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    assert_stays(&admin, &admin).await;
    assert_stays(&admin, &app.holder_of(&["user.*"]).await).await;
    let second = person(&app, &admin, &["admin"]).await;
    second.delete(&path_of(&admin)).await.expect(200);
    assert_stays(&second, &second).await;
    let idle = person(&app, &second, &["admin"]).await;
    second.patch(&path_of(&idle), &json!({"active": false})).await.expect(200);
    assert_stays(&second, &second).await;
}

#[tokio::test]
async fn the_last_administrator_stays_however_they_are_one() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let acme = company(&admin, "Acme").await;
    let everything = role(&admin, &["*", "user.read"]).await;
    let (role, nodes) = (format!("/v1/role/{everything}"), json!({"permissions": ["*"]}));
    give_roles(&admin, &admin.id, &[&everything]).await.expect(200);
    for refused in [
        admin.delete(&role).await,
        admin.patch(&role, &json!({"permissions": ["user.*"]})).await,
        admin.patch(&role, &json!({"companyId": acme})).await,
        delete_with(&admin, &format!("{role}/permissions"), &nodes).await,
    ] {
        assert_last_administrator(&refused);
    }
    let unchanged = admin.get(&role).await.data();
    assert_eq!(
        (&unchanged["permissions"], &unchanged["companyId"]),
        (&json!(["*", "user.read"]), &Value::Null)
    );
    give_nodes(&admin, &admin.id, &["*"]).await.expect(200);
    assert_eq!(id_of(&admin.delete(&role).await.data()), everything);
    assert_last_administrator(&give_nodes(&admin, &admin.id, &["user.*"]).await);
    admin.get("/v1/role").await.expect(200);
}

#[tokio::test]
async fn of_two_administrators_who_remove_each_other_one_stays() {
    let app = TestApp::start().await;
    let mut admin = app.admin().await;
    for round in 0..6 {
        let rival = person(&app, &admin, &["admin"]).await;
        let strike = async |who: &Actor, whom: &Actor| match round % 3 {
            0 => who.delete(&path_of(whom)).await,
            1 => who.patch(&path_of(whom), &json!({"active": false})).await,
            _ => give_roles(who, &whom.id, &["user"]).await,
        };
        let (one, two) = tokio::join!(strike(&admin, &rival), strike(&rival, &admin));
        let statuses = (one.status, two.status);
        // the other is signed out, or holds nothing by which they would see the account
        assert!(matches!(statuses, (200, 401 | 403 | 404) | (401 | 403 | 404, 200)), "{statuses:?}");
        let winner = if one.status == 200 { admin } else { rival };
        winner.get("/v1/role").await.expect(200);
        admin = winner;
    }
}

#[tokio::test]
async fn of_two_administrators_who_step_down_one_stays() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for _ in 0..6 {
        let rival = person(&app, &admin, &["admin"]).await;
        let (one, two) =
            tokio::join!(give_roles(&admin, &admin.id, &["user"]), give_roles(&rival, &rival.id, &["user"]));
        let mut statuses = [one.status, two.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409]);
        if one.status == 200 {
            give_roles(&rival, &admin.id, &["admin"]).await.expect(200);
            give_roles(&admin, &rival.id, &["user"]).await.expect(200);
        }
    }
}
