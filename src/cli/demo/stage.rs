//! The simulated services: what they send, by event time.

use std::time::{Duration, Instant};

use crate::engine::History;
use crate::model::{SECOND_NS, Signal};
use crate::send::{Traffic, Wire};

/// The lead that event time starts behind our clock: it may run ahead of the clock for this long.
pub(super) const BEHIND_S: u64 = 600;
/// Event time runs this much faster until it has caught up.
pub(super) const SPEED: u64 = 10;

/// Requests a second in the history and of each service now. Checkout has more of them while the story
/// is told, so that it needs seconds and not minutes.
const HISTORY_RATE: u64 = 5;
const RATE: f64 = 20.0;
const DAYS: u64 = 28;
/// One request in five thousand failed in the past: a fifth of what 99.9 % allows.
const PAST_FAILURES: u64 = 5_000;

pub(super) struct Stage {
    traffic: [Traffic; 3],
    wire: Wire,
    /// Event time up to which everything was sent.
    upto_ns: u64,
    began: Instant,
    began_ns: u64,
}

impl Stage {
    pub(super) fn new(wire: Wire, wall_ns: u64) -> Self {
        let began_ns = wall_ns / SECOND_NS * SECOND_NS - BEHIND_S * SECOND_NS;
        let service = |name: &str, latency_ms| Traffic {
            service: name.to_owned(),
            version: "1.4.2".to_owned(),
            rate_per_s: RATE,
            error_share: 0.0,
            latency_ms,
            seed: 42,
            origin_ns: began_ns,
        };
        let traffic = [service("checkout", 80.0), service("catalog", 25.0), service("payments", 120.0)];
        Self { traffic, wire, upto_ns: began_ns, began: Instant::now(), began_ns }
    }

    /// Checkout's past, a minute at a time and the last hour by the second.
    pub(super) fn history(&self) -> History {
        let end = self.began_ns / SECOND_NS;
        let mut seen = 0;
        let mut weigh = |second: u64, events: u64| {
            let bad = (seen + events) / PAST_FAILURES - seen / PAST_FAILURES;
            seen += events;
            (second, events - bad, bad)
        };
        let minutes = (end - DAYS * 86_400 + 60..=end - 3_600).step_by(60);
        let mut counts: Vec<_> = minutes.map(|second| weigh(second, 60 * HISTORY_RATE)).collect();
        counts.extend((end - 3_599..=end).map(|second| weigh(second, HISTORY_RATE)));
        History { slo: "checkout-availability".to_owned(), counts }
    }

    pub(super) fn deploy(&mut self, version: &str, error_share: f64) {
        self.traffic[0].version = version.to_owned();
        self.traffic[0].error_share = error_share;
    }

    /// Sends what ended by now. The moment at which the last request of it left.
    pub(super) async fn play(&mut self) -> anyhow::Result<Instant> {
        let elapsed = self.began.elapsed().as_nanos() as u64;
        let fast = self.began_ns + elapsed * SPEED;
        let to_ns = fast.min(self.began_ns + BEHIND_S * SECOND_NS + elapsed);
        let mut left = Instant::now();
        for one in &self.traffic {
            for signal in [Signal::Traces, Signal::Logs] {
                let export = one.export(signal, self.upto_ns, to_ns);
                if export.items > 0 {
                    if signal == Signal::Traces && one.service == "checkout" {
                        left = Instant::now();
                    }
                    let sent = self.wire.deliver(&export).await;
                    sent.map_err(|failure| anyhow::anyhow!("send {}: {failure:?}", one.service))?;
                }
            }
        }
        self.upto_ns = to_ns;
        Ok(left)
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }
}
