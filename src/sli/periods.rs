//! Sums of good and bad events by fixed periods of event time, the newest few of them.

use std::collections::VecDeque;

use borsh::{BorshDeserialize, BorshSerialize};

use super::tier::most;

/// Periods that are kept: the running one and those before it.
const PERIODS_MAX: usize = 13;

#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
struct PeriodSum {
    start_s: u64,
    good: u128,
    bad: u128,
}

#[derive(Clone, Debug, Default, BorshSerialize, BorshDeserialize)]
pub struct Periods {
    /// In order of time.
    sums: VecDeque<PeriodSum>,
}

impl Periods {
    /// Takes events of the period that begins at `start_s` in. `false` where it is older than all that are kept.
    pub fn add(&mut self, start_s: u64, good: u64, bad: u64) -> bool {
        let place = self.sums.partition_point(|one| one.start_s < start_s);
        if self.sums.get(place).is_none_or(|one| one.start_s != start_s) {
            if place == 0 && self.sums.len() == PERIODS_MAX {
                return false;
            }
            self.sums.insert(place, PeriodSum { start_s, good: 0, bad: 0 });
            if self.sums.len() > PERIODS_MAX {
                self.sums.pop_front();
            }
        }
        let place = self.sums.partition_point(|one| one.start_s < start_s);
        if let Some(sum) = self.sums.get_mut(place).filter(|one| one.start_s == start_s) {
            sum.good += u128::from(good);
            sum.bad += u128::from(bad);
        }
        true
    }

    /// Moves events between good and bad, as far as there are so many.
    pub fn turn(&mut self, start_s: u64, count: u64, to_good: bool) {
        if let Some(sum) = self.sums.iter_mut().find(|one| one.start_s == start_s) {
            let (from, to) =
                if to_good { (&mut sum.bad, &mut sum.good) } else { (&mut sum.good, &mut sum.bad) };
            let count = u128::from(count).min(*from);
            *from -= count;
            *to += count;
        }
    }

    /// Good and bad events of the period that begins then.
    pub fn sum(&self, start_s: u64) -> (u64, u64) {
        let found = self.sums.iter().find(|one| one.start_s == start_s);
        found.map_or((0, 0), |one| (most(one.good), most(one.bad)))
    }

    pub fn bytes(&self) -> usize {
        self.sums.capacity() * size_of::<PeriodSum>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_periods_are_kept_and_late_events_find_their_own() {
        let mut periods = Periods::default();
        for month in 0..20_u64 {
            assert!(periods.add(month * 100, month, 1));
        }
        assert!(periods.add(1_900, 5, 0), "the running one");
        assert!(periods.add(800, 7, 0), "the oldest that is kept");
        assert!(!periods.add(600, 7, 0));
        assert_eq!(periods.sums.len(), PERIODS_MAX);
        assert_eq!([periods.sum(1_900), periods.sum(800), periods.sum(600)], [(24, 1), (15, 1), (0, 0)]);
        periods.turn(1_900, 30, false);
        assert_eq!(periods.sum(1_900), (0, 25));
    }
}
