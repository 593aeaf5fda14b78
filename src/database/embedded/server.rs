//! One private Postgres: all that is needed to start it, again and again.

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use tokio::time::{Instant, sleep};

use super::cluster::{self, Making};
use super::folders::{self, PORT, SocketFolder};
use super::owner::Owner;
use super::programs::Programs;
use super::tied::{Log, Tied};
use super::{Durability, leftovers, ready};

/// How long Postgres may take until it answers.
const START_LIMIT: Duration = Duration::from_mins(1);
/// How long a shutdown may take until it is enforced.
const SHUTDOWN_LIMIT: Duration = Duration::from_mins(1);
/// The pause before another attempt, where children of a killed Postgres have not ended yet.
const RETRY_PAUSE: Duration = Duration::from_millis(50);
/// What Postgres says then.
const PASSING_PROBLEMS: [&str; 3] =
    ["is still in use", "\"postmaster.pid\" already exists", "\"postmaster.pid\" is empty"];

/// Settings which hold for every start, so that a newer server can change them.
const SETTINGS: [&str; 16] = [
    "listen_addresses=",
    "unix_socket_permissions=0700",
    "cluster_name=ttscm",
    "shared_buffers=128MB",
    "jit=off",
    // Needs no large /dev/shm, which containers do not have.
    "max_parallel_workers_per_gather=0",
    "password_encryption=scram-sha-256",
    "timezone=UTC",
    "log_timezone=UTC",
    "lc_messages=C",
    "logging_collector=off",
    "log_destination=stderr",
    "log_checkpoints=off",
    "log_line_prefix=%m [%p] ",
    // What is stored must not appear in the log: no rows in details, no statements.
    "log_error_verbosity=terse",
    "log_min_error_statement=panic",
];
const DURABLE: [&str; 4] =
    ["fsync=on", "synchronous_commit=on", "full_page_writes=on", "max_connections=100"];
const THROW_AWAY: [&str; 4] =
    ["fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=400"];

/// A private Postgres, claimed for this process, but not necessarily running.
pub(super) struct Server {
    owner: Owner,
    programs: Programs,
    cluster: PathBuf,
    socket: SocketFolder,
    log: Log,
    password: String,
    durability: Durability,
    /// Held until Postgres has ended.
    _lock: File,
}

impl Server {
    /// Claims `data_dir`, finds the programs, and makes the data at first.
    pub async fn prepare(data_dir: &Path, durability: Durability) -> Result<Self> {
        let lock = folders::lock(data_dir)?;
        let cluster = data_dir.join(cluster::FOLDER);
        let owner = Owner::for_cluster(&cluster)?;
        folders::check_entry(data_dir, &owner)?;
        cluster::remove_unfinished(data_dir)?;
        let version = cluster::version(&cluster)?;
        let programs = Programs::find(&owner, data_dir, version).await?;
        let log = Log::new(data_dir);
        let password = cluster::password(data_dir, version.is_some())?;
        if version.is_none() {
            let making =
                Making { owner: &owner, programs: &programs, log: &log, password: &password, durability };
            making.make(data_dir).await?;
        }
        leftovers::end(&owner, &programs, &cluster).await?;
        let socket = SocketFolder::make(data_dir, &owner)?;
        Ok(Self { owner, programs, cluster, socket, log, password, durability, _lock: lock })
    }

    /// How to connect to the database of the server.
    pub fn connect_options(&self) -> PgConnectOptions {
        options(self.socket.path(), &self.password)
    }

    /// Starts Postgres and waits until the database answers.
    pub async fn launch_ready(&self) -> Result<Tied> {
        let deadline = Instant::now() + START_LIMIT;
        let options = self.connect_options();
        loop {
            let (mut run, log_from) = self.launch().await?;
            let outcome = ready::wait(&options, &mut run, deadline).await;
            let problem = match outcome {
                Ok(None) => return Ok(run),
                Ok(Some(status)) => anyhow!("Postgres ended at once ({status})"),
                Err(problem) => {
                    run.end(SHUTDOWN_LIMIT).await;
                    return Err(self.with_log(&problem, log_from));
                }
            };
            let said = self.log.tail(log_from);
            let passing = PASSING_PROBLEMS.iter().any(|passing| said.contains(passing));
            if !passing || Instant::now() >= deadline {
                return Err(self.with_log(&problem, log_from));
            }
            #[expect(
                clippy::disallowed_methods,
                reason = "what is in the way is another process, which tells nobody when it is gone"
            )]
            sleep(RETRY_PAUSE).await;
        }
    }

    fn with_log(&self, problem: &anyhow::Error, from: u64) -> anyhow::Error {
        let (path, tail) = (self.log.path().display(), self.log.tail(from));
        anyhow!("{problem:#}; the end of {path} is:\n{tail}")
    }

    /// Starts Postgres, without waiting; returns the size of the log before that, as well.
    pub async fn launch(&self) -> Result<(Tied, u64)> {
        self.end_leftovers().await?;
        let (file, log_from) = self.log.open()?;
        let program = self.programs.path("postgres");
        Ok((Tied::spawn(&self.owner, &program, &self.arguments(), file)?, log_from))
    }

    /// Ends a Postgres that runs although nobody of ours looks after it.
    pub async fn end_leftovers(&self) -> Result<()> {
        leftovers::end(&self.owner, &self.programs, &self.cluster).await
    }

    /// Shuts Postgres down and waits for that.
    pub async fn shut_down(&self, run: Tied) -> Result<()> {
        if !run.end(SHUTDOWN_LIMIT).await {
            tracing::warn!("Postgres takes long to shut down");
        }
        self.end_leftovers().await.context("cannot shut Postgres down")
    }

    /// The file with the messages of Postgres.
    pub fn log_path(&self) -> &Path {
        self.log.path()
    }

    fn arguments(&self) -> Vec<OsString> {
        let durability = match self.durability {
            Durability::Full => DURABLE,
            Durability::None => THROW_AWAY,
        };
        let mut arguments = vec!["-D".into(), self.cluster.clone().into_os_string()];
        let mut set = |setting: OsString| arguments.extend(["-c".into(), setting]);
        SETTINGS.iter().chain(&durability).for_each(|setting| set(setting.into()));
        if cfg!(target_os = "linux") {
            // after a crash, all is made sure to be on the disk at once, and not file by file, which takes seconds
            set("recovery_init_sync_method=syncfs".into());
        }
        set(format!("port={PORT}").into());
        set(socket_setting(self.socket.path()));
        arguments
    }
}

/// How to connect to a private Postgres at this socket.
pub(super) fn options(socket: &Path, password: &str) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass()
        .socket(socket)
        .port(PORT)
        .username(cluster::USER)
        .password(password)
        .database(ready::DATABASE)
        .ssl_mode(PgSslMode::Disable)
        .application_name("ttscm")
}

/// The folder in quotes: the setting is a list, whose parts a comma would separate.
fn socket_setting(folder: &Path) -> OsString {
    let mut setting = b"unix_socket_directories=\"".to_vec();
    for byte in folder.as_os_str().as_bytes() {
        if *byte == b'"' {
            setting.push(b'"');
        }
        setting.push(*byte);
    }
    setting.push(b'"');
    OsString::from_vec(setting)
}
