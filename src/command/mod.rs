//! What the commands do that are not the server's own work.

pub mod audit;
pub mod backup;
mod bar;
pub mod company;
pub mod health;
pub mod vault;
