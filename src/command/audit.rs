//! `ttscm audit`: the audit record, from the command line.

use std::io::{BufWriter, ErrorKind, Write};
use std::process::ExitCode;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::app::{App, Started};
use crate::audit::chain::verify;
use crate::audit::{self, EventView};
use crate::clock::SystemClock;
use crate::config::Config;

/// What a command about the audit record is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Hold it against its seals.
    Verify,
    /// Write it out.
    Export {
        /// From this time on.
        from: Option<DateTime<Utc>>,
        /// Before this time.
        to: Option<DateTime<Utc>>,
    },
}

/// Carries an order out, and says how it went by the code that the program exits with.
///
/// # Errors
/// One sentence that says what is wrong.
pub async fn run(mut config: Config, order: Order) -> anyhow::Result<ExitCode> {
    // what is looked at stays as it is
    config.audit.seal_interval = None;
    let started = Started::beside(config, Arc::new(SystemClock)).await?;
    let done = match order {
        Order::Verify => verify(&started.app).await,
        Order::Export { from, to } => export(&started.app, from, to).await,
    };
    started.stop().await?;
    done
}

async fn verify(app: &App) -> anyhow::Result<ExitCode> {
    let report = verify::verify(app).await?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    let lines = report.faults.iter().try_for_each(|fault| writeln!(out, "{fault}"));
    let (faults, verify::Report { events, batches, dropped, unsealed, .. }) = (report.faults.len(), &report);
    let told = lines.and_then(|()| {
        writeln!(
            out,
            "{events} events in {batches} batches are as they were sealed, {dropped} were dropped by AUDIT_RETENTION, {unsealed} are not sealed yet; {faults} faults"
        )?;
        out.flush()
    });
    unless_nobody_reads(told)?;
    Ok(if faults == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn export(
    app: &App,
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
) -> anyhow::Result<ExitCode> {
    let mut out = BufWriter::new(std::io::stdout());
    let mut written = Ok(());
    let take = |row| {
        written = write_line(&mut out, &EventView::from(row));
        written.is_ok()
    };
    audit::export(app, from, to, take).await?;
    unless_nobody_reads(written.and_then(|()| out.flush()))?;
    Ok(ExitCode::SUCCESS)
}

fn write_line(out: &mut impl Write, event: &EventView) -> std::io::Result<()> {
    serde_json::to_writer(&mut *out, event)?;
    out.write_all(b"\n")
}

/// Whoever reads may stop when they have seen enough.
fn unless_nobody_reads(written: std::io::Result<()>) -> std::io::Result<()> {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}
