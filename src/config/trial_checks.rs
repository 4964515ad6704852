//! Expectations of one test held against its timeline and against each other: what can never come true is a mistake of the
//! document, found before anything runs.

use std::cmp::Ordering;

use super::Reading;
use super::node::Place;
use super::trial_expects::{Placed, Timeline};
use crate::trial::{Act, Level, Moment, Telling, Wanted, When, offset};

pub(super) fn check(ctx: &mut Reading<'_>, all: &[Placed], timeline: &Timeline) {
    let mut told = Vec::new();
    for one in all {
        times(ctx, one, timeline, &mut told);
    }
    for (index, one) in all.iter().enumerate() {
        for other in &all[..index] {
            contradiction(ctx, other, one, timeline);
            contradiction(ctx, one, other, timeline);
        }
    }
}

/// `told`: what was wrong before, for one time may stand at the end of a stretch and begin the next.
fn times(ctx: &mut Reading<'_>, one: &Placed, timeline: &Timeline, told: &mut Vec<Moment>) {
    let moments: &[Moment] = match one.expect.when {
        When::Always => &[],
        When::Between(from, to) => &[from, to],
        When::At(at) => &[at],
    };
    for moment in moments {
        // Times of a recording are known when it is read.
        let Some(length_s) = timeline.length_s else { break };
        let is_outside = moment.offset(timeline.start).is_none_or(|at_s| at_s > length_s);
        if is_outside && told.contains(moment) {
            return;
        }
        told.extend(is_outside.then_some(*moment));
        match moment.offset(timeline.start) {
            None => {
                let message = format!("{moment} is before the beginning, {}", Moment::Time(timeline.start));
                return ctx.report.error("E0603", one.at, message);
            }
            Some(at_s) if at_s > length_s => {
                let message = format!("{moment} is after the end of the timeline, {}", offset(length_s));
                let hint =
                    "let something happen until then, if only {for: 10m, service: checkout, rate: 0/s}";
                return ctx.report.error_with("E0603", one.at, message, hint);
            }
            Some(_) => {}
        }
    }
    if let Some(message) = wrong_stretch(one, timeline) {
        let hint = "`until` begins where the last `until` or `between` before it ends";
        ctx.report.error_with("E0603", one.at, message, hint);
    }
}

/// Two times of a recording can be compared before it is read.
fn wrong_stretch(one: &Placed, timeline: &Timeline) -> Option<String> {
    let When::Between(from, to) = one.expect.when else { return None };
    let order = match (from, to) {
        (Moment::Time(from), Moment::Time(to)) => from.cmp(&to),
        _ => bounds(one, timeline).map(|(from, to)| from.cmp(&to))?,
    };
    match order {
        Ordering::Greater => Some(format!("this stretch ends at {to} before it begins at {from}")),
        Ordering::Equal if matches!(one.expect.wanted, Wanted::Quiet) => {
            Some(format!("this stretch ends at {to}, where it begins: no alert could open in it"))
        }
        _ => None,
    }
}

/// `None` where only a recording tells.
fn bounds(one: &Placed, timeline: &Timeline) -> Option<(u64, u64)> {
    let known = |moment: Moment| match moment {
        Moment::Time(_) if timeline.length_s.is_none() => None,
        moment => moment.offset(timeline.start),
    };
    match one.expect.when {
        When::Always => Some((0, u64::MAX)),
        When::Between(from, to) => Some((known(from)?, known(to)?)),
        When::At(at) => Some((known(at)?, known(at)?)),
    }
}

/// Told at the second of the two.
fn contradiction(ctx: &mut Reading<'_>, rule: &Placed, broken: &Placed, timeline: &Timeline) {
    let at = later(rule.at, broken.at);
    let other = ctx.report.locate(if at == rule.at { broken.at } else { rule.at });
    let message = match (&rule.expect.wanted, &broken.expect.wanted) {
        (Wanted::Quiet, Wanted::Told(told)) if told.act != Act::Resolve => {
            let (Some(quiet), Some(want)) = (bounds(rule, timeline), bounds(broken, timeline)) else {
                return;
            };
            if want.0 < quiet.0 || want.1 >= quiet.1 || want.0 > want.1 {
                return;
            }
            format!("`{told}` can not come in a stretch with `alerts: none`; the other is at {other}")
        }
        (Wanted::Never(never), Wanted::Told(told)) if excludes(never, told) => {
            format!("`{told}` is expected and must never come; the other is at {other}")
        }
        (Wanted::Level(a), Wanted::Level(b)) if rule.at == at && disagree(a, b) => {
            let (Some(one), Some(two)) = (bounds(rule, timeline), bounds(broken, timeline)) else { return };
            if one != two {
                return;
            }
            let state = |level: &Level| level.state.clone().unwrap_or_default();
            format!("`{}` can not be {} and {} at once; the other is at {other}", a.slo, state(a), state(b))
        }
        _ => return,
    };
    ctx.report.error("E0605", at, message);
}

fn later(one: Place, other: Place) -> Place {
    if (one.line, one.column) < (other.line, other.column) { other } else { one }
}

/// Whatever is told is what must never be.
fn excludes(never: &Telling, told: &Telling) -> bool {
    let wider = |never: bool, same: bool| never || same;
    never.act == told.act
        && never.about == told.about
        && wider(never.to.is_none(), never.to == told.to)
        && wider(never.priority.is_none(), never.priority == told.priority)
        && wider(never.condition.is_none(), never.condition == told.condition)
        && wider(never.group.is_none(), never.group == told.group)
}

fn disagree(a: &Level, b: &Level) -> bool {
    let same = (&a.slo, &a.objective, &a.group) == (&b.slo, &b.objective, &b.group);
    same && a.state.is_some() && b.state.is_some() && a.state != b.state
}
