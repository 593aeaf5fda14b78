//! The first start on a database of its own, and the starts after it.

use std::fs;
use std::os::unix::fs::MetadataExt;

use crate::helpers::client::SECRET;
use crate::helpers::{Signal, all_gone, open_folder, processes, ttscm};

#[tokio::test]
async fn the_first_start_prints_a_password_and_no_later_one_does() {
    let folder = open_folder();
    let data_dir = folder.path().join("data");
    let start = || ttscm(folder.path()).set("DATA_DIR", &data_dir);

    let server = start().ready().await;
    let password = server.printed_password().await;
    let admin = server.administrator(&password).await;
    let credential = admin.store_secret().await;
    assert_eq!(admin.reveal(&credential).await, SECRET);
    let log = server.log();
    let printed = server.stop().await;
    assert_eq!(processes(&data_dir), Vec::<String>::new(), "no Postgres is left");
    assert_eq!(printed.matches(&password).count(), 1, "{printed}");
    assert!(!log.contains(&password), "the log has no passwords");

    let server = start().ready().await;
    let admin = server.administrator(&password).await;
    assert_eq!(admin.reveal(&credential).await, SECRET);
    let url = server.url();
    assert_eq!(server.stop().await, format!("TTSCM API is ready at {url}\n"));
    assert_eq!(processes(&data_dir), Vec::<String>::new(), "no Postgres is left");
}

#[tokio::test]
async fn a_killed_server_starts_again_at_once_with_all_its_secrets() {
    let folder = open_folder();
    let data_dir = folder.path().join("data");
    let start = || ttscm(folder.path()).set("DATA_DIR", &data_dir);

    let server = start().ready().await;
    let password = server.printed_password().await;
    let credential = server.administrator(&password).await.store_secret().await;
    server.kill().await;

    let server = start().ready().await;
    assert_eq!(server.administrator(&password).await.reveal(&credential).await, SECRET);
    for key in ["vault-master-key", "token-secret"] {
        assert_eq!(fs::metadata(data_dir.join(key)).unwrap().mode() & 0o7777, 0o600, "{key}");
    }
    server.kill().await;
    all_gone(&data_dir).await;
}

#[tokio::test]
async fn a_second_server_on_the_same_data_is_refused() {
    let folder = open_folder();
    let data_dir = folder.path().join("data");
    let start = || ttscm(folder.path()).set("DATA_DIR", &data_dir);
    let server = start().ready().await;
    let expected = format!(
        "another ttscm server (process {}) is already using DATA_DIR {}",
        server.id(),
        data_dir.display()
    );
    assert_eq!(start().refused().await, expected);
    server.stop().await;
}

#[tokio::test]
async fn a_server_that_is_told_to_stop_while_it_starts_does_so() {
    let folder = open_folder();
    let data_dir = folder.path().join("data");
    let mut server = ttscm(folder.path()).set("DATA_DIR", &data_dir).spawn();
    crate::helpers::eventually("the database is being made", async || {
        server.log().contains("making the private database")
    })
    .await;
    server.signal(Signal::SIGINT);
    assert_eq!(server.ended().await.code(), Some(0), "{}", server.log());
    assert_eq!(server.out(), "");
    all_gone(&data_dir).await;
}
