//! Whatever is killed, and whenever, the next start works and nothing is lost.

use std::fs;
use std::time::{Duration, Instant};

use nix::sys::signal::kill;
use sqlx::Connection;
use sqlx::postgres::PgConnection;
use ttscm::database::embedded::Embedded;

use super::{add_number, numbers, options};
use crate::helpers::processes::{children, parent, postmaster};
use crate::helpers::{Signal, all_gone, eventually, open_folder, processes, ttscm};

#[tokio::test]
async fn postgres_ends_with_its_server_and_starts_again_at_once() {
    let folder = open_folder();
    let data_dir = folder.path().join("data");
    let start = || ttscm(folder.path()).set("DATA_DIR", &data_dir);
    for round in 0..4 {
        let server = start().ready().await;
        add_number(&options(&data_dir), round).await;
        let held_open = PgConnection::connect_with(&options(&data_dir)).await.unwrap();
        server.kill().await;
        if round % 2 == 0 {
            all_gone(&data_dir).await;
        }
        drop(held_open);
    }
    let server = start().ready().await;
    assert_eq!(numbers(&options(&data_dir)).await.unwrap(), [0, 1, 2, 3]);
    server.stop().await;
    assert_eq!(processes(&data_dir), Vec::<String>::new());
}

#[tokio::test]
async fn a_server_may_be_killed_at_any_moment_of_its_start() {
    let folder = open_folder();
    let data_dir = folder.path().join("data");
    let start = || ttscm(folder.path()).set("DATA_DIR", &data_dir);
    let first_starts = (0..10).map(|step| step * 150);
    let later_starts = (0..8).map(|step| step * 25);
    for pause in first_starts.chain(later_starts).map(Duration::from_millis) {
        let server = start().spawn();
        let begun = Instant::now();
        eventually("the moment to kill", async || begun.elapsed() >= pause).await;
        server.kill().await;
    }
    let server = start().ready().await;
    add_number(&options(&data_dir), 1).await;
    server.stop().await;
    all_gone(&data_dir).await;
    let names = fs::read_dir(&data_dir).unwrap().flatten().map(|entry| entry.file_name());
    let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    let kept =
        ["database-password", "lock", "postgres", "postgres.log", "run", "token-secret", "vault-master-key"];
    assert_eq!(names, kept, "nothing unfinished is left");
}

#[tokio::test]
async fn a_postgres_that_is_killed_is_started_anew() {
    let folder = open_folder();
    let data_dir = folder.path().join("data");
    let embedded = Embedded::start(&data_dir).await.unwrap();
    let options = embedded.connect_options();
    add_number(&options, 1).await;
    for round in 0..4 {
        let first = postmaster(&data_dir).unwrap();
        let script = parent(first).unwrap();
        kill(if round % 2 == 0 { first } else { script }, Signal::SIGKILL).unwrap();
        eventually("another Postgres answers", async || {
            postmaster(&data_dir).is_some_and(|now| now != first) && numbers(&options).await.is_ok()
        })
        .await;
    }
    assert_eq!(numbers(&options).await.unwrap(), [1]);
    // told to stop in the middle of a restart
    kill(postmaster(&data_dir).unwrap(), Signal::SIGKILL).unwrap();
    embedded.stop().await.unwrap();
    all_gone(&data_dir).await;
}

#[tokio::test]
async fn a_server_recovers_by_itself_when_its_postgres_is_killed() {
    let folder = open_folder();
    let data_dir = folder.path().join("data");
    let server = ttscm(folder.path()).set("DATA_DIR", &data_dir).ready().await;
    let password = server.printed_password().await;
    let admin = server.administrator(&password).await;
    let credential = admin.store_secret().await;
    let first = postmaster(&data_dir).unwrap();
    kill(first, Signal::SIGKILL).unwrap();
    eventually("another Postgres answers", async || {
        postmaster(&data_dir).is_some_and(|now| now != first)
            && numbers(&options(&data_dir)).await.is_err()
            && PgConnection::connect_with(&options(&data_dir)).await.is_ok()
    })
    .await;
    eventually("the server answers", async || admin.status("/health/ready").await == 200).await;
    assert_eq!(admin.reveal(&credential).await, crate::helpers::client::SECRET);
    server.stop().await;
}

#[tokio::test]
async fn a_postgres_that_nobody_looks_after_is_taken_over() {
    let folder = open_folder();
    let data_dir = folder.path().join("data");
    let start = || ttscm(folder.path()).set("DATA_DIR", &data_dir);
    for round in 0..2 {
        let server = start().ready().await;
        let first = postmaster(&data_dir).unwrap();
        let script = parent(first).unwrap();
        let watcher = children(script).into_iter().find(|child| *child != first).unwrap();
        for victim in [watcher, script] {
            kill(victim, Signal::SIGKILL).unwrap();
        }
        if round == 0 {
            kill(first, Signal::SIGKILL).unwrap();
        }
        server.kill().await;
    }
    start().ready().await.stop().await;
    all_gone(&data_dir).await;
}
