//! The program through HTTP, on a real Postgres.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod helpers;

mod access;
mod algebra;
mod audit;
mod audit_chain;
mod audit_commands;
mod canary;
mod company;
mod connectwise;
mod contract;
mod cors;
mod credential;
mod credential_type;
mod custom_permission;
mod documents;
mod escalation;
mod exposure;
mod hardening;
mod http;
mod linking;
mod lists;
mod login;
mod new_user;
mod no_escalation;
mod not_configured;
mod organization;
mod other_user;
mod permissions;
mod rbac;
mod rbac_contract;
mod rbac_oauth;
mod reach;
mod registration;
mod replicas;
mod reveal_limit;
mod role;
mod session;
mod sign_in;
mod sign_in_abuse;
mod sign_in_attacks;
mod sign_in_github;
mod sign_in_google;
mod sign_in_load;
mod sign_in_people;
mod sign_in_provider;
mod sign_in_sockets;
mod sqlx_data;
mod token;
mod type_change;
mod user;
mod validation;
mod vault;
