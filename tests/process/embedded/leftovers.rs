//! What an earlier run may leave: links to sockets, records of processes.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

use nix::unistd::Uid;

use super::{add_number, numbers, options};
use crate::helpers::{all_gone, open_folder, ttscm};

#[tokio::test]
async fn a_path_that_is_too_long_for_a_socket_works() {
    let folder = open_folder();
    let data_dir = folder.path().join("a-long-name/".repeat(12)).join("data");
    let start = || ttscm(folder.path()).set("DATA_DIR", &data_dir);
    let server = start().ready().await;
    let first = fs::read_link(data_dir.join("run")).unwrap();
    server.kill().await;
    let server = start().ready().await;
    let second = fs::read_link(data_dir.join("run")).unwrap();
    assert!(first != second && !first.exists(), "the folder of the killed one is removed");
    server.stop().await;
    assert!(!second.exists(), "and that of the stopped one");
    all_gone(&data_dir).await;
}

/// Another program, of the user who runs Postgres. It ends with the value.
struct Sleeper(Child);

impl Sleeper {
    fn of(user: u32) -> Self {
        let mut command = Command::new("sleep");
        command.arg("1000");
        if Uid::effective().is_root() {
            command.uid(user);
        }
        Self(command.spawn().expect("a sleeping program"))
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[tokio::test]
async fn a_record_of_a_process_that_is_long_gone_does_no_harm() {
    let folder = open_folder();
    let data_dir = folder.path().join("data");
    let start = || ttscm(folder.path()).set("DATA_DIR", &data_dir);
    let server = start().ready().await;
    add_number(&options(&data_dir), 1).await;
    server.stop().await;
    let user = fs::metadata(data_dir.join("postgres")).unwrap().uid();
    let record = data_dir.join("postgres/postmaster.pid");
    let leave = |text: String| {
        fs::write(&record, text).unwrap();
        chown(&record, Some(user), None).unwrap();
    };

    // its number now belongs to another program of the same user
    let mut sleeper = Sleeper::of(user);
    leave(format!("{}\n{}\n", sleeper.0.id(), data_dir.display()));
    let server = start().ready().await;
    assert_eq!(numbers(&options(&data_dir)).await.unwrap(), [1]);
    server.stop().await;
    assert!(sleeper.0.try_wait().unwrap().is_none(), "the other program is left alone");
    // an empty one, of a machine that crashed
    leave(String::new());
    start().ready().await.stop().await;
    all_gone(&data_dir).await;
}
