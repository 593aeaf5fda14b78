//! What the tests stand on: one Postgres for the run, a database and a server for each test, and named
//! actors who send requests. What goes round the API says so in its name (`db_…`).

pub mod actor;
pub mod app;
#[path = "../../process/helpers/balancer.rs"]
pub mod balancer;
pub mod cluster;
pub mod command;
pub mod connectwise;
pub mod database;
pub mod desktop;
pub mod fixture;
pub mod gate;
pub mod github;
pub mod keys;
pub mod log;
pub mod microsoft;
pub mod people;
pub mod product;
pub mod request;
pub mod scene;
#[path = "../../process/helpers/tied.rs"]
mod tied;
pub mod time;
pub mod trash;
#[path = "../../process/helpers/wait.rs"]
mod wait;
pub mod words;

pub use actor::Actor;
pub use app::TestApp;
pub use request::Answer;
pub use scene::Scene;
pub use serde_json::{Value, json};
