//! The Postgres database: the pool and the migrations. [`embedded`] is the private one of the default.

mod batch;
pub mod embedded;
pub mod listener;
mod pool;
mod reads;

use std::time::Duration;

use anyhow::{Context, anyhow, bail, ensure};
use sqlx::migrate::{Migrate, MigrateError, Migrator};
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection, PgPool, Postgres, Transaction};
use tracing::Instrument;

pub use batch::{Batch, Single, batched};
pub use pool::Pool;
pub use reads::{Lent, Reads};

/// Every change of the schema, in order.
pub static MIGRATIONS: Migrator = sqlx::migrate!();

/// The oldest version that works, as `server_version_num` writes it.
const OLDEST_VERSION: i32 = 140_000;

/// How long a request waits for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// How many statements a connection keeps prepared: more than the program has, so that none is prepared twice.
const STATEMENTS: usize = 500;

/// How long the database may take to answer at the start.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Connects, and makes sure that the server is not too old.
///
/// # Errors
/// One sentence that says what is wrong.
pub async fn connect(options: PgConnectOptions, max_connections: u32) -> anyhow::Result<Pool> {
    let options = options
        .application_name("ttscm")
        .options([("jit", "off"), ("statement_timeout", "20s")])
        .statement_cache_capacity(STATEMENTS);
    let mut connection = reach(&options).await?;
    let version =
        sqlx::query_scalar!(r#"select current_setting('server_version_num')::integer as "version!""#)
            .fetch_one(&mut connection)
            .await?;
    ensure!(version >= OLDEST_VERSION, "PostgreSQL 14 or newer is needed, and this is {}", version / 10_000);
    ensure!(!is_standby(&mut connection).await?, "{STANDBY}: connect to the primary");
    connection.close().await?;
    Ok(Pool::new(options, max_connections))
}

/// Why a standby is of no use.
const STANDBY: &str = "the database is a standby, which takes no changes and may be behind";

/// Whether the database follows another one. What it answers may be older than what was acknowledged.
async fn is_standby(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(r#"select pg_is_in_recovery() as "is_standby!""#).fetch_one(connection).await
}

/// Lets no connection into the pool that leads to a standby, as a balancer's may until that one is promoted.
async fn refuse_standby(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    if is_standby(connection).await? { Err(sqlx::Error::Protocol(STANDBY.to_owned())) } else { Ok(()) }
}

/// One connection, outside of the pool: that one waits for a database which is away and does not say why.
async fn reach(options: &PgConnectOptions) -> anyhow::Result<PgConnection> {
    match tokio::time::timeout(CONNECT_TIMEOUT, PgConnection::connect_with(options)).await {
        Ok(Ok(connection)) => Ok(connection),
        // its text has that of its cause in it
        Ok(Err(error)) => bail!("the database cannot be reached: {error}"),
        Err(_) => bail!("the database cannot be reached: no answer within {} s", CONNECT_TIMEOUT.as_secs()),
    }
}

/// Brings the schema up to date. Servers that start at once wait for each other (an advisory lock).
///
/// # Errors
/// One sentence that says what is wrong, such as a database of a newer version of the program.
pub async fn migrate(pool: &PgPool) -> anyhow::Result<()> {
    let options = (*pool.connect_options()).clone().options([("statement_timeout", "0")]);
    let mut connection = reach(&options).await?;
    match MIGRATIONS.run(&mut connection).await {
        Ok(()) => Ok(connection.close().await?),
        Err(MigrateError::VersionMissing(number)) => Err(anyhow!(
            "the database was brought up to date by a newer version of ttscm (its migration {number} is not known here): run that version or a later one"
        )),
        Err(error) => Err(error).context("the database cannot be brought up to date"),
    }
}

/// The number of the last migration that the database has seen; 0 where it has seen none.
///
/// # Errors
/// Where the database fails, or has no table of migrations.
pub async fn last_migration(connection: &mut PgConnection) -> Result<i64, MigrateError> {
    let applied = connection.list_applied_migrations(&MIGRATIONS.table_name).await?;
    Ok(applied.iter().map(|migration| migration.version).max().unwrap_or_default())
}

/// Begins a transaction, which is rolled back where it is dropped, this one half-way included.
///
/// # Errors
/// Where the database fails.
pub async fn begin(pool: &Pool) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
    // sqlx tells of every other statement
    tracing::debug!(target: "sqlx::query", summary = "begin");
    pool.begin().instrument(tracing::debug_span!("begin transaction")).await
}

/// Makes all servers do what follows one after another, until the transaction ends.
///
/// # Errors
/// Where the database fails, or the turn does not come within 5 seconds.
pub async fn one_at_a_time(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query!("set local lock_timeout = '5s'").execute(&mut *connection).await?;
    // any number that nothing else in the database uses as a lock
    sqlx::query!("select pg_advisory_xact_lock(7463626)").execute(connection).await?;
    Ok(())
}

/// Has the transaction give up, rather than wait long for what others have locked. It then stands in nobody's
/// way, and Postgres, which takes a second to see that two wait for each other, ends nobody for it.
///
/// # Errors
/// Where the database fails.
pub async fn wait_briefly(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query!("set local lock_timeout = '100ms'").execute(connection).await?;
    Ok(())
}

/// Has statements of the transaction look rows up one by one, through an index, where they join tables. For a
/// thousand rows Postgres would rather read a whole table, as often as there are thousands to look up.
///
/// # Errors
/// Where the database fails.
pub async fn look_up_by_index(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "select set_config('enable_hashjoin', 'off', true) as hashed, set_config('enable_mergejoin', 'off', true) as merged"
    )
    .fetch_one(connection)
    .await?;
    Ok(())
}

/// Whether the database answers.
///
/// # Errors
/// What the database says.
pub async fn answers(pool: &PgPool) -> Result<(), sqlx::Error> {
    sqlx::query!(r#"select true as "answers!""#).fetch_one(pool).await?;
    Ok(())
}

/// Whether every migration that this program knows has been made. A newer program may have made more, which
/// those that are still running have to live with.
///
/// # Errors
/// What the database says, also where there have never been migrations.
pub async fn is_migrated(pool: &PgPool) -> Result<bool, sqlx::Error> {
    let known: Vec<i64> = MIGRATIONS.iter().map(|migration| migration.version).collect();
    // the table is the library's own, so that there is nothing to check the query against
    let made = "select count(*) from _sqlx_migrations where success and version = any($1)";
    let made: i64 = sqlx::query_scalar(made).bind(&known).fetch_one(pool).await?;
    Ok(usize::try_from(made) == Ok(known.len()))
}

/// A `like` pattern for texts that have `part` in them, in which `%` and `_` mean themselves.
#[must_use]
pub fn contains_pattern(part: &str) -> String {
    let mut pattern = String::with_capacity(part.len() + 2);
    pattern.push('%');
    for character in part.chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}
