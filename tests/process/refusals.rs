//! What a start needs and does not find is told in one sentence.

use std::net::TcpListener;

use crate::helpers::external::{Database, key};
use crate::helpers::{open_folder, ttscm};

#[tokio::test]
async fn a_database_that_cannot_be_reached_is_told_with_the_reason() {
    let folder = open_folder();
    let start = || ttscm(folder.path()).set("VAULT_MASTER_KEY", key(b'a')).set("TOKEN_SECRET", key(b't'));
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    for (url, reason) in [
        (format!("postgres://ttscm:hidden@{closed}/ttscm"), "Connection refused"),
        ("postgres://ttscm:hidden@nowhere.invalid/ttscm".to_owned(), "failed to lookup address"),
    ] {
        let refusal = start().set("DATABASE_URL", url).refused().await;
        assert!(refusal.starts_with("the database cannot be reached: "), "{refusal}");
        assert_eq!(refusal.matches(reason).count(), 1, "{refusal}");
        assert!(!refusal.contains("hidden"), "{refusal}");
    }
    let refusal = start().set("DATABASE_URL", "nonsense").refused().await;
    assert!(refusal.starts_with("DATABASE_URL must be a URL"), "{refusal}");
}

#[tokio::test]
async fn a_database_that_refuses_is_told_with_the_reason() {
    let database = Database::new().await;
    let elsewhere = database.url.replace("/process_", "/missing_");
    let refusal = database.ttscm().set("DATABASE_URL", elsewhere).refused().await;
    assert!(refusal.starts_with("the database cannot be reached: "), "{refusal}");
    assert!(refusal.contains("does not exist"), "{refusal}");
}

#[tokio::test]
async fn an_address_in_use_is_told() {
    let folder = open_folder();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let refusal = ttscm(folder.path()).set("BIND_ADDRESS", address.to_string()).refused().await;
    assert!(refusal.starts_with(&format!("the address {address} cannot be used: ")), "{refusal}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was begun");
}
