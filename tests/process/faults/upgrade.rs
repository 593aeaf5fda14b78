//! Databases as each earlier version of the schema left them: they are upgraded by a start of the server, and
//! everything in them opens.
//!
//! `states/NUMBER.sql` is what a program of that time would have stored, in the words of the schema right after
//! that migration. A new migration joins by itself; with a file of its own where it brings tables.

use std::path::Path;
use std::process::Command;

use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, PgConnection};
use ttscm::database::MIGRATIONS;

use crate::helpers::client::SECRET;
use crate::helpers::external::Database;
use crate::helpers::postgres::programs;
use crate::helpers::{Client, Server, json};

const PASSWORD: &str = "an administrator's password";
const ACME: &str = "01a20253-e0f4-7103-9477-1c44845a216f";
const CREDENTIAL: &str = "01a20253-e31d-7126-9e13-a041d2237143";

/// The versions from which there are things of a kind.
const PEOPLE: i64 = 1;
const COMPANIES: i64 = 2;
const CREDENTIALS: i64 = 3;
const AUDIT: i64 = 4;

/// Brings an empty database to the state that `version` left, with what was stored on the way.
async fn make_state(connection: &mut PgConnection, version: i64) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/process/faults/states");
    let mut made = Vec::new();
    for migration in MIGRATIONS.iter().filter(|migration| migration.version <= version) {
        made.push(migration.clone());
        Migrator::with_migrations(made.clone()).run(&mut *connection).await.expect("a good migration");
        if let Ok(stored) = std::fs::read_to_string(folder.join(format!("{:04}.sql", migration.version))) {
            sqlx::raw_sql(AssertSqlSafe(stored)).execute(&mut *connection).await.expect("what was stored");
        }
    }
}

/// The schema, in the words of `pg_dump`, without what differs each time.
fn schema(programs: &Path, database: &Database) -> String {
    let mut dump = Command::new(programs.join("pg_dump"));
    let dumped =
        dump.args(["--schema-only", "--no-owner", "-d", &database.url]).output().expect("pg_dump runs");
    assert!(dumped.status.success(), "{}", String::from_utf8_lossy(&dumped.stderr));
    let text = String::from_utf8(dumped.stdout).expect("text");
    let varies = |line: &&str| line.starts_with("\\restrict") || line.starts_with("\\unrestrict");
    text.lines().filter(|line| !varies(line)).collect::<Vec<_>>().join("\n")
}

/// Everybody is who they were, and holds what they held.
async fn people_are_there(server: &Server, version: i64) -> Client {
    let admin = Client::sign_in(&server.url(), "admin@example.com", PASSWORD).await;
    let tina = Client::sign_in(&server.url(), "tina@example.com", PASSWORD).await;
    assert_eq!(tina.get("/v1/user/@me").await["name"], "Tina Technician");
    let gone = json!({"login": "gone", "password": PASSWORD});
    assert_eq!(tina.ask("/v1/auth/login", Some(&gone)).await.expect("an answer").status, 401);
    let asked = json!({"permissions": ["company.fetch.many", "role.create"]});
    let everywhere = tina.post("/v1/user/@me/check-permission", &asked).await;
    // bound to a company, the technician's role grants nothing elsewhere
    let held = everywhere["results"][0]["hasPermission"].as_bool().expect("an answer");
    assert_eq!(held, version < COMPANIES);
    assert_eq!(everywhere["results"][1]["hasPermission"], false);
    if version >= COMPANIES {
        let seen = tina.get("/v1/company/companies").await;
        let names: Vec<_> = seen.as_array().expect("a list").iter().map(|company| &company["name"]).collect();
        assert_eq!(names, ["Acme"]);
    }
    admin
}

async fn credentials_open(server: &Server, admin: &Client) {
    let tina = Client::sign_in(&server.url(), "tina@example.com", PASSWORD).await;
    for reader in [admin, &tina] {
        let there = reader.get(&format!("/v1/credential/credentials/{CREDENTIAL}")).await;
        assert_eq!((&there["name"], &there["company"]["id"]), (&json!("Production"), &json!(ACME)));
        assert_eq!(there["fields"][0]["value"], "root");
        assert_eq!(reader.reveal(CREDENTIAL).await, SECRET);
    }
}

async fn events_are_told(admin: &Client) {
    let told = admin.get(&format!("/v1/audit?credential={CREDENTIAL}&to=2026-02-01T00:00:00Z")).await;
    let told: Vec<_> = told.as_array().expect("a list").iter().map(|event| &event["action"]).collect();
    assert_eq!(told, ["credential.reveal", "credential.create"]);
}

#[tokio::test]
async fn every_earlier_state_is_upgraded_by_a_start_and_opens() {
    let Some(programs) = programs() else { return };
    let fresh = Database::new().await;
    fresh.ttscm().ready().await.stop().await;
    let wanted = schema(&programs, &fresh);
    assert!(wanted.contains("CREATE TABLE public.credentials"));
    for version in MIGRATIONS.iter().map(|migration| migration.version) {
        let database = Database::new().await;
        make_state(&mut database.connect().await, version).await;
        let server = database.ttscm().ready().await;
        assert_eq!(
            schema(&programs, &database),
            wanted,
            "after {version} and an upgrade the schema is another one"
        );
        assert!(version >= PEOPLE);
        let admin = people_are_there(&server, version).await;
        if version >= CREDENTIALS {
            credentials_open(&server, &admin).await;
        }
        if version >= AUDIT {
            events_are_told(&admin).await;
        }
        // and it goes on from there
        if version < CREDENTIALS {
            let credential = admin.store_secret().await;
            assert_eq!(admin.reveal(&credential).await, SECRET);
        }
        server.stop().await;
    }
}
