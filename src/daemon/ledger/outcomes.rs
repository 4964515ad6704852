//! What became of what was asked of the world, and of steps that were under way when the daemon ended: made again where
//! that is safe, else told to a person.

use super::{Ledger, Loop};
use crate::engine::{Effect, Effects, Input, NotificationId, Outcome};
use crate::runbook::{self, End, StepKey};

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

    pub(super) fn take_up_runs(&mut self, effects: &mut Effects) {
        let (again, unknown) = self.engine.unsettled_steps();
        for key in unknown {
            let why = "Evenkeel ended while it was under way".to_owned();
            let outcome = runbook::Outcome { end: End::Unknown, why, output: String::new() };
            self.step(Input::StepSettled { key, outcome }, effects);
        }
        effects.requests.extend(again.into_iter().map(|step| Effect::Run(Box::new(step))));
    }
}
