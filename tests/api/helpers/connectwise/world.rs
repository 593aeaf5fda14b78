//! What is in the ConnectWise of a test.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::fault::{Fault, Faults};

/// A request that came.
#[derive(Debug, Clone)]
pub struct Call {
    pub method: String,
    pub path: String,
    pub query: BTreeMap<String, String>,
    pub headers: BTreeMap<String, String>,
}

pub struct World {
    pub companies: BTreeMap<i64, Value>,
    pub configurations: BTreeMap<i64, Value>,
    pub callbacks: BTreeMap<i64, Value>,
    /// Where the API is, such as `v2026_3/`.
    pub codebase: String,
    /// Whether wrong keys are answered with 404, as in the cloud, and not with 401.
    pub hides_behind_404: bool,
    /// The most records that it gives at once, whatever is asked for.
    pub most: usize,
    pub faults: Faults,
    pub calls: Vec<Call>,
    pub signing_key: String,
}

impl World {
    pub fn new() -> Self {
        Self {
            companies: BTreeMap::new(),
            configurations: BTreeMap::new(),
            callbacks: BTreeMap::new(),
            codebase: "v4_6_release/".to_owned(),
            hides_behind_404: false,
            most: 1000,
            faults: Faults::default(),
            calls: Vec::new(),
            signing_key: super::SIGNING_KEY.to_owned(),
        }
    }

    /// Puts a company into it, or another in the place of one.
    pub fn put(&mut self, company: Value) {
        self.companies.insert(company["id"].as_i64().expect("a number"), company);
    }

    /// Changes a company at this time.
    pub fn change(&mut self, number: i64, at: DateTime<Utc>, changes: &Value) {
        let company = self.companies.get_mut(&number).expect("a company");
        for (name, value) in changes.as_object().expect("changes") {
            company[name] = value.clone();
        }
        company["_info"]["lastUpdated"] = json!(at.format("%Y-%m-%dT%H:%M:%SZ").to_string());
    }

    /// Puts a configuration into it.
    pub fn configure(&mut self, configuration: Value) {
        self.configurations.insert(configuration["id"].as_i64().expect("a number"), configuration);
    }

    /// Fails the next calls of the API in this way, one after another.
    pub fn fail(&mut self, faults: impl IntoIterator<Item = Fault>) {
        self.faults.next.extend(faults);
    }
}
