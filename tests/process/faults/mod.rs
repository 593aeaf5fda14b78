//! What happens when machines, networks and disks misbehave: nothing that was acknowledged is lost, nothing
//! wrong is answered, and all goes on by itself.

mod database_away;
mod disk_full;
mod failover;
mod killed;
mod replicas;
mod upgrade;

use std::time::Duration;

use crate::helpers::external::{Database, on};
use crate::helpers::load::Account;
use crate::helpers::tied::free_port;
use crate::helpers::{Client, Ground, Load, Postgres, Server, open_folder};

/// A server on a Postgres of the test's own, under load.
struct Scene {
    postgres: Postgres,
    server: Server,
    admin: Client,
    ground: Ground,
    load: Load,
    _folder: tempfile::TempDir,
}

impl Scene {
    /// None where this machine has no Postgres for it.
    async fn begin() -> Option<Self> {
        let (postgres, folder) = (Postgres::start().await?, open_folder());
        let server = on(&postgres.url(), folder.path()).set("DATABASE_MAX_CONNECTIONS", "5").ready().await;
        let admin = Database::administrator(&server).await;
        let ground = Ground::lay(&admin).await;
        let load = Load::begin(&[&admin], &ground, 4);
        load.goes_on(20).await;
        Some(Self { postgres, server, admin, ground, load, _folder: folder })
    }

    /// Ends the load, and looks at all that was written.
    async fn end(self, what: &str) -> Account {
        let account = self.load.end().await;
        eprintln!("{what}: {account}");
        account.verify(&self.admin, &self.ground).await;
        self.server.stop().await;
        account
    }
}

/// Tells how long something took, each time.
fn tell(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    eprintln!(
        "{what}: {:?} in the middle, {:?} at the most, of {}",
        times[times.len() / 2],
        times[times.len() - 1],
        times.len()
    );
}
