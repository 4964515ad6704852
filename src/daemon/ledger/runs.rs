//! What was under way of runbooks when the daemon ended: made again where that is safe, else told to a person.

use super::Loop;
use crate::engine::{Effect, Effects, Input};
use crate::runbook::{End, Outcome};

impl Loop {
    pub(super) fn take_up_runs(&mut self, effects: &mut Effects) {
        let (again, unknown) = self.engine.unsettled_steps();
        for key in unknown {
            let why = "Evenkeel ended while it was under way".to_owned();
            let outcome = Outcome { end: End::Unknown, why, output: String::new() };
            self.step(Input::StepSettled { key, outcome }, effects);
        }
        effects.requests.extend(again.into_iter().map(|step| Effect::Run(Box::new(step))));
    }
}
