//! What became of what was asked of the world.

use super::{Ledger, Loop};
use crate::engine::{Effects, Input, NotificationId, Outcome};
use crate::runbook::{self, StepKey};

pub(super) enum Settled {
    Notification(NotificationId, Outcome),
    Step(StepKey, runbook::Outcome),
}

impl Ledger {
    /// Never blocks and never loses: what became of a notification must survive a busy moment, and the
    /// answer may come from within the ledger's own thread.
    pub fn settle(&self, id: NotificationId, outcome: Outcome) {
        let _stopped = self.outcomes.send(Settled::Notification(id, outcome));
        self.wake();
    }

    /// As [`Ledger::settle`].
    pub fn settle_step(&self, key: StepKey, outcome: runbook::Outcome) {
        let _stopped = self.outcomes.send(Settled::Step(key, outcome));
        self.wake();
    }
}

impl Loop {
    pub(super) fn take_outcomes(&mut self, effects: &mut Effects) {
        while let Ok(settled) = self.outcomes.try_recv() {
            let input = match settled {
                Settled::Notification(id, outcome) => Input::Settled { id, outcome },
                Settled::Step(key, outcome) => Input::StepSettled { key, outcome },
            };
            self.step(input, effects);
        }
    }

    /// What was under way of runbooks, under the configuration that holds from now on.
    pub(super) fn take_up(&mut self, is_doubtful: bool, effects: &mut Effects) {
        if self.engine.has_active_runs() {
            self.step(Input::TakenUp { is_doubtful }, effects);
        }
    }
}
