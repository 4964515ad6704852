//! The newest classified events, for people to look at.

use std::collections::VecDeque;

use super::batch::EventRecord;
use crate::model::Category;

/// Kept events of each category.
const KEPT_MAX: usize = 1_000;

#[derive(Debug, Default)]
pub(super) struct Events {
    sequence: u64,
    /// By `Category as usize`, so that a flood of one kind does not push out the others.
    kept: [VecDeque<EventRecord>; 3],
}

impl Events {
    pub(super) fn keep(&mut self, records: Vec<EventRecord>) {
        for mut record in records {
            self.sequence += 1;
            record.sequence = self.sequence;
            let kept = &mut self.kept[record.category as usize];
            if kept.len() == KEPT_MAX {
                kept.pop_front();
            }
            kept.push_back(record);
        }
    }

    pub(super) fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The newest `limit` events after a sequence number, oldest first.
    pub(super) fn newest(&self, category: Option<Category>, after: u64, limit: usize) -> Vec<EventRecord> {
        let wanted = |one: &Category| category.is_none_or(|category| category == *one);
        let mut found: Vec<_> = Category::ALL
            .iter()
            .filter(|one| wanted(one))
            .flat_map(|one| self.kept[*one as usize].iter().rev().take(limit))
            .filter(|record| record.sequence > after)
            .collect();
        found.sort_unstable_by_key(|record| record.sequence);
        found.iter().skip(found.len().saturating_sub(limit)).copied().cloned().collect()
    }
}
