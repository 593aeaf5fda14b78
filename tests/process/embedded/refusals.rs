//! Why it does not start is told in one sentence.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use nix::unistd::{User, geteuid};
use ttscm::database::embedded::{Durability, Embedded};

use crate::helpers::{all_gone, open_folder, ttscm};

async fn refusal(data_dir: &Path) -> String {
    Embedded::start(data_dir).await.err().expect("a refusal").to_string()
}

#[tokio::test]
async fn a_folder_that_postgres_cannot_enter_is_named() {
    if !geteuid().is_root() {
        return;
    }
    let closed = tempfile::Builder::new().permissions(Permissions::from_mode(0o700)).tempdir().unwrap();
    let open = open_folder();
    let user = if User::from_name("postgres").unwrap().is_some() { "postgres" } else { "nobody" };
    let expected = format!(
        "Postgres runs as user {user}, who cannot enter the folder {}: set DATA_DIR to a folder every user may enter, such as /var/lib/ttscm",
        closed.path().display()
    );
    let start = ttscm(open.path()).set("DATA_DIR", closed.path().join("data"));
    assert_eq!(start.refused().await, expected);
}

#[tokio::test]
async fn a_folder_of_all_users_is_not_taken() {
    let shared = std::env::temp_dir();
    let open = open_folder();
    let refusal = ttscm(open.path()).set("DATA_DIR", &shared).refused().await;
    assert!(
        refusal.starts_with(&format!("DATA_DIR {} is shared by all users", shared.display())),
        "{refusal}"
    );
}

#[tokio::test]
async fn what_keeps_postgres_from_starting_is_told() {
    let folder = open_folder();
    let data_dir = folder.path().join("data");
    Embedded::start_with(&data_dir, Durability::None).await.unwrap().stop().await.unwrap();
    let password = data_dir.join("database-password");
    let right = fs::read(&password).unwrap();
    fs::write(&password, "wrong").unwrap();
    let told = refusal(&data_dir).await;
    assert!(told.starts_with("Postgres refuses the password"), "{told}");
    fs::remove_file(&password).unwrap();
    let told = refusal(&data_dir).await;
    assert!(told.contains("database-password is missing or empty"), "{told}");
    fs::write(&password, right).unwrap();
    fs::write(data_dir.join("postgres/postgresql.conf"), "nonsense = 1\n").unwrap();
    let told = refusal(&data_dir).await;
    assert!(told.contains("unrecognized configuration parameter \"nonsense\""), "{told}");
    let log = fs::read_to_string(data_dir.join("postgres.log")).unwrap();
    assert_eq!(log.matches("nonsense").count(), 1, "there is one attempt only");
    all_gone(&data_dir).await;
}
