//! The Postgres database: the pool and the migrations. [`embedded`] is the private one of the default.

pub mod embedded;
pub mod listener;

use std::time::Duration;

use anyhow::{Context, ensure};
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, PgConnection, PgPool};

/// Every change of the schema, in order.
pub static MIGRATIONS: Migrator = sqlx::migrate!();

/// The oldest version that works, as `server_version_num` writes it.
const OLDEST_VERSION: i32 = 140_000;

/// How long a request waits for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// Connects, and makes sure that the server is not too old.
///
/// # Errors
/// One sentence that says what is wrong.
pub async fn connect(options: PgConnectOptions, max_connections: u32) -> anyhow::Result<PgPool> {
    let options = options.application_name("ttscm").options([("jit", "off"), ("statement_timeout", "30s")]);
    let pool = PgPoolOptions::new()
        .max_connections(max_connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        // a broken connection shows itself; asking every time would cost each request a round trip
        .test_before_acquire(false)
        .connect_with(options)
        .await
        .context("the database cannot be reached")?;
    let version =
        sqlx::query_scalar!(r#"select current_setting('server_version_num')::integer as "version!""#)
            .fetch_one(&pool)
            .await?;
    ensure!(version >= OLDEST_VERSION, "PostgreSQL 14 or newer is needed, and this is {}", version / 10_000);
    Ok(pool)
}

/// Brings the schema up to date. Servers that start at once wait for each other (an advisory lock).
///
/// # Errors
/// One sentence that says what is wrong, such as a database of a newer version of the program.
pub async fn migrate(pool: &PgPool) -> anyhow::Result<()> {
    let options = (*pool.connect_options()).clone().options([("statement_timeout", "0")]);
    let mut connection =
        PgConnection::connect_with(&options).await.context("the database cannot be reached")?;
    MIGRATIONS.run(&mut connection).await.context("the database cannot be brought up to date")?;
    Ok(connection.close().await?)
}

/// Makes servers that start at once do what follows one after another, until the transaction ends.
///
/// # Errors
/// Where the database fails.
pub async fn one_at_a_time(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
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
