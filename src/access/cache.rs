//! What callers hold, remembered between requests and forgotten as soon as anything changes it.
//!
//! Every change of accounts, roles, sessions, API keys or credential types announces itself in its own
//! transaction, so that the other servers forget too. While this server cannot hear announcements,
//! nothing is remembered.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use chrono::{DateTime, Utc};

use super::shown::Shown;
use super::store::Loaded;

/// The channel on which changes are announced.
pub const CHANNEL: &str = "ttscm_access";

/// How many callers are remembered at the most.
const CAPACITY: usize = 10_000;

/// The memory. Each time that it is emptied its generation goes up, so that what was loaded before a
/// change is not remembered after it.
#[derive(Default)]
pub struct Cache(RwLock<State>);

#[derive(Default)]
struct State {
    hears: bool,
    generation: u64,
    callers: HashMap<Shown, Loaded>,
}

/// The state of the memory at the time that something was loaded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Generation(u64);

impl Cache {
    /// What is remembered of a session or a key that has not expired.
    pub fn get(&self, shown: Shown, now: DateTime<Utc>) -> Option<Loaded> {
        let state = self.0.read().unwrap_or_else(PoisonError::into_inner);
        state.callers.get(&shown).filter(|loaded| loaded.expires_at > now).cloned()
    }

    /// To be asked before something is loaded that is to be remembered.
    pub fn generation(&self) -> Generation {
        Generation(self.0.read().unwrap_or_else(PoisonError::into_inner).generation)
    }

    /// Remembers what was loaded, unless something has changed since.
    pub fn put(&self, shown: Shown, loaded: Loaded, since: Generation) {
        let mut state = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if !state.hears || state.generation != since.0 {
            return;
        }
        if state.callers.len() >= CAPACITY {
            state.callers.clear();
        }
        state.callers.insert(shown, loaded);
    }

    /// Forgets everything, because something has changed.
    pub fn forget(&self) {
        self.empty(None);
    }

    /// Says whether announcements are heard from now on; those of before may have been missed.
    pub fn hears(&self, hears: bool) {
        self.empty(Some(hears));
    }

    /// Whether announcements are heard.
    pub fn is_hearing(&self) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).hears
    }

    fn empty(&self, hears: Option<bool>) {
        let mut state = self.0.write().unwrap_or_else(PoisonError::into_inner);
        state.hears = hears.unwrap_or(state.hears);
        state.generation += 1;
        state.callers.clear();
    }
}
