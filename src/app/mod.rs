//! `App`: what every operation works with. It is put together the same way by the program and by tests.

mod background;
mod first_admin;
mod keys;

use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use secrecy::ExposeSecret;

use crate::access::attempts::Turns;
use crate::access::cache::Cache;
use crate::access::hand_over::Waiting;
use crate::access::key::Uses;
use crate::access::oauth::Providers;
use crate::access::password::{self, Passwords};
use crate::access::token::TokenKeys;
use crate::audit::Chain;
use crate::clock::Clock;
use crate::company::{self, Looks, Work};
use crate::config::{self, Admin, AuditRules, Config, SignInRules};
use crate::connectwise::ConnectWise;
use crate::credential::{Credential, Secrets};
use crate::database::embedded::{self, Embedded};
use crate::database::{self, Batch, Pool, Reads};
use crate::integration::{self, Checks};
use crate::metrics::Metrics;
use crate::outgoing::{Bounds, Guard, Lookup, SystemLookup};
use crate::sealing::SealedStore;
use crate::tls::Certificate;
use crate::vault::Vault;
use background::Background;
use first_admin::make_first_admin;

pub use keys::Database;

/// The parts that operations need.
pub struct App {
    /// The database.
    pub pool: Pool,
    /// Connections of the pool for what is asked most, in one statement.
    pub reads: Reads,
    /// Connections for what is read in batches.
    pub batched: Arc<Reads>,
    /// Credentials that are read by their ids.
    pub credentials: Batch<Credential>,
    /// Credentials with sealed values of theirs.
    pub secrets: Batch<Secrets>,
    /// The vault.
    pub vault: Vault,
    /// Seals the audit record.
    pub chain: Chain,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Signs and verifies access tokens.
    pub tokens: TokenKeys,
    /// What callers hold, remembered between requests.
    pub remembered: Cache,
    /// The uses of API keys that are to be written down.
    pub key_uses: Uses,
    /// Hashes and verifies passwords.
    pub passwords: Passwords,
    /// Those with whom people sign in elsewhere.
    pub providers: Providers,
    /// The clients that wait at this server for a sign-in to end.
    pub waiting: Waiting,
    /// The ConnectWise that companies come from, where there is one.
    pub connectwise: Option<ConnectWise>,
    /// The questions after companies that are under way.
    pub looks: Looks,
    /// What is to be done for companies beside the requests.
    pub work: Work,
    /// Calls the products that there are integrations with.
    pub products: integration::Client,
    /// The checks of integrations that are under way.
    pub checks: Checks,
    /// Whose turn it is to try a password.
    pub attempts: Turns,
    /// What is counted and measured for operators.
    pub metrics: Metrics,
    /// The certificate that clients are shown; none: plain HTTP.
    pub certificate: Option<Arc<Certificate>>,
    /// What of the configuration is asked for later.
    pub settings: Settings,
}

/// The settings that requests need.
pub struct Settings {
    /// The address that clients use, without a slash at its end.
    pub public_url: String,
    /// Whether this server itself speaks TLS.
    pub serves_tls: bool,
    /// Exact origins of browser apps.
    pub cors_allowed_origins: Vec<String>,
    /// The networks whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Who may sign in with a provider, and how.
    pub sign_in: SignInRules,
    /// Whether anybody may make an account for themselves.
    pub self_registration: bool,
    /// What is kept of the audit record, and how much may be revealed.
    pub audit: AuditRules,
    /// How often companies are copied from ConnectWise; none: when told only.
    pub sync_interval: Option<Duration>,
    /// How often the products of integrations are checked; none: when told only.
    pub check_interval: Option<Duration>,
    /// What share of the companies one run may mark as gone from ConnectWise, in percent.
    pub max_marked_percent: u8,
}

impl Settings {
    /// Whether clients come by https, to a proxy or to this server itself.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.serves_tls || self.public_url.starts_with("https://")
    }

    /// Whether clients come from this machine only, by its name for itself.
    #[must_use]
    pub fn is_local(&self) -> bool {
        url::Url::parse(&self.public_url).is_ok_and(|url| config::is_local(&url))
    }
}

/// A started program.
pub struct Started {
    /// Its parts.
    pub app: Arc<App>,
    /// The first administrator, where this start made one without being told a password.
    pub new_admin: Option<Admin>,
    embedded: Option<Embedded>,
    background: Background,
}

impl Started {
    /// Starts the database, checks the keys, brings the schema up to date and makes the first administrator.
    ///
    /// # Errors
    /// One sentence that says what is wrong.
    pub async fn start(config: Config, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        if let Some(admin) = &config.admin {
            password::check_new(admin.password.expose_secret(), &[&admin.email])
                .map_err(|rule| anyhow::anyhow!("ADMIN_PASSWORD: {rule}"))?;
        }
        let data_dir = config.data_dir.clone().unwrap_or_else(embedded::default_data_dir);
        let database = match config.database.clone() {
            Some(options) => Database::external(options),
            None => Database::of(Embedded::start(&data_dir).await?),
        };
        Self::start_on(database, config, clock).await
    }

    /// The same for a command, which may be run beside a server that has the private Postgres already.
    ///
    /// # Errors
    /// One sentence that says what is wrong.
    pub async fn beside(config: Config, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let database = Database::beside(&config).await?;
        Self::start_on(database, config, clock).await
    }

    async fn start_on(database: Database, config: Config, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let built = Box::pin(build(config, clock, &database)).await;
        let embedded = database.embedded;
        match (built, embedded) {
            (Ok((app, new_admin)), embedded) => {
                let app = Arc::new(app);
                let background = Background::start(&app);
                Ok(Self { app, new_admin, embedded, background })
            }
            (Err(error), None) => Err(error),
            (Err(error), Some(embedded)) => {
                embedded.stop().await?;
                Err(error)
            }
        }
    }

    /// Resolves when announcements of other servers are heard, which is the last thing that readiness takes; or
    /// after a while, since the server can work without.
    pub async fn listens(&self) {
        self.background.listens().await;
    }

    /// Ends what goes on in the background, closes the pool, then the embedded database.
    ///
    /// # Errors
    /// Where the embedded database does not stop.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.background.end().await?;
        self.app.reads.close();
        self.app.batched.close();
        self.app.pool.end().await;
        match self.embedded {
            Some(embedded) => embedded.stop().await,
            None => Ok(()),
        }
    }
}

async fn build(
    config: Config,
    clock: Arc<dyn Clock>,
    database: &Database,
) -> anyhow::Result<(App, Option<Admin>)> {
    let certificate = config.operations.tls.as_ref().map(Certificate::open).transpose()?;
    let pool = database::connect(database.options.clone(), config.database_max_connections).await?;
    let is_new = !Vault::has_ring(&pool).await?;
    let master_key = database.master_key(&config, is_new)?;
    let token_secret = database.key(config.token_secret.as_ref(), "token-secret", true)?;
    Vault::check_master_key(&pool, &master_key).await?;
    database::migrate(&pool).await?;
    let previous = config.token_secret_previous.as_ref().map(|secret| &secret[..]);
    let connectwise = config.connectwise.as_ref();
    let lookup: Arc<dyn Lookup> = Arc::new(SystemLookup);
    let guard = Guard::new(config.integration.allowed_networks, Bounds::default(), &lookup)?;
    let batched = database::batched(&pool);
    let app = App {
        chain: Chain::open(&pool, &master_key).await?,
        vault: Vault::open_ring(&pool, master_key, SealedStore::is_any(&pool)).await?,
        tokens: TokenKeys::new(&token_secret[..], previous, &config.public_url),
        remembered: Cache::default(),
        key_uses: Uses::default(),
        passwords: Passwords::new()?,
        providers: Providers::new(config.microsoft, config.google, config.github, &config.sign_in)?,
        waiting: Waiting::default(),
        connectwise: connectwise
            .map(|settings| ConnectWise::new(settings, Arc::clone(&clock)))
            .transpose()?,
        looks: Looks::default(),
        work: Work::default(),
        products: integration::Client::new(guard, Arc::clone(&clock)),
        checks: Checks::default(),
        attempts: Turns::default(),
        metrics: Metrics::default(),
        settings: Settings {
            serves_tls: certificate.is_some(),
            public_url: config.public_url,
            cors_allowed_origins: config.cors_allowed_origins,
            trusted_proxies: config.trusted_proxies,
            sign_in: config.sign_in,
            audit: config.audit,
            sync_interval: connectwise.and_then(|settings| settings.sync_interval),
            check_interval: config.integration.check_interval,
            max_marked_percent: connectwise.map_or(0, |settings| settings.max_marked_percent),
            self_registration: config.self_registration,
        },
        // so that there are some for the rest
        reads: Reads::new(pool.clone(), config.database_max_connections / 2),
        credentials: Batch::new(&batched),
        secrets: Batch::new(&batched),
        batched,
        certificate,
        pool,
        clock,
    };
    company::sync::check_tenant(&app).await?;
    let new_admin = make_first_admin(&app, config.admin, database.keys.is_some()).await?;
    Ok((app, new_admin))
}
