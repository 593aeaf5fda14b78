//! The master key and the token secret.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ttscm::config::EXAMPLE_KEYS;

use crate::helpers::client::SECRET;
use crate::helpers::external::{Database, key};
use crate::helpers::{open_folder, ttscm};

const WRONG_KEY: &str =
    "VAULT_MASTER_KEY is not the key that this database was sealed with: set the right one";

#[tokio::test]
async fn a_wrong_master_key_stops_the_start_before_anything_changes() {
    let database = Database::new().await;
    let server = database.ttscm().ready().await;
    let credential = Database::administrator(&server).await.store_secret().await;
    server.stop().await;

    // a start that goes as far as the migrations takes the first one for new, and fails at that
    database.execute("alter table _sqlx_migrations rename to kept").await;
    let refusal = database.ttscm().set("VAULT_MASTER_KEY", key(b'b')).refused().await;
    assert_eq!(refusal, WRONG_KEY);
    let tables = "select count(*) from pg_tables where tablename = '_sqlx_migrations'";
    assert_eq!(database.count(tables).await, 0);
    let refusal = database.ttscm().refused().await;
    assert!(refusal.starts_with("the database cannot be brought up to date"), "{refusal}");

    database.execute("drop table _sqlx_migrations; alter table kept rename to _sqlx_migrations").await;
    let server = database.ttscm().ready().await;
    assert_eq!(Database::administrator(&server).await.reveal(&credential).await, SECRET);
    server.stop().await;
}

#[tokio::test]
async fn the_previous_master_key_opens_what_it_sealed() {
    let database = Database::new().await;
    let server = database.ttscm().ready().await;
    let credential = Database::administrator(&server).await.store_secret().await;
    server.stop().await;
    let changed = || database.ttscm().set("VAULT_MASTER_KEY", key(b'b'));
    let server = changed().set("VAULT_MASTER_KEY_PREVIOUS", key(b'a')).ready().await;
    assert_eq!(Database::administrator(&server).await.reveal(&credential).await, SECRET);
    server.stop().await;
    assert_eq!(changed().set("VAULT_MASTER_KEY_PREVIOUS", key(b'c')).refused().await, WRONG_KEY);
}

#[tokio::test]
async fn keys_that_are_missing_short_or_public_are_refused_by_name() {
    let database = Database::new().await;
    let short = STANDARD.encode([7; 31]);
    for name in ["VAULT_MASTER_KEY", "TOKEN_SECRET"] {
        let missing = database.ttscm().set(name, "").refused().await;
        assert!(missing.starts_with(&format!("{name} must be set where DATABASE_URL is")), "{missing}");
        for bad in [&short, "no base64", EXAMPLE_KEYS[0], EXAMPLE_KEYS[1]] {
            let refusal = database.ttscm().set(name, bad).refused().await;
            assert!(refusal.starts_with(&format!("{name} ")) && !refusal.contains(bad), "{refusal}");
        }
    }
    let tables = "select count(*) from pg_tables where schemaname = 'public'";
    assert_eq!(database.count(tables).await, 0, "nothing was begun");
}

#[tokio::test]
async fn a_lost_key_file_is_missed_and_not_made_anew() {
    let folder = open_folder();
    let data_dir = folder.path().join("data");
    let start = || ttscm(folder.path()).set("DATA_DIR", &data_dir);
    start().ready().await.stop().await;
    let (key, elsewhere) = (data_dir.join("vault-master-key"), data_dir.join("elsewhere"));
    std::fs::rename(&key, &elsewhere).unwrap();
    let expected = format!(
        "the key file {} is missing: put it back, for example from a backup, since the database was sealed with it",
        key.display()
    );
    for _ in 0..2 {
        assert_eq!(start().refused().await, expected);
    }
    std::fs::rename(&elsewhere, &key).unwrap();
    start().ready().await.stop().await;
}
