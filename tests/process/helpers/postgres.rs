//! A Postgres of a test's own, which the test starts, kills and stops itself.

use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{AssertSqlSafe, Connection};
use tempfile::TempDir;

use super::folder::{give_to_nobody, nobody};
use super::processes::children;
use super::tied::{Tied, free_port};
use super::{eventually, open_folder};

pub struct Postgres {
    folder: TempDir,
    port: u16,
    program: Option<Tied>,
}

/// Where the programs of Postgres are: the newest that Debian has, else those of the search path; none where this
/// machine does not have them. `.ci/run` installs them.
pub fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let debian = versions.map(|version| version.path().join("bin"));
    let told = Command::new("pg_config").arg("--bindir").output().ok();
    let path = told.map(|told| PathBuf::from(String::from_utf8_lossy(&told.stdout).trim()));
    let found = debian.max().into_iter().chain(path).find(|folder| folder.join("initdb").is_file());
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "nothing is left out there");
        eprintln!(
            "left out: the programs of PostgreSQL are not on this machine (apt-get install postgresql)"
        );
    }
    found
}

/// A program of Postgres in a folder of its own, not as root.
fn command(name: &str, folder: &Path) -> Command {
    let mut command = Command::new(programs().expect("Postgres is on this machine").join(name));
    command.env_clear().env("LC_ALL", "C.UTF-8").env("HOME", folder).current_dir(folder);
    if geteuid().is_root() {
        let nobody = nobody();
        command.uid(nobody.uid.as_raw()).gid(nobody.gid.as_raw());
    }
    command
}

fn own_folder() -> TempDir {
    let folder = open_folder();
    if geteuid().is_root() {
        give_to_nobody(folder.path());
    }
    folder
}

fn succeeds(command: &mut Command) {
    let ended = command.output().expect("the program runs");
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
}

impl Postgres {
    /// A new one, which runs; none where there are no programs for it.
    pub async fn start() -> Option<Self> {
        programs()?;
        let folder = own_folder();
        let mut initdb = command("initdb", folder.path());
        succeeds(initdb.args(["-D", "data", "-U", "ttscm", "--auth=trust", "-E", "UTF8", "--no-sync"]));
        let mut postgres = Self { folder, port: free_port(), program: None };
        postgres.start_again().await;
        Some(postgres)
    }

    /// A standby of this one, without which nothing is acknowledged from now on.
    pub async fn standby(&self) -> Self {
        let folder = own_folder();
        let source = format!("host=127.0.0.1 port={} user=ttscm", self.port);
        let mut copy = command("pg_basebackup", folder.path());
        succeeds(copy.args(["-d", &source, "-D", "data", "-R", "-X", "stream", "-c", "fast", "--no-sync"]));
        let mut standby = Self { folder, port: free_port(), program: None };
        standby.start_again().await;
        self.execute("alter system set synchronous_standby_names = '*'").await;
        self.execute("select pg_reload_conf()").await;
        eventually("the standby is synchronous", async || {
            self.count("select count(*) from pg_stat_replication where sync_state = 'sync'").await == 1
        })
        .await;
        standby
    }

    /// Starts it after its end, and waits until it answers.
    pub async fn start_again(&mut self) {
        let log = std::fs::File::options().append(true).create(true).open(self.folder.path().join("log"));
        let log = log.expect("a log");
        let mut postgres = command("postgres", self.folder.path());
        let port = self.port.to_string();
        postgres.args(["-D", "data", "-p", &port, "-c", "listen_addresses=127.0.0.1"]);
        postgres.args(["-c", "unix_socket_directories=", "-c", "max_connections=50"]);
        postgres.stdout(log.try_clone().expect("a log")).stderr(log);
        self.program = Some(Tied::spawn(&mut postgres));
        eventually("Postgres answers", async || PgConnection::connect_with(&self.options()).await.is_ok())
            .await;
    }

    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    pub fn url(&self) -> String {
        Self::url_at(self.address())
    }

    /// How to connect where something else stands before it.
    pub fn url_at(address: SocketAddr) -> String {
        format!("postgres://ttscm@{address}/postgres?sslmode=disable")
    }

    fn options(&self) -> PgConnectOptions {
        let options = PgConnectOptions::new_without_pgpass().host("127.0.0.1").port(self.port);
        options.username("ttscm").database("postgres").ssl_mode(PgSslMode::Disable)
    }

    /// Its first process, and all others.
    fn processes(&self) -> Vec<Pid> {
        let program = self.program.as_ref().expect("it runs");
        let first = Pid::from_raw(program.program.id().cast_signed());
        [vec![first], children(first)].concat()
    }

    fn signal_all(&self, signal: Signal) {
        for process in self.processes() {
            // one that has ended meanwhile needs none
            let _ = kill(process, signal);
        }
    }

    /// Ends all of its processes as a crash of the machine's memory would.
    pub async fn kill(&mut self) {
        // stopped first, so that none begins while the others end
        self.signal_all(Signal::SIGSTOP);
        let all = self.processes();
        self.signal_all(Signal::SIGKILL);
        self.program = None;
        eventually("all have ended", async || all.iter().all(|process| kill(*process, None).is_err())).await;
    }

    /// Shuts it down; whoever is connected is cut off.
    pub async fn shut_down(&mut self) {
        let mut program = self.program.take().expect("it runs");
        kill(Pid::from_raw(program.program.id().cast_signed()), Signal::SIGINT).expect("it runs");
        eventually("it ends", async || program.program.try_wait().expect("our child").is_some()).await;
    }

    /// From now on it says nothing, nor refuses anything.
    pub fn hang(&self) {
        self.signal_all(Signal::SIGSTOP);
    }

    pub fn go_on(&self) {
        self.signal_all(Signal::SIGCONT);
    }

    pub async fn execute(&self, statement: &str) {
        let mut connection = PgConnection::connect_with(&self.options()).await.expect("a connection");
        let statement = sqlx::raw_sql(AssertSqlSafe(statement.to_owned()));
        statement.execute(&mut connection).await.expect("a good statement");
        connection.close().await.expect("a good end");
    }

    pub async fn count(&self, query: &'static str) -> i64 {
        let mut connection = PgConnection::connect_with(&self.options()).await.expect("a connection");
        let number = sqlx::query_scalar(query).fetch_one(&mut connection).await.expect("a number");
        connection.close().await.expect("a good end");
        number
    }

    /// A connection of the test's own.
    pub async fn connection(&self) -> PgConnection {
        PgConnection::connect_with(&self.options()).await.expect("a connection")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if self.program.is_some() {
            self.signal_all(Signal::SIGKILL);
        }
    }
}
