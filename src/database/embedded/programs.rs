//! Finds the server programs of Postgres on this machine.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, anyhow, bail};

use super::fetch;
use super::owner::Owner;

/// The oldest major version that does.
const OLDEST: u32 = 14;
/// What is needed; all of one folder, to be sure that they fit together.
const NEEDED: [&str; 3] = ["postgres", "initdb", "pg_ctl"];
/// How long a program may take to say its version.
const PATIENCE: Duration = Duration::from_secs(10);
/// Where systems put the programs; of a `*`, the highest number comes first.
const USUAL_FOLDERS: [&str; 16] = [
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/bin",
    "/usr/local/bin",
    "/usr/local/pgsql/bin",
    "/usr/lib/postgresql*/bin",
    "/usr/libexec/postgresql*",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/opt/homebrew/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
    "/Library/PostgreSQL/*/bin",
    "/opt/local/lib/postgresql*/bin",
    "/opt/postgresql/*/bin",
    "/run/current-system/sw/bin",
];

/// A folder with the server programs of one version.
#[derive(Debug)]
pub(super) struct Programs {
    folder: PathBuf,
}

impl Programs {
    /// The programs for a cluster of major version `wanted`, or for a new cluster.
    ///
    /// Looks in `PATH`, asks `pg_config`, looks in the usual folders and in what was fetched
    /// before, and at last fetches them.
    pub async fn find(owner: &Owner, data_dir: &Path, wanted: Option<u32>) -> Result<Self> {
        let mut folders = path_folders();
        folders.extend(pg_config_folders(owner, &folders).await);
        folders.extend(USUAL_FOLDERS.iter().flat_map(|pattern| expand(pattern)));
        Self::find_in(owner, data_dir, wanted, folders, fetch::SOURCE).await
    }

    async fn find_in(
        owner: &Owner,
        data_dir: &Path,
        wanted: Option<u32>,
        mut folders: Vec<PathBuf>,
        source: &'static str,
    ) -> Result<Self> {
        let fetched = data_dir.join(fetch::FOLDER).join("*").join("bin");
        folders.extend(expand(&fetched.to_string_lossy()));
        if let Some(found) = Self::first_of(owner, folders, wanted).await {
            return Ok(found);
        }
        let cause = match fetch::fetch(data_dir, wanted, source).await {
            Ok(folder) => match Self::first_of(owner, vec![folder], wanted).await {
                Some(found) => return Ok(found),
                None => anyhow!("they do not run on this machine"),
            },
            Err(cause) => cause,
        };
        Err(not_found(wanted, &cause))
    }

    async fn first_of(owner: &Owner, folders: Vec<PathBuf>, wanted: Option<u32>) -> Option<Self> {
        for folder in folders {
            let Some(folder) = complete(&folder) else {
                continue;
            };
            match version(owner, &folder).await {
                Ok(major) if wanted.map_or(major >= OLDEST, |wanted| major == wanted) => {
                    tracing::debug!(folder = %folder.display(), major, "found the Postgres programs");
                    return Some(Self { folder });
                }
                Ok(major) => {
                    tracing::debug!(folder = %folder.display(), major, "another version of Postgres");
                }
                Err(error) => {
                    tracing::debug!(folder = %folder.display(), "unusable Postgres programs: {error:#}");
                }
            }
        }
        None
    }

    /// The path of the program `name`.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// The folders of the command search path. (The one place which reads the environment.)
fn path_folders() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).filter(|folder| folder.is_absolute()).collect()
}

/// Where each `pg_config` in `folders` says that the programs are.
async fn pg_config_folders(owner: &Owner, folders: &[PathBuf]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for program in folders.iter().map(|folder| folder.join("pg_config")) {
        if !is_program(&program) {
            continue;
        }
        let mut command = owner.command(&program);
        command.arg("--bindir");
        if let Ok(output) = Owner::output(command, PATIENCE).await {
            found.push(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
        }
    }
    found
}

/// All folders that fit `pattern`, which may have one `*`; the highest number first.
fn expand(pattern: &str) -> Vec<PathBuf> {
    let Some((before, after)) = pattern.rsplit_once('*') else {
        return vec![PathBuf::from(pattern)];
    };
    let (parent, start) = before.rsplit_once('/').unwrap_or((".", before));
    let Ok(entries) = fs::read_dir(Path::new(parent)) else {
        return Vec::new();
    };
    let mut found: Vec<(f64, PathBuf)> = Vec::new();
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if let Some(version) = name.strip_prefix(start) {
            let folder = format!("{parent}/{name}{after}");
            found.push((version.parse().unwrap_or(0.0), PathBuf::from(folder)));
        }
    }
    found.sort_by(|one, other| other.0.total_cmp(&one.0));
    found.into_iter().map(|(_, folder)| folder).collect()
}

/// The folder itself if it has every needed program, without links where that still holds:
/// links in `/usr/local/bin` may hide which programs are really run.
fn complete(folder: &Path) -> Option<PathBuf> {
    let has_all = |folder: &Path| NEEDED.iter().all(|name| is_program(&folder.join(name)));
    if !has_all(folder) {
        return None;
    }
    let real = folder.join(NEEDED[0]).canonicalize().ok()?;
    match real.parent() {
        Some(parent) if has_all(parent) => Some(parent.to_owned()),
        _ => Some(folder.to_owned()),
    }
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

/// The major version of the programs in `folder`, which `owner` must be able to run.
async fn version(owner: &Owner, folder: &Path) -> Result<u32> {
    let mut command = owner.command(folder.join("postgres"));
    command.arg("--version");
    let output = Owner::output(command, PATIENCE).await?;
    let said = String::from_utf8_lossy(&output.stdout);
    match major(&said) {
        Some(major) if output.status.success() => Ok(major),
        _ => bail!("`postgres --version` said {said:?} ({})", output.status),
    }
}

/// The major version in a line such as `postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)`.
fn major(said: &str) -> Option<u32> {
    let (_, rest) = said.split_once("(PostgreSQL) ")?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

fn not_found(wanted: Option<u32>, cause: &anyhow::Error) -> anyhow::Error {
    match wanted {
        Some(major) => anyhow!(
            "the data was made by PostgreSQL {major}, but its server programs were not found and fetching them failed ({cause:#}): install PostgreSQL {major} (Debian, Ubuntu: `apt-get install postgresql-{major}`; Fedora: `dnf install postgresql{major}-server`; macOS: `brew install postgresql@{major}`) or set DATABASE_URL"
        ),
        None => anyhow!(
            "no PostgreSQL server programs (version {OLDEST} or newer) were found and fetching them failed ({cause:#}): install them (Debian, Ubuntu: `apt-get install postgresql`; Fedora: `dnf install postgresql-server`; macOS: `brew install postgresql`) or set DATABASE_URL"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_major_version() {
        assert_eq!(major("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n"), Some(15));
        assert_eq!(major("postgres (PostgreSQL) 18beta1"), Some(18));
        assert_eq!(major("postgres (EnterpriseDB) 9"), None);
    }

    #[test]
    fn takes_the_newest_folder_first() {
        let root = tempfile::tempdir().unwrap();
        for version in ["9.6", "14", "16", "15"] {
            fs::create_dir_all(root.path().join(version).join("bin")).unwrap();
        }
        let found = expand(&format!("{}/*/bin", root.path().display()));
        let newest: Vec<_> = ["16", "15", "14", "9.6"].map(|v| root.path().join(v).join("bin")).into();
        assert_eq!(found, newest);
    }

    #[tokio::test]
    async fn says_in_one_sentence_what_to_install() {
        let data_dir = tempfile::tempdir().unwrap();
        let owner = Owner::for_cluster(data_dir.path()).unwrap();
        let empty = vec![data_dir.path().to_owned()];
        // The library knows its own source only, so this fails without a connection.
        let source = "https://example.invalid/";
        let error = Programs::find_in(&owner, data_dir.path(), None, empty.clone(), source).await;
        assert_eq!(
            error.unwrap_err().to_string(),
            "no PostgreSQL server programs (version 14 or newer) were found and fetching them failed (https://example.invalid/: unsupported repository for 'https://example.invalid/'): install them (Debian, Ubuntu: `apt-get install postgresql`; Fedora: `dnf install postgresql-server`; macOS: `brew install postgresql`) or set DATABASE_URL"
        );
        let error = Programs::find_in(&owner, data_dir.path(), Some(99), empty, source).await;
        let error = error.unwrap_err().to_string();
        assert!(error.starts_with("the data was made by PostgreSQL 99, but"), "{error}");
        assert_eq!(fs::read_dir(data_dir.path()).unwrap().count(), 0, "nothing is left behind");
    }
}
