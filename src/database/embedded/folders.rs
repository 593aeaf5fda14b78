//! The folder of all data, its lock, and the folder of the socket.

use std::fs::{self, File, Permissions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use nix::unistd::geteuid;
use tempfile::TempDir;

use super::SYSTEM_FOLDER;
use super::owner::Owner;

/// The name of the socket is fixed, because its folder is ours alone.
pub(super) const PORT: u16 = 5432;
/// The longest path of a socket, in bytes; systems allow 103 or 107.
const SOCKET_PATH_LIMIT: usize = 100;
/// How the names of socket folders outside of the data folder begin.
const SOCKET_FOLDER_PREFIX: &str = "ttscm-run-";
const STICKY: u32 = 0o1000;

/// Makes the folder of all data, if missing, and closes it to other users.
///
/// As root others may pass through it, because the data inside belongs to another user.
/// Returns its absolute path without symbolic links.
pub(super) fn prepare_data_dir(wanted: &Path) -> Result<PathBuf> {
    let failed = || format!("cannot use DATA_DIR {}", wanted.display());
    make_folders(wanted).with_context(failed)?;
    let data_dir = wanted.canonicalize().with_context(failed)?;
    let found = fs::metadata(&data_dir).with_context(failed)?;
    if found.mode() & STICKY != 0 || data_dir.parent().is_none() {
        bail!(
            "DATA_DIR {} is shared by all users: set DATA_DIR to a folder of its own, such as {}",
            data_dir.display(),
            data_dir.join("ttscm").display()
        );
    }
    let user = geteuid();
    let mode = if user.is_root() { 0o711 } else { 0o700 };
    // A folder that another user lends us (a mounted volume) stays as it is.
    if (user.is_root() || user.as_raw() == found.uid()) && found.mode() & 0o7777 != mode {
        fs::set_permissions(&data_dir, Permissions::from_mode(mode)).with_context(failed)?;
    }
    Ok(data_dir)
}

/// Makes the folder and what is missing above it; as root, open to all, whatever the umask is,
/// because another user must pass through.
fn make_folders(path: &Path) -> std::io::Result<()> {
    if !geteuid().is_root() {
        return fs::create_dir_all(path);
    }
    let missing: Vec<&Path> =
        path.ancestors().take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists()).collect();
    for folder in missing.into_iter().rev() {
        fs::create_dir(folder)?;
        fs::set_permissions(folder, Permissions::from_mode(0o755))?;
    }
    Ok(())
}

/// Makes sure that `owner` can enter the folder of all data.
pub(super) fn check_entry(data_dir: &Path, owner: &Owner) -> Result<()> {
    if owner.can_enter(data_dir) {
        return Ok(());
    }
    let mut folders: Vec<&Path> = data_dir.ancestors().collect();
    folders.reverse();
    let closed = folders.into_iter().find(|folder| !owner.can_enter(folder));
    bail!(
        "Postgres runs as user {}, who cannot enter the folder {}: set DATA_DIR to a folder every user may enter, such as {SYSTEM_FOLDER}",
        owner.name(),
        closed.unwrap_or(data_dir).display()
    )
}

/// Claims the folder of all data for this process, until the file is closed.
pub(super) fn lock(data_dir: &Path) -> Result<File> {
    let path = data_dir.join("lock");
    let failed = || format!("cannot lock {}", path.display());
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let mut file = options.open(&path).with_context(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            file.read_to_string(&mut holder).with_context(failed)?;
            bail!(
                "another ttscm server (process {}) is already using DATA_DIR {}",
                holder.trim(),
                data_dir.display()
            );
        }
        Err(TryLockError::Error(error)) => return Err(error).with_context(failed),
    }
    file.set_len(0).with_context(failed)?;
    writeln!(file, "{}", std::process::id()).with_context(failed)?;
    Ok(file)
}

/// Whether another process has claimed the folder of all data.
pub(super) fn is_locked(data_dir: &Path) -> Result<bool> {
    let path = data_dir.join("lock");
    match File::open(&path).map(|file| file.try_lock()) {
        Ok(Err(TryLockError::WouldBlock)) => Ok(true),
        Ok(Ok(())) => Ok(false),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Ok(Err(TryLockError::Error(error))) | Err(error) => {
            Err(error).with_context(|| format!("cannot read {}", path.display()))
        }
    }
}

/// The folder of the socket of the Postgres that runs, by its shortest name.
pub(super) fn running_socket(data_dir: &Path) -> Result<PathBuf> {
    let run = data_dir.join("run");
    run.canonicalize().with_context(|| format!("cannot enter {}", run.display()))
}

/// The folder of the socket, which only the user of Postgres (and root) may enter.
pub(super) struct SocketFolder {
    path: PathBuf,
    /// Removes the folder at the end, where it is outside of the data folder.
    _temporary: Option<TempDir>,
}

impl SocketFolder {
    /// Makes the folder `run`, anew; where its path is too long for a socket, `run` becomes a link
    /// to a folder for temporary files.
    ///
    /// Postgres must not be running.
    pub fn make(data_dir: &Path, owner: &Owner) -> Result<Self> {
        let run = data_dir.join("run");
        remove_old(&run).with_context(|| format!("cannot remove {}", run.display()))?;
        if fits(&run) {
            owner.make_folder(&run)?;
            return Ok(Self { path: run, _temporary: None });
        }
        let folder = temporary_folder(owner)?;
        owner.give(folder.path(), 0o700)?;
        // The link tells the next start which folder to remove, should this one be killed.
        symlink(folder.path(), &run).with_context(|| format!("cannot make {}", run.display()))?;
        Ok(Self { path: folder.path().to_owned(), _temporary: Some(folder) })
    }

    /// The absolute path.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn fits(folder: &Path) -> bool {
    let socket = folder.join(format!(".s.PGSQL.{PORT}"));
    socket.as_os_str().as_bytes().len() <= SOCKET_PATH_LIMIT
}

/// A folder in the system's folder for temporary files, or in `/tmp` where that does not do.
fn temporary_folder(owner: &Owner) -> Result<TempDir> {
    for parent in [std::env::temp_dir(), PathBuf::from("/tmp")] {
        if !parent.is_absolute() || !owner.can_enter(&parent) {
            continue;
        }
        if let Ok(folder) = tempfile::Builder::new().prefix(SOCKET_FOLDER_PREFIX).tempdir_in(&parent)
            && fits(folder.path())
        {
            return Ok(folder);
        }
    }
    bail!("found no folder for the socket of Postgres: set DATA_DIR to a shorter path")
}

fn remove_old(run: &Path) -> std::io::Result<()> {
    let Ok(found) = fs::symlink_metadata(run) else {
        return Ok(());
    };
    if !found.is_symlink() {
        return fs::remove_dir_all(run);
    }
    let target = fs::read_link(run)?;
    let name = target.file_name().unwrap_or_default();
    if name.as_bytes().starts_with(SOCKET_FOLDER_PREFIX.as_bytes()) && target.is_dir() {
        fs::remove_dir_all(&target)?;
    }
    fs::remove_file(run)
}
