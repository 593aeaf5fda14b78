//! The private Postgres: made, killed, restarted, left behind, refused.

mod data;
mod killed;
mod leftovers;
mod refusals;

use std::path::Path;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{Connection, Executor, Row};

/// How to connect to the database of the server that runs on `data_dir`.
fn options(data_dir: &Path) -> PgConnectOptions {
    let password = std::fs::read_to_string(data_dir.join("database-password")).expect("a password");
    PgConnectOptions::new_without_pgpass()
        .socket(data_dir.join("run"))
        .port(5432)
        .username("ttscm")
        .password(password.trim())
        .database("ttscm")
}

async fn numbers(options: &PgConnectOptions) -> sqlx::Result<Vec<i32>> {
    let mut connection = PgConnection::connect_with(options).await?;
    let rows = connection.fetch_all("select n from numbers order by n").await?;
    connection.close().await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

async fn add_number(options: &PgConnectOptions, number: i32) {
    let mut connection = PgConnection::connect_with(options).await.expect("a connection");
    connection.execute("create table if not exists numbers (n int primary key)").await.expect("a table");
    let insert = sqlx::query("insert into numbers values ($1)").bind(number);
    insert.execute(&mut connection).await.expect("a row");
    connection.close().await.expect("a good end");
}
