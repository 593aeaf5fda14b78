//! How fast ConnectWise is called: it throttles those who send more than a thousand requests a minute.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// The time between requests that go on and on.
const SPACING: TimeDelta = TimeDelta::milliseconds(75);

/// How far the requests of a moment may run ahead of that: 200 of them.
const AHEAD: TimeDelta = TimeDelta::seconds(15);

/// When the next call may be made.
#[derive(Default)]
pub struct Pace(Mutex<State>);

#[derive(Default)]
struct State {
    /// When as many requests as were made would be due at an even pace.
    even: Option<DateTime<Utc>>,
    /// Until when ConnectWise asked for no requests at all.
    paused: Option<DateTime<Utc>>,
}

impl Pace {
    /// How long a call has to wait at this moment.
    pub fn wait(&self, now: DateTime<Utc>) -> Duration {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let even = state.even.map_or(now, |even| even - AHEAD);
        (even.max(state.paused.unwrap_or(now)) - now).to_std().unwrap_or_default()
    }

    /// Counts a call.
    pub fn count(&self, now: DateTime<Utc>) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.even = Some(state.even.map_or(now, |even| even.max(now)) + SPACING);
    }

    /// Holds all calls back.
    pub fn pause(&self, until: DateTime<Utc>) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.paused = state.paused.max(Some(until));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, SystemClock};

    #[test]
    fn no_minute_has_more_than_a_thousand_calls() {
        let (pace, start) = (Pace::default(), SystemClock.now());
        let mut now = start;
        let mut calls = 0;
        while now - start < TimeDelta::minutes(1) {
            now += TimeDelta::from_std(pace.wait(now)).unwrap();
            pace.count(now);
            calls += 1;
        }
        assert!((900..=1002).contains(&calls), "{calls}");
        assert_eq!(pace.wait(now + TimeDelta::minutes(2)), Duration::ZERO);
    }

    #[test]
    fn a_pause_holds_for_all() {
        let (pace, now) = (Pace::default(), SystemClock.now());
        pace.pause(now + TimeDelta::seconds(30));
        pace.pause(now + TimeDelta::seconds(10));
        assert_eq!(pace.wait(now), Duration::from_secs(30));
        assert_eq!(pace.wait(now + TimeDelta::seconds(31)), Duration::ZERO);
    }
}
