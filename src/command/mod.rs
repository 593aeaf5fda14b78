//! What the commands do that are not the server's own work.

pub mod company;
pub mod health;
