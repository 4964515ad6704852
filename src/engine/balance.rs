//! Good (or bad) and total of one service level where they come from counters of their own: in requests of any order,
//! and with times that may lie on both sides of a second's edge.

use std::collections::BTreeMap;

use borsh::{BorshDeserialize, BorshSerialize};

/// Times that differ by at most this many seconds are of one collection.
const PAIR_S: u64 = 1;
/// What is not matched for so long stays as it is.
const KEPT_S: u64 = 900;
/// And at most so many seconds of it.
const SECONDS_MAX: usize = 1_024;

/// `part` is what has a counter beside the total: good, or bad.
#[derive(Clone, Debug, Default, BorshSerialize, BorshDeserialize)]
pub(super) struct Balance {
    /// Parts whose total has not come yet, by second.
    waiting: BTreeMap<u64, u64>,
    /// What of the total is not known to be the part, by second.
    open: BTreeMap<u64, u64>,
    /// Parts that no total came for.
    pub(super) unmatched: u64,
}

impl Balance {
    /// How many of `count` new events are known to be the part already.
    pub(super) fn total(&mut self, second: u64, count: u64) -> u64 {
        let mut matched = 0;
        draw(&mut self.waiting, second, count, &mut |_, taken| matched += taken);
        if matched < count {
            let rest = self.open.entry(second).or_default();
            *rest = rest.saturating_add(count - matched);
        }
        self.forget(second);
        matched
    }

    /// Tells of which seconds how many events turn out to be the part.
    pub(super) fn part(&mut self, second: u64, count: u64, turned: &mut dyn FnMut(u64, u64)) {
        let mut matched = 0;
        draw(&mut self.open, second, count, &mut |at, taken| {
            matched += taken;
            turned(at, taken);
        });
        if matched < count {
            let rest = self.waiting.entry(second).or_default();
            *rest = rest.saturating_add(count - matched);
        }
        self.forget(second);
    }

    fn forget(&mut self, second: u64) {
        let newest = self.open.keys().chain(self.waiting.keys()).max().copied().unwrap_or(0).max(second);
        let old = |from: &BTreeMap<u64, u64>| {
            let first = from.first_key_value().map(|(second, _)| *second);
            first.is_some_and(|first| from.len() > SECONDS_MAX || first + KEPT_S < newest)
        };
        while old(&self.open) {
            self.open.pop_first();
        }
        while old(&self.waiting) {
            let gone = self.waiting.pop_first().map_or(0, |(_, count)| count);
            self.unmatched = self.unmatched.saturating_add(gone);
        }
    }
}

/// Takes up to `count` from the nearest seconds.
fn draw(from: &mut BTreeMap<u64, u64>, second: u64, mut count: u64, each: &mut dyn FnMut(u64, u64)) {
    while count > 0 {
        let near = from.range(second.saturating_sub(PAIR_S)..=second.saturating_add(PAIR_S));
        let Some(at) = near.map(|(at, _)| *at).min_by_key(|at| at.abs_diff(second)) else { return };
        let Some(left) = from.get_mut(&at) else { return };
        let taken = count.min(*left);
        *left -= taken;
        count -= taken;
        each(at, taken);
        if *left == 0 {
            from.remove(&at);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// The parts known after all, and the seconds that got them.
    fn settle(steps: &[(bool, u64, u64)]) -> (BTreeMap<u64, u64>, u64) {
        let (mut balance, mut known) = (Balance::default(), BTreeMap::new());
        for (is_total, second, count) in steps {
            match is_total {
                true => *known.entry(*second).or_default() += balance.total(*second, *count),
                false => {
                    balance.part(*second, *count, &mut |at, count| *known.entry(at).or_default() += count)
                }
            }
        }
        known.retain(|_, count| *count > 0);
        (known, balance.unmatched)
    }

    #[test]
    fn a_part_finds_its_total_across_the_edge_of_a_second_and_not_further() {
        assert_eq!(settle(&[(true, 10, 5), (false, 11, 4)]).0, BTreeMap::from([(10, 4)]));
        assert_eq!(settle(&[(false, 9, 4), (true, 10, 5)]).0, BTreeMap::from([(10, 4)]));
        assert_eq!(settle(&[(true, 10, 5), (false, 12, 4)]).0, BTreeMap::new());
        assert_eq!(settle(&[(false, 10, 4), (false, 10 + KEPT_S + 1, 4)]).1, 4);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_known_in_the_end_does_not_depend_on_the_order(
            collections in vec((0..20_u64, 0..20_u64), 1..20),
            order in any::<u64>(),
        ) {
            let seconds = || (1..).map(|index| index * 10).zip(&collections);
            let parts = seconds().map(|(second, (part, other))| (second, *part, part + other));
            let mut steps: Vec<(bool, u64, u64)> = parts
                .flat_map(|(second, part, total)| [(true, second, total), (false, second, part)])
                .collect();
            steps.sort_by_key(|(is_total, second, _)| {
                (second * 2 + u64::from(*is_total)).wrapping_mul(order | 1).rotate_left(23)
            });
            let expected: BTreeMap<u64, u64> =
                seconds().map(|(second, (part, _))| (second, *part)).filter(|(_, part)| *part > 0).collect();
            prop_assert_eq!(settle(&steps).0, expected);
        }
    }
}
