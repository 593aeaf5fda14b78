//! What is kept, and how it is kept from others.

use std::fs;
use std::os::unix::fs::MetadataExt;

use nix::unistd::geteuid;
use sqlx::Connection;
use sqlx::Row;
use sqlx::postgres::PgConnection;
use ttscm::database::embedded::{Durability, Embedded};

use super::{add_number, numbers};
use crate::helpers::{all_gone, open_folder, processes};

#[tokio::test]
async fn data_outlives_a_restart_in_a_folder_of_any_name() {
    let folder = open_folder();
    let data_dir = folder.path().join("some, folder \"x\"/data");
    for durability in [Durability::None, Durability::Full] {
        let embedded = Embedded::start_with(&data_dir, durability).await.unwrap();
        let options = embedded.connect_options();
        let before = numbers(&options).await.unwrap_or_default();
        add_number(&options, i32::try_from(before.len()).unwrap()).await;
        assert_eq!(numbers(&options).await.unwrap().len(), before.len() + 1);
        embedded.stop().await.unwrap();
        assert_eq!(processes(&data_dir), Vec::<String>::new());
    }
    let embedded = Embedded::start(&data_dir).await.unwrap();
    assert_eq!(numbers(&embedded.connect_options()).await.unwrap(), [0, 1]);
    embedded.stop().await.unwrap();
}

#[tokio::test]
async fn permissions_and_settings_are_safe() {
    let folder = open_folder();
    let data_dir = folder.path().join("data");
    let embedded = Embedded::start(&data_dir).await.unwrap();
    let mode = |name: &str| fs::metadata(data_dir.join(name)).unwrap().mode() & 0o777;
    assert_eq!(mode(""), if geteuid().is_root() { 0o711 } else { 0o700 });
    assert_eq!(["postgres", "run"].map(mode), [0o700; 2]);
    assert_eq!(["database-password", "lock", "postgres.log"].map(mode), [0o600; 3]);
    let mut connection = PgConnection::connect_with(&embedded.connect_options()).await.unwrap();
    for (setting, value) in [
        ("server_encoding", "UTF8"),
        ("data_checksums", "on"),
        ("listen_addresses", ""),
        ("jit", "off"),
        ("fsync", "on"),
        ("lc_collate", "C.UTF-8"),
        ("max_connections", "100"),
    ] {
        let show = sqlx::query("select current_setting($1)").bind(setting);
        let row = show.fetch_one(&mut connection).await.unwrap();
        assert_eq!(row.get::<&str, _>(0), value, "{setting}");
    }
    connection.close().await.unwrap();
    let wrong = embedded.connect_options().password("wrong");
    let refused = PgConnection::connect_with(&wrong).await.unwrap_err();
    assert_eq!(refused.as_database_error().unwrap().code().unwrap(), "28P01");
    // dropped, and not stopped
    drop(embedded);
    all_gone(&data_dir).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_run_at_once() {
    let folder = open_folder();
    let starts = (0..3).map(|number| {
        let data_dir = folder.path().join(number.to_string());
        tokio::spawn(async move {
            let embedded = Embedded::start_with(&data_dir, Durability::None).await.unwrap();
            add_number(&embedded.connect_options(), number).await;
            assert_eq!(numbers(&embedded.connect_options()).await.unwrap(), [number]);
            embedded.stop().await.unwrap();
        })
    });
    for start in starts.collect::<Vec<_>>() {
        start.await.unwrap();
    }
    all_gone(folder.path()).await;
}
