//! One series of good and bad events: a running sum for each window that somebody asks for.

use std::collections::BTreeMap;

use borsh::{BorshDeserialize, BorshSerialize};

use super::tier::{Tier, most};

/// Widths of the tiers in seconds, and the longest window that a tier serves.
/// A quarter of an hour is the coarsest: time zones have offsets of that.
const TIERS: [(u64, u64); 5] =
    [(1, 3_600), (10, 6 * 3_600), (60, 86_400), (300, 3 * 86_400), (900, u64::MAX)];

/// The windows that the series of one SLO keep sums for. The same for all of its series.
#[derive(Clone, Debug, Default)]
pub struct Layout {
    windows: Vec<Window>,
    /// Width in seconds and the number of buckets to keep.
    tiers: Vec<(u64, u32)>,
}

#[derive(Clone, Copy, Debug)]
struct Window {
    seconds: u64,
    tier: usize,
    buckets: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowId(usize);

impl WindowId {
    /// Its place among the layout's windows.
    pub fn place(self) -> usize {
        self.0
    }
}

impl Layout {
    /// A window of at least one second; the same id for the same length.
    pub fn window(&mut self, seconds: u64) -> WindowId {
        let known = self.windows.iter().position(|window| window.seconds == seconds);
        WindowId(known.unwrap_or_else(|| {
            let width = width_for(seconds);
            let buckets = u32::try_from(seconds / width).unwrap_or(u32::MAX);
            let tier = self.tier(width);
            self.tiers[tier].1 = self.tiers[tier].1.max(buckets);
            self.windows.push(Window { seconds, tier, buckets });
            self.windows.len() - 1
        }))
    }

    /// The bucket of a second in each tier.
    fn indices(&self, at_s: u64) -> [u32; TIERS.len()] {
        let mut indices = [0; TIERS.len()];
        for ((width, _), index) in self.tiers.iter().zip(&mut indices) {
            *index = self::index(at_s, *width);
        }
        indices
    }

    fn tier(&mut self, width: u64) -> usize {
        let known = self.tiers.iter().position(|(one, _)| *one == width);
        known.unwrap_or_else(|| {
            self.tiers.push((width, 0));
            self.tiers.len() - 1
        })
    }

    /// Buckets of a width that some window has reach so far back, for those who look at the past.
    pub fn remember(&mut self, width: u64, seconds: u64) {
        let buckets = u32::try_from(seconds / width + 1).unwrap_or(u32::MAX);
        for (_, keep) in self.tiers.iter_mut().filter(|(one, _)| *one == width) {
            *keep = (*keep).max(buckets);
        }
    }

    /// Of every window, by place.
    pub fn lengths(&self) -> impl Iterator<Item = u64> {
        self.windows.iter().map(|window| window.seconds)
    }

    pub fn seconds(&self, window: WindowId) -> u64 {
        self.windows[window.0].seconds
    }

    /// How many seconds before the clock each tier surely reaches.
    pub fn reaches(&self) -> impl Iterator<Item = u64> {
        self.tiers.iter().map(|(width, keep)| u64::from(*keep).saturating_sub(1) * width)
    }

    /// The width in seconds of the finest buckets that still have a second when the clock is at another.
    pub fn width_at(&self, clock_s: u64, at_s: u64) -> Option<u64> {
        let has = |(width, keep): &(u64, u32)| index(at_s, *width) + keep > index(clock_s, *width);
        self.tiers.iter().filter(|tier| has(tier)).map(|(width, _)| *width).min()
    }
}

/// The coarsest width that the window may use and that divides it.
fn width_for(seconds: u64) -> u64 {
    let allowed = TIERS.iter().take_while(|(width, _)| *width == 1 || longest_below(*width) < seconds);
    allowed.map(|(width, _)| *width).filter(|width| seconds.is_multiple_of(*width)).last().unwrap_or(1)
}

/// The longest window of the next finer tier.
fn longest_below(width: u64) -> u64 {
    let place = TIERS.iter().position(|(one, _)| *one == width).unwrap_or(0);
    TIERS[place.saturating_sub(1)].1
}

#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub struct Series {
    tiers: Vec<Tier>,
    /// Good and bad of each window at `clock_s`.
    sums: Vec<(u128, u128)>,
    clock_s: u64,
}

impl Series {
    pub fn new(layout: &Layout) -> Self {
        Self {
            tiers: vec![Tier::default(); layout.tiers.len()],
            sums: vec![(0, 0); layout.windows.len()],
            clock_s: 0,
        }
    }

    /// Moves every window on to `clock_s`; a clock that stands still or lies behind changes nothing.
    pub fn advance(&mut self, layout: &Layout, clock_s: u64) {
        if clock_s <= self.clock_s {
            return;
        }
        let (before, after) = (layout.indices(self.clock_s), layout.indices(clock_s));
        for (window, sum) in layout.windows.iter().zip(&mut self.sums) {
            let (last, next) = (before[window.tier], after[window.tier]);
            if next == last || *sum == (0, 0) {
                continue;
            }
            let Some(leaves) = next.checked_sub(window.buckets) else { continue };
            let kept_from = last.checked_sub(window.buckets);
            let gone = self.tiers[window.tier].sum(kept_from, leaves.min(last));
            *sum = (sum.0 - gone.0, sum.1 - gone.1);
        }
        for (((_, keep), tier), next) in layout.tiers.iter().zip(&mut self.tiers).zip(after) {
            if let Some(gone) = next.checked_sub(*keep) {
                tier.forget(gone);
            }
        }
        self.clock_s = clock_s;
    }

    /// Adds events of the second `at_s`, which must not lie ahead of the clock: advance first.
    /// `false` if no window holds that time any more.
    pub fn add(&mut self, layout: &Layout, at_s: u64, good: u64, bad: u64) -> bool {
        debug_assert!(at_s <= self.clock_s, "advance the series before events of its future");
        let mut held = false;
        let (own, clock) = (layout.indices(at_s), layout.indices(self.clock_s));
        for (place, ((_, keep), tier)) in layout.tiers.iter().zip(&mut self.tiers).enumerate() {
            if own[place] + keep > clock[place] {
                tier.add(own[place], good, bad);
                held = true;
            }
        }
        for (window, sum) in layout.windows.iter().zip(&mut self.sums) {
            if own[window.tier] + window.buckets > clock[window.tier] {
                *sum = (sum.0 + u128::from(good), sum.1 + u128::from(bad));
            }
        }
        held
    }

    /// Makes events of the second `at_s` good that were taken for bad, or the other way round, where they are still held.
    pub fn turn(&mut self, layout: &Layout, at_s: u64, count: u64, to_good: bool) {
        let mut turned = vec![0; layout.tiers.len()];
        for (place, ((width, keep), tier)) in layout.tiers.iter().zip(&mut self.tiers).enumerate() {
            if index(at_s, *width) + keep > index(self.clock_s, *width) {
                turned[place] = tier.turn(index(at_s, *width), count, to_good);
            }
        }
        for (window, (good, bad)) in layout.windows.iter().zip(&mut self.sums) {
            let width = layout.tiers[window.tier].0;
            if index(at_s, width) + window.buckets > index(self.clock_s, width) {
                let count = u128::from(turned[window.tier]);
                let (from, to) = if to_good { (bad, good) } else { (good, bad) };
                (*from, *to) = (*from - count, *to + count);
            }
        }
    }

    /// Good and bad events of a window at the clock.
    pub fn sum(&self, window: WindowId) -> (u64, u64) {
        let (good, bad) = self.sums[window.0];
        (most(good), most(bad))
    }

    /// Everything that is held, each event once, by the first second of the finest bucket that has it.
    pub fn held(&self, layout: &Layout) -> BTreeMap<u64, (u64, u64)> {
        let mut tiers: Vec<(u64, &Tier)> =
            layout.tiers.iter().map(|(width, _)| *width).zip(&self.tiers).collect();
        tiers.sort_by_key(|(width, _)| *width);
        let mut held: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
        for (width, tier) in tiers {
            for (index, sum) in tier.sums() {
                let start = u64::from(index) * width;
                let finer = held.range(start..start + width).fold((0_u64, 0_u64), |(good, bad), (_, one)| {
                    (good.saturating_add(one.0), bad.saturating_add(one.1))
                });
                let rest = (sum.0.saturating_sub(finer.0), sum.1.saturating_sub(finer.1));
                if rest != (0, 0) {
                    let at = held.entry(start).or_default();
                    *at = (at.0.saturating_add(rest.0), at.1.saturating_add(rest.1));
                }
            }
        }
        held
    }

    /// No window holds an event any more.
    pub fn is_empty(&self) -> bool {
        self.sums.iter().all(|sum| *sum == (0, 0))
    }

    /// What the buckets take on the heap.
    pub fn bytes(&self) -> usize {
        self.tiers.iter().map(Tier::bytes).sum()
    }
}

fn index(at_s: u64, width: u64) -> u32 {
    u32::try_from(at_s / width).unwrap_or(u32::MAX / 2)
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
