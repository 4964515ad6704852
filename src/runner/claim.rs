//! That what becomes of a step is told, and once: in the end by what is dropped.

use std::sync::Arc;

use super::Parts;
use crate::runbook::{End, Outcome, StepKey};

/// A step that is handed in. Dropped without an outcome, it is settled by what is known.
pub(super) struct Claim {
    /// `None` once it is settled.
    key: Option<StepKey>,
    parts: Arc<Parts>,
    has_begun: bool,
}

impl Claim {
    pub fn new(key: StepKey, parts: Arc<Parts>) -> Self {
        parts.held.send_modify(|held| *held += 1);
        Self { key: Some(key), parts, has_begun: false }
    }

    /// From now on it may have happened.
    pub fn begins(&mut self) {
        self.has_begun = true;
    }

    pub fn settle(mut self, outcome: Outcome) {
        self.tell(outcome);
    }

    fn tell(&mut self, outcome: Outcome) {
        if let Some(key) = self.key.take() {
            (self.parts.settled)(key, outcome);
            self.parts.held.send_modify(|held| *held -= 1);
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let (end, why) = match self.has_begun {
            true => (End::Unknown, "was cut off in the middle of it: it may have happened, or not"),
            false => (End::NotBegun, "was not begun: Evenkeel stops"),
        };
        self.tell(Outcome::new(end, why));
    }
}
