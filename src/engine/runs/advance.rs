//! What is next: which run has its turn, which step, and whether it is tried again.

use super::{AT_ONCE, Run, RunFact, RunWhat, Runs, State, UNHEARD_NS};
use crate::engine::plan::Plan;
use crate::model::{EventTime, Now, SECOND_NS, rfc3339};
use crate::runbook::{Call, End, Outcome, Runbook, Step, StepCall, StepKey};

impl Runs {
    /// One thing that is due, if there is one; asked for until there is none. `clock` says the time of what a run is about.
    pub(in crate::engine) fn next(
        &self,
        plan: &Plan,
        now: Now,
        clock: &dyn Fn(&Run) -> EventTime,
    ) -> Option<RunFact> {
        let is_under_way = |run: &&Run| matches!(run.state, State::Doing { .. } | State::Next { .. });
        let has_room = self.runs.iter().filter(is_under_way).count() < AT_ONCE;
        self.runs.iter().find_map(|run| {
            let what = match &run.state {
                State::Asked { until } if *until <= now => denied(*until),
                State::Waiting if has_room => self.begin(plan, run, clock(run)),
                State::Next { step, attempt, at } if *at <= now => {
                    self.step(plan, run, (*step, *attempt), clock(run))
                }
                State::Doing { since, step }
                    if is_unheard(*since, step, now) && !has_ended(run, &step.key) =>
                {
                    let why = "nothing was heard of it any more".to_owned();
                    self.settled(
                        plan,
                        run,
                        now,
                        &step.key,
                        &Outcome { end: End::Unknown, why, output: String::new() },
                    )
                }
                State::Doing { step, .. } => ended(run, step, clock(run))?,
                _ => return None,
            };
            Some(RunFact::of(run, what))
        })
    }

    fn begin(&self, plan: &Plan, run: &Run, clock: EventTime) -> RunWhat {
        let stopped = self.books.get(&run.runbook).and_then(|book| book.stopped.as_ref());
        match stopped.filter(|_| run.by.is_empty()) {
            // It was stopped while this one waited; people were asked before it was.
            Some((until, why)) => {
                let why = format!("it is stopped until {}: {why}", rfc3339(until.0));
                RunWhat::Denied { by: String::new(), why }
            }
            None => self.step(plan, run, (0, 1), clock),
        }
    }

    fn step(&self, plan: &Plan, run: &Run, (step, attempt): (u32, u32), clock: EventTime) -> RunWhat {
        let key = StepKey { run: run.id.clone(), step, attempt };
        let call = find(plan, run).and_then(|runbook| runbook.call(key, &run.params, &run.occasion));
        match call {
            Some(Ok(step)) => RunWhat::StepBegan { step: Box::new(step), clock },
            Some(Err(why)) => RunWhat::Ended { end: End::Failed, why, clock },
            None => {
                let why = "the runbook was changed or taken away meanwhile".to_owned();
                RunWhat::Ended { end: End::Failed, why, clock }
            }
        }
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
            State::Doing { step, .. } if step.key == *key && !has_ended(run, key) => {
                Some(RunFact::of(run, self.settled(plan, run, now, key, outcome)))
            }
            _ => None,
        }
    }

    fn settled(&self, plan: &Plan, run: &Run, now: Now, key: &StepKey, outcome: &Outcome) -> RunWhat {
        let step = find(plan, run).and_then(|runbook| runbook.steps.get(key.step as usize));
        let next = match outcome.end {
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
fn ended(run: &Run, step: &StepCall, clock: EventTime) -> Option<RunWhat> {
    let done = run.steps.last().filter(|done| done.key == step.key)?;
    let why = match done.outcome.end {
        End::Succeeded => "all steps were done".to_owned(),
        _ => format!("{}: {}", done.name, done.outcome.why),
    };
    Some(RunWhat::Ended { end: done.outcome.end, why, clock })
}

fn has_ended(run: &Run, key: &StepKey) -> bool {
    run.steps.last().is_some_and(|done| done.key == *key)
}

fn denied(until: Now) -> RunWhat {
    RunWhat::Denied { by: String::new(), why: format!("nobody approved it until {}", rfc3339(until.0)) }
}

fn is_unheard(since: Now, step: &StepCall, now: Now) -> bool {
    let patience_ns = step.timeout_ms.saturating_mul(SECOND_NS / 1_000).saturating_add(UNHEARD_NS);
    since.plus_ns(patience_ns) <= now
}

fn find<'p>(plan: &'p Plan, run: &Run) -> Option<&'p Runbook> {
    let same = |one: &&Runbook| one.name == run.runbook && one.identity == run.identity;
    plan.runbooks.iter().map(|one| &one.runbook).find(same)
}

/// After a restart: may the call that was under way be made again, with the same key?
pub(in crate::engine) fn may_repeat(plan: &Plan, step: &StepCall) -> bool {
    let runbook = plan.runbooks.iter().map(|one| &one.runbook).find(|one| one.name == step.runbook);
    let declared = runbook.and_then(|runbook| runbook.steps.iter().find(|one| one.name == step.name));
    matches!(step.call, Call::Http(_)) && declared.is_some_and(|step| step.is_idempotent)
}
