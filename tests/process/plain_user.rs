//! The main path as a user without rights, where the tests have them. (A plain user's own run of the
//! tests is that already.)

use std::fs;
use std::os::unix::fs::MetadataExt;

use nix::unistd::geteuid;

use crate::helpers::client::SECRET;
use crate::helpers::folder::nobody;
use crate::helpers::{all_gone, open_folder, processes, ttscm};

#[tokio::test]
async fn a_plain_user_needs_nothing_but_a_folder() {
    if !geteuid().is_root() {
        return;
    }
    let folder = open_folder();
    // the default, below the working directory
    let data_dir = folder.path().join(".ttscm");

    let server = ttscm(folder.path()).by_nobody().ready().await;
    let password = server.printed_password().await;
    let credential = server.administrator(&password).await.store_secret().await;
    let found = fs::metadata(&data_dir).unwrap();
    assert_eq!((found.uid(), found.mode() & 0o7777), (nobody().uid.as_raw(), 0o700));
    for key in ["vault-master-key", "token-secret", "database-password"] {
        let found = fs::metadata(data_dir.join(key)).unwrap();
        assert_eq!((found.uid(), found.mode() & 0o7777), (nobody().uid.as_raw(), 0o600), "{key}");
    }
    server.kill().await;

    let server = ttscm(folder.path()).by_nobody().ready().await;
    assert_eq!(server.administrator(&password).await.reveal(&credential).await, SECRET);
    server.stop().await;
    assert_eq!(processes(&data_dir), Vec::<String>::new(), "no Postgres is left");
    all_gone(&data_dir).await;
}
