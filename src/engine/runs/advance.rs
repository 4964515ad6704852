//! What is next: which run has its turn, which step, and whether it is tried again.

use std::collections::BTreeMap;

use super::{
    AGAIN_NS, AT_ONCE, FOR_PEOPLE, Measured, OF_ONE, REPEAT_NS, Run, RunFact, RunWhat, Runs, State,
    UNHEARD_NS, WAIT_NS,
};
use crate::engine::plan::Plan;
use crate::model::{EventTime, Now, SECOND_NS, rfc3339};
use crate::runbook::{Call, End, Outcome, Runbook, Step, StepCall, StepKey};

pub(super) const CHANGED: &str = "the runbook was changed or taken away meanwhile";
const DAMAGED: &str = "the journal is damaged: it may have been done";

/// What is known of that which a run is about.
pub(in crate::engine) trait About {
    /// Its time.
    fn clock(&self, run: &Run) -> EventTime;
    /// Its indicator, until now.
    fn before(&self, run: &Run) -> Option<Measured>;
}

impl Runs {
    /// One thing that is due, if there is one; asked for until there is none.
    pub(in crate::engine) fn next(&self, plan: &Plan, now: Now, about: &dyn About) -> Option<RunFact> {
        let mut under_way: BTreeMap<&str, usize> = BTreeMap::new();
        for run in self.runs.iter().filter(|run| run.is_under_way()) {
            *under_way.entry(&run.runbook).or_default() += 1;
        }
        let all: usize = under_way.values().sum();
        let has_room = |run: &Run| match run.by.is_empty() {
            true => all < AT_ONCE && under_way.get(&*run.runbook).is_none_or(|of_it| *of_it < OF_ONE),
            false => all < AT_ONCE + FOR_PEOPLE,
        };
        self.runs.iter().find_map(|run| {
            let what = match &run.state {
                State::Asked { until } if *until <= now => {
                    denied(format!("nobody approved it until {}", rfc3339(until.0)))
                }
                State::Waiting | State::Next { .. } if run.came_further.plus_ns(WAIT_NS) <= now => {
                    waited(run, about)
                }
                State::Waiting if has_room(run) => self.begin(plan, run, now, about),
                State::Next { at, .. } if *at <= now && run.began.is_none() => {
                    self.begin(plan, run, now, about)
                }
                State::Next { step, attempt, at } if *at <= now => {
                    self.step(plan, run, (*step, *attempt), about)
                }
                State::Doing { since, step } if is_unheard(*since, step, now) && !run.has_done_step() => {
                    let outcome = Outcome::new(End::Unknown, "nothing was heard of it any more");
                    self.settled(plan, run, now, &step.key, &outcome)
                }
                State::Doing { .. } => ended(run, about.clock(run))?,
                _ => return None,
            };
            Some(RunFact::of(run, what))
        })
    }

    /// What waits under a text of its runbook that is no more.
    pub(in crate::engine) fn changed(&self, plan: &Plan) -> Vec<RunFact> {
        let waits = |run: &&Run| matches!(run.state, State::Asked { .. } | State::Waiting);
        let waiting = self.runs.iter().filter(waits).filter(|run| find(plan, run).is_none());
        waiting.map(|run| RunFact::of(run, denied(CHANGED.to_owned()))).collect()
    }

    /// Why none begins by itself.
    pub(super) fn is_stopped(&self, runbook: &str, now: Now) -> Option<String> {
        let stopped = self.books.get(runbook)?.stopped.as_ref().filter(|(until, _)| now < *until);
        stopped.map(|(until, why)| format!("it is stopped until {}: {why}", rfc3339(until.0)))
    }

    fn begin(&self, plan: &Plan, run: &Run, now: Now, about: &dyn About) -> RunWhat {
        // It was stopped while this one waited; people were asked before it was.
        match self.is_stopped(&run.runbook, now).filter(|_| run.by.is_empty()) {
            Some(why) => denied(why),
            None => self.step(plan, run, (0, 1), about),
        }
    }

    fn step(&self, plan: &Plan, run: &Run, (step, attempt): (u32, u32), about: &dyn About) -> RunWhat {
        let key = StepKey { run: run.id.clone(), step, attempt };
        let call = find(plan, run).and_then(|runbook| runbook.call(key, &run.params, &run.occasion));
        let why = match call {
            Some(Ok(step)) => {
                let before = if run.began.is_none() { about.before(run) } else { None };
                return RunWhat::StepBegan { step: Box::new(step), clock: about.clock(run), before };
            }
            Some(Err(why)) => why,
            None if run.began.is_none() => return denied(CHANGED.to_owned()),
            None => CHANGED.to_owned(),
        };
        cut_short(run, why, about)
    }

    /// What an attempt's end means; `None` where it is of no run that waits for it.
    pub(in crate::engine) fn outcome(
        &self,
        plan: &Plan,
        now: Now,
        key: &StepKey,
        outcome: &Outcome,
    ) -> Option<RunFact> {
        let run = self.run(&key.run)?;
        match &run.state {
            State::Doing { step, .. } if step.key == *key && !run.has_done_step() => {
                Some(RunFact::of(run, self.settled(plan, run, now, key, outcome)))
            }
            _ => None,
        }
    }

    fn settled(&self, plan: &Plan, run: &Run, now: Now, key: &StepKey, outcome: &Outcome) -> RunWhat {
        let step = find(plan, run).and_then(|runbook| runbook.steps.get(key.step as usize));
        let next = match outcome.end {
            End::NotBegun => Some((key.step, key.attempt, now.plus_ns(AGAIN_NS))),
            End::Succeeded => (key.step + 1 < run.length).then_some((key.step + 1, 1, now)),
            _ => step.and_then(|step| again(step, key, now)),
        };
        RunWhat::StepEnded { key: key.clone(), outcome: outcome.clone(), next }
    }
}

/// Only where it was declared safe.
fn again(step: &Step, key: &StepKey, now: Now) -> Option<(u32, u32, Now)> {
    let may_try = step.is_idempotent && key.attempt < step.attempts;
    may_try.then(|| (key.step, key.attempt + 1, now.plus_ns(step.pause_ms.saturating_mul(SECOND_NS / 1_000))))
}

/// The last attempt has ended, and nothing is next.
fn ended(run: &Run, clock: EventTime) -> Option<RunWhat> {
    let done = run.steps.last().filter(|_| run.has_done_step())?;
    let why = match done.outcome.end {
        End::Succeeded => "all steps were done".to_owned(),
        _ => format!("{}: {}", done.name, done.outcome.why),
    };
    Some(RunWhat::Ended { end: done.outcome.end, why, clock })
}

fn denied(why: String) -> RunWhat {
    RunWhat::Denied { by: String::new(), why }
}

fn waited(run: &Run, about: &dyn About) -> RunWhat {
    let why = format!("it has waited since {}, and is not begun any more", rfc3339(run.came_further.0));
    match run.began {
        None => denied(why),
        Some(_) => cut_short(run, why, about),
    }
}

/// It does not go on. Where a step was to be asked for again with its key, nobody learns whether it was done.
fn cut_short(run: &Run, why: String, about: &dyn About) -> RunWhat {
    let again = match (&run.state, run.steps.last()) {
        (State::Next { step, attempt, .. }, Some(done)) => {
            (done.key.step, done.key.attempt) == (*step, *attempt)
        }
        _ => false,
    };
    let end = if again { End::Unknown } else { End::Failed };
    RunWhat::Ended { end, why, clock: about.clock(run) }
}

fn is_unheard(since: Now, step: &StepCall, now: Now) -> bool {
    let patience_ns = step.timeout_ms.saturating_mul(SECOND_NS / 1_000).saturating_add(UNHEARD_NS);
    since.plus_ns(patience_ns) <= now
}

/// Under the text that it was asked for.
pub(super) fn find<'p>(plan: &'p Plan, run: &Run) -> Option<&'p Runbook> {
    let same = |one: &&Runbook| one.name == run.runbook && one.identity == run.identity;
    plan.runbooks.iter().map(|one| &one.runbook).find(same)
}

impl Runs {
    /// After a start. What was under way and may be made again, with the same key, is; of all else that was, nobody can
    /// tell whether it was done. `is_doubtful`: of what waits neither, for something before is missing.
    pub(in crate::engine) fn taken_up(
        &self,
        plan: &Plan,
        now: Now,
        is_doubtful: bool,
        about: &dyn About,
    ) -> Vec<RunFact> {
        let taken = |run: &Run| {
            let what = match &run.state {
                State::Doing { since, step } => {
                    let repeats = !is_doubtful && may_repeat(plan, run, step, *since, now);
                    let why = if is_doubtful { DAMAGED } else { "Evenkeel ended while it was under way" };
                    RunWhat::StepEnded {
                        key: step.key.clone(),
                        outcome: Outcome::new(End::Unknown, why),
                        next: repeats.then_some((step.key.step, step.key.attempt, now)),
                    }
                }
                State::Next { .. } | State::Waiting | State::Asked { .. } if is_doubtful => {
                    let why = DAMAGED.to_owned();
                    RunWhat::Ended { end: End::Unknown, why, clock: about.clock(run) }
                }
                _ => return None,
            };
            Some(RunFact::of(run, what))
        };
        self.runs.iter().filter_map(taken).collect()
    }
}

fn may_repeat(plan: &Plan, run: &Run, step: &StepCall, since: Now, now: Now) -> bool {
    let declared = find(plan, run).and_then(|runbook| runbook.steps.get(step.key.step as usize));
    let is_safe = matches!(step.call, Call::Http(_)) && declared.is_some_and(|step| step.is_idempotent);
    is_safe && now < since.plus_ns(REPEAT_NS)
}
