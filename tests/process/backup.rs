//! Backup, restore, and the commands of the vault, as processes of their own.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use serde_json::Value;

use crate::helpers::client::SECRET;
use crate::helpers::external::{Database, key};
use crate::helpers::{open_folder, ttscm};

const OF_PEOPLE: &str = "select (select count(*) from users) + 10 * (select count(*) from roles) + 100 * (select count(*) from secure_values)";

#[tokio::test]
async fn a_backup_that_is_made_beside_a_server_is_restored_elsewhere() {
    let (database, elsewhere, folder) = (Database::new().await, Database::new().await, open_folder());
    let file = folder.path().join("backup");
    let path = file.to_str().unwrap();
    let server = database.ttscm().ready().await;
    let credential = Database::administrator(&server).await.store_secret().await;
    let said = database.ttscm().argument("backup").argument(path).succeeds().await;
    assert!(said.contains(" rows of "), "{said}");
    let found = fs::metadata(&file).unwrap();
    assert_eq!(found.mode() & 0o777, 0o600);
    let bytes = fs::read(&file).unwrap();
    for plain in [SECRET, "Production", "admin@example.com", "secure_values"] {
        assert!(!bytes.windows(plain.len()).any(|part| part == plain.as_bytes()), "{plain}");
    }

    let restore = || elsewhere.ttscm().argument("restore").argument(path);
    let tables = "select count(*) from pg_tables where schemaname = 'public'";
    let refusal = restore().set("VAULT_MASTER_KEY", key(b'b')).refused().await;
    assert_eq!(refusal, "VAULT_MASTER_KEY is not the key that the backup was made with: set the right one");
    let mut changed = bytes.clone();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    for bad in [&bytes[..bytes.len() - 1], &bytes[..bytes.len() / 2], &changed] {
        fs::write(&file, bad).unwrap();
        assert_eq!(restore().refused().await, "the backup is damaged: it was cut off or changed");
    }
    assert_eq!(elsewhere.count(tables).await, 0, "nothing was begun");

    fs::write(&file, &bytes).unwrap();
    restore().succeeds().await;
    assert_eq!(elsewhere.count(OF_PEOPLE).await, database.count(OF_PEOPLE).await);
    assert_eq!(elsewhere.count("select count(*) from sessions").await, 0);
    let checked = elsewhere.ttscm().argument("vault").argument("check").succeeds().await;
    assert_eq!(checked, "1 values open, 0 do not\n");
    let restored = elsewhere.ttscm().ready().await;
    let admin = Database::administrator(&restored).await;
    assert_eq!(admin.reveal(&credential).await, SECRET);
    restored.stop().await;
    server.stop().await;
    let refusal = restore().refused().await;
    assert!(
        refusal.starts_with("a backup is restored into an empty database, and this one has tables"),
        "{refusal}"
    );
}

#[tokio::test]
async fn a_master_key_is_changed_and_the_one_before_is_not_needed_any_more() {
    let database = Database::new().await;
    let server = database.ttscm().ready().await;
    let credential = Database::administrator(&server).await.store_secret().await;
    server.stop().await;
    let changed = || database.ttscm().set("VAULT_MASTER_KEY", key(b'b'));
    let rewrap =
        || changed().set("VAULT_MASTER_KEY_PREVIOUS", key(b'a')).argument("vault").argument("rewrap");
    assert!(rewrap().succeeds().await.starts_with("1 data keys are wrapped by VAULT_MASTER_KEY now"));
    assert!(rewrap().succeeds().await.starts_with("Every data key is wrapped by VAULT_MASTER_KEY already"));
    let server = changed().ready().await;
    assert_eq!(Database::administrator(&server).await.reveal(&credential).await, SECRET);
    server.stop().await;

    let folder = open_folder();
    let file = folder.path().join("master-key");
    fs::write(&file, key(b'b')).unwrap();
    let by_file = || database.ttscm().set("VAULT_MASTER_KEY", "").set("VAULT_MASTER_KEY_FILE", &file);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(by_file().refused().await.ends_with("is open to others: take their rights away (chmod 600)"));
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    by_file().ready().await.stop().await;
    let both = changed().set("VAULT_MASTER_KEY_FILE", &file).refused().await;
    assert_eq!(both, "VAULT_MASTER_KEY and VAULT_MASTER_KEY_FILE must not both be set");
}

#[tokio::test]
async fn keys_of_the_private_postgres_are_changed_beside_its_server() {
    let folder = open_folder();
    let data_dir = folder.path().join("data");
    let start = || ttscm(folder.path()).set("DATA_DIR", &data_dir);
    let server = start().ready().await;
    let password = server.printed_password().await;
    let admin = server.administrator(&password).await;
    let credential = admin.store_secret().await;
    let said = start().argument("vault").argument("rotate").succeeds().await;
    assert_eq!(said, "1 values were sealed anew with data key 2\n");
    let status = start().argument("vault").argument("status").argument("--json").succeeds().await;
    let status: Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["keys"][1]["values"], 1, "{status}");
    assert_eq!((&status["keys"][1]["newest"], &status["rotating"]), (&true.into(), &false.into()));
    assert_eq!(admin.reveal(&credential).await, SECRET);
    server.stop().await;
}
