//! Waits until Postgres answers, and makes the database.

use std::process::ExitStatus;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection, Executor};
use tokio::time::{Instant, sleep, timeout_at};

use super::tied::Tied;

/// The database of the server.
pub(super) const DATABASE: &str = "ttscm";
/// The database that every cluster has.
const ALWAYS_THERE: &str = "postgres";
/// The first pause between two attempts, and the longest: each attempt adds a line to the log.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);
/// Error codes of Postgres.
const NO_SUCH_DATABASE: &str = "3D000";
const WRONG_PASSWORD: &str = "28P01";

/// Waits until the database answers, and makes it if it is missing.
///
/// Returns the status if `run` ended before that.
pub(super) async fn wait(
    options: &PgConnectOptions,
    run: &mut Tied,
    deadline: Instant,
) -> Result<Option<ExitStatus>> {
    let mut problem = None;
    tokio::select! {
        status = run.ended() => Ok(Some(status?)),
        outcome = timeout_at(deadline, connect(options, &mut problem)) => match (outcome, problem) {
            (Ok(outcome), _) => outcome.map(|()| None),
            (Err(_), Some(problem)) => Err(problem).context("Postgres did not become ready in time"),
            (Err(_), None) => bail!("Postgres did not answer in time"),
        },
    }
}

async fn connect(options: &PgConnectOptions, problem: &mut Option<sqlx::Error>) -> Result<()> {
    let mut pause = FIRST_PAUSE;
    loop {
        match PgConnection::connect_with(options).await {
            Ok(connection) => return Ok(connection.close().await?),
            Err(error) => match code(&error).as_deref() {
                Some(NO_SUCH_DATABASE) => return create(options).await,
                Some(WRONG_PASSWORD) => {
                    bail!(
                        "Postgres refuses the password in the file `database-password`: put the right one back"
                    )
                }
                _ => *problem = Some(error),
            },
        }
        #[expect(clippy::disallowed_methods, reason = "Postgres is waited for, which tells nobody")]
        sleep(pause).await;
        pause = (pause * 6 / 5).min(LONGEST_PAUSE);
    }
}

async fn create(options: &PgConnectOptions) -> Result<()> {
    let failed = || format!("cannot make the database {DATABASE}");
    let elsewhere = options.clone().database(ALWAYS_THERE);
    let mut connection = PgConnection::connect_with(&elsewhere).await.with_context(failed)?;
    let statement = AssertSqlSafe(format!("CREATE DATABASE {DATABASE}"));
    connection.execute(statement).await.with_context(failed)?;
    Ok(connection.close().await?)
}

fn code(error: &sqlx::Error) -> Option<String> {
    Some(error.as_database_error()?.code()?.into_owned())
}
