//! TTSCM API: a vault for managed service providers.
//!
//! The map of the house, with what each part may use:
//!
//! ```text
//! main  →  app, http, demo, command
//!       →  sealing, backup                                                what spans the nouns
//!       →  access, permission, user, role, company, credential, trash, integration, audit  the nouns: types and rules, SQL in their `store`
//!       →  vault, connectwise, database
//!       →  error, outgoing, together, page, id, clock, metrics, tls, config
//! ```
//!
//! `http` holds one folder for each wire contract; a contract parses requests, calls a noun and writes
//! the answer. The nouns know nothing of HTTP. A test holds these arrows.

pub mod access;
pub mod app;
pub mod audit;
pub mod backup;
pub mod clock;
pub mod command;
pub mod company;
pub mod config;
pub mod connectwise;
pub mod credential;
pub mod database;
pub mod demo;
pub mod error;
pub mod http;
pub mod id;
pub mod integration;
pub mod metrics;
pub mod outgoing;
pub mod page;
pub mod permission;
pub mod role;
pub mod sealing;
pub mod telemetry;
pub mod tls;
pub mod together;
pub mod trash;
pub mod user;
pub mod vault;
