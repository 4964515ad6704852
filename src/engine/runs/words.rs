//! What notifications and explanations say about runs.

use super::{Run, RunFact, RunWhat, State};
use crate::model::rfc3339;
use crate::runbook::End;

/// For the notification of the change that starts them: ` Next: …`
pub(in crate::engine) fn next(facts: &[RunFact]) -> String {
    facts.iter().map(next_of).collect()
}

fn next_of(fact: &RunFact) -> String {
    let RunFact { run, runbook, target, what } = fact;
    let on = on(target);
    match what {
        RunWhat::Proposed { run: proposed } => match proposed.state {
            State::Asked { until } => format!(
                " Next: {runbook}{on} waits for approval until {}: `evenkeel runbook approve {run}`.",
                rfc3339(until.0)
            ),
            _ => format!(" Next: {runbook}{on} runs ({run})."),
        },
        RunWhat::Refused { why, .. } => format!(" Runbook {runbook}{on} does not run: {why}."),
        _ => String::new(),
    }
}

/// For the notification of a later change: ` Ran: …`
pub(in crate::engine) fn ran<'r>(runs: impl Iterator<Item = &'r Run>) -> String {
    runs.filter(|run| run.began.is_some()).map(|run| format!(" Ran: {}.", outcome(run))).collect()
}

/// `restart-checkout on checkout: succeeded, helped (…)`
pub(in crate::engine) fn outcome(run: &Run) -> String {
    let Run { runbook, target, .. } = run;
    let how = match &run.state {
        State::Asked { until } => format!("waits for approval until {}", rfc3339(until.0)),
        State::Waiting => "waits for its turn".to_owned(),
        State::Doing { step, .. } => format!("{} is under way", step.name),
        State::Next { step, attempt, at } => {
            format!("attempt {attempt} of step {} is next, at {}", step + 1, rfc3339(at.0))
        }
        State::Ended { end: End::Succeeded, .. } => "succeeded".to_owned(),
        State::Ended { end, why } => format!("{} ({why})", end.as_str().replace('_', " ")),
        State::Refused { why } => format!("did not run: {why}"),
    };
    let helped = run.judgement.as_ref();
    let helped = helped.map_or_else(String::new, |one| format!(", {} ({})", one.verdict.words(), one.why));
    format!("{runbook}{}: {how}{helped}", on(target))
}

fn on(target: &str) -> String {
    if target.is_empty() { String::new() } else { format!(" on {target}") }
}
