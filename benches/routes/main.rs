//! Measures routes over HTTP, in turn with `pgbench` running the very SQL of each.
//!
//! It brings up a Postgres of its own, fills it, runs the program in a process of its own, and writes
//! `benches/RESULTS.md`. `cargo bench --bench routes -- --help` tells what can be chosen.

mod ceiling;
mod fill;
mod lab;
mod load;
mod measure;
mod names;
mod report;
mod route;
mod run;
mod usage;

use std::io::Write;
use std::path::Path;

use anyhow::Result;
use clap::Parser;

use route::Route;

/// What to measure. Without anything: all routes, which takes about a quarter of an hour.
#[derive(Debug, Parser)]
struct Options {
    /// Little data, short rounds, few of them: to see that it works. Nothing is written.
    #[arg(long)]
    quick: bool,
    /// These routes only; may be given more than once. Nothing is written.
    #[arg(long)]
    route: Vec<Route>,
    /// How many connections, with commas between.
    #[arg(long, value_delimiter = ',', default_value = "1,16,64")]
    connections: Vec<usize>,
    /// How many rounds.
    #[arg(long)]
    rounds: Option<usize>,
    /// How long a round is, in seconds.
    #[arg(long)]
    seconds: Option<u64>,
    /// How many credentials there are.
    #[arg(long)]
    credentials: Option<u64>,
    /// Reads again when there are a million credentials.
    #[arg(long)]
    million: bool,
    /// Reads over 16 connections for so many minutes besides, and looks at the memory.
    #[arg(long, value_name = "MINUTES")]
    steady: Option<u64>,
    /// Where to write the result, below the program's folder.
    #[arg(long, default_value = "benches/RESULTS.md")]
    output: String,
    /// Cargo says it.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let text = runtime.block_on(run::run(&options))?.markdown()?;
    std::io::stdout().write_all(text.as_bytes())?;
    if !options.quick && options.route.is_empty() {
        std::fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join(&options.output), text)?;
    }
    Ok(())
}
