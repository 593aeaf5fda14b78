//! What the tests stand on: folders, the program in a process of its own, a client, a look at processes.

pub mod balancer;
pub mod client;
pub mod collector;
pub mod external;
pub mod folder;
pub mod load;
pub mod network;
pub mod postgres;
pub mod processes;
pub mod server;
pub mod tied;
pub mod wait;

pub use client::Client;
pub use folder::open_folder;
pub use load::{Ground, Load};
pub use network::Network;
pub use nix::sys::signal::Signal;
pub use postgres::Postgres;
pub use processes::{all_gone, processes};
pub use serde_json::json;
pub use server::{Server, Start, ttscm};
pub use wait::eventually;
