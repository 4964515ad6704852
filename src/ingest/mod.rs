//! Edge: the OTLP listeners. A request is read, bounded and inflated here and then handed to [`Intake`];
//! what its items mean, and whether they count, is decided elsewhere.
//!
//! Whatever a client does wrong gets a status that tells it so; nothing here answers 500 or INTERNAL.

mod admission;
mod body;
mod counters;
mod grpc;
mod http;
mod inflate;
mod refusal;
mod reply;

use std::future::Future;

use bytes::Bytes;

use crate::decode::Encoding;
use crate::model::Signal;

pub use admission::{Admission, ItemsHeld, OverBudget};
pub use counters::{Counters, Outcome, Requests, Snapshot, Transport};
pub use grpc::serve_grpc;
pub use http::serve_http;

/// The largest request, decompressed. The same bound holds for what arrives compressed.
pub const BODY_BYTES_MAX: usize = 20 * 1024 * 1024;

/// Where a request goes. The daemon implements it over the plan and the ledger's inbox.
pub trait Intake: Send + Sync + 'static {
    /// Folds one decompressed request and waits for the ledger's answer.
    fn take(&self, signal: Signal, encoding: Encoding, body: Bytes) -> impl Future<Output = Answer> + Send;
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Committed. `rejected` items can never be accepted; `reason` is why the first of them was not.
    Accepted {
        /// All that the request held.
        items: u64,
        rejected: u64,
        reason: Option<String>,
    },
    Malformed(String),
    /// More than may be in one request; the text says of what: `200000 items`.
    TooMuch(String),
    /// The ledger's inbox is full, or too many items are in flight.
    Busy {
        retry_after_s: u32,
    },
    /// We are draining, or the journal cannot be written.
    Unavailable {
        retry_after_s: u32,
    },
}

impl Answer {
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Accepted { rejected: 0, .. } => Outcome::Accepted.as_str(),
            Self::Accepted { .. } => Outcome::Partial.as_str(),
            Self::Malformed(_) => Outcome::Malformed.as_str(),
            Self::TooMuch(_) => Outcome::TooLarge.as_str(),
            Self::Busy { .. } => Outcome::Busy.as_str(),
            Self::Unavailable { .. } => Outcome::Unavailable.as_str(),
        }
    }
}

#[cfg(test)]
mod tests;
