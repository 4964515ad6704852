//! What one sender has in flight: a token where there are tokens, the address of a peer otherwise. How much that may
//! be, and of what, is known where it is counted.

use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Debug, Default)]
pub struct Share(AtomicU64);

impl Share {
    pub fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Whether there was room for so much more.
    pub fn take(&self, amount: u64, most: u64) -> bool {
        let taken = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |now| {
            now.checked_add(amount).filter(|sum| *sum <= most)
        });
        taken.is_ok()
    }

    pub fn give_back(&self, amount: u64) {
        self.0.fetch_sub(amount, Ordering::Relaxed);
    }
}
