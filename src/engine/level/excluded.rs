//! Which stretches of the past do not count, and what came in them.

use std::collections::VecDeque;

use borsh::{BorshDeserialize, BorshSerialize};

use crate::slo::{Count, Exclusion, Stretch};

/// Stretches that are remembered beyond those that windows still hold.
const KEPT_MAX: usize = 1_000;

/// One stretch that has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(in crate::engine) struct Excluded {
    /// Its place among the exclusions.
    pub(in crate::engine) exclusion: usize,
    pub(in crate::engine) stretch: Stretch,
    /// What came in it.
    pub(in crate::engine) count: Count,
    pub(super) ended: bool,
}

#[derive(Clone, Debug, Default, BorshSerialize, BorshDeserialize)]
pub(super) struct Exclusions {
    /// By start.
    begun: VecDeque<Excluded>,
    looked_s: u64,
}

/// What the clock has passed.
#[derive(Clone, Copy, Debug, BorshSerialize, BorshDeserialize)]
pub(in crate::engine) enum Passed {
    Began(Excluded),
    Ended(Excluded),
}

impl Exclusions {
    /// Which stretches begin and end up to the clock; those before `oldest_s` are no matter.
    pub(super) fn advance(&mut self, all: &[Exclusion], clock_s: u64, oldest_s: u64) -> Vec<Passed> {
        let mut passed = Vec::new();
        if all.is_empty() || clock_s <= self.looked_s {
            return passed;
        }
        let after_s = self.looked_s.max(oldest_s);
        let mut began: Vec<Excluded> = Vec::new();
        for (exclusion, one) in all.iter().enumerate() {
            for stretch in one.stretches(after_s, clock_s) {
                let known = |held: &Excluded| held.exclusion == exclusion && held.stretch == stretch;
                if !self.begun.iter().any(known) {
                    began.push(Excluded { exclusion, stretch, count: Count::default(), ended: false });
                }
            }
        }
        began.sort_by_key(|one| (one.stretch, one.exclusion));
        passed.extend(began.iter().map(|one| Passed::Began(*one)));
        self.begun.extend(began);
        for one in self.begun.iter_mut().filter(|one| !one.ended && one.stretch.end_s <= clock_s) {
            one.ended = true;
            passed.push(Passed::Ended(*one));
        }
        while self.begun.len() > KEPT_MAX
            || self.begun.front().is_some_and(|one| one.stretch.end_s < oldest_s)
        {
            self.begun.pop_front();
        }
        self.looked_s = clock_s;
        passed
    }

    /// Takes events in of a second that is excluded. `false` where it is not.
    pub(super) fn take(&mut self, all: &[Exclusion], second: u64, count: Count) -> bool {
        if !all.iter().any(|one| one.covers(second)) {
            return false;
        }
        let found = self.begun.iter_mut().find(|one| one.stretch.holds(second));
        if let Some(one) = found {
            one.count.good = one.count.good.saturating_add(count.good);
            one.count.bad = one.count.bad.saturating_add(count.bad);
        }
        true
    }

    /// Seconds of `[from_s, to_s)` that are excluded, each once.
    pub(super) fn seconds(&self, from_s: u64, to_s: u64) -> u64 {
        let (mut sum, mut reached) = (0, from_s);
        for one in &self.begun {
            let start = one.stretch.start_s.max(reached);
            let end = one.stretch.end_s.min(to_s);
            if start < end {
                sum += end - start;
                reached = end;
            }
        }
        sum
    }

    pub(super) fn is_empty(&self) -> bool {
        self.begun.is_empty()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Excluded> {
        self.begun.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slo::When;

    fn once(start_s: u64, end_s: u64) -> Exclusion {
        Exclusion { reason: "work".to_owned(), when: When::Once(Stretch { start_s, end_s }) }
    }

    #[test]
    fn stretches_begin_and_end_once_and_overlapping_ones_count_once() {
        let all = [once(100, 200), once(150, 250), once(900, 1_000)];
        let mut exclusions = Exclusions::default();
        let mut told = Vec::new();
        for clock in [50, 99, 120, 180, 199, 260, 300] {
            for passed in exclusions.advance(&all, clock, 0) {
                told.push(match passed {
                    Passed::Began(one) => format!("{clock} began {}", one.exclusion),
                    Passed::Ended(one) => format!("{clock} ended {} {}", one.exclusion, one.count.bad),
                });
            }
            exclusions.take(&all, clock, Count { good: 0, bad: 1 });
        }
        assert_eq!(told, ["120 began 0", "180 began 1", "260 ended 0 3", "260 ended 1 0"]);
        assert_eq!([exclusions.seconds(0, 300), exclusions.seconds(190, 210)], [150, 20]);
        exclusions.advance(&all, 700, 600);
        assert!(exclusions.is_empty());
    }
}
