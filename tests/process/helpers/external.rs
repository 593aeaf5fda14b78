//! A Postgres that is not the program's own, with a new database for each test. It ends with the process,
//! however that ends.

use std::fs::{File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use ttscm::database::embedded::{Durability, Embedded};

use super::{Client, Server, Start, open_folder, ttscm};

/// What the folders of clusters are called, in the system's folder for temporary files.
const FOLDER: &str = "ttscm-tests-";
const ADMIN_EMAIL: &str = "admin@example.com";
const ADMIN_PASSWORD: &str = "an administrator's password";

struct Cluster {
    options: PgConnectOptions,
    /// The connection URL, up to the name of the database and after it.
    url: (String, String),
}

static CLUSTER: LazyLock<Cluster> = LazyLock::new(|| {
    thread::spawn(|| {
        let runtime = Runtime::new().expect("a runtime");
        let cluster = runtime.block_on(start());
        // the runtime keeps watching over the cluster until the process ends
        thread::spawn(move || runtime.block_on(std::future::pending::<()>()));
        cluster
    })
    .join()
    .expect("the cluster starts")
});

async fn start() -> Cluster {
    sweep();
    let folder = tempfile::Builder::new().prefix(FOLDER).tempdir().expect("a folder");
    std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("the folder is ours");
    let embedded = Embedded::start_with(folder.path(), Durability::None).await.expect("Postgres starts");
    let options = embedded.connect_options();
    let password = std::fs::read_to_string(folder.path().join("database-password")).expect("a password");
    let socket = folder.path().join("run");
    let url =
        (format!("postgres://ttscm:{}@localhost/", password.trim()), format!("?host={}", socket.display()));
    // both live as long as the process; the next run sweeps the folder away
    std::mem::forget((embedded, folder));
    Cluster { options, url }
}

/// Removes what earlier runs left: the folders of clusters whose lock nobody holds.
fn sweep() {
    let entries = std::fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(FOLDER)) {
        let lock = File::open(entry.path().join("lock"));
        if lock.is_ok_and(|lock| lock.try_lock().is_ok()) {
            drop(std::fs::remove_dir_all(entry.path()));
        }
    }
}

/// A key that is of no use elsewhere.
pub fn key(letter: u8) -> String {
    STANDARD.encode(std::array::from_fn::<u8, 32, _>(|index| letter.wrapping_add(u8::from(index == 0))))
}

/// The program on a database, started in `folder`, with good settings.
pub fn on(database_url: &str, folder: &Path) -> Start {
    ttscm(folder)
        .set("DATABASE_URL", database_url)
        .set("VAULT_MASTER_KEY", key(b'a'))
        .set("TOKEN_SECRET", key(b't'))
        .set("ADMIN_EMAIL", ADMIN_EMAIL)
        .set("ADMIN_PASSWORD", ADMIN_PASSWORD)
        .set("REVEAL_LIMIT_PER_HOUR", "0")
}

/// A new, empty database of that Postgres, and a folder to start the program in.
pub struct Database {
    pub url: String,
    options: PgConnectOptions,
    folder: TempDir,
}

impl Database {
    pub async fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("process_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let (before, after) = &CLUSTER.url;
        let mut connection = PgConnection::connect_with(&CLUSTER.options).await.expect("a connection");
        let statement = format!("create database {name} template template0");
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await.expect("a database");
        let options = CLUSTER.options.clone().database(&name);
        Self { url: format!("{before}{name}{after}"), options, folder: open_folder() }
    }

    /// The program on this database, with good settings.
    pub fn ttscm(&self) -> Start {
        on(&self.url, self.folder.path()).set("DATABASE_MAX_CONNECTIONS", "3")
    }

    /// The administrator of the settings.
    pub async fn administrator(server: &Server) -> Client {
        Client::sign_in(&server.url(), ADMIN_EMAIL, ADMIN_PASSWORD).await
    }

    /// A connection of the test's own.
    pub async fn connect(&self) -> PgConnection {
        PgConnection::connect_with(&self.options).await.expect("a connection")
    }

    /// Runs statements without the program.
    pub async fn execute(&self, statements: &'static str) {
        let mut connection = self.connect().await;
        sqlx::raw_sql(statements).execute(&mut connection).await.expect("good statements");
        connection.close().await.expect("a good end");
    }

    /// Asks for a number without the program.
    pub async fn count(&self, query: &'static str) -> i64 {
        let mut connection = self.connect().await;
        let number = sqlx::query_scalar(query).fetch_one(&mut connection).await.expect("a number");
        connection.close().await.expect("a good end");
        number
    }
}
