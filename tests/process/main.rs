//! The program as people run it: a process of its own that is started, stopped, killed and started again.

mod helpers;

mod backup;
mod command_line;
mod embedded;
mod faults;
mod first_start;
mod health;
mod keys;
mod one_database;
mod plain_user;
mod refusals;
mod rotation;
mod stop;
mod traces;
