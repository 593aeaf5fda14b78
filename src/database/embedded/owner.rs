//! The user whom the programs of Postgres run as: they refuse to run as root.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::unistd::{Uid, User, geteuid};

/// The users to run as in place of root, best first.
const UNPRIVILEGED: [&str; 2] = ["postgres", "nobody"];

/// Whom the programs run as, and whom the data belongs to.
#[derive(Clone, Debug)]
pub(super) struct Owner {
    name: String,
    /// User and group to switch to; `None`: we stay who we are.
    switch: Option<(u32, u32)>,
}

impl Owner {
    /// The user for the data in `cluster`: as root, whoever has it already, else an
    /// unprivileged user; otherwise ourselves.
    pub fn for_cluster(cluster: &Path) -> Result<Self> {
        if !geteuid().is_root() {
            return Ok(Self { name: "this user".to_owned(), switch: None });
        }
        match fs::metadata(cluster) {
            Ok(found) if found.uid() != 0 => Ok(Self::with_ids(found.uid(), found.gid())),
            _ => Self::unprivileged(),
        }
    }

    fn with_ids(user: u32, group: u32) -> Self {
        let known = User::from_uid(Uid::from_raw(user)).ok().flatten();
        Self { name: known.map_or_else(|| user.to_string(), |known| known.name), switch: Some((user, group)) }
    }

    fn unprivileged() -> Result<Self> {
        for name in UNPRIVILEGED {
            if let Some(user) = User::from_name(name).context("cannot look up users")? {
                return Ok(Self { name: user.name, switch: Some((user.uid.as_raw(), user.gid.as_raw())) });
            }
        }
        bail!(
            "Postgres does not run as root and there is no user `postgres` or `nobody`: add one, or set DATABASE_URL"
        )
    }

    /// The name of the user, for messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether this is another user than ours.
    pub fn is_other(&self) -> bool {
        self.switch.is_some()
    }

    /// A command that runs as this user, with no input, from the folder `/`.
    ///
    /// The environment is a fresh one: a `PGDATA` or `PGHOST` of our user must not lead Postgres
    /// astray, and our secrets are none of its business.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", "/")
            .env("LC_ALL", "C")
            .current_dir("/")
            .stdin(Stdio::null());
        if let Some((user, group)) = self.switch {
            command.uid(user).gid(group);
        }
        command
    }

    /// Runs a command made by [`command`](Self::command) to its end and returns what it wrote;
    /// kills it after `limit`.
    pub async fn output(command: Command, limit: Duration) -> Result<Output> {
        let program = command.get_program().to_owned();
        let program = Path::new(&program).display();
        let mut command = tokio::process::Command::from(command);
        let output = command.kill_on_drop(true).output();
        tokio::time::timeout(limit, output)
            .await
            .with_context(|| format!("{program} did not end within {} s", limit.as_secs()))?
            .with_context(|| format!("cannot run {program}"))
    }

    /// Whether this user can enter `folder`, an absolute path.
    pub fn can_enter(&self, folder: &Path) -> bool {
        let mut command = self.command("/bin/sh");
        command.args(["-c", "cd -- \"$1\"", "sh"]).arg(folder);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        !self.is_other() || command.status().is_ok_and(|status| status.success())
    }

    /// Makes `path` belong to this user, with permissions `mode`.
    pub fn give(&self, path: &Path, mode: u32) -> Result<()> {
        let failed = || format!("cannot give {} to user {}", path.display(), self.name);
        if let Some((user, group)) = self.switch {
            chown(path, Some(user), Some(group)).with_context(failed)?;
        }
        fs::set_permissions(path, Permissions::from_mode(mode)).with_context(failed)
    }

    /// Makes a folder that belongs to this user alone.
    pub fn make_folder(&self, path: &Path) -> Result<()> {
        fs::create_dir(path).with_context(|| format!("cannot make the folder {}", path.display()))?;
        self.give(path, 0o700)
    }
}
