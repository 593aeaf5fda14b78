//! The result as Markdown: the table, the targets and what they came to.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::measure::Row;
use crate::route::Route;

/// Everything that was measured.
pub struct Report {
    /// When, by the date.
    pub date: String,
    /// On which machine.
    pub machine: String,
    /// With which Postgres.
    pub postgres: String,
    /// What was in the database.
    pub contents: String,
    /// How it was measured.
    pub rounds: String,
    /// The rows of the table.
    pub rows: Vec<Row>,
    /// The memory of the program in MB: idle, at the end, and the most.
    pub memory: (f64, f64, f64),
    /// How many connections to Postgres it has at the end.
    pub connections: i64,
    /// What else there is to say, a line each.
    pub remarks: Vec<String>,
}

/// A target with what it came to; none where it was not measured.
struct Target {
    what: &'static str,
    wanted: String,
    is: Option<f64>,
    met: bool,
}

impl Report {
    /// All of it.
    pub fn markdown(&self) -> Result<String> {
        let mut text = String::from("# What the program does, and what Postgres alone would do\n\n");
        writeln!(text, "`cargo bench` wrote this on {}: {}, {}.", self.date, self.machine, self.postgres)?;
        writeln!(text, "{}\n{}\n", self.contents, self.rounds)?;
        self.write_table(&mut text)?;
        let (idle, end, most) = self.memory;
        writeln!(
            text,
            "\nMemory of the program: {idle:.1} MB idle, {end:.1} MB at the end, {most:.1} MB at the most. It has {} connections to Postgres at the end.\n",
            self.connections
        )?;
        for remark in &self.remarks {
            writeln!(text, "{remark}\n")?;
        }
        self.write_targets(&mut text)?;
        write_parts(&mut text)?;
        Ok(text)
    }

    fn write_table(&self, text: &mut String) -> Result<()> {
        text.push_str("| route | connections | requests/s | pgbench/s | ratio | median ms | p99 ms | CPU µs: server | Postgres | pgbench with Postgres |\n");
        text.push_str("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n");
        let or_none = |number: Option<f64>, digits: usize| {
            number.map_or_else(|| "-".to_owned(), |number| format!("{number:.digits$}"))
        };
        for row in &self.rows {
            writeln!(
                text,
                "| {}{} | {} | {:.0} | {} | {} | {:.2} | {:.2} | {:.0} | {:.0} | {} |",
                row.route.name(),
                row.remark,
                row.connections,
                row.rate,
                or_none(row.ceiling, 0),
                or_none(row.ceiling.map(|ceiling| row.rate / ceiling), 2),
                row.median,
                row.p99,
                row.server_cpu,
                row.database_cpu,
                or_none(row.ceiling_cpu, 0),
            )?;
        }
        Ok(())
    }

    fn write_targets(&self, text: &mut String) -> Result<()> {
        text.push_str("| target | wanted | is | |\n|---|---|--:|---|\n");
        for Target { what, wanted, is, met } in self.targets() {
            let (is, verdict) = match is {
                Some(is) => (format!("{is:.2}"), if met { "met" } else { "missed" }),
                None => ("-".to_owned(), "not measured"),
            };
            writeln!(text, "| {what} | {wanted} | {is} | {verdict} |")?;
        }
        text.push('\n');
        Ok(())
    }

    fn row(&self, route: Route, connections: usize) -> Option<&Row> {
        self.rows
            .iter()
            .find(|row| row.route == route && row.connections == connections && row.remark.is_empty())
    }

    fn targets(&self) -> Vec<Target> {
        let at_least = |what, wanted: f64, is: Option<f64>| Target {
            what,
            wanted: format!("at least {wanted}"),
            is,
            met: is.is_some_and(|is| is >= wanted),
        };
        let at_most = |what, wanted: f64, is: Option<f64>| Target {
            what,
            wanted: format!("at most {wanted}"),
            is,
            met: is.is_some_and(|is| is <= wanted),
        };
        let ratio = |route, connections| {
            let row = self.row(route, connections)?;
            Some(row.rate / row.ceiling?)
        };
        let spread = |route, connections| self.row(route, connections).map(|row| row.p99 / row.median);
        let cpu = |row: &Row| Some((row.server_cpu + row.database_cpu) / row.ceiling_cpu?);
        let of_teapot = |route| Some(self.row(route, 16)?.rate / self.row(Route::Teapot, 16)?.rate);
        let p99 = |remark: &str| {
            let mut rows = self.rows.iter().filter(|row| row.route == Route::Search && row.connections == 16);
            rows.find(|row| row.remark == remark).map(|row| row.p99)
        };
        let searches = p99(LARGE).zip(p99(SMALL)).map(|(large, small)| large / small);
        vec![
            at_least("credential read, of pgbench, at 16", 0.55, ratio(Route::Read, 16)),
            at_least("credential read, of pgbench, at 64", 0.75, ratio(Route::Read, 64)),
            at_most("credential read, p99 of the median, at 16", 4.0, spread(Route::Read, 16)),
            at_most("credential read, p99 of the median, at 64", 4.0, spread(Route::Read, 64)),
            at_most(
                "credential read, CPU of pgbench's, at 16",
                1.45,
                self.row(Route::Read, 16).and_then(cpu),
            ),
            at_least("reveal, of pgbench, at 16", 0.6, ratio(Route::Reveal, 16)),
            at_least("reveal, of pgbench, at 64", 0.6, ratio(Route::Reveal, 64)),
            at_least("permission check, of the teapot, at 16", 0.6, of_teapot(Route::Check)),
            at_least("403, of the teapot, at 16", 0.6, of_teapot(Route::Refusal)),
            at_least("company search, of pgbench, at 16", 0.5, self.large_search()),
            at_most("company search, p99 among all of that among few", 2.0, searches),
            at_most("memory idle, MB", 40.0, Some(self.memory.0)),
            at_most("memory at the end, MB", 120.0, Some(self.memory.1)),
            at_most("reads among a million, median of that before", 1.3, self.million()),
        ]
    }

    fn large_search(&self) -> Option<f64> {
        let mut rows = self.rows.iter().filter(|row| row.route == Route::Search && row.connections == 16);
        let row = rows.find(|row| row.remark == LARGE)?;
        Some(row.rate / row.ceiling?)
    }

    fn million(&self) -> Option<f64> {
        let mut rows = self.rows.iter().filter(|row| row.route == Route::Read && row.connections == 16);
        let row = rows.find(|row| row.remark == MILLION)?;
        Some(row.median / self.row(Route::Read, 16)?.median)
    }
}

/// The remark of the search among few companies.
pub const SMALL: &str = ", few companies";
/// The remark of the search among all.
pub const LARGE: &str = ", all companies";
/// The remark of the read among a million credentials.
pub const MILLION: &str = ", a million";

/// What `cargo bench --bench parts` measured last, and OpenSSL beside it.
fn write_parts(text: &mut String) -> Result<()> {
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(target).join("criterion");
    text.push_str("| part | time |\n|---|--:|\n");
    let mut groups: Vec<_> = folder.read_dir().into_iter().flatten().flatten().collect();
    groups.sort_by_key(std::fs::DirEntry::file_name);
    for group in groups {
        let mut parts: Vec<_> = group.path().read_dir().into_iter().flatten().flatten().collect();
        parts.sort_by_key(std::fs::DirEntry::file_name);
        for part in parts {
            let Ok(bytes) = std::fs::read(part.path().join("new/estimates.json")) else { continue };
            let estimates: serde_json::Value = serde_json::from_slice(&bytes)?;
            let time = estimates["median"]["point_estimate"].as_f64().unwrap_or(0.0);
            let (group, part) = (group.file_name(), part.file_name());
            writeln!(text, "| {} {} | {time:.0} ns |", group.to_string_lossy(), part.to_string_lossy())?;
        }
    }
    let arguments = ["speed", "-elapsed", "-seconds", "1", "-evp", "aes-256-gcm"];
    let speed = Command::new("openssl").args(arguments).output();
    let said = speed.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    if let Some(last) = said.lines().last() {
        let heading = "16, 64, 256, 1024, 8192 and 16384 bytes, in 1000 bytes a second";
        writeln!(text, "\n`openssl {}`, of {heading}: `{last}`", arguments.join(" "))?;
    }
    Ok(())
}
