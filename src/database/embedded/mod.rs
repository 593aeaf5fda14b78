//! The private Postgres which the server starts by itself when no `DATABASE_URL` is given.
//!
//! Everything is kept in one folder, `DATA_DIR`:
//! `postgres` (the data), `run` (the Unix socket), `database-password`, `postgres.log`,
//! `lock`, and `postgres-programs` if the programs had to be fetched.

mod cluster;
mod fetch;
mod folders;
mod leftovers;
mod owner;
mod programs;
mod ready;
mod server;
mod supervisor;
mod tied;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sqlx::postgres::PgConnectOptions;

use owner::Owner;
use server::Server;
use supervisor::Supervisor;

/// The folder for data, below the working directory.
const DEFAULT_FOLDER: &str = ".ttscm";
/// The folder for data where an unprivileged user cannot enter the working directory.
const SYSTEM_FOLDER: &str = "/var/lib/ttscm";

/// How much a commit is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// What was committed outlives a crash of the machine.
    Full,
    /// For tests: fast, with more connections (400); a crash of the machine may destroy the data.
    None,
}

/// A Postgres of the server's own, which lives exactly as long as the server.
///
/// It listens on a Unix socket only, and is started anew when it ends by itself.
/// When this value is dropped, or its process dies in whatever way, Postgres shuts down by itself;
/// [`stop`](Self::stop) also waits for that.
pub struct Embedded {
    data_dir: PathBuf,
    options: PgConnectOptions,
    supervisor: Supervisor,
}

impl Embedded {
    /// Starts the private Postgres under `data_dir`; makes folder, data and password at first.
    ///
    /// Waits until the database answers, 60 seconds at most. As root, the programs run as the user
    /// `postgres`, else `nobody`; that user must be able to enter `data_dir`.
    ///
    /// # Errors
    ///
    /// When another server uses `data_dir`, when no programs of Postgres 14 or newer (or of the
    /// version that made the data) can be had, or when Postgres does not start; the last lines of
    /// its log are then part of the error.
    pub async fn start(data_dir: &Path) -> Result<Self> {
        Self::start_with(data_dir, Durability::Full).await
    }

    /// Like [`start`](Self::start), with the given durability, which holds for this run only.
    ///
    /// # Errors
    ///
    /// Like [`start`](Self::start).
    pub async fn start_with(data_dir: &Path, durability: Durability) -> Result<Self> {
        let data_dir = folders::prepare_data_dir(data_dir)?;
        let server = Server::prepare(&data_dir, durability).await?;
        let options = server.connect_options();
        let run = server.launch_ready().await?;
        // Again, because what a killed server had begun may have gone on for a moment.
        cluster::remove_unfinished(&data_dir)?;
        Ok(Self { data_dir, options, supervisor: Supervisor::new(server, run) })
    }

    /// How to connect to the private Postgres of a server that is running on `data_dir`, and the folder; none
    /// where there is no such server.
    ///
    /// # Errors
    ///
    /// When the folder cannot be used, or has no password in it.
    pub fn of_running_server(data_dir: &Path) -> Result<Option<(PgConnectOptions, PathBuf)>> {
        if !folders::is_locked(data_dir)? {
            return Ok(None);
        }
        let data_dir = data_dir.canonicalize().context("cannot use DATA_DIR")?;
        let password = cluster::password(&data_dir, true)?;
        let socket = folders::running_socket(&data_dir)?;
        Ok(Some((server::options(&socket, &password), data_dir)))
    }

    /// How to connect to the database `ttscm`, as its owner and superuser.
    #[must_use]
    pub fn connect_options(&self) -> PgConnectOptions {
        self.options.clone()
    }

    /// The folder of all data: absolute, without symbolic links.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// Shuts Postgres down (open connections are cut) and waits until its programs have ended.
    ///
    /// # Errors
    ///
    /// When Postgres is still running about two minutes later.
    pub async fn stop(self) -> Result<()> {
        self.supervisor.stop().await
    }
}

/// Where data goes by default: `.ttscm` in the working directory.
///
/// As root, where an unprivileged user cannot enter that folder: `/var/lib/ttscm`.
#[must_use]
pub fn default_data_dir() -> PathBuf {
    let Ok(working) = std::env::current_dir() else {
        return PathBuf::from(DEFAULT_FOLDER);
    };
    let folder = working.join(DEFAULT_FOLDER);
    match Owner::for_cluster(&folder.join(cluster::FOLDER)) {
        Ok(owner) if owner.can_enter(&working) => folder,
        _ => PathBuf::from(SYSTEM_FOLDER),
    }
}
