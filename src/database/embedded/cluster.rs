//! The data of Postgres (a "cluster"): its folder, its password, and how it is made.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use super::Durability;
use super::fetch;
use super::owner::Owner;
use super::programs::Programs;
use super::tied::{Log, Tied};

/// The folder of the data, below the folder of all data.
pub(super) const FOLDER: &str = "postgres";
/// The owner of the database, and superuser.
pub(super) const USER: &str = "ttscm";
/// How the name of such a folder begins that is not complete yet.
const UNFINISHED: &str = "postgres.new-";
/// How the name of a file with a password begins that is not complete yet.
const UNFINISHED_PASSWORD: &str = "database-password.new-";
/// How text is sorted and what letters are, best first: not every system has the first.
const LOCALES: [&str; 2] = ["C.UTF-8", "C"];

/// The major version which made the data in `cluster`; `None`: there is none yet.
pub(super) fn version(cluster: &Path) -> Result<Option<u32>> {
    let path = cluster.join("PG_VERSION");
    let failed = || format!("cannot read {}", path.display());
    match fs::read_to_string(&path) {
        Ok(text) => text.trim().parse().map(Some).with_context(failed),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(failed),
    }
}

/// Removes what a server that was killed while it made data or fetched programs left unfinished.
pub(super) fn remove_unfinished(data_dir: &Path) -> Result<()> {
    let entries = fs::read_dir(data_dir).with_context(|| format!("cannot read {}", data_dir.display()))?;
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let outcome = if name.starts_with(UNFINISHED) || name.starts_with(fetch::UNFINISHED) {
            fs::remove_dir_all(entry.path())
        } else if name.starts_with(UNFINISHED_PASSWORD) {
            fs::remove_file(entry.path())
        } else {
            Ok(())
        };
        if let Err(error) = outcome {
            tracing::warn!("cannot remove the unfinished {name}: {error}");
        }
    }
    Ok(())
}

/// The password of the cluster, kept in `data_dir`; made at first, but only while there is no data.
pub(super) fn password(data_dir: &Path, has_data: bool) -> Result<String> {
    let path = data_dir.join("database-password");
    match fs::read_to_string(&path) {
        Ok(text) if !text.trim().is_empty() => return Ok(text.trim().to_owned()),
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
    if has_data {
        bail!(
            "{} is missing or empty: put the file with the password of the private database back, for example from a backup",
            path.display()
        );
    }
    let password = random_password();
    let failed = || format!("cannot write {}", path.display());
    let mut file =
        tempfile::Builder::new().prefix(UNFINISHED_PASSWORD).tempfile_in(data_dir).with_context(failed)?;
    writeln!(file, "{password}").with_context(failed)?;
    file.as_file().sync_all().with_context(failed)?;
    file.persist(&path).with_context(failed)?;
    Ok(password)
}

/// 32 random bytes, as hexadecimal digits.
fn random_password() -> String {
    let bytes: [u8; 32] = rand::random();
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What is needed to make a cluster.
pub(super) struct Making<'a> {
    pub owner: &'a Owner,
    pub programs: &'a Programs,
    pub log: &'a Log,
    pub password: &'a str,
    pub durability: Durability,
}

impl Making<'_> {
    /// Makes the cluster in a folder beside its place and then moves it there: however this
    /// ends, there is no half-made one.
    pub async fn make(&self, data_dir: &Path) -> Result<()> {
        tracing::info!(data_dir = %data_dir.display(), "making the private database");
        let failed = || format!("cannot make the database in {}", data_dir.display());
        let mut problem = String::new();
        for locale in LOCALES {
            let unfinished =
                tempfile::Builder::new().prefix(UNFINISHED).tempdir_in(data_dir).with_context(failed)?;
            let said = self.initdb(&unfinished, locale).await.with_context(failed)?;
            let Some(said) = said else {
                return self.finish(&unfinished, &data_dir.join(FOLDER)).with_context(failed);
            };
            problem = said;
        }
        bail!("initdb cannot make the database in {}:\n{problem}", data_dir.display())
    }

    /// Runs `initdb`; returns what it said if it failed.
    async fn initdb(&self, unfinished: &TempDir, locale: &str) -> Result<Option<String>> {
        let cluster = unfinished.path().join(FOLDER);
        let password_file = self.password_file(unfinished.path())?;
        self.owner.give(unfinished.path(), 0o700)?;
        let mut arguments = vec![
            format!("--username={USER}"),
            format!("--locale={locale}"),
            "--encoding=UTF8".to_owned(),
            "--auth=scram-sha-256".to_owned(),
            "--data-checksums".to_owned(),
            "--no-instructions".to_owned(),
        ];
        if self.durability == Durability::None {
            arguments.push("--no-sync".to_owned());
        }
        let mut arguments: Vec<_> = arguments.into_iter().map(OsString::from).collect();
        arguments.extend(["--pwfile".into(), password_file.into(), "-D".into(), cluster.into()]);
        let (file, from) = self.log.open()?;
        let mut run = Tied::spawn(self.owner, &self.programs.path("initdb"), &arguments, file)?;
        let status = run.ended().await?;
        Ok((!status.success()).then(|| self.log.tail(from)))
    }

    /// A copy of the password: our own file with it is not for the user of Postgres.
    fn password_file(&self, unfinished: &Path) -> Result<PathBuf> {
        let path = unfinished.join("password");
        let mut file = File::create_new(&path)?;
        self.owner.give(&path, 0o600)?;
        file.write_all(self.password.as_bytes())?;
        Ok(path)
    }

    fn finish(&self, unfinished: &TempDir, cluster: &Path) -> std::io::Result<()> {
        fs::rename(unfinished.path().join(FOLDER), cluster)?;
        if self.durability == Durability::Full
            && let Some(data_dir) = cluster.parent()
        {
            File::open(data_dir)?.sync_all()?;
        }
        Ok(())
    }
}
