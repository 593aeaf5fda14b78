//! The program through HTTP, on a real Postgres.

mod helpers;

mod audit;
mod company;
mod credential;
mod credential_type;
mod reach;
mod type_change;
mod validation;
mod vault;
