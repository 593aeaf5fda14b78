//! The committed descriptions of the queries, which the sources were compiled against, held against a
//! Postgres with the migrations.

use std::path::Path;

use sqlx::postgres::PgTypeInfo;
use sqlx::{AssertSqlSafe, Column, Either, Executor, PgPool, SqlSafeStr, Statement, TypeInfo};

use crate::helpers::{TestApp, Value, json};

/// The committed descriptions, each with the name of its file.
fn described() -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(".sqlx");
    let files = folder.read_dir().unwrap().map(|entry| entry.unwrap().path());
    let read = |path: std::path::PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap())
    };
    files.filter(|path| path.extension().is_some_and(|extension| extension == "json")).map(read).collect()
}

/// A type as the descriptions write it: `TextArray` for `TEXT[]`.
fn described_type(kind: &PgTypeInfo) -> String {
    let name = kind.name().to_lowercase().replace("[]", "Array");
    name[..1].to_uppercase() + &name[1..]
}

/// What Postgres says of a query now.
async fn describe(pool: &PgPool, query: &str) -> Value {
    let prepared = pool.prepare(AssertSqlSafe(query).into_sql_str()).await;
    let statement = prepared.unwrap_or_else(|error| panic!("{error}\n{query}"));
    let Some(Either::Left(parameters)) = statement.parameters() else {
        panic!("Postgres knows its parameters")
    };
    let columns = statement.columns().iter();
    json!({
        "columns": columns.map(|column| json!([column.name(), described_type(column.type_info())])).collect::<Vec<_>>(),
        "parameters": parameters.iter().map(described_type).collect::<Vec<_>>()
    })
}

#[tokio::test]
async fn postgres_says_of_every_query_what_the_committed_file_says() {
    let app = TestApp::start().await;
    let files = described();
    assert!(!files.is_empty());
    for (name, file) in files {
        let query = file["query"].as_str().unwrap();
        let columns = file["describe"]["columns"].as_array().unwrap().iter();
        let expected = json!({
            "columns": columns.map(|column| json!([column["name"], column["type_info"]])).collect::<Vec<_>>(),
            "parameters": file["describe"]["parameters"]["Left"]
        });
        assert_eq!(describe(app.pool(), query).await, expected, "{name}: run .ci/prepare\n{query}");
    }
}

#[tokio::test]
async fn the_migrations_make_the_schema_from_nothing_and_find_nothing_to_do_again() {
    let database = crate::helpers::cluster::empty_database().await;
    let pool = ttscm::database::connect(database, 2).await.unwrap();
    for _ in 0..2 {
        ttscm::database::migrate(&pool).await.unwrap();
    }
    let applied: Vec<i64> = sqlx::query_scalar("select version from _sqlx_migrations order by version")
        .fetch_all(&*pool)
        .await
        .unwrap();
    let known: Vec<_> = ttscm::database::MIGRATIONS.iter().map(|migration| migration.version).collect();
    assert_eq!(applied, known);
}
