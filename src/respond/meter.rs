//! What was sent, by receiver: plain counters that anybody may read at any time.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};

#[derive(Debug, Default)]
pub(super) struct Meter {
    pub attempts: AtomicU64,
    pub retried: AtomicU64,
    pub delivered: AtomicU64,
    pub failed: AtomicU64,
    /// Nanoseconds since 1970; 0 stands for never.
    pub last_success_ns: AtomicU64,
}

/// One receiver's counters. Attempts and retries count requests, the other two notifications.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiverCounts {
    pub receiver: String,
    pub attempts: u64,
    pub retried: u64,
    pub delivered: u64,
    pub failed: u64,
    /// When a request last had a good answer, by our clock, in nanoseconds since 1970.
    pub last_success_ns: Option<u64>,
}

/// A handle on the counters of all receivers.
#[derive(Clone, Debug, Default)]
pub struct Meters(Arc<RwLock<BTreeMap<String, Arc<Meter>>>>);

impl Meters {
    /// These receivers count; what is known of one that stays goes on, the others are forgotten.
    pub(super) fn keep(&self, names: impl Iterator<Item = String>) {
        let mut meters = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *meters = names.map(|name| (name.clone(), meters.get(&name).cloned().unwrap_or_default())).collect();
    }

    /// A receiver that nobody configured counts for itself, where nobody looks.
    pub(super) fn of(&self, receiver: &str) -> Arc<Meter> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(receiver).cloned().unwrap_or_default()
    }

    /// In order of the receivers' names.
    pub fn snapshot(&self) -> Vec<ReceiverCounts> {
        let meters = self.0.read().unwrap_or_else(PoisonError::into_inner);
        meters.iter().map(|(name, meter)| meter.read(name)).collect()
    }
}

impl Meter {
    pub fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Relaxed);
    }

    pub fn succeeded_at(&self, wall_ns: u64) {
        self.last_success_ns.fetch_max(wall_ns, Relaxed);
    }

    fn read(&self, receiver: &str) -> ReceiverCounts {
        let last = self.last_success_ns.load(Relaxed);
        ReceiverCounts {
            receiver: receiver.to_owned(),
            attempts: self.attempts.load(Relaxed),
            retried: self.retried.load(Relaxed),
            delivered: self.delivered.load(Relaxed),
            failed: self.failed.load(Relaxed),
            last_success_ns: (last > 0).then_some(last),
        }
    }
}
