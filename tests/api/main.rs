//! The program through HTTP, on a real Postgres.

mod helpers;

mod company;
mod credential;
