//! Things for tests to work with.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgPool};
use tokio::sync::OnceCell;

use super::actor::Actor;
use super::app::TestApp;

/// The password of every person that [`TestApp::db_user`] makes.
pub const PASSWORD: &str = "a technician's password";

/// A number that nothing else in the run has.
pub fn unique() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl TestApp {
    pub fn pool(&self) -> &PgPool {
        &self.app.pool
    }

    /// Makes an account with the role `user` and these nodes of its own; its e-mail address.
    pub async fn db_user(&self, nodes: &[&str]) -> String {
        static HASH: OnceCell<String> = OnceCell::const_new();
        let hash =
            HASH.get_or_init(async || self.app.passwords.hash(PASSWORD.into()).await.expect("a hash")).await;
        let email = format!("person{}@example.com", unique());
        sqlx::query(
            "with made as (
                 insert into users (id, login, email, name, password_hash, permissions, created_at, updated_at)
                 values ($1, $2, $2, 'A Person', $3, $4, now(), now()) returning id
             )
             insert into user_roles select made.id, roles.id from made, roles where moniker = 'user'",
        )
        .bind(ttscm::id::new())
        .bind(&email)
        .bind(hash)
        .bind(nodes)
        .execute(self.pool())
        .await
        .expect("an account");
        email
    }

    /// Gives the account with this e-mail address a role of its own that is bound to a company.
    pub async fn db_bound_role(&self, email: &str, company: &str, nodes: &[&str]) {
        sqlx::query(
            "with made as (
                 insert into roles (id, title, moniker, permissions, company_id, created_at, updated_at)
                 values ($1, 'Bound', $2, $3, $4::uuid, now(), now()) returning id
             )
             insert into user_roles select users.id, made.id from made, users where email = $5",
        )
        .bind(ttscm::id::new())
        .bind(format!("bound_{}", unique()))
        .bind(nodes)
        .bind(company)
        .bind(email)
        .execute(self.pool())
        .await
        .expect("a role");
        self.forget();
    }

    /// What was changed by SQL alone is felt by the very next request too.
    pub fn forget(&self) {
        self.app.remembered.forget();
    }

    /// Disables the account with this e-mail address.
    pub async fn db_disable(&self, email: &str) {
        let update = sqlx::query("update users set active = false where email = $1").bind(email);
        update.execute(self.pool()).await.expect("an account");
        self.forget();
    }

    /// Marks the e-mail address of an account as known to be theirs.
    pub async fn db_verify(&self, email: &str) {
        let update = sqlx::query("update users set email_verified = true where email = $1").bind(email);
        assert_eq!(update.execute(self.pool()).await.expect("an account").rows_affected(), 1);
    }

    /// Takes every role from the account with this e-mail address, `user` included.
    pub async fn db_strip(&self, email: &str) {
        sqlx::query("delete from user_roles using users where users.id = user_id and email = $1")
            .bind(email)
            .execute(self.pool())
            .await
            .expect("an account");
        self.forget();
    }

    /// The tables that have `text` in some row, as text, or as the bytes of it.
    pub async fn db_tables_with(&self, text: &str) -> Vec<String> {
        let tables: Vec<String> =
            sqlx::query_scalar("select tablename from pg_tables where schemaname = 'public'")
                .fetch_all(self.pool())
                .await
                .expect("tables");
        let bytes = hexadecimal(text.as_bytes());
        let mut found = Vec::new();
        for table in tables {
            let rows = format!(
                "select exists(select from {table} t where strpos(t::text, $1) + strpos(t::text, $2) > 0)"
            );
            let query = sqlx::query_scalar(AssertSqlSafe(rows)).bind(text).bind(&bytes);
            if query.fetch_one(self.pool()).await.expect("a table") {
                found.push(table);
            }
        }
        found
    }
}

/// Bytes as Postgres writes them.
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

/// The id of something in an answer.
#[track_caller]
pub fn id_of(data: &Value) -> String {
    data["id"].as_str().expect("an id").to_owned()
}

/// Makes a company; its id.
pub async fn company(actor: &Actor, name: &str) -> String {
    id_of(&actor.post("/v1/company/companies", &json!({"name": name})).await.data())
}

/// Makes the AWS type of the contract's examples, under a scope of its own; its id.
pub async fn aws_type(actor: &Actor, scope: &str) -> String {
    let kind = json!({
        "name": format!("AWS {scope}"),
        "permissionScope": scope,
        "icon": "https://aws.amazon.com/favicon.ico",
        "fields": [
            {"id": "accessKeyId", "name": "Access Key ID", "required": true, "secure": false, "valueType": "plain_text"},
            {"id": "secretAccessKey", "name": "Secret Access Key", "required": true, "secure": true, "valueType": "password"},
            {"id": "note", "name": "Note", "required": false, "secure": false, "valueType": "plain_text"},
            {"id": "spare", "name": "Spare Key", "required": false, "secure": true, "valueType": "generic_secret"}
        ]
    });
    id_of(&actor.post("/v1/credential-type", &kind).await.data())
}

/// Stores a credential of [`aws_type`] with this secret; its id.
pub async fn aws_credential(actor: &Actor, kind: &str, company: &str, secret: &str) -> String {
    let credential = json!({
        "name": "Production AWS Credentials",
        "typeId": kind,
        "companyId": company,
        "fields": [
            {"fieldId": "accessKeyId", "value": "AKIAIOSFODNN7EXAMPLE"},
            {"fieldId": "secretAccessKey", "value": secret}
        ]
    });
    id_of(&actor.post("/v1/credential/credentials", &credential).await.data())
}
