//! What goes on beside the requests, for as long as the program runs.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::App;
use crate::access::cache;
use crate::access::hand_over;
use crate::access::key::write_uses;
use crate::audit;
use crate::company;
use crate::database::listener::{self, Heard};
use crate::integration;
use crate::sealing;
use crate::trash;
use crate::vault;

/// How long to wait at the start until announcements are heard.
const LISTENS_WITHIN: Duration = Duration::from_secs(5);

/// How long it has to end when the program stops.
const LAST_WORK: Duration = Duration::from_secs(10);

/// The tasks.
pub(super) struct Background {
    tasks: JoinSet<()>,
    stop: watch::Sender<bool>,
    listens: watch::Receiver<bool>,
}

impl Background {
    /// Begins them all.
    pub(super) fn start(app: &Arc<App>) -> Self {
        let (stop, stopped) = watch::channel(false);
        let (listening, listens) = watch::channel(false);
        Self { tasks: spawn(app, &stopped, listening), stop, listens }
    }

    /// Resolves when announcements of other servers are heard, or after a while.
    pub(super) async fn listens(&self) {
        let mut listens = self.listens.clone();
        if tokio::time::timeout(LISTENS_WITHIN, listens.wait_for(|listens| *listens)).await.is_err() {
            tracing::warn!("announcements of other servers are not heard yet");
        }
    }

    /// Has them all end.
    pub(super) async fn end(mut self) -> anyhow::Result<()> {
        self.stop.send_replace(true);
        if let Ok(ended) = tokio::time::timeout(LAST_WORK, all_end(&mut self.tasks)).await {
            ended?;
        } else {
            tracing::warn!("what goes on in the background does not end, and is cut off");
        }
        self.tasks.shutdown().await;
        Ok(())
    }
}

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

fn spawn(app: &Arc<App>, stopped: &watch::Receiver<bool>, listening: watch::Sender<bool>) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    tasks.spawn(listen(Arc::clone(app), listening, told_to_stop(stopped.clone())));
    let (of_sign_ins, stop) = (Arc::clone(app), told_to_stop(stopped.clone()));
    tasks.spawn(async move { hand_over::keep_time(&of_sign_ins, stop).await });
    let (of_keys, stop) = (Arc::clone(app), told_to_stop(stopped.clone()));
    tasks.spawn(async move { sealing::keep(&of_keys, stop).await });
    tasks.spawn(company::work(Arc::clone(app), told_to_stop(stopped.clone())));
    tasks.spawn(write_uses(Arc::clone(app), told_to_stop(stopped.clone())));
    if let Some(certificate) = &app.certificate {
        tasks.spawn(Arc::clone(certificate).keep_fresh(told_to_stop(stopped.clone())));
    }
    tasks.spawn(integration::work(Arc::clone(app), told_to_stop(stopped.clone())));
    let (of_reads, stop) = (Arc::clone(app), told_to_stop(stopped.clone()));
    tasks.spawn(async move { of_reads.reads.tend(stop).await });
    let (of_batches, stop) = (Arc::clone(app), told_to_stop(stopped.clone()));
    tasks.spawn(async move { of_batches.batched.tend(stop).await });
    let (of_trash, stop) = (Arc::clone(app), told_to_stop(stopped.clone()));
    tasks.spawn(async move { trash::keep_time(&of_trash, stop).await });
    tasks.spawn(audit::chain::keep(Arc::clone(app), told_to_stop(stopped.clone())));
    tasks
}

/// Hears of what other servers do.
async fn listen(app: Arc<App>, listening: watch::Sender<bool>, stop: impl Future<Output = ()>) {
    let on = |heard: Heard<'_>| match heard {
        Heard::Listening => {
            app.remembered.hears(true);
            app.waiting.wake_all();
            app.vault.announce();
            listening.send_replace(true);
        }
        Heard::Announcement { channel: cache::CHANNEL, .. } => app.remembered.forget(),
        Heard::Announcement { channel: vault::CHANNEL, .. } => app.vault.announce(),
        Heard::Announcement { payload, .. } => app.waiting.wake(payload),
        Heard::Deaf => app.remembered.hears(false),
    };
    listener::listen(&app.pool, &[cache::CHANNEL, hand_over::CHANNEL, vault::CHANNEL], on, stop).await;
}
