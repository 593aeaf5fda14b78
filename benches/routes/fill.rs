//! Fills the database, past the program but for the vault.

use std::fmt::Write;
use std::ops::RangeInclusive;
use std::str::FromStr;

use anyhow::Result;
use sqlx::PgConnection;
use sqlx::types::Json;
use ttscm::vault::{Place, Vault};
use uuid::Uuid;

use crate::names::{self, Thing, id};
use crate::route::{SECRET, Sizes};

/// How many credential types there are.
pub const KINDS: u64 = 50;

/// How many people there are.
const PEOPLE: u64 = 1000;

/// How many roles there are.
const ROLES: u64 = 50;

/// How many of the people are signed in.
pub const SIGNED_IN: u64 = 64;

/// How many rows are written in one go.
const BATCH: u64 = 20_000;

/// What every role holds; each has some nodes of types besides.
const NODES: [&str; 12] = [
    "user.read",
    "user.write",
    "company.fetch",
    "company.fetch.many",
    "credential.fetch",
    "credential.fetch.many",
    "credential.create",
    "credential.update",
    "credential.secure_values.read",
    "credential_type.fetch",
    "credential_type.fetch.many",
    "ui.navigation.*",
];

fn ids(thing: Thing, numbers: RangeInclusive<u64>) -> Result<Vec<Uuid>> {
    Ok(numbers.map(|number| Uuid::from_str(&id(thing, number))).collect::<Result<_, _>>()?)
}

/// Credential types with a plain and a secure field.
pub async fn kinds(connection: &mut PgConnection) -> Result<()> {
    let fields = serde_json::json!([
        {"id": "account", "name": "Account", "required": true, "secure": false, "valueType": "plain_text"},
        {"id": SECRET, "name": "Secret", "required": true, "secure": true, "valueType": "password"},
    ]);
    sqlx::query(
        "insert into credential_types (id, name, permission_scope, fields, created_at, updated_at)
         select id, 'Type ' || n, 'type' || n, $2, now(), now() from unnest($1::uuid[]) with ordinality t (id, n)",
    )
    .bind(ids(Thing::Kind, 1..=KINDS)?)
    .bind(Json(fields))
    .execute(connection)
    .await?;
    Ok(())
}

/// Roles, people with a role each, and sessions of some of them.
pub async fn people(connection: &mut PgConnection) -> Result<()> {
    sqlx::query(
        "insert into roles (id, title, moniker, permissions, created_at, updated_at)
         select id, 'Role ' || n, 'role' || n, $2 || array['type' || n || '.*', 'type' || n + 1 || '.fetch'], now(), now()
         from unnest($1::uuid[]) with ordinality t (id, n)",
    )
    .bind(ids(Thing::Role, 1..=ROLES)?)
    .bind(NODES.map(str::to_owned).to_vec())
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "insert into users (id, login, email, name, created_at, updated_at)
         select id, 'person' || n || '@example.com', 'person' || n || '@example.com', 'Person ' || n, now(), now()
         from unnest($1::uuid[]) with ordinality t (id, n)",
    )
    .bind(ids(Thing::User, 1..=PEOPLE)?)
    .execute(&mut *connection)
    .await?;
    let roles: Vec<_> = (1..=PEOPLE).map(|number| id(Thing::Role, 1 + number % ROLES)).collect();
    sqlx::query(
        "insert into user_roles (user_id, role_id) select * from unnest($1::uuid[], $2::text[]::uuid[])",
    )
    .bind(ids(Thing::User, 1..=PEOPLE)?)
    .bind(roles)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "insert into sessions (id, user_id, address, created_at, last_used_at, expires_at)
         select id, person, '127.0.0.1', now(), now(), now() + interval '1 day'
         from unnest($1::uuid[], $2::uuid[]) t (id, person)",
    )
    .bind(ids(Thing::Session, 1..=SIGNED_IN)?)
    .bind(ids(Thing::User, 1..=SIGNED_IN)?)
    .execute(connection)
    .await?;
    Ok(())
}

/// The companies with these numbers.
pub async fn companies(connection: &mut PgConnection, numbers: RangeInclusive<u64>) -> Result<()> {
    for batch in batches(numbers) {
        let name: Vec<_> = batch.clone().map(names::company).collect();
        let identifier: Vec<_> = batch.clone().map(names::identifier).collect();
        let number: Vec<_> = batch.clone().map(i64::try_from).collect::<Result<_, _>>()?;
        sqlx::query(
            "insert into companies (id, name, cw_identifier, cw_company_id, created_at, updated_at)
             select id, name, identifier, n, now(), now()
             from unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[]) t (id, name, identifier, n)",
        )
        .bind(ids(Thing::Company, batch)?)
        .bind(name)
        .bind(identifier)
        .bind(number)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// The credentials with these numbers, each with a plain value and a sealed one.
pub async fn credentials(
    connection: &mut PgConnection,
    vault: &Vault,
    sizes: Sizes,
    numbers: RangeInclusive<u64>,
) -> Result<()> {
    for batch in batches(numbers) {
        let (mut rows, mut values) = (String::new(), String::new());
        for number in batch {
            let credential = id(Thing::Credential, number);
            let kind = id(Thing::Kind, 1 + number % KINDS);
            let many = if number <= sizes.credentials / 2 { sizes.full_companies() } else { sizes.companies };
            let company = id(Thing::Company, 1 + number % many);
            writeln!(
                rows,
                "{credential}\tCredential {number}\t{kind}\t{company}\t{{\"account\": \"AKIAIOSFODNN7EXAMPLE\"}}\tnow\tnow"
            )?;
            let place = Place::Field { credential: Uuid::from_str(&credential)?, field: SECRET };
            write!(values, "{credential}\t{SECRET}\t\\\\x")?;
            for byte in vault.seal(place, &format!("correct horse battery staple{number:06}"))? {
                write!(values, "{byte:02x}")?;
            }
            values.push('\n');
        }
        let columns = "id, name, type_id, company_id, plain_values, created_at, updated_at";
        copy(connection, &format!("copy credentials ({columns}) from stdin"), rows).await?;
        copy(connection, "copy secure_values (credential_id, field_id, sealed) from stdin", values).await?;
    }
    Ok(())
}

async fn copy(connection: &mut PgConnection, statement: &str, rows: String) -> Result<()> {
    let mut copy = connection.copy_in_raw(statement).await?;
    copy.send(rows.into_bytes()).await?;
    copy.finish().await?;
    Ok(())
}

/// Leaves nothing for Postgres to do later.
pub async fn settle(connection: &mut PgConnection) -> Result<()> {
    for statement in ["vacuum analyze", "checkpoint"] {
        sqlx::raw_sql(statement).execute(&mut *connection).await?;
    }
    Ok(())
}

fn batches(numbers: RangeInclusive<u64>) -> impl Iterator<Item = RangeInclusive<u64>> {
    let (first, last) = numbers.into_inner();
    let step = usize::try_from(BATCH).unwrap_or(usize::MAX);
    (first..=last).step_by(step).map(move |from| from..=last.min(from + BATCH - 1))
}
