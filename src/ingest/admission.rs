//! The memory that requests in flight may take together, over both listeners: bytes while a body is read and
//! folded, items from the fold to the answer. Beyond it a request is refused with a time to come back at: the
//! sender still has the data.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::HeaderMap;

use crate::door::Share;

/// Bytes in flight that a process admits by default.
const BYTES_MAX: u64 = 128 * 1024 * 1024;

/// Of these one sender may have half: the others are let in while it floods.
const SHARE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Items between fold and answer that a process admits.
const ITEMS_MAX: u64 = 1_000_000;

/// What a client that met a full budget is told to wait.
pub(super) const RETRY_AFTER_S: u32 = 1;

#[derive(Debug)]
pub struct Admission {
    bytes_max: u64,
    bytes: AtomicU64,
    share_max: u64,
    items_max: u64,
    items: AtomicU64,
}

impl Default for Admission {
    fn default() -> Self {
        Self { share_max: SHARE_BYTES_MAX, ..Self::with_limits(BYTES_MAX, ITEMS_MAX) }
    }
}

/// The bytes of one request. Given back when it is dropped.
#[derive(Debug)]
pub struct Ticket {
    admission: Arc<Admission>,
    share: Arc<Share>,
    bytes: u64,
}

/// Given back when it is dropped.
#[derive(Debug)]
pub struct ItemsHeld {
    admission: Arc<Admission>,
    items: u64,
}

impl Drop for ItemsHeld {
    fn drop(&mut self) {
        self.admission.items.fetch_sub(self.items, Ordering::Relaxed);
    }
}

/// The budget does not hold that much more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OverBudget;

impl Admission {
    pub fn with_limits(bytes_max: u64, items_max: u64) -> Self {
        let none = || AtomicU64::new(0);
        Self { bytes_max, bytes: none(), share_max: bytes_max, items_max, items: none() }
    }

    pub fn bytes_in_flight(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub fn bytes_max(&self) -> u64 {
        self.bytes_max
    }

    pub fn items_in_flight(&self) -> u64 {
        self.items.load(Ordering::Relaxed)
    }

    /// For the items of a request that was folded, until its answer is there. A request alone always passes.
    pub fn hold(self: &Arc<Self>, items: u64) -> Result<ItemsHeld, OverBudget> {
        let added = self.items.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |now| {
            now.checked_add(items).filter(|sum| now == 0 || *sum <= self.items_max)
        });
        added.map(|_| ItemsHeld { admission: Arc::clone(self), items }).map_err(|_| OverBudget)
    }

    /// A request whose length is announced begins only if all of it would fit now. Nothing is set aside
    /// for the announcement: a client that sends slowly must not hold what it has not sent.
    pub(super) fn begin(self: &Arc<Self>, share: &Arc<Share>, announced: u64) -> Result<Ticket, OverBudget> {
        let all_full = self.bytes_in_flight().saturating_add(announced) > self.bytes_max;
        if all_full || share.now().saturating_add(announced) > self.share_max {
            return Err(OverBudget);
        }
        Ok(Ticket { admission: Arc::clone(self), share: Arc::clone(share), bytes: 0 })
    }
}

impl Ticket {
    pub(super) fn grow(&mut self, by: usize) -> Result<(), OverBudget> {
        let by = by as u64;
        let admission = &self.admission;
        if !self.share.take(by, admission.share_max) {
            return Err(OverBudget);
        }
        let added = admission.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |now| {
            now.checked_add(by).filter(|sum| *sum <= admission.bytes_max)
        });
        if added.is_err() {
            self.share.give_back(by);
            return Err(OverBudget);
        }
        self.bytes += by;
        Ok(())
    }

    /// Gives back what the request no longer holds, such as its compressed form.
    pub(super) fn shrink(&mut self, by: usize) {
        let by = (by as u64).min(self.bytes);
        self.bytes -= by;
        self.share.give_back(by);
        self.admission.bytes.fetch_sub(by, Ordering::Relaxed);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.shrink(usize::MAX);
    }
}

/// What a request holds beside its body, about: its head, and what serves it.
pub(super) fn head_bytes(headers: &HeaderMap) -> usize {
    const OF_A_REQUEST: usize = 8 * 1024;
    const OF_A_HEADER: usize = 96;
    let each = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + OF_A_HEADER);
    OF_A_REQUEST + each.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_grows_to_the_budget_and_gives_everything_back() {
        let admission = Arc::new(Admission::with_limits(10, 10));
        let share = Arc::default();
        let mut one = admission.begin(&share, 10).unwrap();
        let mut two = admission.begin(&share, 0).unwrap();
        assert_eq!(one.grow(8), Ok(()));
        assert_eq!(two.grow(3), Err(OverBudget));
        assert_eq!(two.grow(2), Ok(()));
        assert_eq!(admission.bytes_in_flight(), 10);
        one.shrink(5);
        assert_eq!(admission.bytes_in_flight(), 5);
        assert!(
            admission.begin(&share, 6).is_err(),
            "an announced length is looked at before the body is read"
        );
        drop((one, two));
        assert_eq!((admission.bytes_in_flight(), share.now()), (0, 0));
    }

    #[test]
    fn a_sender_that_has_its_share_leaves_the_rest_to_others() {
        let admission = Arc::new(Admission { share_max: 5, ..Admission::with_limits(10, 10) });
        let [loud, good, late] = [(); 3].map(|()| Arc::new(Share::default()));
        let mut held = admission.begin(&loud, 5).unwrap();
        assert_eq!(held.grow(5), Ok(()));
        assert!(admission.begin(&loud, 1).is_err());
        assert_eq!(admission.begin(&loud, 0).unwrap().grow(1), Err(OverBudget));
        let mut of_good = admission.begin(&good, 4).unwrap();
        assert_eq!(of_good.grow(4), Ok(()));
        assert_eq!(admission.begin(&late, 1).unwrap().grow(2), Err(OverBudget), "all together");
        assert_eq!((late.now(), admission.bytes_in_flight()), (0, 9));
        drop(held);
        assert!(admission.begin(&loud, 5).is_ok());
    }

    #[test]
    fn items_are_held_up_to_the_budget_and_one_request_alone_always_passes() {
        let admission = Arc::new(Admission::with_limits(10, 100));
        let most = admission.hold(60).unwrap();
        assert!(admission.hold(41).is_err());
        let rest = admission.hold(40).unwrap();
        assert_eq!(admission.items_in_flight(), 100);
        drop((most, rest));
        assert_eq!(admission.items_in_flight(), 0);
        let large = admission.hold(101).unwrap();
        assert!(admission.hold(1).is_err());
        drop(large);
    }
}
