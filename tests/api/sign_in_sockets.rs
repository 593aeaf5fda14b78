//! Many sockets at once: what one costs, that all end, and that nobody holds too many.

use chrono::TimeDelta;
use futures_util::future::join_all;
use tokio::task::JoinSet;

use crate::helpers::desktop::{DESK, ELSEWHERE, client_at, with_microsoft};
use crate::helpers::microsoft::person;

#[tokio::test]
async fn one_address_begins_a_bounded_number_of_sign_ins() {
    let (app, microsoft) = with_microsoft(&[("SIGN_IN_MAX_PENDING", "3")]).await;
    let first = app.begin().await;
    for _ in 0..2 {
        app.begin().await;
    }
    let uri = format!("http://{}/v1/auth/uri", app.address);
    let refused = client_at(DESK).get(&uri).send().await.unwrap();
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.headers()["retry-after"], "60");
    assert_eq!(client_at(ELSEWHERE).get(&uri).send().await.unwrap().status(), 200, "others can");
    app.come_back(&first, &microsoft.signs_in(&first.uri, &person())).await;
    app.begin().await;
    assert_eq!(client_at(DESK).get(&uri).send().await.unwrap().status(), 429);
    app.clock.advance(TimeDelta::minutes(10));
    app.begin().await;
}

#[tokio::test]
async fn a_burst_from_one_address_does_not_get_past_the_bound() {
    let (app, _) = with_microsoft(&[("SIGN_IN_MAX_PENDING", "5")]).await;
    let (client, uri) = (client_at(DESK), format!("http://{}/v1/auth/uri", app.address));
    let answers = join_all((0..20).map(|_| client.get(&uri).send())).await;
    let begun = answers.into_iter().filter(|answer| answer.as_ref().unwrap().status() == 200).count();
    assert_eq!(begun, 5);
}

#[tokio::test]
async fn a_thousand_sockets_wait_and_all_expire_on_time() {
    let (app, _) = with_microsoft(&[("SIGN_IN_MAX_PENDING", "1000")]).await;
    let mut ends = JoinSet::new();
    // not all at once: how many can begin together is not what this is about
    for _ in 0..50 {
        let sockets = (0..20).map(|_| async {
            let begun = app.begin().await;
            let mut socket = app.wait(&begun).await;
            socket.expect("auth.pending").await;
            socket
        });
        for mut socket in join_all(sockets).await {
            // a client that does not listen answers no ping, and is taken for gone
            ends.spawn(async move { socket.expect_last("auth.expired").await });
        }
    }
    app.clock.advance(TimeDelta::minutes(9));
    app.nobody().get("/v1/teapot").await.expect(418);
    app.clock.advance(TimeDelta::minutes(1));
    assert_eq!(ends.join_all().await.len(), 1000);
}

#[tokio::test]
async fn what_a_client_says_while_it_waits_is_bounded_and_changes_nothing() {
    let (app, microsoft) = with_microsoft(&[]).await;
    let begun = app.begin().await;
    let mut socket = app.wait(&begun).await;
    socket.expect("auth.pending").await;
    for said in ["{}", "{\"event\":\"auth.tokens\"}", &"x".repeat(4000)] {
        socket.say(said).await;
    }
    app.come_back(&begun, &microsoft.signs_in(&begun.uri, &person())).await;
    socket.expect_last("auth.tokens").await;

    let begun = app.begin().await;
    let mut socket = app.wait(&begun).await;
    socket.expect("auth.pending").await;
    socket.say(&"x".repeat(100_000)).await;
    assert!(socket.ends().await, "too long a message ends the socket");
}
