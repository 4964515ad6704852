//! What was sent, by receiver: plain counters that anybody may read at any time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

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
#[derive(Clone, Debug)]
pub struct Meters(Arc<BTreeMap<String, Arc<Meter>>>);

impl Meters {
    pub(super) fn new(names: impl Iterator<Item = String>) -> Self {
        Self(Arc::new(names.map(|name| (name, Arc::default())).collect()))
    }

    /// A receiver that nobody configured counts for itself, where nobody looks.
    pub(super) fn of(&self, receiver: &str) -> Arc<Meter> {
        self.0.get(receiver).map(Arc::clone).unwrap_or_default()
    }

    /// In order of the receivers' names.
    pub fn snapshot(&self) -> Vec<ReceiverCounts> {
        self.0.iter().map(|(name, meter)| meter.read(name)).collect()
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
