//! Slices of event time, judged as a whole once they are complete: what came in each, and a running sum of verdicts for
//! each window that somebody asks for. What a slice is worth is for the caller to say.
//!
//! Slice `i` of width `w` holds the seconds `[i x w, (i + 1) x w)`. A window of `n` slices holds the last `n` that are
//! complete. Events for a slice that is complete already change its verdict, in every window that holds it.

use borsh::{BorshDeserialize, BorshSerialize};

use super::tier::{Tier, most};

/// What a slice is worth by its good and bad events.
pub type Judge<'j> = &'j dyn Fn(u64, u64) -> Verdict;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// 1 if the slice is known, 0 if nothing can be said of it.
    pub known: u64,
    /// 1 if it is not wholly good.
    pub bad: u64,
    /// How bad it is, in parts that add up.
    pub badness: u64,
}

/// Sums of verdicts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Sum {
    pub known: u64,
    pub bad: u64,
    pub badness: u128,
}

impl Sum {
    fn add(&mut self, one: Verdict) {
        self.known += one.known;
        self.bad += one.bad;
        self.badness += u128::from(one.badness);
    }

    fn take(&mut self, one: Verdict) {
        self.known -= one.known;
        self.bad -= one.bad;
        self.badness -= u128::from(one.badness);
    }
}

#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub struct Slices {
    width: u64,
    tier: Tier,
    /// Length in slices, and the sum over the complete ones.
    windows: Vec<(u32, Sum)>,
    /// The sum since a slice, for windows that begin at a fixed time.
    since: Option<(u32, Sum)>,
    /// The first slice that is not complete.
    open: u32,
    /// Slices that are kept.
    kept: u32,
}

impl Slices {
    /// `windows`: lengths in slices; `kept`: slices to keep, at least the longest of them.
    pub fn new(width: u64, windows: &[u32], kept: u32) -> Self {
        let kept = windows.iter().copied().max().unwrap_or(0).max(kept);
        let windows = windows.iter().map(|length| (*length, Sum::default())).collect();
        Self { width, tier: Tier::default(), windows, since: None, open: 0, kept }
    }

    /// Takes events of a second in. `false` where its slice is not kept any more.
    pub fn add(&mut self, at_s: u64, good: u64, bad: u64, judge: Judge<'_>) -> bool {
        let index = self.index(at_s);
        if u64::from(index) + u64::from(self.kept) < u64::from(self.open) {
            return false;
        }
        let before = self.verdict(index, judge);
        self.tier.add(index, good, bad);
        self.judged_anew(index, before, judge);
        true
    }

    /// As [`super::Series::turn`].
    pub fn turn(&mut self, at_s: u64, count: u64, to_good: bool, judge: Judge<'_>) {
        let index = self.index(at_s);
        let before = self.verdict(index, judge);
        self.tier.turn(index, count, to_good);
        self.judged_anew(index, before, judge);
    }

    fn judged_anew(&mut self, index: u32, before: Verdict, judge: Judge<'_>) {
        if index >= self.open {
            return;
        }
        let after = self.verdict(index, judge);
        let reach = |length: u32| index >= self.open.saturating_sub(length);
        let windows = self.windows.iter_mut().filter(|(length, _)| reach(*length)).map(|(_, sum)| sum);
        let since = self.since.iter_mut().filter(|(first, _)| index >= *first).map(|(_, sum)| sum);
        for sum in windows.chain(since) {
            sum.take(before);
            sum.add(after);
        }
    }

    /// Completes every slice that ends at or before `clock_s`.
    pub fn advance(&mut self, clock_s: u64, judge: Judge<'_>) {
        let open = self.index(clock_s);
        if open <= self.open {
            return;
        }
        for (length, sum) in &mut self.windows {
            let leaves_to = open.saturating_sub(*length);
            for one in self.tier.between(self.open.saturating_sub(*length), leaves_to.min(self.open)) {
                sum.take(judge(one.1, one.2));
            }
            for one in self.tier.between(self.open.max(leaves_to), open) {
                sum.add(judge(one.1, one.2));
            }
        }
        if let Some((first, sum)) = &mut self.since {
            for one in self.tier.between(self.open.max(*first), open) {
                sum.add(judge(one.1, one.2));
            }
        }
        self.open = open;
        if let Some(gone) = open.checked_sub(self.kept.saturating_add(1)) {
            self.tier.forget(gone);
        }
    }

    /// The fixed window begins with the first slice at or after `start_s`.
    pub fn begin(&mut self, start_s: u64, judge: Judge<'_>) {
        let first = self.index(start_s.saturating_add(self.width - 1));
        let mut sum = Sum::default();
        for one in self.tier.between(first, self.open) {
            sum.add(judge(one.1, one.2));
        }
        self.since = Some((first, sum));
    }

    /// Slices that begin in `[start_s, end_s)`.
    pub fn in_period(&self, start_s: u64, end_s: u64) -> u64 {
        end_s.div_ceil(self.width).saturating_sub(start_s.div_ceil(self.width))
    }

    /// The sum of a window, by its place in the list that `new` was given.
    pub fn sum(&self, window: usize) -> Sum {
        self.windows[window].1
    }

    pub fn sum_since(&self) -> Sum {
        self.since.map_or(Sum::default(), |(_, sum)| sum)
    }

    /// Complete slices from that of `first_s` on, in a window of so many; all of them for the fixed one.
    pub fn complete_since(&self, first_s: u64, window: Option<usize>) -> u64 {
        let begin = match window {
            Some(window) => self.open.saturating_sub(self.windows[window].0),
            None => self.since.map_or(self.open, |(first, _)| first),
        };
        let first = self.index(first_s);
        u64::from(self.open.saturating_sub(begin.max(first)))
    }

    pub fn width(&self) -> u64 {
        self.width
    }

    /// Good and bad events of each slice that is held, by its first second.
    pub fn held(&self) -> impl Iterator<Item = (u64, u64, u64)> {
        self.tier.between(0, u32::MAX).map(|(index, good, bad)| (u64::from(index) * self.width, good, bad))
    }

    pub fn bytes(&self) -> usize {
        self.tier.bytes()
    }

    fn index(&self, at_s: u64) -> u32 {
        u32::try_from(at_s / self.width).unwrap_or(u32::MAX / 2)
    }

    fn verdict(&self, index: u32, judge: Judge<'_>) -> Verdict {
        let (good, bad) = self.tier.sum(index.checked_sub(1), index);
        if good == 0 && bad == 0 { Verdict::default() } else { judge(most(good), most(bad)) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Bad if less than half of the events are good.
    fn judge(good: u64, bad: u64) -> Verdict {
        let bad = u64::from(good < bad);
        Verdict { known: 1, bad, badness: bad * 10 }
    }

    #[test]
    fn a_slice_counts_once_it_is_complete_and_is_judged_anew_by_late_events() {
        let mut slices = Slices::new(60, &[2, 5], 5);
        slices.advance(600, &judge);
        slices.begin(600, &judge);
        slices.add(600, 1, 3, &judge);
        assert_eq!(slices.sum(0), Sum::default());
        slices.advance(659, &judge);
        assert_eq!(slices.sum(0), Sum::default(), "a second is left");
        slices.advance(660, &judge);
        assert_eq!(slices.sum(0), Sum { known: 1, bad: 1, badness: 10 });
        slices.add(659, 2, 0, &judge);
        assert_eq!(slices.sum(0), Sum { known: 1, bad: 0, badness: 0 });
        slices.advance(720, &judge);
        assert_eq!((slices.sum(0).known, slices.complete_since(0, Some(0))), (1, 2));
        slices.advance(780, &judge);
        assert_eq!((slices.sum(0).known, slices.sum(1).known, slices.sum_since().known), (0, 1, 1));
        assert_eq!(slices.in_period(600, 780), 3);
        assert_eq!(slices.in_period(601, 780), 2);
        slices.begin(660, &judge);
        assert_eq!(slices.sum_since(), Sum::default());
        slices.advance(60 * 60, &judge);
        assert!(!slices.add(600, 1, 0, &judge), "not kept any more");
        assert_eq!(slices.bytes().min(1), 1);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn sums_agree_with_a_plain_look_at_every_slice(
            steps in prop::collection::vec((0_u64..200, 0_u64..900, 0_u64..4, 0_u64..4), 1..150),
        ) {
            let mut slices = Slices::new(60, &[3, 10], 20);
            let (mut clock, mut events) = (6_000_u64, Vec::new());
            slices.advance(clock, &judge);
            slices.begin(6_030, &judge);
            for (gap, back, good, bad) in steps {
                clock += gap;
                slices.advance(clock, &judge);
                let at = clock - back;
                if slices.add(at, good, bad, &judge) {
                    events.push((at, good, bad));
                }
                let naive = |from: u64| {
                    let mut sum = Sum::default();
                    for index in from..clock / 60 {
                        let held = events.iter().filter(|(at, _, _)| at / 60 == index);
                        let (good, bad) = held.fold((0, 0), |sum, one| (sum.0 + one.1, sum.1 + one.2));
                        if good + bad > 0 {
                            sum.add(judge(good, bad));
                        }
                    }
                    sum
                };
                prop_assert_eq!(slices.sum(0), naive(clock / 60 - 3));
                prop_assert_eq!(slices.sum(1), naive(clock / 60 - 10));
                prop_assert_eq!(slices.sum_since(), naive(101));
            }
        }
    }
}
