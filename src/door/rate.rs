//! How much a sender may bring a second. Asked before a body is read; what it turned out to hold is charged
//! afterwards, so one request may overdraw, and the next one waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Share;

const SECOND_NS: u64 = 1_000_000_000;
/// What anybody is told to wait at most: who comes back earlier than needed is told again.
const WAIT_MAX_S: u64 = 60;

/// None: no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// Spans, log records and metric points.
    pub items_per_second: Option<u64>,
    /// Decompressed.
    pub bytes_per_second: Option<u64>,
}

#[derive(Debug, Default)]
pub(super) struct Allowances {
    items: Allowance,
    bytes: Allowance,
    /// What is in flight of it.
    pub(super) share: Arc<Share>,
}

/// Refills evenly; what is not used within a second is gone.
#[derive(Debug, Default)]
struct Allowance {
    /// 0: no limit.
    per_second: AtomicU64,
    /// When all that was charged is paid, on the clock of the caller.
    paid_at_ns: AtomicU64,
}

impl Allowances {
    pub(super) fn new(rates: Rates) -> Self {
        let allowances = Self::default();
        allowances.set(rates);
        allowances
    }

    /// Whether anything differs. A rate that does begins with nothing owed.
    pub(super) fn set(&self, rates: Rates) -> bool {
        let differ = [self.items.set(rates.items_per_second), self.bytes.set(rates.bytes_per_second)];
        differ.contains(&true)
    }

    /// The seconds to wait; none where there is something left.
    pub(super) fn wait_s(&self, now_ns: u64) -> Option<u32> {
        self.items.wait_s(now_ns).max(self.bytes.wait_s(now_ns))
    }

    pub(super) fn charge_items(&self, now_ns: u64, items: u64) {
        self.items.charge(now_ns, items);
    }

    pub(super) fn charge_bytes(&self, now_ns: u64, bytes: u64) {
        self.bytes.charge(now_ns, bytes);
    }
}

impl Allowance {
    fn set(&self, per_second: Option<u64>) -> bool {
        let new = per_second.map_or(0, |rate| rate.max(1));
        let differs = self.per_second.swap(new, Ordering::Relaxed) != new;
        if differs {
            self.paid_at_ns.store(0, Ordering::Relaxed);
        }
        differs
    }

    fn wait_s(&self, now_ns: u64) -> Option<u32> {
        let owed_ns = self.paid_at_ns.load(Ordering::Relaxed).saturating_sub(now_ns);
        (owed_ns > 0 && self.per_second.load(Ordering::Relaxed) > 0)
            .then(|| owed_ns.div_ceil(SECOND_NS).clamp(1, WAIT_MAX_S) as u32)
    }

    fn charge(&self, now_ns: u64, amount: u64) {
        let per_second = self.per_second.load(Ordering::Relaxed);
        if per_second == 0 {
            return;
        }
        let cost_ns = u128::from(amount) * u128::from(SECOND_NS) / u128::from(per_second);
        let cost_ns = u64::try_from(cost_ns).unwrap_or(u64::MAX);
        let saved_from = now_ns.saturating_sub(SECOND_NS);
        let _always = self.paid_at_ns.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |paid_at| {
            Some(paid_at.max(saved_from).saturating_add(cost_ns))
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = SECOND_NS;

    fn items(per_second: u64) -> Allowances {
        Allowances::new(Rates { items_per_second: Some(per_second), bytes_per_second: None })
    }

    #[test]
    fn a_second_s_worth_passes_at_once_and_then_as_much_as_time_has_paid() {
        let allowances = items(100);
        let now = 10 * S;
        for _ in 0..10 {
            assert_eq!(allowances.wait_s(now), None);
            allowances.charge_items(now, 10);
        }
        assert_eq!(allowances.wait_s(now), None, "exactly a second's worth owes nothing");
        allowances.charge_items(now, 10);
        assert_eq!(allowances.wait_s(now), Some(1));
        assert_eq!(allowances.wait_s(now + S / 10 - 1), Some(1));
        assert_eq!(allowances.wait_s(now + S / 10), None);
    }

    #[test]
    fn a_request_that_overdraws_is_paid_for_before_the_next_one() {
        let allowances = items(100);
        allowances.charge_items(10 * S, 1_000);
        assert_eq!(allowances.wait_s(10 * S), Some(9));
        assert_eq!(allowances.wait_s(19 * S), None);
        allowances.charge_items(19 * S, 1_000_000);
        assert_eq!(allowances.wait_s(19 * S), Some(60), "nobody is sent away for longer than a minute");
    }

    #[test]
    fn nothing_is_saved_up_beyond_a_second_and_nothing_without_a_limit_is_ever_owed() {
        let allowances = items(100);
        allowances.charge_items(1_000 * S, 101);
        assert!(allowances.wait_s(1_000 * S).is_some());
        let free = Allowances::new(Rates::default());
        free.charge_items(S, u64::MAX);
        free.charge_bytes(S, u64::MAX);
        assert_eq!(free.wait_s(S), None);
    }

    #[test]
    fn a_rate_that_changes_begins_with_nothing_owed_and_one_that_does_not_goes_on() {
        let both = |items, bytes| Rates { items_per_second: items, bytes_per_second: bytes };
        let allowances = Allowances::new(both(Some(10), Some(1_000)));
        allowances.charge_items(10 * S, 100);
        allowances.charge_bytes(10 * S, 3_000);
        assert!(!allowances.set(both(Some(10), Some(1_000))));
        assert_eq!(allowances.wait_s(10 * S), Some(9));
        assert!(allowances.set(both(Some(20), Some(1_000))));
        assert_eq!(allowances.wait_s(10 * S), Some(2), "of bytes, whose rate is what it was");
        assert!(allowances.set(both(None, None)));
        allowances.charge_items(10 * S, 1_000_000);
        assert_eq!(allowances.wait_s(10 * S), None);
        assert!(allowances.set(both(None, Some(5))));
        allowances.charge_bytes(10 * S, 10);
        assert_eq!(allowances.wait_s(10 * S), Some(1));
    }

    #[test]
    fn the_scarcer_of_bytes_and_items_decides() {
        let allowances = Allowances::new(Rates { items_per_second: Some(10), bytes_per_second: Some(1_000) });
        allowances.charge_items(10 * S, 20);
        allowances.charge_bytes(10 * S, 4_000);
        assert_eq!(allowances.wait_s(10 * S), Some(3));
    }
}
