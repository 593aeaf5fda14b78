//! Backups: the whole database in one file that only the master key opens, and back.
//!
//! A backup is one snapshot, taken while servers go on. Who was signed in is not part of it: a session that
//! was ended since must not come back to life with a restore, and everybody can sign in again.

mod frame;
mod restore;
mod save;
mod store;

pub use restore::restore;
pub use save::save;

use serde::{Deserialize, Serialize};

/// The tables whose rows are not part of a backup: sessions and what belongs to them, sign-ins that are under
/// way, and failed attempts. A restore leaves them empty.
pub const LEFT_OUT: [&str; 4] = ["sessions", "refresh_tokens", "sign_ins", "failed_attempts"];

/// What a backup says of itself.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Contents {
    /// The version of the program that made it.
    program: String,
    /// The last migration of the database.
    migration: i64,
    /// The tables, each behind those that it refers to.
    tables: Vec<Table>,
}

/// A table in a backup.
#[derive(Debug, Serialize, Deserialize)]
struct Table {
    name: String,
    columns: Vec<String>,
}

/// How much was saved or restored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amount {
    /// Tables.
    pub tables: usize,
    /// Rows of them.
    pub rows: u64,
}
