//! What goes wrong.

use std::collections::VecDeque;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::watch;

/// One way in which a call goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// 429 that asks to wait for so many seconds.
    Busy(u64),
    /// 429 as a page for people, without a word on how long.
    BusyPage,
    /// 403 as a page for people, from what stands before the cloud.
    Blocked,
    /// 500 that says that there was a time-out.
    Timeout,
    /// 502 as a page for people.
    BadGateway,
    /// 200 with a page that says that there is maintenance.
    Maintenance,
    /// 200 with half a list.
    Half,
    /// The connection breaks in the middle of the answer.
    Break,
    /// 401, though the keys are right.
    Unauthorized,
    /// 404, though the address is right.
    Elsewhere,
    /// A redirect to another host.
    Redirect,
    /// A page without a header that tells of the next.
    NoLink,
    /// A page of two records.
    Short,
    /// A page in which one record is missing.
    Gap,
    /// 404 for a record that is there.
    Lost,
    /// No answer at all.
    Silence,
    /// What was sent comes back in the text of an error.
    Echo,
}

impl Fault {
    /// Those that come and go by themselves.
    const PASSING: [Self; 13] = [
        Self::Busy(2),
        Self::BusyPage,
        Self::Blocked,
        Self::Timeout,
        Self::BadGateway,
        Self::Maintenance,
        Self::Half,
        Self::Break,
        Self::Unauthorized,
        Self::Elsewhere,
        Self::NoLink,
        Self::Short,
        Self::Lost,
    ];
}

/// What is going to go wrong: what a test has told, then by chance.
#[derive(Default)]
pub struct Faults {
    pub next: VecDeque<Fault>,
    chance: Option<(StdRng, f64)>,
    pub held: Option<watch::Receiver<()>>,
}

impl Faults {
    /// From now on this share of the calls goes wrong.
    pub fn by_chance(&mut self, seed: u64, share: f64) {
        self.chance = Some((StdRng::seed_from_u64(seed), share));
    }

    /// From now on answers are held back, until what is given is dropped.
    pub fn hold(&mut self) -> watch::Sender<()> {
        let (hold, until) = watch::channel(());
        self.held = Some(until);
        hold
    }

    /// From now on all is well.
    pub fn end(&mut self) {
        *self = Self::default();
    }

    /// What happens to this call.
    pub fn draw(&mut self) -> Option<Fault> {
        if let Some(fault) = self.next.pop_front() {
            return Some(fault);
        }
        let (random, share) = self.chance.as_mut()?;
        let fault = Fault::PASSING[random.random_range(0..Fault::PASSING.len())];
        random.random_bool(*share).then_some(fault)
    }
}
