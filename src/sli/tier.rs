//! Buckets of one width in time order. A bucket that no event has touched does not exist.

use std::collections::{BTreeMap, VecDeque};

use borsh::{BorshDeserialize, BorshSerialize};

/// Good and bad events whose time falls into `[index x width, (index + 1) x width)`.
/// Counts are small on purpose: what does not fit is kept apart.
#[derive(Clone, Copy, Debug, BorshSerialize, BorshDeserialize)]
struct Bucket {
    index: u32,
    good: u32,
    bad: u32,
}

#[derive(Clone, Debug, Default, BorshSerialize, BorshDeserialize)]
pub(super) struct Tier {
    buckets: VecDeque<Bucket>,
    /// What buckets of these indices could not hold: one counter may stand for any number of events.
    excess: BTreeMap<u32, (u128, u128)>,
}

impl Tier {
    pub(super) fn add(&mut self, index: u32, mut good: u64, mut bad: u64) {
        let at = self.position_after(index);
        if at > 0 && self.buckets[at - 1].index == index {
            let bucket = &mut self.buckets[at - 1];
            fill(&mut bucket.good, &mut good);
            fill(&mut bucket.bad, &mut bad);
        }
        let there = at > 0 && self.buckets[at - 1].index == index;
        if !there && (good > 0 || bad > 0) {
            let mut bucket = Bucket { index, good: 0, bad: 0 };
            fill(&mut bucket.good, &mut good);
            fill(&mut bucket.bad, &mut bad);
            self.buckets.insert(at, bucket);
        }
        if good > 0 || bad > 0 {
            let excess = self.excess.entry(index).or_default();
            *excess = (excess.0 + u128::from(good), excess.1 + u128::from(bad));
        }
    }

    /// Moves up to `count` events of a bucket from bad to good, or back; how many there were.
    pub(super) fn turn(&mut self, index: u32, count: u64, to_good: bool) -> u64 {
        let mut left = count;
        if let Some((good, bad)) = self.excess.get_mut(&index) {
            let from = if to_good { bad } else { good };
            let taken = u64::try_from(*from).unwrap_or(u64::MAX).min(left);
            *from -= u128::from(taken);
            left -= taken;
        }
        let end = self.position_after(index);
        if let Some(bucket) = self.buckets.range_mut(..end).next_back().filter(|bucket| bucket.index == index)
        {
            let from = if to_good { &mut bucket.bad } else { &mut bucket.good };
            let taken = u64::from(*from).min(left);
            *from -= taken as u32;
            left -= taken;
        }
        let turned = count - left;
        let (good, bad) = if to_good { (turned, 0) } else { (0, turned) };
        self.add(index, good, bad);
        turned
    }

    /// Sums of the buckets with an index in `(after, upto]`.
    pub(super) fn sum(&self, after: Option<u32>, upto: u32) -> (u128, u128) {
        // What leaves a window is often at the front, and few.
        let is_beyond = |after: &u32| self.buckets.front().is_some_and(|first| first.index <= *after);
        let from = after.filter(is_beyond).map_or(0, |after| self.position_after(after));
        let held = self
            .buckets
            .range(from..)
            .take_while(|bucket| bucket.index <= upto)
            .fold((0, 0), |(good, bad), one| (good + u128::from(one.good), bad + u128::from(one.bad)));
        let first = after.map_or(0, |after| after.saturating_add(1));
        if self.excess.is_empty() || first > upto {
            return held;
        }
        self.excess.range(first..=upto).fold(held, |(good, bad), (_, one)| (good + one.0, bad + one.1))
    }

    /// Index, good and bad of each bucket with an index in `[from, to)` that has any, in order.
    pub(super) fn between(&self, from: u32, to: u32) -> impl Iterator<Item = (u32, u64, u64)> {
        let first = self.buckets.partition_point(|bucket| bucket.index < from);
        let end = self.buckets.partition_point(|bucket| bucket.index < to).max(first);
        self.buckets.range(first..end).map(|one| {
            let (good, bad) = self.excess.get(&one.index).copied().unwrap_or_default();
            (one.index, most(good + u128::from(one.good)), most(bad + u128::from(one.bad)))
        })
    }

    /// Good and bad of each index that has any.
    pub(super) fn sums(&self) -> BTreeMap<u32, (u64, u64)> {
        let mut sums: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
        for bucket in &self.buckets {
            let sum = sums.entry(bucket.index).or_default();
            *sum = (u64::from(bucket.good), u64::from(bucket.bad));
        }
        for (index, excess) in &self.excess {
            let sum = sums.entry(*index).or_default();
            *sum = (most(excess.0).saturating_add(sum.0), most(excess.1).saturating_add(sum.1));
        }
        sums
    }

    /// Forgets the buckets with an index up to and including `upto`.
    pub(super) fn forget(&mut self, upto: u32) {
        while self.buckets.front().is_some_and(|bucket| bucket.index <= upto) {
            self.buckets.pop_front();
        }
        if !self.excess.is_empty() {
            self.excess.retain(|index, _| *index > upto);
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.buckets.capacity() * size_of::<Bucket>() + self.excess.len() * size_of::<(u32, (u128, u128))>()
    }

    /// Events come mostly in order, so the last buckets are looked at first; and mostly evenly, so that the place of others
    /// can be guessed.
    fn position_after(&self, index: u32) -> usize {
        let (Some(first), Some(last)) = (self.buckets.front(), self.buckets.back()) else { return 0 };
        if last.index <= index {
            return self.buckets.len();
        }
        if index < first.index {
            return 0;
        }
        let share = u64::from(index - first.index) * (self.buckets.len() as u64 - 1);
        let guess = (share / u64::from(last.index - first.index)) as usize;
        if self.buckets[guess].index <= index && index < self.buckets[guess + 1].index {
            return guess + 1;
        }
        self.buckets.partition_point(|bucket| bucket.index <= index)
    }
}

/// Counts are told up to here (4.6 x 10^18), so that good and bad together are a number as well.
pub const COUNT_MAX: u64 = 1 << 62;

pub(super) fn most(sum: u128) -> u64 {
    u64::try_from(sum).map_or(COUNT_MAX, |sum| sum.min(COUNT_MAX))
}

fn fill(room: &mut u32, amount: &mut u64) {
    let taken = (*amount).min(u64::from(u32::MAX - *room));
    *room += taken as u32;
    *amount -= taken;
}
