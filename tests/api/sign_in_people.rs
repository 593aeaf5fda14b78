//! Who may sign in with Microsoft, and whose account it is.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::helpers::desktop::{ELSEWHERE, assert_page, with_microsoft};
use crate::helpers::microsoft::{Microsoft, Mood, OTHER_TENANT, person};
use crate::helpers::{TestApp, Value, json};

/// Somebody tries to sign in and is told why not, in the browser and at the socket.
async fn is_denied(app: &TestApp, microsoft: &Microsoft, somebody: &Value, because: &str) {
    let begun = app.begin().await;
    let mut socket = app.wait(&begun).await;
    socket.expect("auth.pending").await;
    assert_page(&app.come_back(&begun, &microsoft.signs_in(&begun.uri, somebody)).await, 403, because);
    let told = socket.expect_last("auth.denied").await;
    assert!(told["message"].as_str().unwrap().contains(because), "{told}");
    // a browser that would be asked for the number is told the same at once
    let begun = app.begin().await;
    let back = microsoft.signs_in(&begun.uri, somebody);
    assert_page(&app.browse(ELSEWHERE, &back, &[]).await, 403, because);
    let begun = app.begin().await;
    let refused =
        app.come_back_for_tokens(&begun, &microsoft.signs_in(&begun.uri, somebody)).await.expect(403);
    assert!(refused["message"].as_str().unwrap().contains(because), "{refused}");
}

async fn me(app: &TestApp, microsoft: &Microsoft, somebody: &Value) -> Value {
    app.sign_in_with(microsoft, somebody).await.get("/v1/user/@me").await.data()
}

#[tokio::test]
async fn name_and_picture_are_kept_fresh() {
    let (app, microsoft) = with_microsoft(&[]).await;
    let mut jane = person();
    assert_eq!(me(&app, &microsoft, &jane).await["image"], Value::Null);
    microsoft.has_picture("image/png", b"a picture");
    jane["name"] = json!("Jane Roe");
    let picture = format!("data:image/png;base64,{}", STANDARD.encode("a picture"));
    let after = me(&app, &microsoft, &jane).await;
    assert_eq!((&after["name"], &after["image"]), (&json!("Jane Roe"), &json!(picture)));
    // what cannot be kept leaves what there is
    for (kind, length) in
        [("image/svg+xml", 10), ("text/html", 10), ("image/png", 70_000), ("image/png", 64 * 1024)]
    {
        microsoft.has_picture(kind, &vec![b'x'; length]);
        assert_eq!(me(&app, &microsoft, &jane).await["image"], json!(picture), "{kind} {length}");
    }
}

#[tokio::test]
async fn a_slow_picture_holds_nobody_up() {
    let (app, microsoft) = with_microsoft(&[]).await;
    microsoft.is(Mood::NoPictures);
    let began = std::time::Instant::now();
    assert_eq!(me(&app, &microsoft, &person()).await["image"], Value::Null);
    assert!(began.elapsed() < std::time::Duration::from_secs(4), "{:?}", began.elapsed());
}

#[tokio::test]
async fn an_account_is_made_of_what_there_is() {
    let (app, microsoft) = with_microsoft(&[]).await;
    let mut jane = person();
    let address = jane["email"].as_str().unwrap().to_owned();
    jane["preferred_username"] = Value::Null;
    jane["name"] = json!("  Jane\n\u{7}Doe ");
    let without_user_name = me(&app, &microsoft, &jane).await;
    assert_eq!(
        (&without_user_name["login"], &without_user_name["name"]),
        (&json!(address), &json!("Jane Doe"))
    );
    let mut bare = person();
    for claim in ["preferred_username", "email", "name"] {
        bare[claim] = Value::Null;
    }
    let login = format!("microsoft:{}", bare["oid"].as_str().unwrap());
    let bare = me(&app, &microsoft, &bare).await;
    assert_eq!((&bare["login"], &bare["name"], &bare["email"]), (&json!(login), &json!(login), &Value::Null));
}

#[tokio::test]
async fn a_person_is_their_tenant_and_object_id_whatever_else_changes() {
    let (app, microsoft) = with_microsoft(&[]).await;
    let mut jane = person();
    let before = me(&app, &microsoft, &jane).await;
    jane["preferred_username"] = json!("jane.roe@example.com");
    jane["email"] = json!("jane.roe@example.com");
    jane["sub"] = json!("another pairwise id");
    assert_eq!(me(&app, &microsoft, &jane).await["id"], before["id"]);
}

#[tokio::test]
async fn anothers_address_opens_no_account() {
    let (app, microsoft) = with_microsoft(&[]).await;
    let jane = person();
    let before = me(&app, &microsoft, &jane).await;
    let because = "does not belong to this sign-in yet";
    for taken in ["email", "preferred_username"] {
        let mut thief = person();
        thief[taken] = jane["email"].clone();
        is_denied(&app, &microsoft, &thief, because).await;
        let mut loud = person();
        loud[taken] = json!(jane["preferred_username"].as_str().unwrap().to_uppercase());
        is_denied(&app, &microsoft, &loud, because).await;
    }
    let mut administrator = person();
    administrator["email"] = json!(crate::helpers::app::ADMIN_EMAIL);
    is_denied(&app, &microsoft, &administrator, because).await;
    assert_eq!(me(&app, &microsoft, &jane).await["id"], before["id"]);
}

#[tokio::test]
async fn another_tenants_people_are_denied_with_any_address() {
    let (app, microsoft) = with_microsoft(&[]).await;
    let jane = person();
    me(&app, &microsoft, &jane).await;
    let mut foreign = jane.clone();
    foreign["tid"] = json!(OTHER_TENANT);
    is_denied(&app, &microsoft, &foreign, "organization may not sign in").await;
    foreign["oid"] = person()["oid"].clone();
    is_denied(&app, &microsoft, &foreign, "organization may not sign in").await;
}

#[tokio::test]
async fn a_disabled_account_is_refused_wherever_it_comes_in() {
    let (app, microsoft) = with_microsoft(&[]).await;
    let jane = person();
    let signed_in = app.sign_in_with(&microsoft, &jane).await;
    let id = signed_in.get("/v1/user/@me").await.data()["id"].as_str().unwrap().to_owned();
    let waiting = app.begin().await;
    app.come_back(&waiting, &microsoft.signs_in(&waiting.uri, &jane)).await;
    let admin = app.admin().await;
    admin.patch(&format!("/v1/user/users/{id}"), &json!({"active": false})).await.expect(200);
    signed_in.get("/v1/user/@me").await.expect(401);
    let refresh = app.nobody().request(reqwest::Method::POST, "/v1/auth/refresh");
    refresh.header("x-refresh-token", signed_in.refresh_token.as_deref().unwrap()).send().await.expect(401);
    is_denied(&app, &microsoft, &jane, "Your account is disabled").await;
    // also where they were let in before it was disabled, and the tokens have not been taken
    let mut socket = app.wait(&waiting).await;
    socket.expect("auth.pending").await;
    socket.expect_last("auth.denied").await;
    let denied = admin.get(&format!("/v1/audit?user={id}&action=session.create")).await.data();
    assert_eq!(denied[0]["outcome"], "denied", "{denied}");
}

#[tokio::test]
async fn known_users_only_means_that_nobody_gets_an_account() {
    let (app, microsoft) = with_microsoft(&[("SIGN_IN_KNOWN_USERS_ONLY", "on")]).await;
    is_denied(&app, &microsoft, &person(), "There is no account for you here").await;
    let accounts: i64 = sqlx::query_scalar("select count(*) from users").fetch_one(app.pool()).await.unwrap();
    assert_eq!(accounts, 1, "the administrator's");
}

#[tokio::test]
async fn only_allowed_domains_sign_in() {
    let (app, microsoft) = with_microsoft(&[("SIGN_IN_ALLOWED_DOMAINS", "Example.com, example.org")]).await;
    me(&app, &microsoft, &person()).await;
    let because = "not one of those that may sign in";
    for address in ["jane@evil.com", "jane@example.com.evil.com", "jane@sub.example.com", "x@y@evil.com"] {
        for claim in ["email", "preferred_username"] {
            let mut jane = person();
            jane[claim] = json!(address);
            if claim == "email" && address.starts_with("x@") {
                jane["preferred_username"] = json!("no address");
            }
            is_denied(&app, &microsoft, &jane, because).await;
        }
    }
    let mut nameless = person();
    nameless["email"] = Value::Null;
    nameless["preferred_username"] = json!("jane");
    is_denied(&app, &microsoft, &nameless, because).await;
}

#[tokio::test]
async fn a_deleted_account_is_made_anew_without_what_it_held() {
    let (app, microsoft) = with_microsoft(&[]).await;
    let jane = person();
    let before = me(&app, &microsoft, &jane).await["id"].clone();
    let admin = app.admin().await;
    admin.delete(&format!("/v1/user/users/{}", before.as_str().unwrap())).await.expect(200);
    let after = me(&app, &microsoft, &jane).await;
    assert!(after["id"] != before && after["roles"] == json!(["user"]), "{after}");
}

#[tokio::test]
async fn first_sign_ins_of_one_person_at_once_make_one_account() {
    let (app, microsoft) = with_microsoft(&[]).await;
    let jane = person();
    let (one, two, three) =
        tokio::join!(me(&app, &microsoft, &jane), me(&app, &microsoft, &jane), me(&app, &microsoft, &jane));
    assert!(one["id"] == two["id"] && two["id"] == three["id"]);
}
