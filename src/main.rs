//! The command line.

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use chrono::{DateTime, Utc};
use clap::{Parser, Subcommand};
use futures_util::FutureExt;
use secrecy::ExposeSecret;
use tokio::signal::unix::{SignalKind, signal};

use ttscm::app::Started;
use ttscm::clock::SystemClock;
use ttscm::command::{audit, backup, company, health, vault};
use ttscm::config::Config;
use ttscm::telemetry::Traces;
use ttscm::{demo, http, telemetry};

/// Every request allocates a hundred times, and the system's own allocator takes a quarter of its time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A vault for managed service providers: their clients' credentials over one REST API.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Clone, Subcommand)]
enum Command {
    /// Run the server (the default).
    Serve,
    /// Run the server on a new database with sample data in it.
    Demo,
    /// Print the documents of every route.
    Routes,
    /// Print the OpenAPI document.
    Openapi,
    /// Ask the server on this machine whether it can work. Exits with 0 where it can, else with 1.
    Health,
    /// Copy companies from ConnectWise, and have it tell of changes.
    #[command(subcommand)]
    Company(CompanyCommand),
    /// Verify the audit record, or write it out.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// The keys that secrets are sealed with.
    #[command(subcommand)]
    Vault(VaultCommand),
    /// Save the whole database to one encrypted file, while servers go on.
    Backup {
        /// The file. It takes the place of one that is there.
        file: PathBuf,
    },
    /// Restore a backup into a database without any tables of ttscm.
    Restore {
        /// The file that `ttscm backup` has made.
        file: PathBuf,
    },
}

#[derive(Clone, Copy, Subcommand)]
enum AuditCommand {
    /// Hold every event against its seal. Exits with 1 where one was changed, removed or inserted, and says
    /// which and in which batch.
    Verify,
    /// Write the events out, the oldest first, a JSON object a line.
    Export {
        /// From this time on (RFC 3339).
        #[arg(long, value_name = "TIME")]
        from: Option<DateTime<Utc>>,
        /// Before this time (RFC 3339).
        #[arg(long, value_name = "TIME")]
        to: Option<DateTime<Utc>>,
    },
}

impl From<AuditCommand> for audit::Order {
    fn from(command: AuditCommand) -> Self {
        match command {
            AuditCommand::Verify => Self::Verify,
            AuditCommand::Export { from, to } => Self::Export { from, to },
        }
    }
}

#[derive(Clone, Copy, Subcommand)]
enum VaultCommand {
    /// Seal every secret anew with a new data key, while servers go on. It may be run at any time; one that was
    /// cut off is carried on. Exits with 1 where something does not open, 3 where another rotation is on.
    Rotate,
    /// Wrap the data keys with `VAULT_MASTER_KEY`, where `VAULT_MASTER_KEY_PREVIOUS` wraps them.
    Rewrap,
    /// Show the data keys, and how much is sealed with each.
    Status {
        /// As JSON, for programs.
        #[arg(long)]
        json: bool,
    },
    /// Open every sealed value, and tell which do not open. Exits with 1 where there are such.
    Check,
}

#[derive(Clone, Copy, Subcommand)]
enum CompanyCommand {
    /// Copy the companies. Exits with 0 where the copy is complete, 1 where it is not, 2 where ConnectWise is
    /// not configured, 3 where another run is on.
    Sync {
        /// Read every company, not only those changed since the last complete run.
        #[arg(long)]
        full: bool,
    },
    /// The callbacks by which ConnectWise tells `PUBLIC_URL` of changes.
    #[command(subcommand)]
    Callbacks(CallbacksCommand),
}

#[derive(Clone, Copy, Subcommand)]
enum CallbacksCommand {
    /// Ask for what is missing, and anew for what was switched off.
    Ensure,
    /// Show what was asked for.
    List,
    /// Ask for nothing any more.
    Remove,
}

impl From<VaultCommand> for vault::Order {
    fn from(command: VaultCommand) -> Self {
        match command {
            VaultCommand::Rotate => Self::Rotate,
            VaultCommand::Rewrap => Self::Rewrap,
            VaultCommand::Status { json } => Self::Status { json },
            VaultCommand::Check => Self::Check,
        }
    }
}

impl From<CompanyCommand> for company::Order {
    fn from(command: CompanyCommand) -> Self {
        match command {
            CompanyCommand::Sync { full } => Self::Sync { full },
            CompanyCommand::Callbacks(CallbacksCommand::Ensure) => Self::EnsureCallbacks,
            CompanyCommand::Callbacks(CallbacksCommand::List) => Self::ListCallbacks,
            CompanyCommand::Callbacks(CallbacksCommand::Remove) => Self::RemoveCallbacks,
        }
    }
}

fn main() -> ExitCode {
    run(Arguments::parse().command.unwrap_or(Command::Serve)).unwrap_or_else(|error| {
        eprintln!("ttscm: {error:#}");
        ExitCode::FAILURE
    })
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Routes => return print(&http::docs::markdown()),
        Command::Openapi => return print(&format!("{:#}\n", http::docs::openapi())),
        Command::Health => return health::run(&Config::from_env()?),
        _ => {}
    }
    let config = Config::from_env()?;
    let runtime = tokio::runtime::Runtime::new().context("the asynchronous runtime cannot start")?;
    let traces = {
        let _within = runtime.enter();
        config.operations.traces.as_ref().map(Traces::start).transpose()?
    };
    let telemetry = telemetry::start(config.log_format, traces);
    let done = match command {
        Command::Company(command) => runtime.block_on(company::run(config, command.into())),
        Command::Vault(command) => runtime.block_on(vault::run(config, command.into())),
        Command::Backup { file } => runtime.block_on(backup::save(config, &file)),
        Command::Restore { file } => runtime.block_on(backup::restore(config, &file)),
        Command::Audit(command) => runtime.block_on(audit::run(config, command.into())),
        _ => runtime.block_on(serve(config, matches!(command, Command::Demo))).map(|()| ExitCode::SUCCESS),
    };
    telemetry.stop();
    done
}

fn print(text: &str) -> anyhow::Result<ExitCode> {
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

async fn serve(config: Config, with_sample_data: bool) -> anyhow::Result<()> {
    let listeners = Listeners::bind(&config)?;
    let config = config.bound_to(listeners.clients.local_addr()?);
    let stop = stop_signal()?.boxed().shared();
    let started = tokio::select! {
        started = Started::start(config, Arc::new(SystemClock)) => started?,
        () = stop.clone() => {
            tracing::info!("stopped before it was ready");
            return Ok(());
        }
    };
    let served = announce_and_serve(&started, listeners, stop, with_sample_data).await;
    started.stop().await?;
    tracing::info!("stopped");
    served
}

/// The addresses that the server answers at.
struct Listeners {
    clients: TcpListener,
    metrics: Option<TcpListener>,
}

impl Listeners {
    fn bind(config: &Config) -> anyhow::Result<Self> {
        let bind = |address: SocketAddr| {
            TcpListener::bind(address).with_context(|| format!("the address {address} cannot be used"))
        };
        let metrics = config.operations.metrics_address.map(bind).transpose()?;
        Ok(Self { clients: bind(config.bind_address)?, metrics })
    }
}

async fn announce_and_serve(
    started: &Started,
    listeners: Listeners,
    stop: impl Future<Output = ()> + Clone + Send + 'static,
    with_sample_data: bool,
) -> anyhow::Result<()> {
    let url = &started.app.settings.public_url;
    if let Some(admin) = &started.new_admin {
        let password = admin.password.expose_secret();
        say(&format!("The administrator is {} with the password {password}", admin.email));
        say("Keep the password: it is shown this once.");
    }
    if with_sample_data {
        say(&demo::fill(&started.app).await?);
    }
    let Listeners { clients, metrics } = listeners;
    if let Some(metrics) = &metrics {
        tracing::info!(address = %metrics.local_addr()?, "metrics");
    }
    let measure = async {
        let Some(metrics) = metrics else { return Ok(()) };
        http::serve_metrics(&started.app, metrics, stop.clone()).await
    };
    started.listens().await;
    say(&format!("TTSCM API is ready at {url}"));
    tracing::info!(address = %clients.local_addr()?, "ready");
    tokio::try_join!(http::serve(&started.app, clients, stop.clone()), measure).map(|_| ())
}

/// Tells the person at the terminal. The server does without them where nobody reads.
fn say(text: &str) {
    if writeln!(std::io::stdout(), "{text}").is_err() {
        tracing::debug!("nobody reads what is said");
    }
}

/// Resolves when the process is told to stop, by `SIGTERM` or Ctrl-C.
fn stop_signal() -> anyhow::Result<impl Future<Output = ()> + Send + 'static> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
