//! A provider that is away, slow, or answers nonsense: the person and the client are told, and the server
//! goes on.

use std::time::{Duration, Instant};

use crate::helpers::desktop::{assert_page, with_microsoft};
use crate::helpers::microsoft::{Mood, person};

/// Within which time the browser and the client are told.
const BOUND: Duration = Duration::from_secs(12);

#[tokio::test]
async fn nobody_can_begin_where_the_provider_is_no_use() {
    for mood in [Mood::Broken, Mood::Nonsense, Mood::Silent] {
        let (app, microsoft) = with_microsoft(&[]).await;
        microsoft.is(mood);
        let began = Instant::now();
        let nobody = app.nobody();
        let (refused, other) = tokio::join!(nobody.get("/v1/auth/uri"), nobody.get("/v1/teapot"));
        assert_eq!(refused.expect(502)["message"], "The provider cannot be reached, try again later");
        assert!(began.elapsed() < BOUND, "{mood:?}: {:?}", began.elapsed());
        other.expect(418);
        microsoft.is(Mood::Well);
        app.nobody().get("/v1/auth/uri").await.expect(200);
    }
}

#[tokio::test]
async fn nobody_can_begin_where_there_is_no_provider() {
    let settings = [("MICROSOFT_ISSUER_URL", "http://127.0.0.1:1/tenant/v2.0")];
    let (app, _) = with_microsoft(&settings).await;
    app.nobody().get("/v1/auth/uri").await.expect(502);
}

#[tokio::test]
async fn a_provider_that_fails_on_the_way_back_ends_the_sign_in_in_time() {
    let (app, microsoft) = with_microsoft(&[]).await;
    for mood in [Mood::Broken, Mood::Nonsense, Mood::Refusing, Mood::Silent] {
        microsoft.is(Mood::Well);
        let begun = app.begin().await;
        let mut socket = app.wait(&begun).await;
        socket.expect("auth.pending").await;
        let back = microsoft.signs_in(&begun.uri, &person());
        microsoft.is(mood);
        let left_at = Instant::now();
        let nobody = app.nobody();
        let (page, teapot) = tokio::join!(app.come_back(&begun, &back), nobody.get("/v1/teapot"));
        assert_page(&page, 502, "did not answer as it should");
        teapot.expect(418);
        let told = socket.expect_last("auth.failed").await;
        assert!(told["message"].as_str().unwrap().contains("Try again"), "{told}");
        assert!(left_at.elapsed() < BOUND, "{mood:?}: {:?}", left_at.elapsed());
    }
    microsoft.is(Mood::Well);
    app.sign_in_with(&microsoft, &person()).await;
}

#[tokio::test]
async fn a_provider_under_another_name_is_not_believed() {
    let (app, microsoft) = with_microsoft(&[]).await;
    let other =
        format!("http://localhost:{}/{}/v2.0", microsoft.address.port(), crate::helpers::microsoft::TENANT);
    let (elsewhere, _) = with_microsoft(&[("MICROSOFT_ISSUER_URL", &other)]).await;
    elsewhere.nobody().get("/v1/auth/uri").await.expect(502);
    app.nobody().get("/v1/auth/uri").await.expect(200);
}
