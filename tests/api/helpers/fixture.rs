//! Things for tests to work with.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use sqlx::PgPool;
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
    }
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
