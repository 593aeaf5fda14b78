//! The program through HTTP, on a real Postgres.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod helpers;

mod access;
mod company;
mod cors;
mod http;
mod login;
mod session;
mod sqlx_data;
mod token;
mod user;
