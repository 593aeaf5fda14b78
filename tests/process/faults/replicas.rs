//! Two servers behind a balancer, of which one is killed, stopped and started again.

use std::net::SocketAddr;
use std::time::Instant;

use super::{free_port, tell};
use crate::helpers::balancer::Balancer;
use crate::helpers::external::Database;
use crate::helpers::{Ground, Load, Signal};

/// How many clients there are, each of which has one request in flight.
const CLIENTS: usize = 6;

#[tokio::test]
async fn behind_a_balancer_a_killed_server_costs_what_is_in_flight_and_a_stopped_one_nothing() {
    let database = Database::new().await;
    let addresses = [free_port(), free_port()].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    let start = |at: SocketAddr| {
        database
            .ttscm()
            .set("BIND_ADDRESS", at.to_string())
            .set("PUBLIC_URL", format!("http://{}", addresses[1]))
    };
    let (mut one, two) = tokio::join!(start(addresses[0]).ready(), start(addresses[1]).ready());
    let behind = format!(
        "mode http\n balance roundrobin\n option httpchk GET /health/ready\n default-server inter 100ms fall 2 rise 1\n \
         server one {} check\n server two {} check",
        addresses[0], addresses[1]
    );
    let Some(balancer) = Balancer::before(&behind).await else { return };
    let admin = Database::administrator(&two).await.at(&format!("http://{}", balancer.address));
    let ground = Ground::lay(&admin).await;
    let load = Load::begin(&[&admin], &ground, CLIENTS);
    load.goes_on(50).await;

    for _ in 0..3 {
        let before = load.account().cut_off;
        one.kill().await;
        load.goes_on(50).await;
        let lost = load.account().cut_off - before;
        assert!(lost <= CLIENTS, "{lost} requests failed, and {CLIENTS} at the most were in flight");
        one = start(addresses[0]).ready().await;
        load.goes_on(50).await;
    }
    let before = load.account().cut_off;
    let mut times = Vec::new();
    for _ in 0..3 {
        let told = Instant::now();
        one.signal(Signal::SIGTERM);
        assert_eq!(one.ended().await.code(), Some(0), "{}", one.log());
        times.push(told.elapsed());
        load.goes_on(20).await;
        one = start(addresses[0]).ready().await;
        load.goes_on(50).await;
    }
    tell("a server that is told to stop ends", times);
    let account = load.end().await;
    eprintln!("behind a balancer: {account}");
    assert_eq!((account.cut_off - before, account.unavailable), (0, 0), "none failed");
    account.verify(&admin, &ground).await;
}
