//! A database that stops, hangs, cuts connections, or has none left.

use std::time::{Duration, Instant};

use sqlx::{Connection, Executor, PgConnection};

use super::{Scene, tell};
use crate::helpers::external::{Database, on};
use crate::helpers::load::{REFUSED_WITHIN, is_unavailable};
use crate::helpers::{Ground, Load, Network, Postgres, Signal, eventually, open_folder};

const AWAY: Duration = Duration::from_secs(10);

/// Within which time all is well again.
const BACK_WITHIN: Duration = Duration::from_secs(5);

/// Passes the time for which the database is away, in which everything is refused, clearly and soon, or not
/// asked of it at all.
async fn refused_for_a_while(scene: &Scene) {
    let admin = &scene.admin;
    let credential = scene.load.one_stored();
    let began = Instant::now();
    let mut times = Vec::new();
    while began.elapsed() < AWAY {
        let asked = Instant::now();
        for path in ["/v1/user/@me", "/v1/company/companies", &credential] {
            let reply = admin.ask(path, None).await.expect("an answer");
            assert!(is_unavailable(&reply), "{path}: {reply:?}");
        }
        times.push(asked.elapsed() / 3);
        assert!(asked.elapsed() < 3 * REFUSED_WITHIN, "{:?}", asked.elapsed());
        assert_eq!(admin.status("/health/ready").await, 503);
        assert_eq!(admin.status("/health/live").await, 200);
    }
    tell("refused", times);
}

/// Everything is as before, soon, and nothing is lost.
async fn back_again(scene: Scene, what: &str) {
    let began = Instant::now();
    scene.load.goes_on(1).await;
    assert!(began.elapsed() < BACK_WITHIN, "{:?}", began.elapsed());
    eprintln!("{what}: the server writes again after {:?}", began.elapsed());
    scene.load.goes_on(20).await;
    assert_eq!(scene.admin.status("/health/ready").await, 200);
    let account = scene.end(what).await;
    assert!(account.unavailable > 0);
    assert_eq!(account.cut_off, 0);
}

#[tokio::test]
async fn while_postgres_is_stopped_everything_is_refused_at_once() {
    let Some(mut scene) = Scene::begin().await else { return };
    scene.postgres.shut_down().await;
    refused_for_a_while(&scene).await;
    scene.postgres.start_again().await;
    back_again(scene, "Postgres stopped").await;
}

#[tokio::test]
async fn while_postgres_hangs_nobody_waits_for_long() {
    let Some(scene) = Scene::begin().await else { return };
    scene.postgres.hang();
    refused_for_a_while(&scene).await;
    scene.postgres.go_on();
    back_again(scene, "Postgres hanging").await;
}

#[tokio::test]
async fn a_server_stops_when_it_is_told_to_although_its_postgres_hangs() {
    let Some(postgres) = Postgres::start().await else { return };
    let folder = open_folder();
    let mut server = on(&postgres.url(), folder.path()).ready().await;
    let admin = Database::administrator(&server).await;
    postgres.hang();
    let waiting = tokio::spawn(async move { admin.ask("/v1/user/@me", None).await });
    server.signal(Signal::SIGTERM);
    assert_eq!(server.ended().await.code(), Some(0), "{}", server.log());
    let reply = waiting.await.expect("a client");
    assert!(reply.as_ref().is_none_or(is_unavailable), "{reply:?}");
}

#[tokio::test]
async fn connections_that_are_cut_are_made_anew() {
    let Some(scene) = Scene::begin().await else { return };
    let mut observer = scene.postgres.connection().await;
    let cut = "select pg_terminate_backend(pid) from pg_stat_activity
               where application_name = 'ttscm' and pid <> pg_backend_pid()";
    for _ in 0..20 {
        observer.execute(cut).await.expect("they are cut");
        scene.load.goes_on(5).await;
    }
    let connections = "select count(*) from pg_stat_activity where application_name = 'ttscm'";
    let there = scene.postgres.count(connections).await;
    assert!(there <= 8, "{there}: no more than the pool, that of credentials and the listener may have");
    let account = scene.end("connections cut").await;
    assert_eq!(account.cut_off, 0);
}

#[tokio::test]
async fn connections_that_are_lost_without_a_word_are_not_waited_for() {
    let Some(postgres) = Postgres::start().await else { return };
    let (network, folder) = (Network::to(postgres.address()).await, open_folder());
    let url = Postgres::url_at(network.address);
    let server = on(&url, folder.path()).set("DATABASE_MAX_CONNECTIONS", "5").ready().await;
    let admin = Database::administrator(&server).await;
    let ground = Ground::lay(&admin).await;
    let load = Load::begin(&[&admin], &ground, 4);
    load.goes_on(20).await;
    network.lose_connections();
    let (began, credential) = (Instant::now(), load.one_stored());
    // those who do not wait leave no connection behind that is waited for in their place
    for _ in 0..10 {
        drop(tokio::time::timeout(Duration::from_millis(100), admin.ask(&credential, None)).await);
    }
    let read = load.account().read;
    load.goes_on(20).await;
    eventually("reads go on", async || load.account().read > read + 20).await;
    eprintln!("connections lost: all goes on after {:?}", began.elapsed());
    assert!(began.elapsed() < REFUSED_WITHIN + BACK_WITHIN, "{:?}", began.elapsed());
    let account = load.end().await;
    account.verify(&admin, &ground).await;
    assert_eq!(account.cut_off, 0);
    server.stop().await;
}

/// Holds what every write of the load needs.
async fn hold(connection: &mut PgConnection) {
    connection.execute("begin").await.expect("a transaction");
    connection.execute("lock table credentials in access exclusive mode").await.expect("the lock");
}

#[tokio::test]
async fn an_exhausted_pool_refuses_and_does_not_queue() {
    let Some(scene) = Scene::begin().await else { return };
    let mut holder = scene.postgres.connection().await;
    // more clients than connections, each of which waits for the lock
    let load = Load::begin(&[&scene.admin], &scene.ground, 8);
    hold(&mut holder).await;
    let refused = scene.load.account().unavailable + load.account().unavailable;
    eventually("some are refused", async || {
        scene.load.account().unavailable + load.account().unavailable > refused + 5
    })
    .await;
    let began = Instant::now();
    let reply = scene.admin.ask("/v1/user/@me", None).await.expect("an answer");
    assert!(is_unavailable(&reply) && began.elapsed() < REFUSED_WITHIN, "{reply:?} {:?}", began.elapsed());
    holder.execute("rollback").await.expect("the end of the lock");
    holder.close().await.expect("a good end");
    load.goes_on(20).await;
    let account = load.end().await;
    account.verify(&scene.admin, &scene.ground).await;
    assert_eq!(account.cut_off, 0);
    scene.end("an exhausted pool").await;
}
