//! Made-up requests of a made-up service: which ones ended in a stretch of event time is a pure function of
//! the traffic and that stretch. So the time may run as fast as the caller likes, and cutting it into
//! other stretches gives the same requests.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::chance::Chance;
use crate::model::SECOND_NS;

/// Spread of the durations: a request in six takes longer than about 1.5 times the median, one in forty
/// 2.2 times.
const LATENCY_SIGMA: f64 = 0.4;

/// One of the requests that succeed so often is for something that is not there.
const NOT_FOUND_SHARE: f64 = 0.01;

/// What a service does, evenly drawn: method, route, path (`#` becomes a number) and the good status.
const ROUTES: [(&str, &str, &str, u16); 5] = [
    ("GET", "/items/{id}", "/items/#", 200),
    ("GET", "/items", "/items", 200),
    ("GET", "/cart", "/cart", 200),
    ("POST", "/cart/{id}", "/cart/#", 200),
    ("POST", "/orders", "/orders", 201),
];

/// Failures, evenly drawn: status, exception type, what the log says.
const FAILURES: [(u16, &str, &str); 4] = [
    (500, "NullReference", "no price for the item"),
    (500, "DatabaseError", "could not serialize access due to a concurrent update"),
    (503, "PoolExhausted", "no connection to the database within 250 ms"),
    (504, "UpstreamTimeout", "the payment provider did not answer"),
];

/// One service's requests. Fields may change between two stretches: a bad deployment is a higher
/// `error_share` from some moment on.
#[derive(Clone, Debug)]
pub struct Traffic {
    pub service: String,
    pub version: String,
    pub rate_per_s: f64,
    /// From 0 to 1.
    pub error_share: f64,
    /// Median.
    pub latency_ms: f64,
    pub seed: u64,
    /// Requests are spread evenly from this moment on: in `n` seconds after it, `n · rate_per_s` of them end.
    pub origin_ns: u64,
}

/// One request as its server saw it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Call {
    pub(super) start_ns: u64,
    pub(super) end_ns: u64,
    pub(super) trace_id: [u8; 16],
    pub(super) span_id: [u8; 8],
    pub(super) method: &'static str,
    pub(super) route: &'static str,
    pub(super) path: String,
    pub(super) status: u16,
    /// Type and message, where the status is a 5xx.
    pub(super) failure: Option<(&'static str, &'static str)>,
}

impl Traffic {
    /// The requests that end in `from_ns..to_ns`, in the order of their ends.
    pub(super) fn calls(&self, from_ns: u64, to_ns: u64) -> Vec<Call> {
        let micro_rate = (self.rate_per_s * 1e6).round() as u128; // requests in a million seconds
        let from_ns = from_ns.max(self.origin_ns);
        if micro_rate == 0 || to_ns <= from_ns {
            return Vec::new();
        }
        const SCALE: u128 = SECOND_NS as u128 * 1_000_000;
        // Slot `k` is one request's share of time, and its end is drawn within it.
        let slot_at = |ns: u64| u128::from(ns - self.origin_ns) * micro_rate / SCALE;
        let slot_begins = |slot: u128| self.origin_ns + (slot * SCALE).div_ceil(micro_rate) as u64;
        let seed = xxh3_64_with_seed(self.service.as_bytes(), self.seed);
        (slot_at(from_ns)..=slot_at(to_ns - 1))
            .map(|slot| {
                let (begins, ends) = (slot_begins(slot), slot_begins(slot + 1));
                begins + Chance::new(seed ^ begins).below((ends - begins).max(1))
            })
            .filter(|end_ns| (from_ns..to_ns).contains(end_ns))
            .map(|end_ns| self.call(end_ns, Chance::new(seed.rotate_left(32) ^ end_ns)))
            .collect()
    }

    fn call(&self, end_ns: u64, mut chance: Chance) -> Call {
        let mut trace_id = [0; 16];
        trace_id[..8].copy_from_slice(&chance.next().to_be_bytes());
        trace_id[8..].copy_from_slice(&(chance.next() | 1).to_be_bytes()); // an id of zeros is invalid
        let span_id = (chance.next() | 1).to_be_bytes();
        let latency_ns = self.latency_ms * 1e6 * (LATENCY_SIGMA * chance.normal()).exp();
        let (method, route, path, good) = ROUTES[chance.below(ROUTES.len() as u64) as usize];
        let path = path.replace('#', &chance.below(10_000).to_string());
        let (status, failure) = if chance.share() < self.error_share {
            let (status, kind, text) = FAILURES[chance.below(FAILURES.len() as u64) as usize];
            (status, Some((kind, text)))
        } else if path != route && chance.share() < NOT_FOUND_SHARE {
            (404, None)
        } else {
            (good, None)
        };
        let start_ns = end_ns.saturating_sub(latency_ns as u64);
        Call { start_ns, end_ns, trace_id, span_id, method, route, path, status, failure }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORIGIN: u64 = 1_700_000_000 * SECOND_NS;

    fn traffic(rate_per_s: f64, error_share: f64) -> Traffic {
        let (service, version) = ("checkout".to_owned(), "1.0.0".to_owned());
        Traffic { service, version, rate_per_s, error_share, latency_ms: 80.0, seed: 7, origin_ns: ORIGIN }
    }

    #[test]
    fn however_the_time_is_cut_the_requests_are_the_same() {
        let traffic = traffic(333.3, 0.1);
        let to = ORIGIN + 3 * SECOND_NS;
        let whole = traffic.calls(ORIGIN, to);
        let mut cut = Vec::new();
        let mut from = ORIGIN;
        for step in [1, 999_999_999, 7, 200_000_000, 1_500_000_000].into_iter().cycle() {
            let next = (from + step).min(to);
            cut.extend(traffic.calls(from, next));
            from = next;
            if from == to {
                break;
            }
        }
        assert_eq!(whole, cut);
        assert!(whole.is_sorted_by_key(|call| call.end_ns));
    }

    #[test]
    fn the_rate_is_kept_exactly() {
        for (rate, seconds, expected) in [(100.0, 10, 1000), (0.5, 60, 30), (12_345.0, 2, 24_690)] {
            let to = ORIGIN + seconds * SECOND_NS;
            assert_eq!(traffic(rate, 0.0).calls(ORIGIN, to).len(), expected, "{rate}/s");
        }
        assert!(traffic(100.0, 0.0).calls(0, ORIGIN).is_empty(), "nothing before the origin");
        assert!(traffic(0.0, 0.0).calls(ORIGIN, ORIGIN + SECOND_NS).is_empty());
    }

    #[test]
    fn failures_and_durations_are_as_asked() {
        let mut calls = traffic(10_000.0, 0.05).calls(ORIGIN, ORIGIN + 2 * SECOND_NS);
        let failed = calls.iter().filter(|call| call.status >= 500).count();
        assert!((900..1100).contains(&failed), "{failed} of 20000");
        assert!(calls.iter().all(|call| (call.status >= 500) == call.failure.is_some()));
        calls.sort_by_key(|call| call.end_ns - call.start_ns);
        let median_ms = (calls[10_000].end_ns - calls[10_000].start_ns) / 1_000_000;
        assert!((76..84).contains(&median_ms), "{median_ms}");
    }

    #[test]
    fn ids_differ_between_requests_services_and_seeds() {
        let one = traffic(1000.0, 0.0);
        let other = Traffic { service: "cart".to_owned(), ..one.clone() };
        let third = Traffic { seed: 8, ..one.clone() };
        let calls = [one, other, third].map(|traffic| traffic.calls(ORIGIN, ORIGIN + SECOND_NS)).concat();
        let ids: std::collections::BTreeSet<_> = calls.iter().map(|call| call.span_id).collect();
        assert_eq!(ids.len(), 3000);
    }
}
