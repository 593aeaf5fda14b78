//! How names become addresses, and which of these may be connected to.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::Semaphore;

use super::network::{Networks, Way};

/// How many lookups may be under way at once. Each holds one of the threads on which passwords are hashed too, for
/// as long as the name's servers take.
pub(super) const LOOKUPS: usize = 64;

/// Finds the addresses of names.
pub trait Lookup: Send + Sync + 'static {
    /// The addresses of a name.
    fn addresses(&self, name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>>;
}

/// The machine's own way to find addresses.
#[derive(Debug, Clone, Copy)]
pub struct SystemLookup;

impl Lookup for SystemLookup {
    fn addresses(&self, name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// A name leads to an address that may not be called.
#[derive(Debug, thiserror::Error)]
#[error("the name leads where calls may not go")]
pub(super) struct NotAllowed;

/// Judges the addresses of a name at the moment of the connection, which is made to just these: a name that
/// means something else a moment later cannot slip through. One address that may not be called refuses all.
pub(super) struct Judge {
    pub lookup: Arc<dyn Lookup>,
    /// The turns of lookups.
    pub turns: Arc<Semaphore>,
    pub networks: Arc<Networks>,
    pub way: Way,
}

impl Resolve for Judge {
    fn resolve(&self, name: Name) -> Resolving {
        let (lookup, turns) = (Arc::clone(&self.lookup), Arc::clone(&self.turns));
        let (networks, way) = (Arc::clone(&self.networks), self.way);
        Box::pin(async move {
            let turn = turns.acquire_owned().await?;
            // the machine goes on looking where nobody waits for it any more
            let found = tokio::spawn(async move {
                let found = lookup.addresses(name.as_str().to_owned()).await;
                drop(turn);
                found
            });
            let found = found.await??;
            if !found.iter().all(|address| networks.permit(*address, way)) {
                return Err(NotAllowed.into());
            }
            // port 0 stands for that of the call
            let addresses: Addrs = Box::new(found.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(addresses)
        })
    }
}
