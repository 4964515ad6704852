//! What the listeners did, for `/metrics`. Plain numbers; naming them is the reader's business.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{Denied, Listener};

/// Safe to share.
#[derive(Debug, Default)]
pub struct Meters {
    cells: [Cells; Listener::ALL.len()],
}

#[derive(Debug, Default)]
struct Cells {
    accepted: AtomicU64,
    closed: AtomicU64,
    handshakes_failed: AtomicU64,
    refused_peer: AtomicU64,
    cut: AtomicU64,
    unknown: AtomicU64,
    other_role: AtomicU64,
    too_fast: AtomicU64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenerCounts {
    pub listener: Listener,
    /// Connections since the start.
    pub accepted: u64,
    pub open: u64,
    /// Connections that ended in the handshake of TLS.
    pub handshakes_failed: u64,
    /// Connections of peers that had as many as they may.
    pub refused_peer: u64,
    /// Connections that we ended: a flood of frames, or answers that nobody takes.
    pub cut: u64,
    /// Requests without a token that is known.
    pub unauthenticated: u64,
    /// Requests whose token has another role.
    pub forbidden: u64,
    /// Requests of senders that brought more than they may.
    pub rate_limited: u64,
}

impl Meters {
    pub fn snapshot(&self) -> [ListenerCounts; Listener::ALL.len()] {
        Listener::ALL.map(|listener| {
            let cells = &self.cells[listener as usize];
            let read = |cell: &AtomicU64| cell.load(Ordering::Relaxed);
            // In this order, or a connection that ends just now would count below zero.
            let closed = read(&cells.closed);
            let accepted = read(&cells.accepted);
            ListenerCounts {
                listener,
                accepted,
                open: accepted.saturating_sub(closed),
                handshakes_failed: read(&cells.handshakes_failed),
                refused_peer: read(&cells.refused_peer),
                cut: read(&cells.cut),
                unauthenticated: read(&cells.unknown),
                forbidden: read(&cells.other_role),
                rate_limited: read(&cells.too_fast),
            }
        })
    }

    pub(super) fn accepted(&self, listener: Listener) {
        self.cells[listener as usize].accepted.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn closed(&self, listener: Listener) {
        self.cells[listener as usize].closed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn handshake_failed(&self, listener: Listener) {
        self.cells[listener as usize].handshakes_failed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn refused_peer(&self, listener: Listener) {
        self.cells[listener as usize].refused_peer.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn cut(&self, listener: Listener) {
        self.cells[listener as usize].cut.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn denied(&self, listener: Listener, denied: Denied) {
        let cells = &self.cells[listener as usize];
        let cell = match denied {
            Denied::TooFast { .. } => &cells.too_fast,
            _ if denied.is_unknown() => &cells.unknown,
            _ => &cells.other_role,
        };
        cell.fetch_add(1, Ordering::Relaxed);
    }
}
