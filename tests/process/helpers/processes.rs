//! A look at other processes.

use std::fs;
use std::path::Path;

use nix::unistd::Pid;

use super::eventually;

/// Every process that has to do with `data_dir`, the servers themselves aside.
pub fn processes(data_dir: &Path) -> Vec<String> {
    let entries = fs::read_dir("/proc").expect("a list of processes").flatten();
    entries.filter_map(|entry| about(&entry.path(), data_dir)).collect()
}

fn about(process: &Path, data_dir: &Path) -> Option<String> {
    let line = fs::read(process.join("cmdline")).ok()?;
    let line = String::from_utf8_lossy(&line).replace('\0', " ");
    let works_there = fs::read_link(process.join("cwd")).is_ok_and(|folder| folder.starts_with(data_dir));
    let is_server = fs::read_link(process.join("exe")).is_ok_and(|program| program.ends_with("ttscm"));
    let concerns = (works_there || line.contains(&*data_dir.to_string_lossy())) && !is_server;
    concerns.then(|| format!("{} {line}", process.display()))
}

/// Waits until no process has to do with `data_dir`.
pub async fn all_gone(data_dir: &Path) {
    eventually("all programs have ended", async || processes(data_dir).is_empty()).await;
}

/// The first process of the Postgres that runs on `data_dir`.
pub fn postmaster(data_dir: &Path) -> Option<Pid> {
    let text = fs::read_to_string(data_dir.join("postgres/postmaster.pid")).ok()?;
    Some(Pid::from_raw(text.lines().next()?.parse().ok()?))
}

/// The process that started this one.
pub fn parent(process: Pid) -> Option<Pid> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
    line.trim().parse().ok().map(Pid::from_raw)
}

/// The processes that this one started.
pub fn children(process: Pid) -> Vec<Pid> {
    let list = fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap_or_default();
    list.split_whitespace().filter_map(|number| number.parse().ok()).map(Pid::from_raw).collect()
}
