//! A way to the database that tests can close.

use std::path::PathBuf;

use sqlx::postgres::PgConnectOptions;
use tempfile::TempDir;
use tokio::io::copy_bidirectional;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::{JoinHandle, JoinSet};

/// A socket that leads to the database while the gate is open. Closed, it is what is left of a Postgres
/// that died: connections break, and new ones are refused.
pub struct Gate {
    folder: TempDir,
    behind: PathBuf,
    port: u16,
    doorman: JoinHandle<()>,
}

impl Gate {
    /// Builds an open gate before `database`; the way through it.
    pub fn before(database: &PgConnectOptions) -> (Self, PgConnectOptions) {
        let folder = tempfile::tempdir().expect("a folder");
        let (port, socket) = (database.get_port(), database.get_socket().expect("a socket"));
        let behind = socket.join(format!(".s.PGSQL.{port}"));
        let through = database.clone().socket(folder.path());
        let mut gate = Self { folder, behind, port, doorman: tokio::spawn(async {}) };
        gate.open();
        (gate, through)
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join(format!(".s.PGSQL.{}", self.port))
    }

    /// Opens it, again.
    pub fn open(&mut self) {
        drop(std::fs::remove_file(self.path()));
        let listener = UnixListener::bind(self.path()).expect("a socket");
        let behind = self.behind.clone();
        self.doorman = tokio::spawn(async move {
            let mut guests = JoinSet::new();
            while let Ok((mut guest, _)) = listener.accept().await {
                let behind = behind.clone();
                guests.spawn(async move {
                    let mut host = UnixStream::connect(behind).await.expect("the database");
                    drop(copy_bidirectional(&mut guest, &mut host).await);
                });
            }
        });
    }

    /// Closes it, with everybody who is in it.
    pub async fn close(&mut self) {
        self.doorman.abort();
        drop((&mut self.doorman).await);
    }
}
