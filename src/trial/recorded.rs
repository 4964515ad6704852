//! A daemon's recording as the beginning of a timeline: its own clock, and what was decided by it under the plan that is
//! tested. Who plays the recording tells of it here.

use super::expect::Wanted;
use super::run::Run;
use super::script::TIME_S_MAX;
use super::stage::Looks;
use crate::engine::{Engine, Fact, Unanswered};
use crate::model::{EventTime, Now, SECOND_NS};

/// As far as it was played.
pub(super) struct Recorded {
    pub(super) looks: Looks,
    pub(super) facts: Vec<Fact>,
    /// The state that it ended with.
    pub(super) engine: Option<Engine>,
}

impl Run<'_> {
    /// Something comes at a time of the recording, and the state is what came before it.
    pub fn moment(&mut self, now: Now, engine: &Engine) {
        self.is_beyond |= now.seconds() > TIME_S_MAX;
        if self.is_beyond {
            return;
        }
        if self.recorded.is_none() {
            self.start = EventTime(now.seconds() * SECOND_NS);
            let looks = Looks::new(&self.trial.expects, self.start);
            self.recorded = Some(Recorded { looks, facts: Vec::new(), engine: None });
        }
        let Some(Recorded { looks, .. }) = &mut self.recorded else { return };
        while looks.next_s().is_some_and(|at_s| at_s <= now.seconds()) {
            looks.look(engine);
        }
    }

    pub fn decided(&mut self, fact: &Fact) {
        if let Some(recorded) = &mut self.recorded {
            recorded.facts.push(fact.clone());
        }
    }

    /// The state at the end of the recordings. What is made up goes on with it.
    pub fn goes_on(&mut self, engine: Engine) {
        if let Some(recorded) = &mut self.recorded {
            recorded.engine = Some(engine);
        }
    }

    /// The places of the expectations, or of the recordings themselves, that can not be judged without it.
    pub fn asks(&self, open: &Unanswered) -> Vec<&str> {
        if *open == Unanswered::Filter {
            return self.trial.replay.iter().map(|one| one.declared_at.as_str()).collect();
        }
        let filters = &self.plan.rules.filter;
        let asks = |wanted: &Wanted| match (open, wanted) {
            (Unanswered::Slo(_) | Unanswered::Watch(_), Wanted::Quiet) => true,
            (Unanswered::Slo(name) | Unanswered::Watch(name), Wanted::Told(told) | Wanted::Never(told)) => {
                told.about == *name
            }
            (Unanswered::Slo(name), Wanted::Level(level)) => level.slo == *name,
            (Unanswered::Classify, Wanted::Rule { name, .. }) => !filters.iter().any(|one| one.name == *name),
            (Unanswered::Classify, Wanted::Event { .. }) => true,
            _ => false,
        };
        let asking = self.trial.expects.iter().filter(|one| asks(&one.wanted));
        asking.map(|one| one.declared_at.as_str()).collect()
    }
}
