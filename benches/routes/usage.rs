//! What processes use, by what the kernel writes in `/proc`.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

/// How many ticks a second has for programs, on every Linux.
const TICKS: u64 = 100;

/// Times of a process: its own, and those of its children that have ended.
struct Times {
    parent: u32,
    own: u64,
    of_children: u64,
}

fn times(process: &str) -> Result<Times> {
    let text = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // the name of the program may have anything in it
    let (_, rest) = text.rsplit_once(')').context("a line of /proc that is none")?;
    let numbers: Vec<u64> = rest.split_whitespace().skip(1).map(|word| word.parse().unwrap_or(0)).collect();
    let at = |index: usize| numbers.get(index).copied().unwrap_or(0);
    let parent = u32::try_from(at(0)).unwrap_or(0);
    Ok(Times { parent, own: at(10) + at(11), of_children: at(12) + at(13) })
}

fn duration(ticks: u64) -> Duration {
    Duration::from_millis(ticks * 1000 / TICKS)
}

/// The CPU time that a process has taken.
pub fn cpu(process: u32) -> Result<Duration> {
    Ok(duration(times(&process.to_string())?.own))
}

/// The CPU time of the children of this process that have ended.
pub fn cpu_of_ended() -> Result<Duration> {
    Ok(duration(times("self")?.of_children))
}

/// The CPU time that Postgres has taken: all processes that are there, and those that were.
pub fn cpu_of_postgres(postmaster: u32) -> Result<Duration> {
    let own = times(&postmaster.to_string())?;
    let mut ticks = own.own + own.of_children;
    for entry in fs::read_dir("/proc")?.flatten() {
        let name = entry.file_name();
        let number = name.to_string_lossy();
        if number.bytes().all(|byte| byte.is_ascii_digit()) {
            // it may have ended meanwhile, and is one of those that were then
            let found = times(&number).ok().filter(|found| found.parent == postmaster);
            ticks += found.map_or(0, |found| found.own);
        }
    }
    Ok(duration(ticks))
}

/// The memory that a process holds, and the most that it has held, in MB.
pub fn memory(process: u32) -> Result<(f64, f64)> {
    let text = fs::read_to_string(format!("/proc/{process}/status"))?;
    let megabytes = |name: &str| -> Result<f64> {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).context("no such line in /proc")?;
        let kilobytes: f64 = line.split_whitespace().next().unwrap_or_default().parse()?;
        Ok(kilobytes * 1.024 / 1000.0)
    };
    Ok((megabytes("VmRSS:")?, megabytes("VmHWM:")?))
}

/// The machine in a line.
pub fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let processors = read("/proc/cpuinfo");
    let model = processors.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("?");
    let model = model.trim_start_matches([' ', '\t', ':']);
    let memory = read("/proc/meminfo");
    let kilobytes: Option<u64> = memory
        .lines()
        .next()
        .and_then(|line| line.split_whitespace().nth(1))
        .and_then(|word| word.parse().ok());
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let kernel = read("/proc/sys/kernel/osrelease");
    format!(
        "{cores} cores of {model}, {} GB of memory, Linux {}",
        kilobytes.unwrap_or(0) / 1_000_000,
        kernel.trim()
    )
}
