//! What was counted lately, by its fingerprint, so that it is not counted again when it comes again.

use std::collections::VecDeque;
use std::hash::Hash;
use std::io::{Read, Write};

use borsh::{BorshDeserialize, BorshSerialize};
use foldhash::fast::FixedState;
use hashbrown::HashSet;

use crate::model::{Now, SECOND_NS};

/// How long it is remembered.
const KEPT_NS: u64 = 900 * SECOND_NS;
/// 1,100 requests a second for a quarter of an hour; beyond that the oldest are forgotten early.
pub(super) const REQUESTS_MAX: usize = 1_000_000;
/// 2,200 spans a second for a quarter of an hour; beyond that the oldest are forgotten early.
pub(super) const ITEMS_MAX: usize = 2_000_000;

#[derive(Debug)]
pub(super) struct Repeats<F> {
    known: HashSet<F, FixedState>,
    by_age: VecDeque<(Now, F)>,
}

impl<F> Default for Repeats<F> {
    fn default() -> Self {
        Self { known: HashSet::default(), by_age: VecDeque::new() }
    }
}

impl<F: Copy + Eq + Hash> Repeats<F> {
    pub(super) fn holds(&self, fingerprint: F) -> bool {
        self.known.contains(&fingerprint)
    }

    pub(super) fn those_known(&self, fingerprints: &[F]) -> Vec<F> {
        fingerprints.iter().copied().filter(|one| self.holds(*one)).collect()
    }

    /// `false`: it is remembered already.
    pub(super) fn remember(&mut self, now: Now, fingerprint: F, max: usize) -> bool {
        self.forget(now);
        if !self.known.insert(fingerprint) {
            return false;
        }
        self.by_age.push_back((now, fingerprint));
        if self.by_age.len() > max {
            self.forget_oldest();
        }
        true
    }

    pub(super) fn forget(&mut self, now: Now) {
        while self.by_age.front().is_some_and(|(seen, _)| seen.plus_ns(KEPT_NS) <= now) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((_, fingerprint)) = self.by_age.pop_front() {
            self.known.remove(&fingerprint);
        }
    }
}

impl<F: BorshSerialize> BorshSerialize for Repeats<F> {
    fn serialize<W: Write>(&self, out: &mut W) -> std::io::Result<()> {
        self.by_age.serialize(out)
    }
}

impl<F: BorshDeserialize + Copy + Eq + Hash> BorshDeserialize for Repeats<F> {
    fn deserialize_reader<R: Read>(from: &mut R) -> std::io::Result<Self> {
        let by_age = VecDeque::<(Now, F)>::deserialize_reader(from)?;
        Ok(Self { known: by_age.iter().map(|(_, fingerprint)| *fingerprint).collect(), by_age })
    }
}
