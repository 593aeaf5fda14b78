//! When keys were last used. That is written down beside the requests, at most once a minute for each key,
//! and a request neither waits for it nor fails with it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Notify;
use uuid::Uuid;

use super::store;
use crate::app::App;

/// How long a use is written down for.
pub(super) const PAUSE: TimeDelta = TimeDelta::minutes(1);

/// How many keys are remembered to be used before those are forgotten whose minute is over.
const MANY_KEYS: usize = 1000;

/// The uses of keys that this server has seen.
#[derive(Default)]
pub struct Uses {
    seen: Mutex<Seen>,
    more: Notify,
}

#[derive(Default)]
struct Seen {
    noted: HashMap<Uuid, DateTime<Utc>>,
    unwritten: Vec<Use>,
}

/// That a key was used.
pub(super) struct Use {
    pub key: Uuid,
    pub at: DateTime<Utc>,
    pub address: Option<IpAddr>,
}

impl Uses {
    /// Notes a use, unless another one of the last minute is noted.
    pub(in crate::access) fn note(&self, key: Uuid, address: Option<IpAddr>, at: DateTime<Utc>) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.noted.get(&key).is_some_and(|noted| at - noted < PAUSE) {
            return;
        }
        if seen.noted.len() >= MANY_KEYS {
            seen.noted.retain(|_, noted| at - *noted < PAUSE);
        }
        seen.noted.insert(key, at);
        seen.unwritten.push(Use { key, at, address });
        self.more.notify_one();
    }

    fn take(&self) -> Vec<Use> {
        std::mem::take(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner).unwritten)
    }
}

/// Writes down what is noted, until `stop`, and then what is left.
pub async fn write_uses(app: Arc<App>, stop: impl Future<Output = ()>) {
    let mut stop = std::pin::pin!(stop);
    let mut goes_on = true;
    while goes_on {
        goes_on = tokio::select! {
            () = app.key_uses.more.notified() => true,
            () = &mut stop => false,
        };
        for used in app.key_uses.take() {
            if let Err(error) = store::touch(&app.pool, &used).await {
                tracing::warn!(key = %used.key, %error, "the use of a key could not be written down");
            }
        }
    }
}
