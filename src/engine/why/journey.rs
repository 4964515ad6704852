//! When receivers were asked to be told, and when they had been: the hops of an alert that are not the engine's own.

use std::collections::BTreeMap;

use borsh::{BorshDeserialize, BorshSerialize};
use serde::Serialize;

use crate::engine::effect::{NotificationId, Outcome};
use crate::model::{Now, rfc3339};

/// Hops that are remembered; the oldest go first.
const HOPS_MAX: usize = 4_096;

/// One transition of an alert on its way to one receiver.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(in crate::engine) struct Hop {
    pub(in crate::engine) alert: String,
    pub(in crate::engine) sequence: u32,
    pub(in crate::engine) receiver: String,
    asked: Now,
    settled: Option<Now>,
    attempts: u32,
    /// Why it failed, last time.
    reason: Option<String>,
}

/// One element of `hops`
#[derive(Clone, Debug, Serialize)]
pub struct HopView {
    pub sequence: u32,
    pub receiver: String,
    /// By our own clock.
    pub asked_at: String,
    /// When it was delivered, or given up.
    pub settled_at: Option<String>,
    pub took_ms: Option<u64>,
    pub attempts: u32,
    /// `delivered`, `failed` or `pending`
    pub state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

#[derive(Debug, Default, BorshSerialize, BorshDeserialize)]
pub(in crate::engine) struct Journeys {
    hops: BTreeMap<NotificationId, Hop>,
}

impl Journeys {
    pub(in crate::engine) fn asked(
        &mut self,
        now: Now,
        id: NotificationId,
        alert: &str,
        sequence: u32,
        receiver: &str,
    ) {
        if self.hops.len() >= HOPS_MAX {
            self.hops.pop_first();
        }
        let (alert, receiver) = (alert.to_owned(), receiver.to_owned());
        let hop = Hop { alert, sequence, receiver, asked: now, settled: None, attempts: 0, reason: None };
        self.hops.insert(id, hop);
    }

    pub(in crate::engine) fn came_back(&mut self, now: Now, id: NotificationId, outcome: &Outcome) {
        let Some(hop) = self.hops.get_mut(&id) else { return };
        let (attempts, reason, settled) = match outcome {
            Outcome::Delivered { attempts } => (attempts, None, Some(now)),
            Outcome::Failed { attempts, reason } => (attempts, Some(reason.clone()), Some(now)),
            Outcome::Trying { attempts, reason } => (attempts, Some(reason.clone()), None),
        };
        (hop.attempts, hop.reason, hop.settled) = (*attempts, reason, settled);
    }

    /// In the order in which they were asked.
    pub(in crate::engine) fn of(&self, alert: &str) -> Vec<HopView> {
        self.hops.values().filter(|hop| hop.alert == alert).map(Hop::view).collect()
    }
}

impl Hop {
    fn view(&self) -> HopView {
        HopView {
            sequence: self.sequence,
            receiver: self.receiver.clone(),
            asked_at: rfc3339(self.asked.0),
            settled_at: self.settled.map(|at| rfc3339(at.0)),
            took_ms: self.settled.map(|at| at.0.saturating_sub(self.asked.0) / 1_000_000),
            attempts: self.attempts,
            state: match (self.settled, &self.reason) {
                (None, _) => "pending",
                (Some(_), None) => "delivered",
                (Some(_), Some(_)) => "failed",
            },
            reason: self.reason.clone(),
        }
    }
}
