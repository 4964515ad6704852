//! What became of what was asked of the world, and what the loop tells of itself.

use std::sync::atomic::Ordering;

use super::{Ledger, Loop, Message};
use crate::engine::{Effects, Input, NotificationId, Outcome, Trouble};
use crate::model::Signal;
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

    /// Nothing of runbooks begins any more.
    pub fn hold_runs(&self) {
        let _stopped = self.inbox.send(Message::HoldRuns);
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
        if self.engine.has_open_runs() {
            self.step(Input::TakenUp { is_doubtful }, effects);
        }
    }

    /// Steps that would have begun in this turn, had it not been the end.
    pub(super) fn put_off(&mut self, effects: &mut Effects) {
        let Some(keys) = self.put_off.as_mut().map(std::mem::take) else { return };
        for key in keys {
            let outcome = runbook::Outcome::new(End::NotBegun, "Evenkeel stops");
            self.step(Input::StepSettled { key, outcome }, effects);
        }
        self.collect(effects);
    }

    /// Who is to be paged hears when the state is not kept, and when it is again.
    pub(super) fn tell_condition(&mut self, effects: &mut Effects) {
        let condition = self.health.condition();
        if condition == self.condition {
            return;
        }
        self.condition = condition;
        let why = self.health.trouble().map(|trouble| {
            format!(
                "Evenkeel takes nothing in: {trouble}. Senders are told to come again; it goes on by itself."
            )
        });
        self.step(Input::Troubled { trouble: Trouble::StateNotKept, why }, effects);
    }

    pub(super) fn count_refused(&mut self, effects: &mut Effects) {
        for signal in Signal::ALL {
            let items = self.refused[*signal as usize].swap(0, Ordering::Relaxed);
            if items > 0 {
                self.step(Input::Refused { signal: *signal, items }, effects);
            }
        }
    }
}
