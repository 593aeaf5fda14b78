//! The clients that wait at this server, and what wakes them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::{Notify, Semaphore, SemaphorePermit};
use uuid::Uuid;

use super::{KEPT, store};
use crate::app::App;

/// The channel on which servers tell each other how far sign-ins are, by their ids.
pub const CHANNEL: &str = "ttscm_sign_in";

/// How often expired sign-ins are looked for.
const TICK: Duration = Duration::from_secs(1);

/// How many ticks there are between two notes that this server's sockets are still there.
const TICKS_BETWEEN_NOTES: u32 = 5;

/// How many ticks there are between two removals of sign-ins that ended long ago.
const TICKS_BETWEEN_REMOVALS: u32 = 60;

/// After which time a socket is gone whose server does not note that it is still there.
pub(super) const GONE_AFTER: TimeDelta = TimeDelta::seconds(20);

/// How many clients may ask the database at once how far they are. They can be woken together by the
/// thousand, and must leave connections to the requests.
const TURNS: usize = 4;

/// The clients that wait at this server.
pub struct Waiting {
    state: Mutex<State>,
    turns: Semaphore,
}

impl Default for Waiting {
    fn default() -> Self {
        Self { state: Mutex::default(), turns: Semaphore::new(TURNS) }
    }
}

#[derive(Default)]
struct State {
    seats: HashMap<Uuid, Seated>,
    is_closing: bool,
}

struct Seated {
    socket: Uuid,
    wake: Arc<Notify>,
    expires_at: DateTime<Utc>,
}

impl Waiting {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something happened to a sign-in, by the id that another server or this one gave.
    pub fn wake(&self, id: &str) {
        let state = self.state();
        if let Some(seated) = id.parse().ok().and_then(|id: Uuid| state.seats.get(&id)) {
            seated.wake.notify_one();
        }
    }

    /// Something may have happened to every sign-in.
    pub fn wake_all(&self) {
        self.state().seats.values().for_each(|seated| seated.wake.notify_one());
    }

    /// The server stops: every client is to go and wait elsewhere.
    fn close(&self) {
        self.state().is_closing = true;
        self.wake_all();
    }

    /// The turn of a client to ask the database. The semaphore is never closed.
    pub(super) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.turns.acquire().await.ok()
    }

    pub(super) fn is_closing(&self) -> bool {
        self.state().is_closing
    }

    pub(super) fn sit(&self, id: Uuid, socket: Uuid, expires_at: DateTime<Utc>) -> Arc<Notify> {
        let wake = Arc::new(Notify::new());
        let seated = Seated { socket, wake: Arc::clone(&wake), expires_at };
        self.state().seats.insert(id, seated);
        wake
    }

    pub(super) fn leave(&self, id: Uuid, socket: Uuid) {
        let mut state = self.state();
        if state.seats.get(&id).is_some_and(|seated| seated.socket == socket) {
            state.seats.remove(&id);
        }
    }

    fn wake_expired(&self, now: DateTime<Utc>) {
        let state = self.state();
        let expired = state.seats.values().filter(|seated| seated.expires_at <= now);
        expired.for_each(|seated| seated.wake.notify_one());
    }

    fn sockets(&self) -> Vec<Uuid> {
        self.state().seats.values().map(|seated| seated.socket).collect()
    }
}

/// Wakes clients whose time is over, and notes that the others are still there, until `stop`.
pub async fn keep_time(app: &App, stop: impl Future<Output = ()>) {
    let ticks = async {
        let mut interval = tokio::time::interval(TICK);
        for tick in (0..TICKS_BETWEEN_REMOVALS).cycle() {
            interval.tick().await;
            app.waiting.wake_expired(app.clock.now());
            if tick % TICKS_BETWEEN_NOTES == 0 {
                note_those_still_there(app).await;
            }
            if tick == 0 {
                remove_those_long_gone(app).await;
            }
        }
    };
    tokio::select! {
        () = ticks => {}
        () = stop => {
            let sockets = app.waiting.sockets();
            app.waiting.close();
            if let Err(error) = store::free(&app.pool, &sockets).await {
                tracing::warn!(%error, "the seats of the sockets could not be freed");
            }
        }
    }
}

async fn remove_those_long_gone(app: &App) {
    if let Err(error) = store::forget_before(&app.pool, app.clock.now() - KEPT).await {
        tracing::warn!(%error, "sign-ins that ended long ago could not be removed");
    }
}

async fn note_those_still_there(app: &App) {
    let sockets = app.waiting.sockets();
    if !sockets.is_empty()
        && let Err(error) = store::still_there(&app.pool, &sockets, app.clock.now()).await
    {
        tracing::warn!(%error, "the sockets of sign-ins could not be noted");
    }
}
