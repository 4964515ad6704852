//! Where what leaves goes: notifications to receivers, steps of runbooks to the runner.

use std::sync::Arc;

use super::commit::Outgoing;
use super::ledger::Ledger;
use crate::respond::Responder;
use crate::runbook::{End, Outcome};
use crate::runner::Runner;

pub(super) struct Out {
    responder: Arc<Responder>,
    runner: Arc<Runner>,
    ledger: Ledger,
}

impl Out {
    pub(super) fn new(responder: &Arc<Responder>, runner: &Arc<Runner>, ledger: &Ledger) -> Self {
        Self { responder: Arc::clone(responder), runner: Arc::clone(runner), ledger: ledger.clone() }
    }

    pub(super) fn send(&self, one: Outgoing) {
        match one {
            Outgoing::Notification(notification) => self.responder.notify(notification),
            Outgoing::Step(step) => self.runner.run(step),
            Outgoing::NotBegun(key) => {
                let why = "the state could not be kept, so it was not begun".to_owned();
                self.ledger.settle_step(key, Outcome { end: End::Failed, why, output: String::new() });
            }
        }
    }
}
