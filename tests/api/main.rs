//! The program through HTTP, on a real Postgres.

mod helpers;

mod algebra;
mod company;
mod contract;
mod documents;
mod escalation;
mod lists;
mod new_user;
mod no_escalation;
mod other_user;
mod permissions;
mod replicas;
mod role;
