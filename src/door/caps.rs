//! How many connections there may be: in all, and of one peer.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Entrance, Listener, Share};

/// Limits of the listeners. A file and a socket count alike for the operating system, see [`Limits::within`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Open connections of all listeners. More wait in the kernel's queue.
    pub connections: u32,
    /// Open connections of one peer. More are closed at once.
    pub connections_per_peer: u32,
    /// Peers on this machine are no exception: proxies and agents bring many clients along, so they are one
    /// until somebody says otherwise.
    pub loopback_counts: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 4096, connections_per_peer: 256, loopback_counts: false }
    }
}

/// Files that are not connections of ours: the journal, receivers, the program itself.
const OTHER_FILES: u32 = 128;

impl Limits {
    pub const CONNECTIONS_MIN: u32 = 16;
    pub const CONNECTIONS_MAX: u32 = 1_000_000;

    /// The page's port has a sixteenth to itself: health and the page are there when senders take the rest.
    pub fn page(self) -> u32 {
        (self.connections / 16).max(4)
    }

    /// Fewer, where the process may not open as many files.
    pub(super) fn within(self, files_max: Option<u32>) -> Self {
        let room = files_max.map_or(u32::MAX, |files| files.saturating_sub(OTHER_FILES));
        let connections = self.connections.min(room.max(Self::CONNECTIONS_MIN));
        if connections < self.connections {
            let wanted = self.connections;
            tracing::info!(connections, wanted, "door.limits.lowered: the limit on open files is too low");
        }
        Self { connections, ..self }
    }
}

#[derive(Debug)]
pub(super) struct Caps {
    limits: Limits,
    senders: Arc<Semaphore>,
    page: Arc<Semaphore>,
    /// Each peer that has a connection.
    peers: Mutex<HashMap<IpAddr, Peer>>,
}

#[derive(Debug, Default)]
struct Peer {
    open: u32,
    share: Arc<Share>,
}

/// The place that a connection takes. Given back when it is dropped.
pub(super) struct Place {
    entrance: Arc<Entrance>,
    pub(super) listener: Listener,
    peer: IpAddr,
    pub(super) is_local: bool,
    pub(super) share: Arc<Share>,
    _slot: OwnedSemaphorePermit,
}

impl Caps {
    pub(super) fn new(limits: Limits) -> Self {
        let page = limits.page();
        let semaphore = |places: u32| Arc::new(Semaphore::new(places as usize));
        let senders = semaphore(limits.connections.saturating_sub(page));
        Self { limits, senders, page: semaphore(page), peers: Mutex::default() }
    }

    pub(super) fn slots(&self, listener: Listener) -> &Arc<Semaphore> {
        match listener {
            Listener::OtlpGrpc | Listener::OtlpHttp => &self.senders,
            Listener::Http => &self.page,
        }
    }

    /// None: it has as many connections as it may.
    fn enter(&self, ip: IpAddr) -> Option<Arc<Share>> {
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        let peer = peers.entry(ip).or_default();
        let counted = self.limits.loopback_counts || !ip.is_loopback();
        if counted && peer.open >= self.limits.connections_per_peer {
            return None;
        }
        peer.open += 1;
        Some(Arc::clone(&peer.share))
    }

    fn leave(&self, peer: IpAddr) {
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut peer) = peers.entry(peer) {
            peer.get_mut().open -= 1;
            if peer.get().open == 0 {
                peer.remove();
            }
        }
    }
}

impl Place {
    /// None, and counted: the peer has as many connections as it may.
    pub(super) fn take(
        entrance: &Arc<Entrance>,
        listener: Listener,
        peer: IpAddr,
        slot: OwnedSemaphorePermit,
    ) -> Option<Self> {
        let (is_local, peer) = (peer.to_canonical().is_loopback(), one_of(peer));
        let Some(share) = entrance.caps.enter(peer) else {
            entrance.meters.refused_peer(listener);
            return None;
        };
        entrance.meters.accepted(listener);
        Some(Self { entrance: Arc::clone(entrance), listener, peer, is_local, share, _slot: slot })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.entrance.caps.leave(self.peer);
        self.entrance.meters.closed(self.listener);
    }
}

/// Who holds one address of IPv6 holds its whole network of 64 bits.
fn one_of(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(ip) if !ip.is_loopback() => {
            IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX)))
        }
        ip => ip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entrance(limits: Limits) -> Arc<Entrance> {
        Arc::new(Entrance { caps: Caps::new(limits), ..Entrance::default() })
    }

    fn enter(entrance: &Arc<Entrance>, listener: Listener, peer: &str) -> Option<Place> {
        let slot = Arc::clone(entrance.caps.slots(listener)).try_acquire_owned().ok()?;
        Place::take(entrance, listener, peer.parse().unwrap(), slot)
    }

    #[test]
    fn a_peer_has_its_share_and_gets_it_back() {
        let entrance = entrance(Limits { connections: 64, connections_per_peer: 2, loopback_counts: false });
        let first = enter(&entrance, Listener::OtlpGrpc, "192.0.2.1");
        let second = enter(&entrance, Listener::Http, "::ffff:192.0.2.1");
        assert!(first.is_some() && second.is_some(), "over all listeners, however the address is written");
        assert!(enter(&entrance, Listener::OtlpHttp, "192.0.2.1").is_none());
        assert!(enter(&entrance, Listener::OtlpHttp, "192.0.2.2").is_some(), "another peer");
        drop(first);
        assert!(enter(&entrance, Listener::OtlpHttp, "192.0.2.1").is_some());
        let v6: Vec<_> =
            (1..=3).map(|host| enter(&entrance, Listener::Http, &format!("2001:db8::{host}"))).collect();
        assert_eq!(v6.iter().flatten().count(), 2, "one network of IPv6 is one peer");
        let local: Vec<_> = (0..4).map(|_| enter(&entrance, Listener::OtlpGrpc, "127.0.0.1")).collect();
        assert_eq!(local.iter().flatten().count(), 4, "this machine is no peer");
        drop((second, v6, local));
        assert!(entrance.caps.peers.lock().unwrap().is_empty(), "who has gone is forgotten");
        let refused: u64 = entrance.meters.snapshot().iter().map(|one| one.refused_peer).sum();
        assert_eq!(refused, 2);
    }

    #[test]
    fn senders_leave_the_page_its_places() {
        let limits = Limits { connections: 64, ..Limits::default() };
        let entrance = entrance(limits);
        let senders: Vec<_> =
            (0..64).map_while(|_| enter(&entrance, Listener::OtlpHttp, "127.0.0.1")).collect();
        let page: Vec<_> = (0..64).map_while(|_| enter(&entrance, Listener::Http, "127.0.0.1")).collect();
        assert_eq!((senders.len(), page.len()), (60, 4));
    }

    #[test]
    fn connections_leave_room_for_other_files() {
        let limits = Limits::default();
        assert_eq!(limits.within(None), limits);
        assert_eq!(limits.within(Some(1_048_576)), limits);
        assert_eq!(limits.within(Some(1_024)).connections, 896);
        assert_eq!(limits.within(Some(10)).connections, Limits::CONNECTIONS_MIN);
    }
}
