//! Folders for data.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use nix::unistd::User;
use tempfile::TempDir;

/// A folder that every user may enter, as Postgres must, which does not run as root.
pub fn open_folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("the folder is ours");
    folder
}

/// A file that only its owner may read; its path.
pub fn private_file(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, text).expect("the folder is ours");
    fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("the file is ours");
    path
}

/// The user `nobody`.
pub fn nobody() -> User {
    User::from_name("nobody").expect("users are known").expect("there is a user nobody")
}

/// Gives a file or folder to `nobody`.
pub fn give_to_nobody(path: &Path) {
    let nobody = nobody();
    chown(path, Some(nobody.uid.as_raw()), Some(nobody.gid.as_raw())).expect("we are root");
}
