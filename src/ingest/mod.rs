//! Edge: the OTLP listeners. A request is read, bounded and inflated here and then handed to [`Intake`];
//! what its items mean, and whether they count, is decided elsewhere.
//!
//! Binding is apart from serving, so that the daemon can hold every port before it accepts on any of them.
//! Whatever a client does wrong gets a status that tells it so; nothing here answers 500 or INTERNAL.

mod admission;
mod body;
mod counters;
mod grpc;
mod http;
mod inflate;
mod refusal;
mod reply;
mod socket;

use std::future::Future;
use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use tokio::net::TcpListener;

use crate::decode::Encoding;
use crate::model::Signal;

pub use admission::Admission;
pub use counters::{Counters, Outcome, Requests, Snapshot, Transport};
pub use grpc::serve_grpc;
pub use http::serve_http;

/// The largest request, decompressed. The same bound holds for what arrives compressed.
pub const BODY_BYTES_MAX: usize = 20 * 1024 * 1024;

/// How long a shutdown waits for requests that are already here.
pub const DRAIN_MAX: std::time::Duration = std::time::Duration::from_secs(5);

/// Where a request goes. The daemon implements it over the plan and the ledger's inbox.
pub trait Intake: Send + Sync + 'static {
    /// Folds one decompressed request and waits for the ledger's answer.
    fn take(&self, signal: Signal, encoding: Encoding, body: Bytes) -> impl Future<Output = Answer> + Send;
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Committed. `rejected` items can never be accepted; `reason` is why the first of them was not.
    Accepted {
        rejected: u64,
        reason: Option<String>,
    },
    Malformed(String),
    /// More than may be in one request; the text says of what: `200000 items`.
    TooMuch(String),
    /// The ledger's inbox is full.
    Busy {
        retry_after_s: u32,
    },
    /// We are draining, or the journal cannot be written.
    Unavailable {
        retry_after_s: u32,
    },
}

/// A port that is ours but not yet served.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    addr: SocketAddr,
}

impl Bound {
    /// The address as bound: a port 0 has become the port that was taken.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}

/// Takes a port for [`serve_http`] or [`serve_grpc`].
pub async fn bind(addr: &str) -> io::Result<Bound> {
    let listener = TcpListener::bind(addr).await?;
    let addr = listener.local_addr()?;
    Ok(Bound { listener, addr })
}

#[cfg(test)]
mod tests;
