//! A timeline of counts, a few service levels at a time: what so few of them hold stays near the processor, and of
//! a thousand it does not. None of them knows of another, so each decides what it would beside all the others.

use std::sync::Arc;

use super::run::Script;
use super::script::Trial;
use super::stage::{Looks, Played, Stage};
use crate::engine::Plan;

const TOGETHER: usize = 32;
/// Seconds at which counts come that are kept in mind: a month by the second.
const SECONDS_MAX: u64 = 31 * 86_400;

/// What is made up, from the beginning of the test.
pub(super) fn play(trial: &Trial, plan: &Arc<Plan>, end_s: u64) -> Result<Played, String> {
    let is_alike = trial.flows.is_empty() && trial.length_s() <= SECONDS_MAX;
    let together = if is_alike { TOGETHER } else { usize::MAX };
    play_by(trial, plan, end_s, together)
}

pub(super) fn play_by(
    trial: &Trial,
    plan: &Arc<Plan>,
    end_s: u64,
    together: usize,
) -> Result<Played, String> {
    let one = |plan: Arc<Plan>, shared: Option<&[u64]>| {
        let looks = Looks::new(&trial.expects, trial.start);
        let mut stage = Stage::new(Arc::clone(&plan), trial.start.seconds(), looks);
        Script::new(&plan, trial)?.play(&mut stage, trial.start.seconds(), shared)?;
        Ok(stage.finish(end_s))
    };
    if plan.slos.len() <= together {
        return one(Arc::clone(plan), None);
    }
    let seconds = Script::new(plan, trial)?.seconds_of_counts();
    let without = Plan { slos: Vec::new(), ..Plan::clone(plan) };
    let mut parts = Vec::new();
    for slos in plan.slos.chunks(together) {
        let part = Plan { slos: slos.to_vec(), ..without.clone() };
        parts.push(one(Arc::new(part), Some(&seconds))?);
    }
    Ok(Played::together(parts))
}
