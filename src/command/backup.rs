//! `ttscm backup` and `ttscm restore`.

use std::path::Path;
use std::process::ExitCode;

use super::bar::{Bar, say};
use crate::app::Database;
use crate::backup::{self, Amount};
use crate::config::Config;
use crate::database;
use crate::vault::{MasterKey, Vault};

/// Connections to the database; one copies, and one may be asked for something else.
const CONNECTIONS: u32 = 2;

/// Saves the database to a file.
///
/// # Errors
/// One sentence that says what is wrong.
pub async fn save(config: Config, file: &Path) -> anyhow::Result<ExitCode> {
    let database = Database::beside(&config).await?;
    let done = save_from(&database, &config, file).await;
    database.stop().await?;
    let Amount { tables, rows } = done?;
    say(&format!("{rows} rows of {tables} tables were saved to {}", file.display()))?;
    Ok(ExitCode::SUCCESS)
}

async fn save_from(database: &Database, config: &Config, file: &Path) -> anyhow::Result<Amount> {
    let master: MasterKey = database.master_key(config, false)?;
    let pool = database::connect(database.options.clone(), CONNECTIONS).await?;
    Vault::check_master_key(&pool, &master).await?;
    let bar = Bar::new(None, "rows saved");
    let done = backup::save(&pool, &master, file, |rows| bar.at(rows)).await;
    bar.end();
    pool.end().await;
    done
}

/// Restores a database from a file.
///
/// # Errors
/// One sentence that says what is wrong.
pub async fn restore(config: Config, file: &Path) -> anyhow::Result<ExitCode> {
    let database = Database::beside(&config).await?;
    let done = restore_to(&database, &config, file).await;
    database.stop().await?;
    let Amount { tables, rows } = done?;
    say(&format!("{rows} rows of {tables} tables were restored; everybody signs in again"))?;
    Ok(ExitCode::SUCCESS)
}

async fn restore_to(database: &Database, config: &Config, file: &Path) -> anyhow::Result<Amount> {
    let master = database.master_key(config, false)?;
    let pool = database::connect(database.options.clone(), CONNECTIONS).await?;
    let bar = Bar::new(None, "rows restored");
    let done = backup::restore(&pool, &master, file, |rows| bar.at(rows)).await;
    bar.end();
    pool.end().await;
    done
}
