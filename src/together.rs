//! Questions to others that are under way, so that those who ask the same at once ask once.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use futures_util::future::{BoxFuture, Shared, WeakShared};

/// A question under way.
pub type Asked<T> = BoxFuture<'static, T>;

/// The questions under way, by what they are about. They hold on to nothing: a question ends with the last
/// who waits for it.
pub struct Together<K, T>(Mutex<HashMap<K, WeakShared<Asked<T>>>>);

impl<K, T> Default for Together<K, T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, T: Clone> Together<K, T> {
    /// How many wait for the answer to a question.
    pub fn waiting(&self, about: &K) -> usize {
        let under_way = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let question = under_way.get(about).and_then(WeakShared::upgrade);
        // the one in hand here waits for nothing
        question.and_then(|question| question.strong_count()).map_or(0, |count| count - 1)
    }

    /// The question that is under way, else a new one.
    pub fn join(&self, about: K, ask: impl FnOnce() -> Asked<T>) -> Shared<Asked<T>> {
        let mut under_way = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_open = |question: &Shared<Asked<T>>| question.peek().is_none();
        if let Some(question) = under_way.get(&about).and_then(WeakShared::upgrade).filter(is_open) {
            return question;
        }
        under_way.retain(|_, question| question.upgrade().is_some());
        let question = futures_util::FutureExt::shared(ask());
        if let Some(weak) = question.downgrade() {
            under_way.insert(about, weak);
        }
        question
    }
}
