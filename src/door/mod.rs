//! Edge: the listening sockets, and what every connection meets before a request is looked at: limits on
//! their number, on how long a peer may keep us waiting, and on what HTTP may carry.
//!
//! Binding is apart from serving, so that the daemon can hold every port before it accepts on any of them.
//! What a request means is not known here.

mod meters;
mod serve;
mod socket;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::Semaphore;

pub use meters::{ListenerCounts, Meters};
pub use serve::{DRAIN_MAX, Visitor, serve};
pub use socket::Busy;

/// Open connections of one listener. More wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 4096;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listener {
    OtlpGrpc,
    OtlpHttp,
    /// The page, the API, metrics.
    Http,
}

impl Listener {
    pub const ALL: [Self; 3] = [Self::OtlpGrpc, Self::OtlpHttp, Self::Http];

    /// As in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OtlpGrpc => "otlp_grpc",
            Self::OtlpHttp => "otlp_http",
            Self::Http => "http",
        }
    }
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

/// Takes a port for [`serve`].
pub async fn bind(addr: &str) -> io::Result<Bound> {
    let listener = TcpListener::bind(addr).await?;
    let addr = listener.local_addr()?;
    Ok(Bound { listener, addr })
}

/// What the listeners of a process share.
#[derive(Debug)]
pub struct Entrance {
    slots: [Arc<Semaphore>; Listener::ALL.len()],
    meters: Meters,
}

impl Default for Entrance {
    fn default() -> Self {
        let slots = Listener::ALL.map(|_| Arc::new(Semaphore::new(CONNECTIONS_MAX)));
        Self { slots, meters: Meters::default() }
    }
}

impl Entrance {
    pub fn meters(&self) -> &Meters {
        &self.meters
    }

    fn slots(&self, listener: Listener) -> &Arc<Semaphore> {
        &self.slots[listener as usize]
    }
}
