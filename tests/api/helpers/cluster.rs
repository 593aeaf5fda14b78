//! The Postgres of the run, and the template that each test's database is made from. It ends with the
//! process, however that ends.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, OnceLock};
use std::thread;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::runtime::Runtime;
use ttscm::app::Started;
use ttscm::database::embedded::{Durability, Embedded};

use super::app::config;
use super::time::TestClock;

const TEMPLATE: &str = "template_of_tests";

/// What the folders of clusters are called, in the system's folder for temporary files.
const FOLDER: &str = "ttscm-tests-";

/// Starting it takes a second; every test waits for the same one.
static CLUSTER: LazyLock<PgConnectOptions> = LazyLock::new(|| {
    thread::spawn(|| {
        super::log::start();
        let runtime = Runtime::new().expect("a runtime");
        let options = runtime.block_on(start());
        // the runtime keeps watching over the cluster until the process ends
        thread::spawn(move || runtime.block_on(std::future::pending::<()>()));
        options
    })
    .join()
    .expect("the cluster starts")
});

static DATA_DIR: OnceLock<PathBuf> = OnceLock::new();

/// The folder of the run's Postgres, with its password and its log.
pub fn data_dir() -> &'static Path {
    LazyLock::force(&CLUSTER);
    DATA_DIR.get().expect("the cluster has started")
}

async fn start() -> PgConnectOptions {
    // thousands of files, which nobody is to wait for
    thread::spawn(sweep);
    let folder = tempfile::Builder::new().prefix(FOLDER).tempdir().expect("a folder");
    open_to_all(folder.path());
    let embedded = Embedded::start_with(folder.path(), Durability::None).await.expect("Postgres starts");
    let options = embedded.connect_options();
    DATA_DIR.get_or_init(|| embedded.data_dir().to_owned());
    let mut connection = PgConnection::connect_with(&options).await.expect("a connection");
    create(&mut connection, TEMPLATE, "template0").await;
    let template = config(options.clone().database(TEMPLATE), &[]);
    let started = Started::start(template, TestClock::new().shared()).await.expect("the template is made");
    started.stop().await.expect("the template is left alone");
    // both live as long as the process; the next run sweeps the folder away
    std::mem::forget((embedded, folder));
    options
}

/// Removes what earlier runs left: the folders of clusters whose lock nobody holds.
fn sweep() {
    let entries = std::fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(FOLDER)) {
        let lock = std::fs::File::open(entry.path().join("lock"));
        if lock.is_ok_and(|lock| lock.try_lock().is_ok()) {
            // the lock goes last, so that what is not done now is found again
            drop(std::fs::remove_dir_all(entry.path().join("postgres")));
            drop(std::fs::remove_dir_all(entry.path()));
        }
    }
}

/// As root, Postgres runs as somebody else, who must be able to enter the folder.
fn open_to_all(folder: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).expect("the folder is ours");
}

async fn create(connection: &mut PgConnection, name: &str, template: &str) {
    let statement = format!("create database {name} template {template}");
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(connection).await.expect("a database");
}

/// A new database with the schema, a key ring and the administrator.
pub async fn database() -> PgConnectOptions {
    let (options, name) = named_database();
    let mut connection = PgConnection::connect_with(&options).await.expect("a connection");
    create(&mut connection, &name, TEMPLATE).await;
    options.database(&name)
}

/// A cluster of one's own, as durable as one at work, and new databases in it. It ends with the value.
pub struct Durable {
    embedded: Embedded,
    _folder: tempfile::TempDir,
}

impl Durable {
    pub async fn start() -> Self {
        let folder = tempfile::Builder::new().prefix(FOLDER).tempdir().expect("a folder");
        open_to_all(folder.path());
        let embedded = Embedded::start_with(folder.path(), Durability::Full).await.expect("Postgres starts");
        Self { embedded, _folder: folder }
    }

    pub async fn database(&self, name: &str) -> PgConnectOptions {
        let options = self.embedded.connect_options();
        let mut connection = PgConnection::connect_with(&options).await.expect("a connection");
        create(&mut connection, name, "template0").await;
        options.database(name)
    }
}

/// A new database with nothing in it.
pub async fn empty_database() -> PgConnectOptions {
    let (options, name) = named_database();
    let mut connection = PgConnection::connect_with(&options).await.expect("a connection");
    create(&mut connection, &name, "template0").await;
    options.database(&name)
}

fn named_database() -> (PgConnectOptions, String) {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    (CLUSTER.clone(), format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed)))
}
