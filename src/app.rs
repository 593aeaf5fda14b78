//! `App`: what every operation works with. It is put together the same way by the program and by tests.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use ipnet::IpNet;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::access::Caller;
use crate::access::attempts::Turns;
use crate::access::cache::{self, Cache};
use crate::access::hand_over::{self, Waiting};
use crate::access::key::{Uses, write_uses};
use crate::access::oauth::Providers;
use crate::access::password::{self, Passwords};
use crate::access::token::{self, TokenKeys};
use crate::clock::Clock;
use crate::company::{self, Looks, Work};
use crate::config::{self, Admin, Config, Key, SignInRules};
use crate::connectwise::ConnectWise;
use crate::database::embedded::{self, Embedded};
use crate::database::listener::{self, Heard};
use crate::database::{self, Pool};
use crate::integration::{self, Checks};
use crate::outgoing::{Bounds, Guard, Lookup, SystemLookup};
use crate::role;
use crate::user::{self, NewUser};
use crate::vault::{MasterKey, Vault};

/// The parts that operations need.
pub struct App {
    /// The database.
    pub pool: Pool,
    /// The vault.
    pub vault: Vault,
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
    /// What of the configuration is asked for later.
    pub settings: Settings,
}

/// The settings that requests need.
pub struct Settings {
    /// The address that clients use, without a slash at its end.
    pub public_url: String,
    /// Exact origins of browser apps.
    pub cors_allowed_origins: Vec<String>,
    /// The networks whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Who may sign in with a provider, and how.
    pub sign_in: SignInRules,
    /// Whether anybody may make an account for themselves.
    pub self_registration: bool,
    /// How often companies are copied from ConnectWise; none: when told only.
    pub sync_interval: Option<Duration>,
    /// How often the products of integrations are checked; none: when told only.
    pub check_interval: Option<Duration>,
    /// What share of the companies one run may mark as gone from ConnectWise, in percent.
    pub max_marked_percent: u8,
}

impl Settings {
    /// Whether clients come by https.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.public_url.starts_with("https://")
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
    stop: watch::Sender<bool>,
    in_background: JoinSet<()>,
}

/// The address of the administrator of an embedded database.
const LOCAL_ADMIN: &str = "admin@localhost";

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
        let embedded = match &config.database {
            Some(_) => None,
            None => Some(Embedded::start(&data_dir).await?),
        };
        let built = build(config, clock, embedded.as_ref()).await;
        match (built, embedded) {
            (Ok((app, new_admin)), embedded) => {
                let app = Arc::new(app);
                let (stop, stopped) = watch::channel(false);
                let in_background = in_background(&app, &stopped);
                Ok(Self { app, new_admin, embedded, stop, in_background })
            }
            (Err(error), None) => Err(error),
            (Err(error), Some(embedded)) => {
                embedded.stop().await?;
                Err(error)
            }
        }
    }

    /// Ends what goes on in the background, closes the pool, then the embedded database.
    ///
    /// # Errors
    /// Where the embedded database does not stop.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.stop.send_replace(true);
        if let Ok(ended) = tokio::time::timeout(LAST_WORK, all_end(&mut self.in_background)).await {
            ended?;
        } else {
            tracing::warn!("what goes on in the background does not end, and is cut off");
        }
        self.in_background.shutdown().await;
        self.app.pool.end().await;
        match self.embedded {
            Some(embedded) => embedded.stop().await,
            None => Ok(()),
        }
    }
}

/// How long what goes on in the background has to end when the program stops.
const LAST_WORK: Duration = Duration::from_secs(10);

async fn all_end(tasks: &mut JoinSet<()>) -> anyhow::Result<()> {
    while let Some(ended) = tasks.join_next().await {
        ended?;
    }
    Ok(())
}

/// Resolves when the program stops.
async fn told_to_stop(mut stopped: watch::Receiver<bool>) {
    // without a sender there is no program any more
    drop(stopped.wait_for(|stopped| *stopped).await);
}

/// What goes on beside the requests, until the program stops.
fn in_background(app: &Arc<App>, stopped: &watch::Receiver<bool>) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    tasks.spawn(listen(Arc::clone(app), told_to_stop(stopped.clone())));
    let (of_sign_ins, stop) = (Arc::clone(app), told_to_stop(stopped.clone()));
    tasks.spawn(async move { hand_over::keep_time(&of_sign_ins, stop).await });
    tasks.spawn(company::work(Arc::clone(app), told_to_stop(stopped.clone())));
    tasks.spawn(write_uses(Arc::clone(app), told_to_stop(stopped.clone())));
    tasks.spawn(integration::work(Arc::clone(app), told_to_stop(stopped.clone())));
    tasks
}

/// Hears of what other servers do.
async fn listen(app: Arc<App>, stop: impl Future<Output = ()>) {
    let on = |heard: Heard<'_>| match heard {
        Heard::Listening => {
            app.remembered.hears(true);
            app.waiting.wake_all();
        }
        Heard::Announcement { channel: cache::CHANNEL, .. } => app.remembered.forget(),
        Heard::Announcement { payload, .. } => app.waiting.wake(payload),
        Heard::Deaf => app.remembered.hears(false),
    };
    listener::listen(&app.pool, &[cache::CHANNEL, hand_over::CHANNEL], on, stop).await;
}

async fn build(
    config: Config,
    clock: Arc<dyn Clock>,
    embedded: Option<&Embedded>,
) -> anyhow::Result<(App, Option<Admin>)> {
    let (options, keys) = match (config.database, embedded) {
        (Some(options), _) => (options, None),
        (None, Some(embedded)) => (embedded.connect_options(), Some(embedded.data_dir())),
        (None, None) => anyhow::bail!("no database"),
    };
    let pool = database::connect(options, config.database_max_connections).await?;
    let is_new = !Vault::has_ring(&pool).await?;
    let master_key = key(config.vault_master_key, keys, "vault-master-key", is_new)?;
    let token_secret = key(config.token_secret, keys, "token-secret", true)?;
    let master_key = MasterKey::new(master_key, config.vault_master_key_previous);
    Vault::check_master_key(&pool, &master_key).await?;
    database::migrate(&pool).await?;
    let previous = config.token_secret_previous.as_ref().map(|secret| &secret[..]);
    let connectwise = config.connectwise.as_ref();
    let lookup: Arc<dyn Lookup> = Arc::new(SystemLookup);
    let guard = Guard::new(config.integration.allowed_networks, Bounds::default(), &lookup)?;
    let app = App {
        vault: Vault::open_ring(&pool, &master_key).await?,
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
        settings: Settings {
            public_url: config.public_url,
            cors_allowed_origins: config.cors_allowed_origins,
            trusted_proxies: config.trusted_proxies,
            sign_in: config.sign_in,
            sync_interval: connectwise.and_then(|settings| settings.sync_interval),
            check_interval: config.integration.check_interval,
            max_marked_percent: connectwise.map_or(0, |settings| settings.max_marked_percent),
            self_registration: config.self_registration,
        },
        pool,
        clock,
    };
    company::sync::check_tenant(&app).await?;
    let new_admin = make_first_admin(&app, config.admin, embedded.is_some()).await?;
    Ok((app, new_admin))
}

/// The configured key, or the one of the embedded database's folder, made there where it `may_be_made`.
fn key(configured: Option<Key>, folder: Option<&Path>, name: &str, may_be_made: bool) -> anyhow::Result<Key> {
    match (configured, folder) {
        (Some(key), _) => Ok(key),
        (None, Some(folder)) => crate::vault::key_file(&folder.join(name), may_be_made),
        (None, None) => anyhow::bail!("no {name}"),
    }
}

/// Makes the administrator that the configuration names, where there is no account yet. On the embedded
/// database one is made all the same; its random password is in the answer, and nowhere else.
async fn make_first_admin(
    app: &App,
    configured: Option<Admin>,
    is_embedded: bool,
) -> anyhow::Result<Option<Admin>> {
    let mut transaction = database::begin(&app.pool).await?;
    database::one_at_a_time(&mut transaction).await?;
    if !user::none_exists(&mut transaction).await? {
        return Ok(None);
    }
    let is_told = configured.is_some();
    let random = || Admin { email: LOCAL_ADMIN.to_owned(), password: token::new_secret().0 };
    let Some(admin) = configured.or_else(|| is_embedded.then(random)) else {
        tracing::warn!("there is no account yet: set ADMIN_EMAIL and ADMIN_PASSWORD and start again");
        return Ok(None);
    };
    let password = SecretString::from(admin.password.expose_secret());
    let new = NewUser {
        login: &admin.email,
        email: Some(&admin.email),
        name: "Administrator",
        password_hash: Some(app.passwords.hash(password).await?),
        roles: &[role::ADMIN_ID, role::USER_ID],
    };
    user::create(&mut transaction, app, &Caller::system(), &new)
        .await
        .context("the administrator cannot be made")?;
    transaction.commit().await?;
    Ok((!is_told).then_some(admin))
}
