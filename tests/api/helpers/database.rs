//! What tests see and do in the database itself.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::process::Command;

use sqlx::AssertSqlSafe;

use super::{TestApp, cluster};

/// The program `pg_dump` that fits the programs of the server, where this machine has it.
fn pg_dump() -> Option<PathBuf> {
    let told = Command::new("pg_config").arg("--bindir").output().ok()?;
    let program = PathBuf::from(String::from_utf8(told.stdout).ok()?.trim()).join("pg_dump");
    program.is_file().then_some(program)
}

impl TestApp {
    async fn db_tables(&self) -> Vec<String> {
        let tables = "select tablename::text from pg_tables where schemaname = 'public' order by 1";
        sqlx::query_scalar(tables).fetch_all(self.pool()).await.expect("the tables")
    }

    /// How many rows each table has.
    pub async fn db_counts(&self) -> BTreeMap<String, i64> {
        let mut counts = BTreeMap::new();
        for table in self.db_tables().await {
            let count = AssertSqlSafe(format!("select count(*) from {table}"));
            let count = sqlx::query_scalar(count).fetch_one(self.pool()).await.expect("a number");
            counts.insert(table, count);
        }
        counts
    }

    /// Every row of every table, as text; bytes are written in hexadecimal.
    pub async fn db_text(&self) -> String {
        let mut text = String::new();
        for table in self.db_tables().await {
            let rows = AssertSqlSafe(format!("select t::text from {table} t"));
            let rows: Vec<String> = sqlx::query_scalar(rows).fetch_all(self.pool()).await.expect("the rows");
            writeln!(text, "{table}\n{}", rows.join("\n")).expect("text");
        }
        text
    }

    /// The sealed bytes of a secure value.
    pub async fn db_sealed(&self, credential: &str, field: &str) -> Vec<u8> {
        sqlx::query_scalar(
            "select sealed from secure_values where credential_id = $1::uuid and field_id = $2",
        )
        .bind(credential)
        .bind(field)
        .fetch_one(self.pool())
        .await
        .expect("sealed bytes")
    }

    /// Puts other bytes in the place of a secure value.
    pub async fn db_put_sealed(&self, credential: &str, field: &str, sealed: &[u8]) {
        let put = "update secure_values set sealed = $3 where credential_id = $1::uuid and field_id = $2";
        let put = sqlx::query(put).bind(credential).bind(field).bind(sealed);
        assert_eq!(put.execute(self.pool()).await.expect("an update").rows_affected(), 1);
    }

    /// Runs statements of a test's own.
    pub async fn db_run(&self, statements: &str) -> Result<(), sqlx::Error> {
        sqlx::raw_sql(AssertSqlSafe(statements.to_owned())).execute(self.pool()).await.map(drop)
    }

    /// What `pg_dump` makes of the database; none where this machine does not have the program.
    pub fn db_dump(&self) -> Option<String> {
        let options = self.pool().connect_options();
        let password = std::fs::read_to_string(cluster::data_dir().join("database-password"));
        let dumped = Command::new(pg_dump()?)
            .arg("--host")
            .arg(options.get_socket().expect("a socket"))
            .args(["--port", &options.get_port().to_string(), "--username", options.get_username()])
            .args(["--inserts", options.get_database().expect("a database")])
            .env("PGPASSWORD", password.expect("a password").trim())
            .output()
            .expect("pg_dump runs");
        assert!(dumped.status.success(), "{}", String::from_utf8_lossy(&dumped.stderr));
        Some(String::from_utf8(dumped.stdout).expect("a dump is text"))
    }
}
