//! The workers: fold a request under the plan and wait for the ledger's answer.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::Semaphore;

use super::clock::Clock;
use super::ledger::Ledger;
use crate::decode::{Encoding, Malformed};
use crate::engine::{Ack, Batch, Plan, Request, fold};
use crate::ingest::{Answer, Intake};
use crate::model::Signal;

/// Bodies above this are folded on a thread that may be busy for milliseconds.
const INLINE_MAX: usize = 256 * 1024;
const RETRY_AFTER_S: u32 = 1;

#[derive(Clone)]
pub struct Workers {
    pub plan: Arc<Plan>,
    pub clock: Clock,
    pub ledger: Ledger,
    /// Seeds the fingerprints of requests.
    pub key: u64,
    /// Large requests that are folded at a time: one a core. What JSON and deltas take beside the body is
    /// bounded by it.
    pub folding: Arc<Semaphore>,
}

impl Workers {
    async fn fold(&self, signal: Signal, encoding: Encoding, body: Bytes) -> Result<Batch, Malformed> {
        let (plan, key, now) = (self.plan.clone(), self.key, self.clock.now());
        let inline = body.len() <= INLINE_MAX;
        let work = move || fold(&plan, key, &Request { signal, encoding, body: &body, now });
        if inline {
            return work();
        }
        // Never closed; were it, an unlimited fold is the safe side. Held until the work is done, also
        // where its sender has gone.
        let turn = Arc::clone(&self.folding).acquire_owned().await.ok();
        let in_turn = move || {
            let _until_done = turn;
            work()
        };
        let folded = tokio::task::spawn_blocking(in_turn).await;
        folded.unwrap_or_else(|_| Err(Malformed::Undecodable("the request could not be read".to_owned())))
    }
}

impl Intake for Workers {
    async fn take(&self, signal: Signal, encoding: Encoding, body: Bytes) -> Answer {
        let batch = match self.fold(signal, encoding, body).await {
            Ok(batch) => batch,
            Err(Malformed::Undecodable(reason)) => return Answer::Malformed(reason),
            Err(Malformed::TooMuch(what)) => return Answer::TooMuch(what),
        };
        match self.ledger.observe(batch).await {
            Ok(Ack::Accepted { rejected, reason } | Ack::Duplicate { rejected, reason }) => {
                Answer::Accepted { rejected, reason }
            }
            Ok(Ack::StalePlan) | Err(_) => Answer::Busy { retry_after_s: RETRY_AFTER_S },
        }
    }
}
