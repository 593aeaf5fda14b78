//! Restoring a backup: all of it, or nothing.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use anyhow::{Context, bail, ensure};
use sqlx::PgConnection;

use super::frame::{Frame, count_rows};
use super::{Amount, Contents, LEFT_OUT, Table, store};
use crate::access::{Actor, Origin};
use crate::audit::{self, Event, Target};
use crate::database::{self, MIGRATIONS, Pool};
use crate::vault::{FileError, FileOpener, MasterKey, Vault};

type Backup = FileOpener<BufReader<File>>;

/// Reads a whole backup, and only then puts it into a database without any of our tables, in one
/// transaction. Tells `on` how many rows were restored.
///
/// # Errors
/// One sentence that says what is wrong; the database is then as it was.
pub async fn restore(
    pool: &Pool,
    master: &MasterKey,
    file: &Path,
    on: impl Fn(u64),
) -> anyhow::Result<Amount> {
    let open = || -> anyhow::Result<Backup> {
        let opened =
            File::open(file).with_context(|| format!("the backup {} cannot be read", file.display()))?;
        Ok(FileOpener::begin(BufReader::new(opened), master)?)
    };
    let expected = verify(&mut open()?)?;
    let mut backup = open()?;
    let contents = contents(&mut backup)?;
    let mut transaction = database::begin(pool).await?;
    store::take_time(&mut transaction).await?;
    refuse_tables(&mut transaction, &contents).await?;
    MIGRATIONS.run_to(contents.migration, &mut *transaction).await.context("the tables cannot be made")?;
    store::clear(&mut transaction).await?;
    let mut rows = 0;
    for table in &contents.tables {
        rows += read_table(&mut transaction, &mut backup, table, |of_table| on(rows + of_table)).await?;
    }
    ensure!(Amount { tables: contents.tables.len(), rows } == expected, FileError::Damaged);
    store::settle(&mut transaction).await?;
    MIGRATIONS.run(&mut *transaction).await.context("the database cannot be brought up to date")?;
    Vault::check_ring(&mut *transaction, master).await?;
    record(&mut transaction).await?;
    transaction.commit().await?;
    store::analyze(&mut *pool.acquire().await?).await?;
    Ok(expected)
}

/// Reads a backup to its end; how much is in it.
fn verify(backup: &mut FileOpener<impl Read>) -> anyhow::Result<Amount> {
    let contents = contents(backup)?;
    let (mut amount, mut rows) = (Amount::default(), 0);
    loop {
        match Frame::read(backup)? {
            Some(Frame::Rows(bytes)) => rows += count_rows(&bytes),
            Some(Frame::EndOfTable(said)) if said == rows => {
                amount = Amount { tables: amount.tables + 1, rows: amount.rows + std::mem::take(&mut rows) };
            }
            Some(Frame::End) => break,
            _ => bail!(FileError::Damaged),
        }
    }
    ensure!(Frame::read(backup)?.is_none() && amount.tables == contents.tables.len(), FileError::Damaged);
    Ok(amount)
}

fn contents(backup: &mut FileOpener<impl Read>) -> anyhow::Result<Contents> {
    let Some(Frame::Contents(bytes)) = Frame::read(backup)? else { bail!(FileError::Damaged) };
    let contents: Contents = serde_json::from_slice(&bytes).map_err(|_| FileError::Damaged)?;
    ensure!(
        MIGRATIONS.version_exists(contents.migration),
        "the backup was made by a newer version of ttscm ({}): restore it with that version or a later one",
        contents.program
    );
    Ok(contents)
}

async fn refuse_tables(connection: &mut PgConnection, contents: &Contents) -> anyhow::Result<()> {
    let left_out = LEFT_OUT.map(str::to_owned);
    let ours: Vec<_> = contents.tables.iter().map(|table| &table.name).chain(&left_out).cloned().collect();
    match store::first_of(connection, &ours).await? {
        Some(table) => bail!(
            "a backup is restored into an empty database, and this one has tables of ttscm already, such as {table}: use another"
        ),
        None => Ok(()),
    }
}

async fn read_table(
    connection: &mut PgConnection,
    backup: &mut Backup,
    table: &Table,
    on: impl Fn(u64),
) -> anyhow::Result<u64> {
    let statement = store::copy_in(connection, table).await?;
    let mut copy = connection.copy_in_raw(&statement).await?;
    let mut rows = 0;
    loop {
        match Frame::read(backup)? {
            Some(Frame::Rows(bytes)) => {
                rows += count_rows(&bytes);
                copy.send(bytes.as_slice()).await?;
                on(rows);
            }
            Some(Frame::EndOfTable(_)) => break,
            _ => bail!(FileError::Damaged),
        }
    }
    let taken =
        copy.finish().await.with_context(|| format!("the table {} cannot be restored", table.name))?;
    ensure!(taken == rows, FileError::Damaged);
    Ok(rows)
}

/// The record goes on with the restore.
async fn record(connection: &mut PgConnection) -> anyhow::Result<()> {
    let now = store::now(connection).await?;
    let event = Event::new("backup.restore", Target { kind: "setting", id: None, name: Some("backup") });
    Ok(audit::record(connection, &Actor::system(), &Origin::default(), now, event).await?)
}
