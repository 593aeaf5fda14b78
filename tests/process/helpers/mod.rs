//! What the tests stand on: folders, the program in a process of its own, a client, a look at processes.

pub mod client;
pub mod collector;
pub mod external;
pub mod folder;
pub mod processes;
pub mod server;
pub mod wait;

pub use client::Client;
pub use folder::open_folder;
pub use nix::sys::signal::Signal;
pub use processes::{all_gone, processes};
pub use server::{Server, Start, ttscm};
pub use wait::eventually;
