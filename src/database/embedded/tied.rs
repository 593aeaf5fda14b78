//! Programs that live no longer than our own process, and the file they write to.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::process::{Child, ChildStdin, Command};

use super::owner::Owner;

/// Runs "$@" until it ends, or until its own input ends: then it asks "$@" to end, too.
///
/// The input is a pipe whose other end only our process holds, so it ends with our process, even
/// after `kill -9`. Only the watcher keeps the pipe open, as 3.
/// Both signals are needed: a shell starts "$@" with SIGINT ignored, which lasts until Postgres
/// handles it (then it means "fast shutdown"); before that only SIGTERM has an effect.
/// SIGHUP and SIGTERM to the whole group must end neither this shell nor the watcher.
const SCRIPT: &str = r#"
exec 3<&0 </dev/null
exec "$@" 3<&- &
program=$!
{ trap '' HUP TERM; read -r line; kill -TERM "$program"; kill -INT "$program"; } <&3 3<&- 2>/dev/null &
watcher=$!
trap '' HUP INT TERM
exec 3<&-
wait "$program"
status=$?
kill -KILL "$watcher" 2>/dev/null
exit "$status"
"#;

/// A running program that is told to end when this value is dropped or our process ends.
pub(super) struct Tied {
    child: Child,
    /// Never written to.
    lifeline: ChildStdin,
}

impl Tied {
    /// Starts `program` as `owner`, in a process group of its own, so that Ctrl-C in a terminal
    /// does not reach it. Its output goes to `log`.
    pub fn spawn<A: AsRef<OsStr>>(owner: &Owner, program: &Path, arguments: &[A], log: File) -> Result<Self> {
        let mut command = owner.command("/bin/sh");
        command.args(["-c", SCRIPT, "ttscm-postgres"]).arg(program).args(arguments);
        command.process_group(0).stdin(Stdio::piped());
        command.stdout(log.try_clone()?).stderr(log);
        let failed = || format!("cannot run {} as user {}", program.display(), owner.name());
        let mut child = Command::from(command).spawn().with_context(failed)?;
        let lifeline = child.stdin.take().with_context(failed)?;
        Ok(Self { child, lifeline })
    }

    /// Waits until the program ends by itself.
    pub async fn ended(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Tells the program to end, and waits for that; `false`: it still ran after `limit`.
    pub async fn end(self, limit: Duration) -> bool {
        let Self { mut child, lifeline } = self;
        drop(lifeline);
        tokio::time::timeout(limit, child.wait()).await.is_ok()
    }
}

/// The file that the programs of Postgres write to.
pub(super) struct Log(PathBuf);

impl Log {
    /// From this size on, in bytes, the file is renamed at the next start.
    const SIZE_LIMIT: u64 = 10_000_000;
    /// How much of its end goes into an error.
    const TAIL_BYTES: u64 = 4000;
    const TAIL_LINES: usize = 10;

    /// The log in `data_dir`.
    pub fn new(data_dir: &Path) -> Self {
        Self(data_dir.join("postgres.log"))
    }

    /// The path of the file.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Opens the file to write at its end, and returns its present size as well.
    /// A file grown too large becomes `postgres.log.1`.
    pub fn open(&self) -> Result<(File, u64)> {
        let failed = || format!("cannot write {}", self.0.display());
        if fs::metadata(&self.0).is_ok_and(|found| found.len() > Self::SIZE_LIMIT) {
            fs::rename(&self.0, self.0.with_extension("log.1")).with_context(failed)?;
        }
        let mut options = File::options();
        let file = options.append(true).create(true).mode(0o600).open(&self.0);
        let file = file.with_context(failed)?;
        let size = file.metadata().with_context(failed)?.len();
        Ok((file, size))
    }

    /// The last lines that were written after the file had the size `from`.
    pub fn tail(&self, from: u64) -> String {
        self.read_tail(from).unwrap_or_default()
    }

    fn read_tail(&self, from: u64) -> io::Result<String> {
        let mut file = File::open(&self.0)?;
        let size = file.metadata()?.len();
        file.seek(SeekFrom::Start(from.max(size.saturating_sub(Self::TAIL_BYTES))))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().collect();
        Ok(lines[lines.len().saturating_sub(Self::TAIL_LINES)..].join("\n"))
    }
}
