//! The newest facts, for people to look at.

use std::collections::VecDeque;

use crate::engine::Fact;

const RECENT_MAX: usize = 4_096;

#[derive(Debug, Default)]
pub struct Recent {
    facts: VecDeque<Fact>,
}

impl Recent {
    pub fn add(&mut self, facts: &[Fact]) {
        for fact in facts {
            if self.facts.len() == RECENT_MAX {
                self.facts.pop_front();
            }
            self.facts.push_back(fact.clone());
        }
    }

    /// Oldest first.
    pub fn newest(&self, limit: usize) -> impl Iterator<Item = &Fact> {
        self.facts.iter().skip(self.facts.len().saturating_sub(limit))
    }
}
