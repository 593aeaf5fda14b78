//! Linking another sign-in to one's own account, which only somebody signed in to it can.

use crate::helpers::desktop::{Begun, ELSEWHERE, Page, assert_page, with_microsoft};
use crate::helpers::microsoft::{Microsoft, person};
use crate::helpers::{Actor, TestApp, Value, json};

const IDENTITIES: &str = "/v1/auth/identities";

async fn begin(actor: &Actor) -> Begun {
    Begun::of(&actor.post(IDENTITIES, &json!({})).await)
}

async fn link(app: &TestApp, microsoft: &Microsoft, actor: &Actor, somebody: &Value) {
    let begun = begin(actor).await;
    let page = app.come_back(&begun, &microsoft.signs_in(&begun.uri, somebody)).await;
    assert_page(&page, 200, "The sign-in is linked");
}

async fn linked(actor: &Actor) -> Vec<Value> {
    actor.get(IDENTITIES).await.data().as_array().unwrap().clone()
}

#[tokio::test]
async fn a_linked_sign_in_opens_the_account_and_an_unlinked_one_does_not() {
    let (app, microsoft) = with_microsoft(&[]).await;
    let (admin, jane) = (app.admin().await, person());
    assert!(linked(&admin).await.is_empty());
    let begun = begin(&admin).await;
    let mut socket = app.wait(&begun).await;
    socket.expect("auth.pending").await;
    let page = app.come_back(&begun, &microsoft.signs_in(&begun.uri, &jane)).await;
    assert_page(&page, 200, "The sign-in is linked");
    socket.expect_last("auth.completed").await;
    link(&app, &microsoft, &admin, &jane).await;

    let all = linked(&admin).await;
    assert_eq!((all.len(), &all[0]["provider"]), (1, &json!("microsoft")));
    let me = app.sign_in_with(&microsoft, &jane).await.get("/v1/user/@me").await.data();
    assert_eq!(me["id"], admin.id);
    let path = format!("{IDENTITIES}/{}", all[0]["id"].as_str().unwrap());
    assert_eq!(admin.delete(&path).await.expect(200)["message"], "Identity Unlinked Successfully!");
    assert_eq!(admin.delete(&path).await.expect(404)["error"], "IdentityNotFound");
    let anew = app.sign_in_with(&microsoft, &jane).await.get("/v1/user/@me").await.data();
    assert!(anew["id"] != admin.id, "it is a stranger's now");
    let actions = ["identity.link", "identity.unlink"];
    for action in actions {
        let events = admin.get(&format!("/v1/audit?action={action}")).await.data();
        assert_eq!((&events[0]["actor"]["id"], events.as_array().unwrap().len()), (&json!(admin.id), 1));
    }
}

#[tokio::test]
async fn anothers_sign_in_is_not_linked() {
    let (app, microsoft) = with_microsoft(&[]).await;
    let (admin, jane) = (app.admin().await, person());
    let signed_in = app.sign_in_with(&microsoft, &jane).await;
    let begun = begin(&admin).await;
    let page = app.come_back(&begun, &microsoft.signs_in(&begun.uri, &jane)).await;
    assert_page(&page, 403, "belongs to another account");
    assert!(linked(&admin).await.is_empty());
    assert_eq!(linked(&signed_in).await.len(), 1);
}

#[tokio::test]
async fn a_browser_elsewhere_is_asked_before_anything_is_linked() {
    let (app, microsoft) = with_microsoft(&[]).await;
    let admin = app.admin().await;
    let begun = begin(&admin).await;
    let victim = app.browse(ELSEWHERE, &microsoft.signs_in(&begun.uri, &person()), &[]).await;
    assert!(victim.text.contains("their account here as you"), "{}", victim.text);
    let page = Page::of(&victim);
    assert!(linked(&admin).await.is_empty());
    let wrong = page.numbers.iter().find(|number| **number != begun.number).unwrap();
    assert_page(&app.answer_page(ELSEWHERE, &page, wrong).await, 403, "not the number");
    assert!(linked(&admin).await.is_empty());
}

#[tokio::test]
async fn who_has_signed_out_links_nothing() {
    let (app, microsoft) = with_microsoft(&[]).await;
    let admin = app.admin().await;
    let begun = begin(&admin).await;
    admin.post("/v1/auth/logout", &json!({})).await.expect(200);
    let page = app.come_back(&begun, &microsoft.signs_in(&begun.uri, &person())).await;
    assert_page(&page, 403, "signed out meanwhile");
    app.nobody().post(IDENTITIES, &json!({})).await.expect(401);
}

#[tokio::test]
async fn nobody_gets_tokens_for_linking() {
    let (app, microsoft) = with_microsoft(&[]).await;
    let admin = app.admin().await;
    let begun = begin(&admin).await;
    app.come_back_for_tokens(&begun, &microsoft.signs_in(&begun.uri, &person())).await.expect(403);
    assert!(linked(&admin).await.is_empty());
}

#[tokio::test]
async fn an_account_keeps_a_way_in() {
    let (app, microsoft) = with_microsoft(&[]).await;
    let jane = app.sign_in_with(&microsoft, &person()).await;
    link(&app, &microsoft, &jane, &person()).await;
    let all = linked(&jane).await;
    let path = |index: usize| format!("{IDENTITIES}/{}", all[index]["id"].as_str().unwrap());
    let stranger = app.sign_in_with(&microsoft, &person()).await;
    stranger.delete(&path(0)).await.expect(404);
    let (one, two) = (path(0), path(1));
    let (one, two) = tokio::join!(jane.delete(&one), jane.delete(&two));
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409], "{} {}", one.text, two.text);
    assert_eq!(linked(&jane).await.len(), 1);
}
