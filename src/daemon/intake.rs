//! The workers: fold a request under the plan and wait for the ledger's answer.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use tokio::sync::Semaphore;
use tracing::{Instrument, Span};

use super::clock::Clock;
use super::commit::Condition;
use super::ledger::{Ledger, Unavailable};
use crate::decode::{Encoding, Malformed};
use crate::engine::{Ack, Batch, Identities, Plan, Request, fold_unknown};
use crate::ingest::{Admission, Answer, Intake, OverBudget};
use crate::model::Signal;
use crate::telemetry::SPANS;

/// Bodies above this are folded on a thread that may be busy for milliseconds. A thousand spans take about half a
/// millisecond, and to hand them to another thread and back a good part of that.
const INLINE_MAX: usize = 640 * 1024;
const INLINE_JSON_MAX: usize = 256 * 1024;
/// Bodies above this take tens of milliseconds, so they have a lane of their own: nobody else waits behind them.
const LARGE_MIN: usize = 2 * 1024 * 1024;
const RETRY_AFTER_S: u32 = 1;
/// One request of so many has a span, where spans are exported.
const SPAN_EACH: u64 = 100;
/// A request that meets a reload is folded again, under the plan that is in effect then; one with items that were
/// counted before, without them.
const FOLDS_MAX: usize = 3;

pub struct Workers {
    /// As the ledger had it when somebody last asked.
    plan: Arc<RwLock<Arc<Plan>>>,
    clock: Clock,
    ledger: Ledger,
    /// Seeds the fingerprints of requests.
    key: u64,
    lanes: Lanes,
    pub admission: Arc<Admission>,
    /// Requests so far, to choose those that have a span.
    taken: AtomicU64,
}

/// How many requests that are not folded at once are folded at a time. What JSON and deltas take beside their bodies is
/// bounded by it.
struct Lanes {
    /// One a core.
    usual: Arc<Semaphore>,
    /// Half as many.
    large: Arc<Semaphore>,
}

impl Lanes {
    fn new(cores: usize) -> Self {
        let lane = |places: usize| Arc::new(Semaphore::new(places.max(1)));
        Self { usual: lane(cores), large: lane(cores / 2) }
    }

    fn of(&self, bytes: usize) -> Arc<Semaphore> {
        Arc::clone(if bytes > LARGE_MIN { &self.large } else { &self.usual })
    }
}

impl Workers {
    pub fn new(plan: Arc<RwLock<Arc<Plan>>>, clock: Clock, ledger: Ledger, key: u64) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let (lanes, admission) = (Lanes::new(cores), Arc::new(Admission::default()));
        Self { plan, clock, ledger, key, lanes, admission, taken: AtomicU64::new(0) }
    }

    async fn fold(
        &self,
        signal: Signal,
        encoding: Encoding,
        body: Bytes,
        known: Identities,
    ) -> Result<Batch, Malformed> {
        let plan = self.plan.read().unwrap_or_else(PoisonError::into_inner).clone();
        let (key, now) = (self.key, self.clock.now());
        let inline_max = if encoding == Encoding::Json { INLINE_JSON_MAX } else { INLINE_MAX };
        let (inline, lane) = (body.len() <= inline_max, self.lanes.of(body.len()));
        let work = move || fold_unknown(&plan, key, &Request { signal, encoding, body: &body, now }, known);
        if inline {
            return work();
        }
        // Never closed; were it, an unlimited fold is the safe side. Held until the work is done, also
        // where its sender has gone.
        let turn = lane.acquire_owned().await.ok();
        let in_turn = move || {
            let _until_done = turn;
            work()
        };
        let folded = tokio::task::spawn_blocking(in_turn).await;
        folded.unwrap_or_else(|_| Err(Malformed::Undecodable("the request could not be read".to_owned())))
    }
}

impl Workers {
    /// Takes up the plan that the ledger has.
    async fn follow(&self) {
        if let Ok(plan) = self.ledger.ask(|sight| sight.engine.plan()).await {
            *self.plan.write().unwrap_or_else(PoisonError::into_inner) = plan;
        }
    }
}

impl Workers {
    async fn answer(&self, signal: Signal, encoding: Encoding, body: Bytes) -> Answer {
        // What can not be kept is not taken, and costs nothing.
        if self.ledger.health().condition() != Condition::Kept {
            return Answer::Busy { retry_after_s: RETRY_AFTER_S };
        }
        let mut known = Identities::default();
        for _ in 0..FOLDS_MAX {
            let batch = match self.fold(signal, encoding, body.clone(), known.clone()).await {
                Ok(batch) => batch,
                Err(Malformed::Undecodable(reason)) => return Answer::Malformed(reason),
                Err(Malformed::TooMuch(what)) => return Answer::TooMuch(what),
            };
            let items = batch.items;
            let held = match self.admission.hold(items) {
                Ok(held) => held,
                Err(OverBudget) => {
                    self.ledger.refused(signal, items);
                    break;
                }
            };
            let ack = self.ledger.observe(batch).await;
            drop(held);
            match ack {
                Ok(Ack::Accepted { rejected, reason } | Ack::Duplicate { rejected, reason }) => {
                    return Answer::Accepted { items, rejected, reason };
                }
                Ok(Ack::StalePlan) => self.follow().await,
                Ok(Ack::Known(items)) => known.extend(items),
                Ok(Ack::Elsewhere { .. }) | Err(Unavailable) => break,
            }
        }
        Answer::Busy { retry_after_s: RETRY_AFTER_S }
    }
}

impl Intake for Workers {
    async fn take(&self, signal: Signal, encoding: Encoding, body: Bytes) -> Answer {
        let sampled = self.taken.fetch_add(1, Ordering::Relaxed).is_multiple_of(SPAN_EACH);
        let span = if sampled { self.span(signal, &body) } else { Span::none() };
        let answer = self.answer(signal, encoding, body).instrument(span.clone()).await;
        if sampled {
            span.record("outcome", answer.as_str());
        }
        answer
    }
}

impl Workers {
    fn span(&self, signal: Signal, body: &Bytes) -> Span {
        let (signal, bytes) = (signal.as_str(), body.len());
        tracing::info_span!(
            target: SPANS,
            "export request",
            otel.kind = "server",
            signal,
            bytes,
            sampled_one_of = SPAN_EACH,
            outcome = tracing::field::Empty,
        )
    }
}
