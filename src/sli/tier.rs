//! Buckets of one width in time order. A bucket that no event has touched does not exist.

use std::collections::{BTreeMap, VecDeque};

/// Good and bad events whose time falls into `[index x width, (index + 1) x width)`.
/// Counts are small on purpose: a full bucket is followed by another one of the same index.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    index: u32,
    good: u32,
    bad: u32,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Tier {
    buckets: VecDeque<Bucket>,
}

impl Tier {
    pub(super) fn add(&mut self, index: u32, mut good: u64, mut bad: u64) {
        let mut at = self.position_after(index);
        if at > 0 && self.buckets[at - 1].index == index {
            let bucket = &mut self.buckets[at - 1];
            fill(&mut bucket.good, &mut good);
            fill(&mut bucket.bad, &mut bad);
        }
        while good > 0 || bad > 0 {
            let mut bucket = Bucket { index, good: 0, bad: 0 };
            fill(&mut bucket.good, &mut good);
            fill(&mut bucket.bad, &mut bad);
            self.buckets.insert(at, bucket);
            at += 1;
        }
    }

    /// Moves up to `count` events of a bucket from bad to good, or back; how many there were.
    pub(super) fn turn(&mut self, index: u32, count: u64, to_good: bool) -> u64 {
        let mut left = count;
        let end = self.position_after(index);
        for bucket in self.buckets.range_mut(..end).rev().take_while(|bucket| bucket.index == index) {
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
    pub(super) fn sum(&self, after: Option<u32>, upto: u32) -> (u64, u64) {
        let from = after.map_or(0, |after| self.position_after(after));
        let to = self.position_after(upto).max(from);
        self.buckets
            .range(from..to)
            .fold((0, 0), |(good, bad), one| (good + u64::from(one.good), bad + u64::from(one.bad)))
    }

    /// Good and bad of each index that has any.
    pub(super) fn sums(&self) -> BTreeMap<u32, (u64, u64)> {
        let mut sums: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
        for bucket in &self.buckets {
            let sum = sums.entry(bucket.index).or_default();
            *sum = (sum.0 + u64::from(bucket.good), sum.1 + u64::from(bucket.bad));
        }
        sums
    }

    /// Forgets the buckets with an index up to and including `upto`.
    pub(super) fn forget(&mut self, upto: u32) {
        while self.buckets.front().is_some_and(|bucket| bucket.index <= upto) {
            self.buckets.pop_front();
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.buckets.capacity() * size_of::<Bucket>()
    }

    /// Events come mostly in order, so the last buckets are looked at first.
    fn position_after(&self, index: u32) -> usize {
        match self.buckets.back() {
            None => 0,
            Some(last) if last.index <= index => self.buckets.len(),
            Some(_) => self.buckets.partition_point(|bucket| bucket.index <= index),
        }
    }
}

fn fill(room: &mut u32, amount: &mut u64) {
    let taken = (*amount).min(u64::from(u32::MAX - *room));
    *room += taken as u32;
    *amount -= taken;
}
