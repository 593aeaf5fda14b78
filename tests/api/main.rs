//! The program through HTTP, on a real Postgres.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod helpers;

mod access;
mod audit;
mod company;
mod cors;
mod credential;
mod credential_type;
mod http;
mod login;
mod reach;
mod session;
mod sqlx_data;
mod token;
mod type_change;
mod user;
mod validation;
mod vault;
