//! Integrations, through the native contract and the ITSM one, with a product of a test's own.

mod access;
mod background;
mod calls;
mod changes;
mod contract;
mod health;
mod rules;
mod sealed;

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use crate::helpers::fixture::id_of;
use crate::helpers::product::{HERE, TestProduct, answer_with};
use crate::helpers::{Actor, TestApp, Value, json};

const PATH: &str = "/v1/integration";

/// What the product is shown.
const TOKEN: &str = "a-token-of-the-product";

/// A server whose operator allows this machine, its administrator, and a product.
struct Stage {
    product: TestProduct,
    status: Arc<AtomicU16>,
    app: TestApp,
    admin: Actor,
}

impl Stage {
    async fn set() -> Self {
        let status = Arc::new(AtomicU16::new(200));
        let now = Arc::clone(&status);
        let answer = move |_: &_| {
            answer_with(
                now.load(Ordering::SeqCst),
                "retry-after",
                "7200",
                r#"{"name": "somebody", "key": "x"}"#,
            )
        };
        let product = TestProduct::start(answer).await;
        let app = TestApp::start_with(&[("INTEGRATION_ALLOWED_NETWORKS", HERE)]).await;
        let admin = app.admin().await;
        Self { product, status, app, admin }
    }

    /// Signs in anew, where time has passed.
    async fn renew(&mut self) {
        self.admin = self.app.admin().await;
    }

    /// From now on the product answers so.
    fn answer(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    /// The body that makes an integration with the product.
    fn body(&self) -> Value {
        json!({
            "name": "Tickets",
            "type": "custom",
            "config": {"baseUrl": self.product.url(), "auth": {"type": "bearer", "credentials": {"token": TOKEN}}},
            "endpoints": [
                {"name": "getTickets", "path": "/tickets", "method": "GET"},
                {"name": "createTicket", "path": "/tickets", "method": "POST"},
            ],
        })
    }

    /// Makes an integration with the product; its path.
    async fn integration(&self) -> String {
        self.integration_by(&self.admin).await
    }

    async fn integration_by(&self, actor: &Actor) -> String {
        let made = actor.post(PATH, &self.body()).await.expect(201);
        assert_eq!(made["message"], "Integration Created Successfully!");
        format!("{PATH}/{}", id_of(&made["data"]))
    }

    /// The health of an integration, without its time.
    async fn health(&self, path: &str) -> Value {
        without_time(self.admin.get(path).await.data()["health"].clone())
    }

    /// Checks an integration; its health, without its time.
    async fn check(&self, path: &str) -> Value {
        let checked = self.admin.post(&format!("{path}/check"), &json!({})).await.expect(200);
        assert_eq!(checked["message"], "Integration Checked Successfully!");
        without_time(checked["data"].clone())
    }

    /// The actions on record, the newest first.
    async fn actions(&self, path: &str) -> Vec<String> {
        let id = path.rsplit('/').next().unwrap();
        let rows = self.admin.get("/v1/audit?limit=200").await.data();
        let of_it = |row: &&Value| row["target"]["id"] == id;
        let rows = rows.as_array().unwrap().iter().filter(of_it);
        rows.map(|row| {
            assert_eq!(row["target"]["kind"], "integration");
            row["action"].as_str().unwrap().to_owned()
        })
        .collect()
    }
}

#[track_caller]
fn without_time(mut health: Value) -> Value {
    let time = health.as_object_mut().unwrap().remove("lastChecked").unwrap();
    assert!(time.as_str().unwrap().ends_with('Z'), "{time}");
    health
}

fn healthy() -> Value {
    json!({"status": "healthy", "verdict": "healthy", "message": "Integration is active and responding"})
}

fn pending(word: &str) -> Value {
    json!({"status": "unknown", "verdict": null, "message": format!("Integration {word}, health check pending")})
}

fn inactive() -> Value {
    json!({"status": "inactive", "verdict": null, "message": "Integration is currently inactive"})
}
