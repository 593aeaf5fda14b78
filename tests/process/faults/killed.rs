//! Servers and databases that are killed under load, ten times each.

use std::time::Instant;

use nix::sys::signal::kill;

use super::{Scene, free_port, tell};
use crate::helpers::external::Database;
use crate::helpers::processes::{children, postmaster};
use crate::helpers::{Ground, Load, Signal, eventually, open_folder, ttscm};

const TIMES: usize = 10;

/// How much is written before each blow.
const BEFORE: usize = 30;

#[tokio::test]
async fn a_server_that_is_killed_loses_nothing_that_it_acknowledged() {
    let (database, address) = (Database::new().await, format!("127.0.0.1:{}", free_port()));
    let start = || database.ttscm().set("BIND_ADDRESS", &address);
    let mut server = start().ready().await;
    let admin = Database::administrator(&server).await;
    let ground = Ground::lay(&admin).await;
    let load = Load::begin(&[&admin], &ground, 4);
    let (mut ready, mut written) = (Vec::new(), Vec::new());
    for _ in 0..TIMES {
        load.goes_on(BEFORE).await;
        server.kill().await;
        let began = Instant::now();
        server = start().ready().await;
        ready.push(began.elapsed());
        load.goes_on(1).await;
        written.push(began.elapsed());
    }
    let account = load.end().await;
    tell("a killed server is ready", ready);
    tell("a killed server writes", written);
    eprintln!("servers killed: {account}");
    assert_eq!(account.unavailable, 0, "the database was there all the time");
    account.verify(&admin, &ground).await;
    let torn = "select count(*) from credentials c where 2 <>
                (select count(*) from secure_values v where v.credential_id = c.id)";
    assert_eq!(database.count(torn).await, 0);
    let without_row = "select count(*) from credentials c where 1 <>
                (select count(*) from audit_events e where e.target_id = c.id and e.action = 'credential.create')";
    assert_eq!(database.count(without_row).await, 0, "each has its row of the audit");
    server.stop().await;
}

#[tokio::test]
async fn a_postgres_that_is_killed_and_started_again_loses_nothing() {
    let Some(mut scene) = Scene::begin().await else { return };
    let mut written = Vec::new();
    for _ in 0..TIMES {
        scene.load.goes_on(BEFORE).await;
        scene.postgres.kill().await;
        scene.postgres.start_again().await;
        let answers = Instant::now();
        scene.load.goes_on(1).await;
        written.push(answers.elapsed());
    }
    tell("after Postgres answers again, the server writes", written);
    scene.end("Postgres killed").await;
}

#[tokio::test]
async fn the_servers_own_postgres_is_brought_back_each_time_it_is_killed() {
    let folder = open_folder();
    let data_dir = folder.path().join("data");
    let server =
        ttscm(folder.path()).set("DATA_DIR", &data_dir).set("REVEAL_LIMIT_PER_HOUR", "0").ready().await;
    let admin = server.administrator(&server.printed_password().await).await;
    let ground = Ground::lay(&admin).await;
    let load = Load::begin(&[&admin], &ground, 4);
    let mut written = Vec::new();
    for _ in 0..TIMES {
        load.goes_on(BEFORE).await;
        let first = postmaster(&data_dir).expect("it runs");
        for process in [vec![first], children(first)].concat() {
            let _ = kill(process, Signal::SIGKILL);
        }
        let began = Instant::now();
        eventually("another one runs", async || postmaster(&data_dir).is_some_and(|now| now != first)).await;
        load.goes_on(1).await;
        written.push(began.elapsed());
    }
    tell("after its Postgres was killed, the server writes", written);
    let account = load.end().await;
    eprintln!("the server's own Postgres killed: {account}");
    account.verify(&admin, &ground).await;
    server.stop().await;
}
