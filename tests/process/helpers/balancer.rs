//! A balancer before servers: `haproxy`, as Debian has it.

use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::tied::{Tied, free_port};
use super::wait::eventually;

/// A balancer as it runs.
pub struct Balancer {
    pub address: SocketAddr,
    _program: Tied,
    _folder: TempDir,
}

/// The program, where this machine has it. `.ci/run` installs it.
fn haproxy() -> Option<PathBuf> {
    let folders = ["/usr/sbin", "/usr/local/sbin", "/usr/bin", "/usr/local/bin"];
    folders.map(|folder| Path::new(folder).join("haproxy")).into_iter().find(|program| program.is_file())
}

impl Balancer {
    /// Starts one with these settings for what stands behind it; none where this machine does not have it.
    pub async fn before(behind: &str) -> Option<Self> {
        let Some(program) = haproxy() else {
            assert!(std::env::var_os("CI").is_none(), "nothing is left out there");
            eprintln!("left out: there is no HAProxy on this machine (apt-get install haproxy)");
            return None;
        };
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let settings = format!(
            "global\n maxconn 500\ndefaults\n timeout connect 2s\n timeout client 60s\n timeout server 60s\n \
             timeout check 5s\n retries 3\n option redispatch 1\nlisten front\n bind {address}\n {behind}\n"
        );
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("haproxy.cfg");
        std::fs::write(&file, settings).expect("a file");
        let log = std::fs::File::create(folder.path().join("log")).expect("a file");
        let mut command = Command::new(program);
        command.arg("-db").arg("-f").arg(&file).stderr(log.try_clone().expect("a file")).stdout(log);
        let balancer = Self { address, _program: Tied::spawn(&mut command), _folder: folder };
        eventually("the balancer listens", async || TcpStream::connect(address).is_ok()).await;
        Some(balancer)
    }
}
