//! What the listeners did, for `/metrics`. Plain numbers; naming them is the reader's business.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Listener;

/// Safe to share.
#[derive(Debug, Default)]
pub struct Meters {
    cells: [Cells; Listener::ALL.len()],
}

#[derive(Debug, Default)]
struct Cells {
    accepted: AtomicU64,
    closed: AtomicU64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenerCounts {
    pub listener: Listener,
    /// Connections since the start.
    pub accepted: u64,
    pub open: u64,
}

impl Meters {
    pub fn snapshot(&self) -> [ListenerCounts; Listener::ALL.len()] {
        Listener::ALL.map(|listener| {
            let cells = &self.cells[listener as usize];
            let closed = cells.closed.load(Ordering::Relaxed);
            let accepted = cells.accepted.load(Ordering::Relaxed);
            ListenerCounts { listener, accepted, open: accepted.saturating_sub(closed) }
        })
    }

    pub(super) fn accepted(&self, listener: Listener) {
        self.cells[listener as usize].accepted.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn closed(&self, listener: Listener) {
        self.cells[listener as usize].closed.fetch_add(1, Ordering::Relaxed);
    }
}
