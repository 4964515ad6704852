//! What one sender has in flight: a token where there are tokens, the address of a peer otherwise. How much that may
//! be, and of what, is known where it is counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

#[derive(Debug, Default)]
pub struct Share {
    held: AtomicU64,
    drains: AtomicU32,
}

/// A body of this sender that is read to be thrown away.
#[derive(Debug)]
pub struct Drain(Arc<Share>);

impl Share {
    pub fn now(&self) -> u64 {
        self.held.load(Ordering::Relaxed)
    }

    /// Whether there was room for so much more.
    pub fn take(&self, amount: u64, most: u64) -> bool {
        let taken = self.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |now| {
            now.checked_add(amount).filter(|sum| *sum <= most)
        });
        taken.is_ok()
    }

    pub fn give_back(&self, amount: u64) {
        self.held.fetch_sub(amount, Ordering::Relaxed);
    }

    pub fn drain(self: &Arc<Self>) -> Drain {
        self.drains.fetch_add(1, Ordering::Relaxed);
        Drain(Arc::clone(self))
    }
}

impl Drain {
    /// How many of this sender there are, this one included.
    pub fn all(&self) -> u32 {
        self.0.drains.load(Ordering::Relaxed)
    }
}

impl Drop for Drain {
    fn drop(&mut self) {
        self.0.drains.fetch_sub(1, Ordering::Relaxed);
    }
}
