//! A ConnectWise of a test's own, which behaves as the real one is known to: also where that is odd.

mod answer;
mod fault;
mod records;
mod routes;
mod world;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;

pub use fault::Fault;
pub use records::{company, configuration};
pub use world::{Call, World};

/// The company that one signs in to, and the keys.
pub const TENANT: &str = "NWMSP";
pub const PUBLIC_KEY: &str = "marker-public-key-Xq7";
pub const PRIVATE_KEY: &str = "marker-private-key-Vb2";
pub const CLIENT_ID: &str = "7d1c0e5a-marker-client-id";
pub const SIGNING_KEY: &str = "marker-signing-key-Tz9";

/// A server of its own, which ends with the test.
#[derive(Clone)]
pub struct TestConnectWise {
    pub address: SocketAddr,
    world: Arc<Mutex<World>>,
}

impl TestConnectWise {
    /// A server with these companies.
    pub async fn start(companies: impl IntoIterator<Item = serde_json::Value>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let mut world = World::new();
        companies.into_iter().for_each(|company| world.put(company));
        let world = Arc::new(Mutex::new(world));
        let shared = Arc::clone(&world);
        let router = Router::new().fallback(move |request| routes::answer(Arc::clone(&shared), request));
        tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Self { address, world }
    }

    /// What is in it, to be looked at and changed.
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The calls since this was last asked.
    pub fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.world().calls)
    }

    /// The settings of a program that uses it and copies only when told.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        vec![
            ("CONNECTWISE_URL", format!("http://{}", self.address)),
            ("CONNECTWISE_COMPANY_ID", TENANT.to_owned()),
            ("CONNECTWISE_PUBLIC_KEY", PUBLIC_KEY.to_owned()),
            ("CONNECTWISE_PRIVATE_KEY", PRIVATE_KEY.to_owned()),
            ("CONNECTWISE_CLIENT_ID", CLIENT_ID.to_owned()),
            ("CONNECTWISE_SYNC_INTERVAL", "0".to_owned()),
        ]
    }
}
