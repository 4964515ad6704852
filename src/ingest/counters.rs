//! What the listeners did, for `/metrics`. Plain numbers; naming them is the reader's business.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::model::Signal;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    Http,
    Grpc,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Accepted,
    /// Accepted but for some of its items.
    Partial,
    Malformed,
    TooLarge,
    /// Without a token that is known.
    Unauthenticated,
    /// With a token of another role.
    Forbidden,
    /// Its sender brought more than it may a second.
    RateLimited,
    /// Unknown path, method, type or encoding.
    Unsupported,
    TooSlow,
    Busy,
    Unavailable,
    /// The client went away, or gave up, before it had its answer.
    Abandoned,
}

/// Safe to share; every number only grows.
#[derive(Debug, Default)]
pub struct Counters {
    requests: [[[AtomicU64; Outcome::ALL.len()]; SIGNALS]; 2],
    bytes_in: [AtomicU64; 2],
    bytes_inflated: AtomicU64,
}

/// The three signals, and one place for requests that named none.
const SIGNALS: usize = Signal::ALL.len() + 1;

/// One line of the requests' counts; only what happened at least once has a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requests {
    pub transport: Transport,
    /// `None` where the path named no signal.
    pub signal: Option<Signal>,
    pub outcome: Outcome,
    pub count: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    pub requests: Vec<Requests>,
    /// As they came over the wire, compressed or not: HTTP, gRPC.
    pub bytes_in: [(Transport, u64); 2],
    /// What compressed bodies became.
    pub bytes_inflated: u64,
}

impl Transport {
    pub const ALL: [Self; 2] = [Self::Http, Self::Grpc];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Grpc => "grpc",
        }
    }
}

impl Outcome {
    pub const ALL: [Self; 12] = [
        Self::Accepted,
        Self::Partial,
        Self::Malformed,
        Self::TooLarge,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::RateLimited,
        Self::Unsupported,
        Self::TooSlow,
        Self::Busy,
        Self::Unavailable,
        Self::Abandoned,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Partial => "partial",
            Self::Malformed => "malformed",
            Self::TooLarge => "too_large",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::RateLimited => "rate_limited",
            Self::Unsupported => "unsupported",
            Self::TooSlow => "too_slow",
            Self::Busy => "busy",
            Self::Unavailable => "unavailable",
            Self::Abandoned => "abandoned",
        }
    }
}

impl Counters {
    pub fn snapshot(&self) -> Snapshot {
        let mut requests = Vec::new();
        for transport in Transport::ALL {
            for signal in Signal::ALL.iter().copied().map(Some).chain([None]) {
                for outcome in Outcome::ALL {
                    let count = self.cell(transport, signal, outcome).load(Ordering::Relaxed);
                    if count > 0 {
                        requests.push(Requests { transport, signal, outcome, count });
                    }
                }
            }
        }
        let read = |cells: &[AtomicU64; 2]| {
            Transport::ALL.map(|transport| (transport, cells[transport as usize].load(Ordering::Relaxed)))
        };
        Snapshot {
            requests,
            bytes_in: read(&self.bytes_in),
            bytes_inflated: self.bytes_inflated.load(Ordering::Relaxed),
        }
    }

    pub(super) fn answered(&self, transport: Transport, signal: Option<Signal>, outcome: Outcome) {
        self.cell(transport, signal, outcome).fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn received(&self, transport: Transport, bytes: usize) {
        self.bytes_in[transport as usize].fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn inflated(&self, bytes: usize) {
        self.bytes_inflated.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn cell(&self, transport: Transport, signal: Option<Signal>, outcome: Outcome) -> &AtomicU64 {
        let signal = signal.map_or(SIGNALS - 1, |signal| signal as usize);
        &self.requests[transport as usize][signal][outcome as usize]
    }
}

/// Counts one request however it ends: also where the client went away and the work was dropped.
pub(super) struct Tally<'a> {
    pub(super) counters: &'a Counters,
    pub(super) transport: Transport,
    pub(super) signal: Option<Signal>,
    pub(super) outcome: Outcome,
}

impl Drop for Tally<'_> {
    fn drop(&mut self) {
        self.counters.answered(self.transport, self.signal, self.outcome);
    }
}
