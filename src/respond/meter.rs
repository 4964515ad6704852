//! What was sent, by receiver: plain counters that anybody may read at any time.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};

#[derive(Debug, Default)]
pub(super) struct Number(AtomicU64);

impl Number {
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Relaxed);
    }

    pub fn sub(&self, less: u64) {
        self.0.fetch_sub(less, Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

#[derive(Debug, Default)]
pub(super) struct Meter {
    pub attempts: Number,
    pub retried: Number,
    pub delivered: Number,
    pub failed: Number,
    pub truncated: Number,
    pub collapsed: Number,
    pub handed_over: Number,
    pub broken: Number,
    /// Nanoseconds since 1970; 0 stands for never.
    last_success_ns: AtomicU64,
}

/// One receiver's counters. Attempts and retries count deliveries that were tried, the others notifications.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiverCounts {
    pub receiver: String,
    pub attempts: u64,
    pub retried: u64,
    pub delivered: u64,
    pub failed: u64,
    /// Shortened to what the service allows.
    pub truncated: u64,
    /// Episodes that began and ended while the queue was full, and that nobody heard of.
    pub collapsed: u64,
    /// Pages that went to the fallback.
    pub handed_over: u64,
    /// Integrations that let nothing through just now.
    pub broken: u64,
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
    pub fn succeeded_at(&self, wall_ns: u64) {
        self.last_success_ns.fetch_max(wall_ns, Relaxed);
    }

    fn read(&self, receiver: &str) -> ReceiverCounts {
        let last = self.last_success_ns.load(Relaxed);
        ReceiverCounts {
            receiver: receiver.to_owned(),
            attempts: self.attempts.get(),
            retried: self.retried.get(),
            delivered: self.delivered.get(),
            failed: self.failed.get(),
            truncated: self.truncated.get(),
            collapsed: self.collapsed.get(),
            handed_over: self.handed_over.get(),
            broken: self.broken.get(),
            last_success_ns: (last > 0).then_some(last),
        }
    }
}
