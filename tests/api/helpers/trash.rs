//! What was deleted, for tests to find again.

use std::collections::BTreeMap;

use sqlx::AssertSqlSafe;

use super::{Actor, Answer, TestApp, Value, json};

/// The tables that hold credentials.
pub const CREDENTIALS: [&str; 5] =
    ["credential_types", "credentials", "secure_values", "credential_versions", "version_values"];

/// The tables that hold companies and what is bound to them.
pub const COMPANIES: [&str; 5] = ["companies", "roles", "user_roles", "company_members", "permissions"];

/// The entry of a thing, as somebody sees it in the trash.
pub async fn entry_of(actor: &Actor, target: &str) -> Option<Value> {
    let listed = actor.get("/v1/trash?rpp=200").await.data();
    listed.as_array().expect("a list").iter().find(|entry| entry["targetId"] == target).cloned()
}

/// The path of a thing's entry.
pub async fn path_of(actor: &Actor, target: &str) -> String {
    let entry = entry_of(actor, target).await.expect("an entry");
    format!("/v1/trash/{}", entry["id"].as_str().expect("an id"))
}

/// Restores a thing.
pub async fn restore(actor: &Actor, target: &str) -> Answer {
    actor.post(&format!("{}/restore", path_of(actor, target).await), &json!({})).await
}

/// Deletes for good what was deleted.
pub async fn purge(actor: &Actor, target: &str) {
    let purged = actor.delete(&path_of(actor, target).await).await.expect(200);
    assert_eq!(
        (&purged["message"], &purged["data"]),
        (&json!("Trash Entry Purged Successfully!"), &Value::Null)
    );
}

/// The refusal because of how things are.
#[track_caller]
pub fn assert_conflict(answer: &Answer, message: &str) {
    assert_eq!(
        answer.expect(409),
        json!({"status": 409, "message": message, "error": "Conflict", "successful": false})
    );
}

impl TestApp {
    /// Every row of these tables to its last byte, in whatever order.
    pub async fn db_rows(&self, tables: &[&str]) -> BTreeMap<String, Vec<String>> {
        let mut all = BTreeMap::new();
        for table in tables {
            let rows = AssertSqlSafe(format!("select t::text from {table} t order by 1"));
            let rows = sqlx::query_scalar(rows).fetch_all(self.pool()).await.expect("the rows");
            all.insert((*table).to_owned(), rows);
        }
        all
    }

    /// How many rows the trash and the history have.
    pub async fn db_leftovers(&self) -> i64 {
        let counts = self.db_counts().await;
        [
            "trash",
            "trashed_credentials",
            "trashed_secure_values",
            "trashed_rows",
            "credential_versions",
            "version_values",
        ]
        .iter()
        .map(|table| counts[*table])
        .sum()
    }
}
