//! A server of a test's own.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sqlx::postgres::PgConnectOptions;
use tokio::sync::oneshot;
use ttscm::app::{App, Started};
use ttscm::config::Config;

use super::actor::{Actor, sign_in};
use super::cluster;
use super::time::TestClock;

pub const ADMIN_EMAIL: &str = "admin@example.com";
pub const ADMIN_PASSWORD: &str = "an administrator's password";
pub const MASTER_KEY: &str = "the master key of every test run";
pub const TOKEN_SECRET: &str = "the token secret of all the test";

/// A server on a port of its own, with a database and a clock of its own. It ends with the value.
pub struct TestApp {
    pub address: SocketAddr,
    pub app: Arc<App>,
    pub clock: TestClock,
    pub client: reqwest::Client,
    _stop: oneshot::Sender<()>,
}

/// A client that follows no redirects and knows no proxy.
fn client() -> reqwest::Client {
    // every test asks for it; the first one has it
    drop(rustls::crypto::ring::default_provider().install_default());
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    client.build().expect("a client")
}

/// The settings of tests, with some set otherwise.
pub fn config(database: PgConnectOptions, variables: &[(&str, &str)]) -> Config {
    let (master_key, token_secret) = (STANDARD.encode(MASTER_KEY), STANDARD.encode(TOKEN_SECRET));
    let variable = |name: &str| {
        let set = variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        set.or_else(|| match name {
            "VAULT_MASTER_KEY" => Some(master_key.clone()),
            "TOKEN_SECRET" => Some(token_secret.clone()),
            "ADMIN_EMAIL" => Some(ADMIN_EMAIL.to_owned()),
            "ADMIN_PASSWORD" => Some(ADMIN_PASSWORD.to_owned()),
            "PUBLIC_URL" => Some("http://ttscm.test".to_owned()),
            "DATABASE_MAX_CONNECTIONS" => Some("5".to_owned()),
            // tests that want checks and seals make them
            "INTEGRATION_CHECK_INTERVAL" | "AUDIT_SEAL_INTERVAL" => Some("0".to_owned()),
            _ => None,
        })
    };
    let mut config = Config::read(&variable).expect("the settings are good");
    config.database = Some(database);
    config
}

impl TestApp {
    /// A server with a new database.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// The same, with some settings of its own.
    pub async fn start_with(variables: &[(&str, &str)]) -> Self {
        Self::on(cluster::database().await, TestClock::new(), variables).await
    }

    /// A server on a database that may have another server already.
    pub async fn on(database: PgConnectOptions, clock: TestClock, variables: &[(&str, &str)]) -> Self {
        let started =
            Started::start(config(database, variables), clock.shared()).await.expect("the program starts");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel::<()>();
        let app = Arc::clone(&started.app);
        tokio::spawn(async move {
            // all of it, not its parts alone: it hears of changes for as long as it is there
            let started = started;
            let stopped = async move { drop(stopped.await) };
            ttscm::http::serve(&started.app, listener, stopped).await.expect("the server serves");
            started.stop().await.expect("the program stops");
        });
        Self { address, app, clock, client: client(), _stop: stop }
    }

    /// Somebody without a token.
    pub fn nobody(&self) -> Actor {
        Actor::new(self.client.clone(), self.address, None)
    }

    /// The administrator, who holds everything.
    pub async fn admin(&self) -> Actor {
        sign_in(self, ADMIN_EMAIL, ADMIN_PASSWORD).await
    }

    /// A person who holds just these nodes everywhere, besides those of one's own account.
    pub async fn holder_of(&self, nodes: &[&str]) -> Actor {
        let login = self.db_user(nodes).await;
        sign_in(self, &login, super::fixture::PASSWORD).await
    }

    /// A person who holds these nodes everywhere and no others, not even those of one's own account.
    pub async fn bare_holder_of(&self, nodes: &[&str]) -> Actor {
        let login = self.db_user(nodes).await;
        self.db_strip(&login).await;
        sign_in(self, &login, super::fixture::PASSWORD).await
    }

    /// A person who holds these nodes in one company only.
    pub async fn holder_in(&self, company: &str, nodes: &[&str]) -> Actor {
        let login = self.db_user(&[]).await;
        self.db_bound_role(&login, company, nodes).await;
        sign_in(self, &login, super::fixture::PASSWORD).await
    }

    /// A person who may read and reveal the credentials of one company.
    pub async fn technician_of(&self, company: &str) -> Actor {
        self.holder_in(
            company,
            &["company.*", "credential.*", "credential_type.fetch", "credential_type.fetch.many"],
        )
        .await
    }
}
