//! A disk that is full.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use tempfile::TempDir;

use crate::helpers::load::is_unavailable;
use crate::helpers::{Ground, Load, eventually, open_folder, ttscm};

/// A small disk of a test's own, which is gone with the value.
struct Disk {
    folder: TempDir,
}

impl Disk {
    /// None where only root may have one, or not even root.
    fn new() -> Option<Self> {
        let folder = open_folder();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=160m,mode=0755", "tmpfs"]).arg(folder.path());
        match mount.output() {
            Ok(done) if done.status.success() => Some(Self { folder }),
            other => {
                eprintln!("left out: this user may not mount a disk: {other:?}");
                None
            }
        }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Fills it up to the last byte, with a file that can be removed.
    fn fill(&self) -> PathBuf {
        let path = self.path().join("filler");
        let mut file = File::create(&path).expect("a file");
        for size in [1 << 20, 1 << 12, 1] {
            let bytes = vec![0; size];
            while file.write_all(&bytes).is_ok() {}
        }
        path
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // lazily: what still uses it ends soon
        drop(Command::new("umount").arg("-l").arg(self.folder.path()).output());
    }
}

#[tokio::test]
async fn a_full_disk_stops_writes_until_there_is_room_again() {
    let Some(disk) = Disk::new() else { return };
    let data_dir = disk.path().join("data");
    let start = ttscm(disk.path()).set("DATA_DIR", &data_dir).set("REVEAL_LIMIT_PER_HOUR", "0");
    let server = start.ready().await;
    let admin = server.administrator(&server.printed_password().await).await;
    let ground = Ground::lay(&admin).await;
    let load = Load::begin(&[&admin], &ground, 4);
    load.goes_on(50).await;
    let filler = disk.fill();
    let before = load.account().unavailable;
    eventually("writes are refused", async || load.account().unavailable > before + 20).await;
    // what needs no room is answered, or refused as clearly
    let reply = admin.ask("/v1/company/companies", None).await.expect("an answer");
    assert!(reply.status == 200 || is_unavailable(&reply), "{reply:?}");
    assert_eq!(admin.status("/health/live").await, 200);

    std::fs::remove_file(filler).expect("room");
    let began = Instant::now();
    load.goes_on(20).await;
    eprintln!("with room again, 20 writes after {:?}", began.elapsed());
    let account = load.end().await;
    eprintln!("a full disk: {account}");
    assert_eq!(account.cut_off, 0);
    account.verify(&admin, &ground).await;
    server.stop().await;
}
