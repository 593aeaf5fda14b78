//! Making a backup.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, bail, ensure};
use futures_util::TryStreamExt;
use sqlx::PgConnection;

use super::frame::{Frame, count_rows, write_rows};
use super::{Amount, Contents, Table, store};
use crate::database::{self, Pool};
use crate::vault::{FileSealer, MasterKey};

/// Writes the whole database as it is at this moment to a file, which is there when it is complete and not
/// before, and tells `on` how many rows were written. Nobody but its owner may read the file.
///
/// # Errors
/// One sentence that says what is wrong.
pub async fn save(pool: &Pool, master: &MasterKey, file: &Path, on: impl Fn(u64)) -> anyhow::Result<Amount> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let failed = || format!("the backup cannot be written to {}", file.display());
    let mut transaction = database::begin(pool).await?;
    store::hold_still(&mut transaction).await?;
    ensure!(store::is_ours(&mut transaction).await?, "there is nothing to back up: the database is empty");
    // only the owner may read what this makes
    let unfinished =
        tempfile::Builder::new().prefix(".ttscm-backup-").tempfile_in(folder).with_context(failed)?;
    let out = FileSealer::begin(BufWriter::new(unfinished), master).with_context(failed)?;
    let (out, amount) = write(&mut transaction, out, on).await?;
    let unfinished = out.finish().and_then(|out| Ok(out.into_inner()?)).with_context(failed)?;
    unfinished.as_file().sync_all().with_context(failed)?;
    unfinished.persist(file).with_context(failed)?;
    File::open(folder).and_then(|folder| folder.sync_all()).with_context(failed)?;
    Ok(amount)
}

async fn write<W: Write>(
    connection: &mut PgConnection,
    mut out: FileSealer<W>,
    on: impl Fn(u64),
) -> anyhow::Result<(FileSealer<W>, Amount)> {
    let tables = in_order(store::tables(connection).await?, &store::references(connection).await?)?;
    let migration = database::last_migration(connection).await?;
    let contents = Contents { program: env!("CARGO_PKG_VERSION").to_owned(), migration, tables };
    Frame::Contents(serde_json::to_vec(&contents)?).write(&mut out)?;
    let mut rows = 0;
    for table in &contents.tables {
        rows += write_table(connection, &mut out, table, |of_table| on(rows + of_table)).await?;
    }
    Frame::End.write(&mut out)?;
    Ok((out, Amount { tables: contents.tables.len(), rows }))
}

async fn write_table(
    connection: &mut PgConnection,
    out: &mut FileSealer<impl Write>,
    table: &Table,
    on: impl Fn(u64),
) -> anyhow::Result<u64> {
    let statement = store::copy_out(connection, table).await?;
    let mut copied = connection.copy_out_raw(&statement).await?;
    let mut rows = 0;
    while let Some(bytes) = copied.try_next().await? {
        rows += count_rows(&bytes);
        write_rows(out, &bytes)?;
        on(rows);
    }
    Frame::EndOfTable(rows).write(out)?;
    Ok(rows)
}

/// The tables, each behind those that it refers to.
fn in_order(tables: Vec<Table>, references: &[(String, String)]) -> anyhow::Result<Vec<Table>> {
    let (mut waiting, mut ordered, mut placed) = (tables, Vec::new(), BTreeSet::new());
    while !waiting.is_empty() {
        let is_ready = |table: &Table| {
            references.iter().filter(|(from, _)| *from == table.name).all(|(_, to)| placed.contains(to))
        };
        let (ready, later): (Vec<_>, Vec<_>) = waiting.into_iter().partition(is_ready);
        if ready.is_empty() {
            let names: Vec<_> = later.iter().map(|table| table.name.as_str()).collect();
            bail!("the tables {} refer to one another, or to one that is left out", names.join(", "));
        }
        placed.extend(ready.iter().map(|table| table.name.clone()));
        ordered.extend(ready);
        waiting = later;
    }
    Ok(ordered)
}
