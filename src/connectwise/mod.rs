//! ConnectWise, where an MSP keeps its clients: what this program asks of it, and how it copes with an
//! API that is slow, throttled, moved or down.
//!
//! [`client`] makes one call as good as it can be made; the others say what to call. Nothing here knows
//! what the program does with the answers.

pub mod callback;
mod client;
mod company;
mod configuration;
mod failure;
mod pace;
mod reply;
mod sent;

use std::sync::Arc;

use crate::clock::Clock;
use crate::config;
use client::Client;

pub use client::{USUAL_CODEBASE, VERSION};
pub use company::{Company, Data, Page};
pub use configuration::{Configuration, Reference};
pub use failure::Failure;

/// What calls of ConnectWise return.
pub type Result<T> = std::result::Result<T, Failure>;

/// How patient a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// Somebody waits for it: few tries, short waits.
    Short,
    /// Nobody waits for it: many tries, and as long a wait as ConnectWise asks for.
    Long,
}

/// A connection to the ConnectWise of the configuration.
pub struct ConnectWise {
    client: Client,
    keys: callback::Keys,
}

impl ConnectWise {
    /// A connection that is first used when something is asked.
    ///
    /// # Errors
    /// Where a key cannot be sent, or the machine's trusted certificates cannot be loaded.
    pub fn new(settings: &config::ConnectWise, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        Ok(Self { client: Client::new(settings, clock)?, keys: callback::Keys::default() })
    }

    /// The company that one signs in to, whose clients the companies are.
    #[must_use]
    pub fn tenant(&self) -> &str {
        &self.client.company_id
    }
}
