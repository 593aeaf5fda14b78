//! Starts Postgres anew whenever it ends by itself, until told to stop.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::server::Server;
use super::tied::Tied;

/// The pause before Postgres is started anew; it doubles with each failure.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A Postgres that ran this long did not fail at its start.
const STEADY: Duration = Duration::from_secs(1);

/// The task which looks after a running Postgres.
pub(super) struct Supervisor {
    /// Dropping it tells the task to stop, as well.
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<()>>,
}

impl Supervisor {
    /// Looks after `run` from now on.
    pub fn new(server: Server, run: Tied) -> Self {
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(supervise(server, run, stopped));
        Self { stop, task }
    }

    /// Shuts Postgres down and waits until it has ended.
    pub async fn stop(self) -> Result<()> {
        drop(self.stop);
        self.task.await.context("the task which looks after Postgres failed")?
    }
}

async fn supervise(server: Server, first: Tied, mut stop: oneshot::Receiver<()>) -> Result<()> {
    let mut pause = FIRST_PAUSE;
    let mut next = first;
    loop {
        let mut run = next;
        let began = Instant::now();
        tokio::select! {
            status = run.ended() => {
                let how = status.map_or_else(|error| error.to_string(), |status| status.to_string());
                let log = server.log_path().display();
                tracing::error!("Postgres ended by itself ({how}) and is started anew; see {log}");
            }
            _ = &mut stop => return server.shut_down(run).await,
        }
        if began.elapsed() > STEADY {
            pause = FIRST_PAUSE;
        }
        // Should only the script have ended, this tells Postgres to end, too.
        drop(run);
        next = tokio::select! {
            run = restart(&server, &mut pause) => run,
            _ = &mut stop => return server.end_leftovers().await,
        };
    }
}

async fn restart(server: &Server, pause: &mut Duration) -> Tied {
    loop {
        #[expect(
            clippy::disallowed_methods,
            reason = "a Postgres that keeps ending is not to be started in haste"
        )]
        tokio::time::sleep(*pause).await;
        *pause = (*pause * 2).min(LONGEST_PAUSE);
        match server.launch().await {
            Ok((run, _)) => return run,
            Err(error) => tracing::error!("cannot start Postgres: {error:#}"),
        }
    }
}
