//! A steady rate as whole items in each second: what has come by a second is rounded from what should have, so the sum over
//! a stretch is exact whatever its parts are.

use super::script::{Feed, Flow, Stretch};
use crate::model::Parts;

/// Items a second of one entry.
pub const RATE_MAX: u64 = 1_000_000;

/// So many items in a unit of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub items: Parts,
    /// Never zero.
    pub unit_s: u64,
}

impl Rate {
    pub const NONE: Self = Self { items: Parts(0), unit_s: 1 };

    /// Items in the first so many seconds, rounded half up.
    pub fn total(self, seconds: u64) -> u64 {
        let unit = u128::from(self.unit_s) * u128::from(Parts::ONE.0);
        let total = (u128::from(self.items.0) * u128::from(seconds) + unit / 2) / unit;
        u64::try_from(total).unwrap_or(u64::MAX)
    }
}

impl Feed {
    /// How far apart its counts come.
    pub(super) fn unit_s(&self) -> u64 {
        let rates = [self.good, self.bad].into_iter().filter(|rate| rate.items.0 > 0);
        rates.map(|rate| rate.unit_s).min().unwrap_or(1)
    }

    /// The first second from one on, of those in its stretch, that may bring something.
    pub(super) fn due_from(&self, second: u64) -> u64 {
        let Stretch { from_s, to_s } = self.during;
        let passed = self.during.passed(second) + 1;
        let rates = [self.good, self.bad].into_iter().filter(|rate| rate.items.0 > 0);
        let due = rates.map(|rate| from_s + passed.next_multiple_of(rate.unit_s) - 1).min();
        due.map_or(u64::MAX, |due| due.min(to_s - 1).max(second))
    }

    /// Good and bad events in a second of the timeline. They come once in the unit of their rate, at its end: whoever counts
    /// by the minute asks sixty times less of us.
    pub(super) fn events_in(&self, second: u64) -> (u64, u64) {
        let Stretch { from_s, to_s } = self.during;
        let passed = self.during.passed(second) + 1;
        let of = |rate: Rate| {
            let is_due = passed.is_multiple_of(rate.unit_s) || second + 1 == to_s;
            let before = (passed - 1) / rate.unit_s * rate.unit_s;
            if is_due { rate.total(passed) - rate.total(before) } else { 0 }
        };
        if (from_s..to_s).contains(&second) { (of(self.good), of(self.bad)) } else { (0, 0) }
    }
}

impl Flow {
    /// Good and bad items in a second of the timeline.
    pub(super) fn items_in(&self, second: u64) -> (u64, u64) {
        if !self.during.holds(second) {
            return (0, 0);
        }
        let passed = self.during.passed(second);
        let (before, after) = (self.rate.total(passed), self.rate.total(passed + 1));
        let bad = share_of(self.share_bad, after) - share_of(self.share_bad, before);
        (after - before - bad, bad)
    }
}

/// Rounded half up.
fn share_of(Parts(share): Parts, total: u64) -> u64 {
    let one = u128::from(Parts::ONE.0);
    ((u128::from(share) * u128::from(total) + one / 2) / one) as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::sample::Sample;
    use super::*;

    fn flow(items: u64, unit_s: u64, share: u64, from_s: u64, to_s: u64) -> Flow {
        Flow {
            during: Stretch { from_s, to_s },
            rate: Rate { items: Parts(items), unit_s },
            share_bad: Parts(share),
            good: Sample::span("shop"),
            bad: Sample::span("shop"),
        }
    }

    fn totals(flow: &Flow) -> (u64, u64) {
        (0..flow.during.to_s + 10)
            .map(|second| flow.items_in(second))
            .fold((0, 0), |(good, bad), (more_good, more_bad)| (good + more_good, bad + more_bad))
    }

    #[test]
    fn a_small_share_is_spread_over_the_whole_stretch() {
        // 100 a second, 0.05 % bad, 2 h: one bad item each 20 s.
        let flow = flow(100_000_000_000, 1, 500_000, 60, 7_260);
        assert_eq!(totals(&flow), (719_640, 360));
        let bad: Vec<u64> = (0..200).filter(|second| flow.items_in(*second).1 > 0).collect();
        assert_eq!(bad, [69, 89, 109, 129, 149, 169, 189]);
    }

    #[test]
    fn a_rate_below_one_a_second_comes_at_even_distances() {
        let flow = flow(3_000_000_000, 3_600, 0, 0, 7_200);
        let at: Vec<u64> = (0..7_200).filter(|second| flow.items_in(*second).0 > 0).collect();
        assert_eq!(at, [599, 1_799, 2_999, 4_199, 5_399, 6_599]);
    }

    #[test]
    fn counts_by_the_minute_come_once_a_minute_and_none_is_lost_at_the_end() {
        let rate = |items, unit_s| Rate { items: Parts(items), unit_s };
        let feed = Feed {
            during: Stretch { from_s: 10, to_s: 160 },
            slo: "shop".to_owned(),
            group: Vec::new(),
            good: rate(600_000_000_000, 60),
            bad: rate(100_000_000, 1),
        };
        let came = |of: fn((u64, u64)) -> u64| -> Vec<(u64, u64)> {
            let all = (0..200).map(|second| (second, of(feed.events_in(second))));
            all.filter(|(_, events)| *events > 0).collect()
        };
        assert_eq!(came(|(good, _)| good), [(69, 600), (129, 600), (159, 300)]);
        let bad = came(|(_, bad)| bad);
        assert_eq!((bad.len(), bad[0], bad[14]), (15, (14, 1), (154, 1)));
        let by_minute = Feed { bad: Rate::NONE, ..feed };
        let due = |second: &u64| Some(by_minute.due_from(second + 1)).filter(|due| *due < 160);
        let looked_at: Vec<u64> = std::iter::successors(due(&9), due).collect();
        assert_eq!(looked_at, [69, 129, 159], "and nothing is asked in between");
    }

    proptest! {
        #[test]
        fn the_sum_is_the_rate_times_the_time_and_the_share_of_it_is_bad(
            items in 0_u64..50_000_000_000,
            unit_s in 1_u64..100,
            share in 0_u64..=1_000_000_000,
            from_s in 0_u64..50,
            length_s in 1_u64..400,
        ) {
            let flow = flow(items, unit_s, share, from_s, from_s + length_s);
            let (good, bad) = totals(&flow);
            let exact = u128::from(items) * u128::from(length_s);
            let unit = u128::from(unit_s) * 1_000_000_000;
            prop_assert_eq!(u128::from(good + bad), (exact + unit / 2) / unit);
            let one = 1_000_000_000_u128;
            prop_assert_eq!(u128::from(bad), (u128::from(share) * u128::from(good + bad) + one / 2) / one);
        }
    }
}
