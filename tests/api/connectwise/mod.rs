//! Companies from ConnectWise, on a test's own.

pub mod callbacks;
mod commands;
mod configurations;
mod copy;
mod faults;
mod reads;
mod runs;
mod scale;
mod secrets;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::helpers::connectwise::TestConnectWise;
use crate::helpers::time::TestClock;
use crate::helpers::{Actor, TestApp, Value, cluster};

/// After which time waiting for something is given up.
const PATIENCE: Duration = Duration::from_mins(1);

const SYNC: &str = "/v1/company/sync";

/// A server that copies from a ConnectWise, and its administrator.
struct Stage {
    cw: TestConnectWise,
    app: TestApp,
    admin: Actor,
}

impl Stage {
    async fn with(companies: impl IntoIterator<Item = Value>) -> Self {
        Self::set(companies, &[]).await
    }

    /// The same, with some settings of its own.
    async fn set(companies: impl IntoIterator<Item = Value>, others: &[(&str, &str)]) -> Self {
        let cw = TestConnectWise::start(companies).await;
        let app = server(&cw, others).await;
        let admin = app.admin().await;
        Self { cw, app, admin }
    }

    /// Copies, and says how it went.
    async fn copy(&self, query: &str) -> Value {
        self.admin.post(&format!("{SYNC}{query}"), &Value::Null).await.expect(202);
        end_of_run(&self.admin).await
    }

    /// Copies, and it must be complete.
    async fn copy_well(&self, query: &str) -> Value {
        let status = self.copy(query).await;
        assert_eq!((&status["state"], &status["error"]), (&Value::from("idle"), &Value::Null), "{status}");
        status
    }

    /// The companies by their numbers, those that are gone too.
    async fn companies(&self) -> BTreeMap<i64, Value> {
        list(&self.admin, "includeDeleted=true&rpp=200").await
    }

    /// The path of the company with this number.
    async fn path(&self, number: i64) -> String {
        let companies = self.companies().await;
        format!("/v1/company/companies/{}", companies[&number]["id"].as_str().unwrap())
    }
}

async fn server(cw: &TestConnectWise, others: &[(&str, &str)]) -> TestApp {
    let variables = cw.variables();
    let usual = variables.iter().map(|(name, value)| (*name, value.as_str()));
    let set: Vec<_> = others.iter().copied().chain(usual).collect();
    TestApp::on(cluster::database().await, TestClock::new(), &set).await
}

/// What a list shows, by the numbers of the companies.
async fn list(actor: &Actor, query: &str) -> BTreeMap<i64, Value> {
    let companies = actor.get(&format!("/v1/company/companies?{query}")).await.data();
    let by_number = |company: &Value| Some((company["cw_CompanyId"].as_i64()?, company.clone()));
    companies.as_array().unwrap().iter().filter_map(by_number).collect()
}

/// Waits for the end of the run that is on.
pub async fn end_of_run(actor: &Actor) -> Value {
    until(async || {
        let status = actor.get(SYNC).await.data();
        (status["state"] != "running").then_some(status)
    })
    .await
}

/// What `ask` gives as soon as it gives anything.
async fn until<T>(ask: impl AsyncFn() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = ask().await {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "it is never so");
    }
}
