//! Numbers for operators: what is counted and measured, in the text format that Prometheus reads.
//!
//! Each server counts what it does itself. The labels take their values from lists of the program, never from
//! what a client sends, so that nobody can make the numbers grow.

use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

/// What [`Metrics::text`] is, for the header that says so.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The steps in which the time to an answer is told, in seconds: those of OpenTelemetry, and finer ones below.
const STEPS: [f64; 17] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// How something ended, in the words of the audit record.
const OUTCOMES: [&str; 3] = ["success", "denied", "failure"];

/// An answered request, by OpenTelemetry's names.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Answered {
    /// The method; `_OTHER` for one that is none of HTTP's.
    pub http_request_method: &'static str,
    /// The template of the route; one word for all paths without a route.
    pub http_route: String,
    /// The status.
    pub http_response_status_code: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Run {
    mode: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Companies {
    what: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Check {
    kind: &'static str,
    verdict: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Connections {
    state: &'static str,
}

/// What is known only when it is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// The connections to the database that are in use.
    pub used: u32,
    /// Those that wait to be used.
    pub idle: u32,
    /// The most that there may be.
    pub most: u32,
    /// Whether announcements of other servers are heard.
    pub listens: bool,
}

/// The numbers of one server since it started.
pub struct Metrics {
    registry: Registry,
    requests: Family<Answered, Histogram, fn() -> Histogram>,
    reveals: Family<Ended, Counter>,
    sign_ins: Family<Ended, Counter>,
    runs: Family<Run, Counter>,
    companies: Family<Companies, Counter>,
    complete_at: Gauge,
    checks: Family<Check, Counter>,
    connections: Family<Connections, Gauge>,
    most_connections: Gauge,
    listens: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::default(),
            requests: Family::new_with_constructor(|| Histogram::new(STEPS)),
            reveals: Family::default(),
            sign_ins: Family::default(),
            runs: Family::default(),
            companies: Family::default(),
            complete_at: Gauge::default(),
            checks: Family::default(),
            connections: Family::default(),
            most_connections: Gauge::default(),
            listens: Gauge::default(),
        };
        for outcome in OUTCOMES {
            // what has not happened yet is 0, not missing
            drop(metrics.reveals.get_or_create(&Ended { outcome }));
            drop(metrics.sign_ins.get_or_create(&Ended { outcome }));
        }
        metrics.name_requests();
        metrics.name_work();
        metrics.name_parts();
        metrics
    }
}

impl Metrics {
    fn name_requests(&mut self) {
        let registry = &mut self.registry;
        let name = "http_server_request_duration";
        registry.register_with_unit(name, "Time to the answer", Unit::Seconds, self.requests.clone());
        let reveals = "Secure values that were asked for in the clear, and whether they were given";
        registry.register("ttscm_reveals", reveals, self.reveals.clone());
        let sign_ins = "Sign-ins that ended, by whatever way in";
        registry.register("ttscm_sign_ins", sign_ins, self.sign_ins.clone());
    }

    fn name_work(&mut self) {
        let registry = &mut self.registry;
        let runs = "Runs of the copying from ConnectWise that ended on this server";
        registry.register("ttscm_sync_runs", runs, self.runs.clone());
        let companies = "Companies that such runs read, wrote and marked as gone";
        registry.register("ttscm_sync_companies", companies, self.companies.clone());
        let complete_at = "When the last complete run ended on this server, 0 before there was one";
        registry.register_with_unit(
            "ttscm_sync_complete_timestamp",
            complete_at,
            Unit::Seconds,
            self.complete_at.clone(),
        );
        let checks = "Health checks of integrations that this server made, by what they found";
        registry.register("ttscm_integration_checks", checks, self.checks.clone());
    }

    fn name_parts(&mut self) {
        let registry = &mut self.registry;
        let connections = "Connections of this server to the database";
        registry.register("ttscm_database_connections", connections, self.connections.clone());
        let most = "The most connections to the database that this server makes";
        registry.register("ttscm_database_connections_max", most, self.most_connections.clone());
        let listens = "Whether announcements of other servers are heard: 1 or 0";
        registry.register("ttscm_listener_up", listens, self.listens.clone());
        let build = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("ttscm_build", "The program", build);
    }

    /// A request was answered.
    pub fn answered(&self, what: &Answered, took: Duration) {
        self.requests.get_or_create(what).observe(took.as_secs_f64());
    }

    /// So many secure values were asked for in the clear.
    pub fn revealed(&self, outcome: &'static str, values: usize) {
        self.reveals.get_or_create(&Ended { outcome }).inc_by(values as u64);
    }

    /// A sign-in ended.
    pub fn signed_in(&self, outcome: &'static str) {
        self.sign_ins.get_or_create(&Ended { outcome }).inc();
    }

    /// A run of the copying ended, complete where `at` says when. What it did: each with its word.
    pub fn copied(&self, mode: &'static str, at: Option<i64>, did: [(&'static str, i64); 3]) {
        let outcome = if at.is_some() { "complete" } else { "incomplete" };
        self.runs.get_or_create(&Run { mode, outcome }).inc();
        for (what, companies) in did {
            let companies = u64::try_from(companies).unwrap_or_default();
            self.companies.get_or_create(&Companies { what }).inc_by(companies);
        }
        if let Some(at) = at {
            self.complete_at.set(at);
        }
    }

    /// An integration was checked.
    pub fn checked(&self, kind: &'static str, verdict: &'static str) {
        self.checks.get_or_create(&Check { kind, verdict }).inc();
    }

    /// All of it, as text.
    ///
    /// # Errors
    /// Where a number cannot be written as text.
    pub fn text(&self, now: Now) -> Result<String, std::fmt::Error> {
        for (state, number) in [("used", now.used), ("idle", now.idle)] {
            self.connections.get_or_create(&Connections { state }).set(number.into());
        }
        self.most_connections.set(now.most.into());
        self.listens.set(now.listens.into());
        let mut all = String::new();
        text::encode(&mut all, &self.registry)?;
        Ok(all)
    }
}
