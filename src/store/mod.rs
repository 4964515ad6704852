//! The journal's seam: facts go in by groups, and what a group asks of the world leaves when the group
//! is durable. For now the journal lives in memory, so a group is as durable as the process:
//! a restart begins with nothing.

use std::collections::VecDeque;

use crate::engine::Fact;

/// Facts that are kept for people to look at.
const RECENT_MAX: usize = 4_096;

/// The number of a group of facts, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Sequence(pub u64);

#[derive(Debug, Default)]
pub struct Journal {
    last: Sequence,
    recent: VecDeque<Fact>,
}

impl Journal {
    /// Opens the next group. Its effects wait until [`Journal::durable`] has reached the answer.
    pub fn append(&mut self, facts: &[Fact]) -> Sequence {
        self.last = Sequence(self.last.0 + 1);
        for fact in facts {
            if self.recent.len() == RECENT_MAX {
                self.recent.pop_front();
            }
            self.recent.push_back(fact.clone());
        }
        self.last
    }

    /// The newest group that survives what this journal can survive.
    pub fn durable(&self) -> Sequence {
        self.last
    }

    /// The newest facts, oldest first.
    pub fn recent(&self, limit: usize) -> impl Iterator<Item = &Fact> {
        self.recent.iter().skip(self.recent.len().saturating_sub(limit))
    }
}
