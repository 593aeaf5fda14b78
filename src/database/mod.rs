//! The Postgres database: the pool and the migrations. [`embedded`] is the private one of the default.

pub mod embedded;
pub mod listener;
mod reads;

use std::time::Duration;

use anyhow::{Context, anyhow, bail, ensure};
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, PgConnection, PgPool, Postgres, Transaction};

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
pub async fn connect(options: PgConnectOptions, max_connections: u32) -> anyhow::Result<PgPool> {
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
    connection.close().await?;
    let pool = PgPoolOptions::new()
        .max_connections(max_connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        // a broken connection shows itself; asking every time would cost each request a round trip
        .test_before_acquire(false);
    Ok(pool.connect_lazy_with(options))
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

/// Begins a transaction. A client may go away at any moment, and with it whoever waits for this; the
/// transaction is then begun to its end and rolled back, so that none is left open on a pooled connection.
/// (`Pool::begin` of sqlx 0.9.0 leaves one when it is dropped half-way.)
///
/// # Errors
/// Where the database fails.
pub async fn begin(pool: &PgPool) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
    let pool = pool.clone();
    // sqlx tells of every other statement
    tracing::debug!(target: "sqlx::query", summary = "begin");
    #[expect(clippy::disallowed_methods, reason = "the one place that may")]
    let begun = tokio::spawn(async move { pool.begin().await });
    begun.await.unwrap_or(Err(sqlx::Error::WorkerCrashed))
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

/// Whether the database answers.
///
/// # Errors
/// What the database says.
pub async fn answers(pool: &PgPool) -> Result<(), sqlx::Error> {
    sqlx::query!(r#"select true as "answers!""#).fetch_one(pool).await?;
    Ok(())
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
