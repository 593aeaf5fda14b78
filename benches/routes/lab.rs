//! A Postgres of the measurement's own, as durable as a real one, and the program in a process of its own.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sqlx::ConnectOptions;
use sqlx::postgres::PgConnectOptions;
use tempfile::TempDir;
use ttscm::app::Started;
use ttscm::clock::SystemClock;
use ttscm::config::Config;
use ttscm::database::embedded::{Durability, Embedded};

/// The address that tokens are issued for.
pub const PUBLIC_URL: &str = "http://ttscm.bench";

/// How long the program may take to be ready.
const PATIENCE: Duration = Duration::from_mins(1);

/// A Postgres and what the program needs besides. All of it goes with the value.
pub struct Lab {
    embedded: Embedded,
    folder: TempDir,
    master_key: String,
    /// What access tokens are signed with.
    pub token_secret: [u8; 32],
}

impl Lab {
    /// Starts Postgres on an empty folder.
    pub async fn start(durability: Durability) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("ttscm-bench-").tempdir()?;
        // as root, Postgres runs as somebody else, who must be able to enter
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755))?;
        let embedded = Embedded::start_with(folder.path(), durability).await?;
        let master_key = STANDARD.encode(rand::random::<[u8; 32]>());
        Ok(Self { embedded, folder, master_key, token_secret: rand::random() })
    }

    /// How to connect to the database.
    pub fn database(&self) -> PgConnectOptions {
        self.embedded.connect_options()
    }

    /// The password of the database.
    pub fn password(&self) -> Result<String> {
        Ok(std::fs::read_to_string(self.embedded.data_dir().join("database-password"))?.trim().to_owned())
    }

    /// The process that all others of Postgres come from.
    pub fn postmaster(&self) -> Result<u32> {
        let file = self.embedded.data_dir().join("postgres").join("postmaster.pid");
        let text = std::fs::read_to_string(file)?;
        text.lines().next().and_then(|line| line.parse().ok()).context("postmaster.pid has no number")
    }

    /// A program beside the server of Postgres, where it is there.
    pub fn program(&self, name: &str) -> Result<Option<PathBuf>> {
        let server = std::fs::read_link(format!("/proc/{}/exe", self.postmaster()?))?;
        Ok(server.parent().map(|folder| folder.join(name)).filter(|program| program.is_file()))
    }

    fn settings(&self) -> [(&'static str, String); 6] {
        [
            ("VAULT_MASTER_KEY", self.master_key.clone()),
            ("TOKEN_SECRET", STANDARD.encode(self.token_secret)),
            ("PUBLIC_URL", PUBLIC_URL.to_owned()),
            ("ADMIN_EMAIL", "admin@example.com".to_owned()),
            ("ADMIN_PASSWORD", "an administrator's password".to_owned()),
            ("LOG_FORMAT", "json".to_owned()),
        ]
    }

    /// The program's parts, in this process: to bring the schema up to date and to seal values.
    pub async fn parts(&self) -> Result<Started> {
        let settings = self.settings();
        let find =
            |name: &str| settings.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
        let mut config = Config::read(&find)?;
        config.database = Some(self.database());
        // Postgres has 100 connections, which the program and the load need
        config.database_max_connections = 4;
        Started::start(config, Arc::new(SystemClock)).await
    }

    /// The program in a process of its own, ready. Its log has the usual level, and goes nowhere.
    pub async fn serve(&self) -> Result<Server> {
        let mut url = self.database().password(&self.password()?).to_url_lossy();
        // a socket has no name to verify
        url.query_pairs_mut().append_pair("sslmode", "disable");
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let address = format!("127.0.0.1:{port}");
        let child = Command::new(env!("CARGO_BIN_EXE_ttscm"))
            .env_clear()
            .envs(self.settings())
            .env("DATABASE_URL", url.as_str())
            .env("BIND_ADDRESS", &address)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("the program does not start")?;
        let mut server = Server { child, address };
        tokio::time::timeout(PATIENCE, server.becomes_ready())
            .await
            .context("it does not become ready")??;
        Ok(server)
    }

    /// Ends Postgres.
    pub async fn stop(self) -> Result<()> {
        self.embedded.stop().await
    }
}

/// The program as it runs. It is killed with the value.
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: String,
}

impl Server {
    /// Its process.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    async fn becomes_ready(&mut self) -> Result<()> {
        let mut ticks = tokio::time::interval(Duration::from_millis(50));
        while tokio::net::TcpStream::connect(&self.address).await.is_err() {
            ensure!(self.child.try_wait()?.is_none(), "the program ended at once");
            ticks.tick().await;
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
