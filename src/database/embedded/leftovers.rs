//! A Postgres that a killed server left behind.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;

use super::owner::Owner;
use super::programs::Programs;

/// How each kind of shutdown is called, and how long it may take, in seconds.
const SHUTDOWNS: [(&str, u64); 2] = [("fast", 60), ("immediate", 15)];
/// How long the process may live on after Postgres said that it has shut down.
const LAST_BREATH: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(10);

/// Ends a Postgres that still runs on `cluster`, and removes a record of one that would keep a
/// new one from starting. Only for the holder of the lock.
pub(super) async fn end(owner: &Owner, programs: &Programs, cluster: &Path) -> Result<()> {
    let record = cluster.join("postmaster.pid");
    let failed = || format!("cannot read or remove {}", record.display());
    let text = match fs::read_to_string(&record) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(failed),
    };
    let process = text.lines().next().and_then(|line| line.trim().parse().ok());
    match process.filter(|process| *process > 0).map(Pid::from_raw) {
        // Postgres itself removes the record of a dead one, if no child of that one is left.
        Some(process) if !is_alive(process) => Ok(()),
        Some(process) if runs(owner, process, cluster).await => {
            shut_down(owner, programs, cluster, process).await
        }
        // The number is in use by another program, which Postgres cannot tell.
        _ => match fs::remove_file(&record) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error).with_context(failed),
            _ => Ok(()),
        },
    }
}

async fn shut_down(owner: &Owner, programs: &Programs, cluster: &Path, process: Pid) -> Result<()> {
    tracing::warn!(%process, "shutting down a Postgres that was left running");
    for (mode, seconds) in SHUTDOWNS {
        let mut command = owner.command(programs.path("pg_ctl"));
        command.args(["stop", "-s", "-w", "-m", mode, "-t", &seconds.to_string(), "-D"]).arg(cluster);
        let output = Owner::output(command, Duration::from_secs(seconds + 5)).await?;
        let deadline = Instant::now() + LAST_BREATH;
        while runs(owner, process, cluster).await && Instant::now() < deadline {
            #[expect(
                clippy::disallowed_methods,
                reason = "another process is waited for, which tells nobody"
            )]
            tokio::time::sleep(POLL).await;
        }
        if !runs(owner, process, cluster).await {
            return Ok(());
        }
        tracing::warn!(%process, mode, "pg_ctl: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    bail!("an earlier Postgres (process {process}) does not end: end it by hand")
}

fn is_alive(process: Pid) -> bool {
    !matches!(kill(process, None), Err(Errno::ESRCH))
}

/// Whether `process` is a Postgres on `cluster`; a number may be given to a new process.
async fn runs(owner: &Owner, process: Pid, cluster: &Path) -> bool {
    if Path::new("/proc/self/cmdline").exists() {
        let line = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
        let mut arguments = line.split(|byte| *byte == 0);
        let program = arguments.next().unwrap_or_default();
        return program.ends_with(b"/postgres")
            && arguments.any(|argument| argument == cluster.as_os_str().as_bytes());
    }
    let mut command = owner.command("/bin/ps");
    command.args(["-ww", "-o", "args=", "-p", &process.to_string()]);
    let Ok(output) = Owner::output(command, Duration::from_secs(10)).await else {
        return false;
    };
    let line = String::from_utf8_lossy(&output.stdout);
    line.contains("/postgres ") && line.contains(&*cluster.to_string_lossy())
}
