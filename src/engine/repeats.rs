//! Fingerprints of the requests that were counted lately, so that a repeated one is not counted again.

use std::collections::VecDeque;
use std::io::{Read, Write};

use borsh::{BorshDeserialize, BorshSerialize};
use foldhash::fast::FixedState;
use hashbrown::HashSet;

use crate::model::{Now, SECOND_NS};

/// How long a request is remembered.
const KEPT_NS: u64 = 900 * SECOND_NS;
/// 1,100 requests a second for a quarter of an hour; beyond that the oldest are forgotten early.
const KEPT_MAX: usize = 1_000_000;

#[derive(Debug, Default)]
pub(super) struct Repeats {
    known: HashSet<u128, FixedState>,
    by_age: VecDeque<(Now, u128)>,
}

impl Repeats {
    /// Whether these bytes were seen before; remembers them if not.
    pub(super) fn is_repeat(&mut self, now: Now, fingerprint: Option<u128>) -> bool {
        let Some(fingerprint) = fingerprint else { return false };
        self.forget(now);
        if !self.known.insert(fingerprint) {
            return true;
        }
        self.by_age.push_back((now, fingerprint));
        if self.by_age.len() > KEPT_MAX {
            self.forget_oldest();
        }
        false
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

impl BorshSerialize for Repeats {
    fn serialize<W: Write>(&self, out: &mut W) -> std::io::Result<()> {
        self.by_age.serialize(out)
    }
}

impl BorshDeserialize for Repeats {
    fn deserialize_reader<R: Read>(from: &mut R) -> std::io::Result<Self> {
        let by_age = VecDeque::<(Now, u128)>::deserialize_reader(from)?;
        Ok(Self { known: by_age.iter().map(|(_, fingerprint)| *fingerprint).collect(), by_age })
    }
}
