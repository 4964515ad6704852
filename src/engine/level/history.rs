//! What was known of a budget, and when: each hour for two days, each day for a month. What comes later for a time in one
//! of these windows is added beside it, so that both can be told: what was known then, and what is known now.

use std::collections::VecDeque;

use borsh::{BorshDeserialize, BorshSerialize};

use crate::slo::Count;

const HOUR_S: u64 = 3_600;
const HOURS: u64 = 48;
const DAYS: u64 = 31;

/// The budget of one goal as it stood at a full hour of event time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(in crate::engine) struct Snapshot {
    pub(in crate::engine) at_s: u64,
    /// Good and bad of the budget's window, as known then; events, or slices.
    pub(in crate::engine) count: Count,
    /// Billionths of the budget that were spent, and of the window that was covered.
    pub(in crate::engine) spent: u64,
    pub(in crate::engine) coverage: u64,
    /// Events of its window that came later.
    pub(in crate::engine) late: Count,
    /// From when on events are in the window.
    pub(super) from_s: u64,
}

#[derive(Clone, Debug, Default, BorshSerialize, BorshDeserialize)]
pub(super) struct History {
    /// By goal, in order of time.
    goals: Vec<VecDeque<Snapshot>>,
}

impl History {
    pub(super) fn new(goals: usize) -> Self {
        Self { goals: vec![VecDeque::new(); goals] }
    }

    /// The full hours from one time to another at which something is to be noted.
    pub(super) fn due(from_s: u64, to_s: u64) -> impl Iterator<Item = u64> {
        let (first, last) = (from_s / HOUR_S + 1, to_s / HOUR_S);
        let first = first.max(last.saturating_sub(DAYS * 24));
        (first..=last).filter(move |hour| is_kept(*hour, last)).map(|hour| hour * HOUR_S)
    }

    pub(super) fn note(&mut self, goal: usize, snapshot: Snapshot) {
        let last = snapshot.at_s / HOUR_S;
        let kept = &mut self.goals[goal];
        kept.push_back(snapshot);
        kept.retain(|one| is_kept(one.at_s / HOUR_S, last));
    }

    /// Events that came after the snapshots of their time.
    pub(super) fn amend(&mut self, goal: usize, second: u64, count: Count) {
        let holds = |one: &&mut Snapshot| one.from_s <= second && second <= one.at_s;
        for snapshot in self.goals[goal].iter_mut().rev().take_while(|one| second <= one.at_s).filter(holds) {
            snapshot.late.good = snapshot.late.good.saturating_add(count.good);
            snapshot.late.bad = snapshot.late.bad.saturating_add(count.bad);
        }
    }

    /// The newest at or before a time.
    pub(super) fn at(&self, goal: usize, at_s: u64) -> Option<&Snapshot> {
        self.goals[goal].iter().rev().find(|one| one.at_s <= at_s)
    }

    pub(super) fn bytes(&self) -> usize {
        self.goals.iter().map(|one| one.capacity() * size_of::<Snapshot>()).sum()
    }
}

fn is_kept(hour: u64, last: u64) -> bool {
    hour + HOURS > last || (hour.is_multiple_of(24) && hour + DAYS * 24 > last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_kept_for_two_days_and_days_for_a_month() {
        let mut history = History::new(1);
        let begin = 1_000 * 86_400;
        for hour in History::due(begin, begin + 60 * 86_400) {
            history.note(0, Snapshot { at_s: hour, from_s: hour - 3_600, ..Snapshot::default() });
        }
        assert_eq!(history.goals[0].len(), 48 + 29);
        let noon = begin + 59 * 86_400 + 12 * HOUR_S;
        assert_eq!(history.at(0, noon + 1_799).unwrap().at_s, noon);
        assert_eq!(history.at(0, begin + 50 * 86_400 - 1).unwrap().at_s, begin + 49 * 86_400);
        assert!(history.at(0, begin).is_none());
        history.amend(0, noon - 1_800, Count { good: 2, bad: 1 });
        let late = |at| history.at(0, at).unwrap().late;
        assert_eq!(
            (late(noon), late(noon + HOUR_S).bad, late(noon - HOUR_S).bad),
            (Count { good: 2, bad: 1 }, 0, 0)
        );
    }

    #[test]
    fn a_gap_of_years_is_a_month_of_work() {
        assert_eq!(History::due(0, 20 * 365 * 86_400).count(), 48 + 29);
        assert_eq!(History::due(3_599, 3_600).count(), 1);
        assert_eq!(History::due(3_600, 7_199).count(), 0);
    }
}
