//! The program as people run it: a process of its own that is started, stopped, killed and started again.

mod helpers;

mod command_line;
mod embedded;
mod faults;
mod first_start;
mod keys;
mod one_database;
mod plain_user;
mod refusals;
mod stop;
