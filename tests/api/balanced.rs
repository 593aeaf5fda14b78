//! Two servers behind a balancer, which sends every request to the other one.

use crate::helpers::balancer::Balancer;
use crate::helpers::desktop::{ELSEWHERE, Page, assert_closing, on};
use crate::helpers::microsoft::{Microsoft, person};
use crate::helpers::people::{delete_with, give_roles, person as somebody, role};
use crate::helpers::time::TestClock;
use crate::helpers::{TestApp, cluster, json};

const COMPANIES: &str = "/v1/company/companies";

/// The first of two servers, which answers at the balancer's address from now on, and the second.
async fn behind_a_balancer(microsoft: &Microsoft) -> Option<(TestApp, TestApp, Balancer)> {
    let (database, clock) = (cluster::database().await, TestClock::new());
    let mut front = on(database.clone(), clock.clone(), microsoft, &[]).await;
    let other = on(database, clock, microsoft, &[]).await;
    let (one, two) = (front.address, other.address);
    let behind = format!("mode http\n balance roundrobin\n server one {one}\n server two {two}");
    let balancer = Balancer::before(&behind).await?;
    front.address = balancer.address;
    Some((front, other, balancer))
}

#[tokio::test]
async fn a_sign_in_is_handed_over_whichever_server_each_step_comes_to() {
    let microsoft = Microsoft::start().await;
    let Some((front, _other, _balancer)) = behind_a_balancer(&microsoft).await else { return };
    let jane = person();
    // one request more in each round, so that each step comes to either server
    for round in 0..4 {
        let begun = front.begin().await;
        let mut socket = front.wait(&begun).await;
        socket.expect("auth.pending").await;
        for _ in 0..round {
            front.nobody().get("/health/live").await;
        }
        assert_closing(&front.come_back(&begun, &microsoft.signs_in(&begun.uri, &jane)).await);
        let data = socket.expect_last("auth.tokens").await["data"].clone();
        front.holder_of_tokens(&data).get("/v1/user/@me").await.expect(200);

        let begun = front.begin().await;
        let mut socket = front.wait(&begun).await;
        socket.expect("auth.pending").await;
        let path = microsoft.signs_in(&begun.uri, &jane);
        let page = Page::of(&front.browse(ELSEWHERE, &path, &[]).await);
        assert_closing(&front.answer_page(ELSEWHERE, &page, &begun.number).await);
        socket.expect_last("auth.tokens").await;
    }
}

#[tokio::test]
async fn what_is_taken_away_is_soon_refused_by_both_servers() {
    let microsoft = Microsoft::start().await;
    let Some((front, _other, _balancer)) = behind_a_balancer(&microsoft).await else { return };
    let admin = front.admin().await;
    let reader = role(&admin, &["company.fetch.many"]).await;
    let path = format!("/v1/role/{reader}/permissions");
    let nodes = json!({"permissions": ["company.fetch.many"]});
    for _ in 0..10 {
        let one = somebody(&front, &admin, &["user", &reader]).await;
        settles(&one, 200).await;
        delete_with(&admin, &path, &nodes).await.expect(200);
        settles(&one, 403).await;
        admin.post(&path, &nodes).await.expect(200);
        settles(&one, 200).await;
        give_roles(&admin, &one.id, &["user"]).await.expect(200);
        settles(&one, 403).await;
    }
}

/// Waits until both servers answer so, and makes sure that they go on to.
async fn settles(actor: &crate::helpers::Actor, status: u16) {
    let began = std::time::Instant::now();
    let mut in_turn = 0;
    while in_turn < 4 {
        let answer = actor.get(COMPANIES).await;
        assert!([200, 403].contains(&answer.status), "{}", answer.text);
        in_turn = if answer.status == status { in_turn + 1 } else { 0 };
        assert!(began.elapsed() < std::time::Duration::from_secs(10), "it is never so");
    }
}
