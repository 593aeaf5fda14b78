//! Signing in with GitHub, where nobody gets an account by signing in: it is linked first.

use crate::helpers::desktop::{Begun, assert_page, with_settings};
use crate::helpers::github::{Github, Person, person};
use crate::helpers::{Actor, TestApp, json};

const BY: &str = "?provider=github";

async fn with_github() -> (TestApp, Github) {
    let github = Github::start().await;
    (with_settings(&github.settings()).await, github)
}

/// Links a person's GitHub to somebody's account.
async fn link(app: &TestApp, github: &Github, actor: &Actor, person: &Person) {
    let begun = Begun::of(&actor.post("/v1/auth/identities?provider=github", &json!({})).await);
    let page = app.come_back(&begun, &github.signs_in(&begun.uri, person)).await;
    assert_page(&page, 200, "The sign-in is linked");
}

#[tokio::test]
async fn who_has_linked_their_github_signs_in_with_it() {
    let (app, github) = with_github().await;
    let (admin, mut mona) = (app.admin().await, person());
    link(&app, &github, &admin, &mona).await;
    let before = admin.get("/v1/user/@me").await.data();
    let signed_in = app.sign_in_by(BY, |uri| github.signs_in(uri, &mona)).await;
    let me = signed_in.get("/v1/user/@me").await.data();
    assert_eq!((&me["id"], &me["email"]), (&before["id"], &before["email"]));
    assert_eq!((&me["name"], &me["image"]), (&mona.user["name"], &json!("https://avatars.example.com/u/1")));
    // the number is the person, whatever they call themselves
    mona.user["login"] = json!("another-name");
    mona.emails = json!([{"email": "another@example.com", "primary": true, "verified": true}]);
    let again = app.sign_in_by(BY, |uri| github.signs_in(uri, &mona)).await;
    assert_eq!(again.get("/v1/user/@me").await.data()["id"], me["id"]);
    let mut successor = person();
    successor.user["login"] = mona.user["login"].clone();
    let begun = app.begin_with(BY, &[]).await;
    let page = app.come_back(&begun, &github.signs_in(&begun.uri, &successor)).await;
    assert_page(&page, 403, "There is no account for you here");
}

#[tokio::test]
async fn without_a_verified_primary_address_nobody_signs_in() {
    let (app, github) = with_github().await;
    let none = [
        json!([]),
        json!([{"email": "mona@example.com", "primary": true, "verified": false}]),
        json!([{"email": "mona@example.com", "primary": false, "verified": true}]),
        json!([{"email": "no address", "primary": true, "verified": true}]),
    ];
    for emails in none {
        let mona = Person { emails, ..person() };
        let begun = app.begin_with(BY, &[]).await;
        let mut socket = app.wait(&begun).await;
        socket.expect("auth.pending").await;
        let page = app.come_back(&begun, &github.signs_in(&begun.uri, &mona)).await;
        assert_page(&page, 403, "no verified primary e-mail address");
        socket.expect_last("auth.denied").await;
    }
}

#[tokio::test]
async fn a_revoked_token_and_a_wrong_code_fail() {
    let (app, github) = with_github().await;
    let begun = app.begin_with(BY, &[]).await;
    let back = github.signs_in(&begun.uri, &person());
    let page = app.come_back(&begun, &back.replace("code=code-", "code=wrong-")).await;
    assert_page(&page, 502, "did not answer as it should");
    github.revokes_tokens();
    let begun = app.begin_with(BY, &[]).await;
    let mut socket = app.wait(&begun).await;
    socket.expect("auth.pending").await;
    let page = app.come_back(&begun, &github.signs_in(&begun.uri, &person())).await;
    assert_page(&page, 502, "did not answer as it should");
    socket.expect_last("auth.failed").await;
}
