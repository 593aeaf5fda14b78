//! The ceiling: `pgbench` with the very SQL of a route, as it was compiled into the program.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use sqlx::postgres::PgConnectOptions;

use crate::names::{Thing, id_in_sql, word};
use crate::route::{Route, Sizes, WORDS};

/// The program that measures Postgres, with what it needs to reach it.
pub struct Ceiling {
    /// Where it is.
    pub program: PathBuf,
    /// The database.
    pub database: PgConnectOptions,
    /// Its password.
    pub password: String,
    /// A folder for scripts.
    pub folder: tempfile::TempDir,
}

impl Ceiling {
    /// Runs a script over so many connections for so long; how many transactions were done.
    pub fn run(&self, script: &str, connections: usize, time: Duration) -> Result<(u64, f64)> {
        let file = self.folder.path().join("script.sql");
        std::fs::write(&file, script)?;
        let socket = self.database.get_socket().context("Postgres has a socket")?;
        let output = Command::new(&self.program)
            .args(["--no-vacuum", "--protocol", "prepared", "--jobs", "1"])
            .args(["--client", &connections.to_string(), "--time", &time.as_secs().max(1).to_string()])
            .arg("--file")
            .arg(&file)
            .arg("--host")
            .arg(socket)
            .args(["--port", &self.database.get_port().to_string()])
            .args(["--username", self.database.get_username()])
            .arg(self.database.get_database().context("a database")?)
            .env("PGPASSWORD", &self.password)
            .output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        let number = |before: &str| {
            let line = said.lines().find_map(|line| line.strip_prefix(before));
            line.and_then(|line| line.split([' ', '/']).next()).and_then(|word| word.parse::<f64>().ok())
        };
        let done = number("number of transactions actually processed: ").context("no transactions")?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a whole number")]
        // on a busy machine a short round may be over before all are connected
        Ok((done as u64, number("tps = ").unwrap_or(0.0)))
    }
}

/// The queries that the program was compiled with.
fn queries() -> Result<Vec<String>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(".sqlx");
    let mut queries = Vec::new();
    for entry in folder.read_dir()? {
        let described: serde_json::Value = serde_json::from_slice(&std::fs::read(entry?.path())?)?;
        queries.extend(described["query"].as_str().map(str::to_owned));
    }
    Ok(queries)
}

/// The one query that has all of these parts.
fn query(parts: &[&str]) -> Result<String> {
    let mut found = queries()?;
    found.retain(|query| parts.iter().all(|part| query.contains(part)));
    ensure!(found.len() == 1, "{} queries have {parts:?} in them: the ceiling is out of date", found.len());
    Ok(found.remove(0))
}

/// The query with these expressions in the place of its parameters.
fn with(query: &str, parameters: &[&str]) -> String {
    let numbered = parameters.iter().enumerate().rev();
    numbered.fold(query.to_owned(), |query, (index, parameter)| {
        query.replace(&format!("${}", index + 1), parameter)
    })
}

const NOTHING: &str = "'{}'::uuid[]";

/// The script of a route; none for one that asks no database.
pub fn script(route: Route, sizes: Sizes, credentials: u64) -> Result<Option<String>> {
    let any = |most: u64| format!("\\set n random(1, {most})\n");
    let script = match route {
        Route::Read => any(credentials) + &read()? + ";\n",
        Route::Reveal => any(credentials) + "begin;\n" + &read()? + ";\n" + &insertion()? + ";\ncommit;\n",
        Route::List => {
            let query = query(&["from credentials", "where company_id = $1 and reaches("])?;
            let company = id_in_sql(Thing::Company, ":n::bigint");
            let parameters = [&company, "true", NOTHING, NOTHING, "'{}'::text[]", "30", "0"];
            any(sizes.full_companies()) + &with(&query, &parameters) + ";\n"
        }
        Route::Search => {
            let query = query(&["word_similarity", "cw_identifier"])?;
            let words: Vec<_> = (1..=WORDS).map(|number| format!("'{}'", word(number))).collect();
            let word = format!("(array[{}])[:n::integer]", words.join(", "));
            let pattern = format!("('%' || {word} || '%')");
            let parameters = ["true", NOTHING, &word, &pattern, "30", "0", "false"];
            any(WORDS) + &with(&query, &parameters) + ";\n"
        }
        Route::Check | Route::Refusal | Route::Teapot => return Ok(None),
    };
    Ok(Some(script))
}

fn read() -> Result<String> {
    let query = query(&["from credentials c", "join companies o", "where c.id = $1"])?;
    Ok(with(&query, &[&id_in_sql(Thing::Credential, ":n::bigint")]))
}

/// The row in the audit record that a reveal writes.
fn insertion() -> Result<String> {
    let query = query(&["insert into audit_events", "actor_kind", "values ($1"])?;
    let credential = id_in_sql(Thing::Credential, ":n::bigint");
    let known = HashMap::from([
        ("id", "gen_random_uuid()"),
        ("at", "clock_timestamp()"),
        ("action", "'credential.reveal'"),
        ("outcome", "'success'"),
        ("actor_kind", "'user'"),
        ("actor_id", "gen_random_uuid()"),
        ("actor_name", "'Person 1'"),
        ("target_kind", "'credential'"),
        ("target_id", &credential),
        ("target_name", "'Credential 1'"),
        ("company_id", "gen_random_uuid()"),
        ("field_id", "'secret'"),
        ("address", "'127.0.0.1'"),
        ("request_id", "gen_random_uuid()"),
    ]);
    let columns =
        query.split_once('(').and_then(|(_, rest)| rest.split_once(')')).map(|(columns, _)| columns);
    let columns = columns.context("an insertion names its columns")?.split(',').map(str::trim);
    let values: Vec<_> = columns.map(|column| known.get(column).copied().unwrap_or("null")).collect();
    Ok(with(&query, &values))
}
