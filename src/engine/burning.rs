//! From a verdict about one level to facts: which conditions changed, what became of the episode,
//! and the numbers that say why.

use super::alerts::{About, Alerts};
use super::burning_words::words;
use super::effect::{Burns, Explain};
use super::fact::{BudgetChange, ConditionChange, Fact, Subject, What};
use super::level::{Cx, Excluded, Level, Passed, Verdict};
use super::plan::Plan;
use super::why::{Clues, Evidence, Witnesses, evidence};
use crate::alert::{Episode, Step};
use crate::model::{Labels, Now, Priority, Quotient};
use crate::slo::{Condition, Slo};

/// And the numbers behind it, where it is something that people are told of.
pub(super) fn decide(
    alerts: &Alerts,
    (plan, now): (&Plan, Now),
    (cx, level): (Cx<'_>, &Level),
    verdict: Verdict,
    witnesses: Witnesses<'_>,
) -> (Vec<Fact>, Option<Evidence>) {
    let slo = &cx.plan.slo;
    let (mut decided, mut numbers) = (Vec::new(), None);
    let last = level.episode.as_ref().map_or(Priority::P5, |episode| episode.priority);
    let priority = verdict.decisive.as_ref().map_or(last, |(_, _, assessed)| assessed.priority);
    for (judge, state) in level.judges.iter().enumerate() {
        for (index, truth) in state.conditions.iter().enumerate() {
            match (truth.firing, truth.now) {
                (false, true) => decided.push(What::AlertFired(change(cx, level, (judge, index), priority))),
                (true, false) => {
                    decided.push(What::AlertResolved(change(cx, level, (judge, index), priority)));
                }
                _ => {}
            }
        }
        match (state.spent, state.spent_now) {
            (false, true) => decided.push(What::BudgetSpent(budget(cx, level, judge))),
            (true, false) => decided.push(What::BudgetRestored(budget(cx, level, judge))),
            _ => {}
        }
        match (state.breached, state.breached_now) {
            (false, true) => decided.push(What::SlaBreached(promised(cx, level, judge))),
            (true, false) => decided.push(What::SlaRestored(promised(cx, level, judge))),
            _ => {}
        }
    }
    let place = verdict.decisive.as_ref().map(|(judge, index, _)| (*judge, *index));
    let decisive = verdict.decisive.map(|(judge, index, assessed)| (condition(slo, judge, index), assessed));
    let decisive = decisive.map(|(condition, assessed)| (condition.name.as_str(), assessed));
    if let Some(step) = Episode::next(level.episode.as_ref(), level.clock, decisive) {
        let place = place.or_else(|| place_of(slo, &step.episode().condition));
        let subject = Subject::Slo(slo.name.clone());
        let about = about(plan, cx, level, &subject, step.episode(), place);
        let mut explain = explain(cx, level, &step, place);
        let clues = match (place, &step) {
            (Some((judge, index)), Step::Open(_) | Step::Escalate(_)) => {
                witnesses.about(cx, level, condition(slo, judge, index).long_s)
            }
            _ => Clues::default(),
        };
        explain.text.push_str(&clues.words());
        let told = alerts.tell((plan, now), about, step, explain);
        numbers = evidence(cx, level, place.map_or(0, |(judge, _)| judge), &told, clues);
        decided.extend(told);
    }
    (decided.into_iter().map(|what| level.fact(cx, what)).collect(), numbers)
}

/// What begins or ends that does not count.
pub(super) fn passed(cx: Cx<'_>, passed: Passed) -> What {
    let reason = |one: &Excluded| cx.plan.slo.exclusions[one.exclusion].reason.clone();
    match passed {
        Passed::Began(one) => What::ExclusionBegan { reason: reason(&one), stretch: one.stretch },
        Passed::Ended(one) => What::ExclusionEnded {
            reason: reason(&one),
            stretch: one.stretch,
            good: one.count.good,
            bad: one.count.bad,
        },
    }
}

pub(super) fn condition(slo: &Slo, judge: usize, index: usize) -> &Condition {
    let of_goal = slo.goals.get(judge).map(|goal| &goal.conditions);
    let of_composite = || slo.composite.as_ref().map(|composite| &composite.conditions);
    &of_goal.or_else(of_composite).expect("the place of a condition")[index]
}

/// The first condition of a name.
pub(super) fn place_of(slo: &Slo, name: &str) -> Option<(usize, usize)> {
    let mut place = (0, 0);
    for (judge, condition) in slo.conditions() {
        place = if judge == place.0 { place } else { (judge, 0) };
        if condition.name == name {
            return Some(place);
        }
        place.1 += 1;
    }
    None
}

/// What an alert is about, and who is to hear of it.
pub(super) fn about<'a>(
    plan: &Plan,
    cx: Cx<'a>,
    level: &'a Level,
    subject: &'a Subject,
    episode: &Episode,
    place: Option<(usize, usize)>,
) -> About<'a> {
    let slo = &cx.plan.slo;
    let decisive = place.map(|(judge, index)| condition(slo, judge, index));
    About {
        subject,
        group: &level.group,
        service: &slo.service,
        labels: labels(plan, slo, &level.group, episode, decisive),
        targets: &slo.targets,
        tells_resolve: decisive.is_none_or(|one| one.tells.resolve),
        starts_runs: true,
    }
}

fn explain(cx: Cx<'_>, level: &Level, step: &Step, place: Option<(usize, usize)>) -> Explain {
    let burns = place.map(|(judge, index)| {
        let (long, short) = level.condition(cx, judge, index);
        let budget_remaining = level.budget(cx, judge).burn.decimal_of_rest();
        Burns { long: long.burn.decimal(), short: short.burn.decimal(), budget_remaining }
    });
    Explain { text: words(cx, level, step, place), burns }
}

fn change(cx: Cx<'_>, level: &Level, (judge, index): (usize, usize), priority: Priority) -> ConditionChange {
    let condition = condition(&cx.plan.slo, judge, index);
    let (long, short) = level.condition(cx, judge, index);
    ConditionChange {
        judge,
        index,
        objective: objective(&cx.plan.slo, judge),
        condition: condition.name.clone(),
        condition_name: condition.document.clone(),
        severity: condition.severity,
        priority,
        burn_long: long.burn.decimal(),
        burn_short: short.burn.decimal(),
    }
}

fn budget(cx: Cx<'_>, level: &Level, judge: usize) -> BudgetChange {
    let spent = level.budget(cx, judge).burn.decimal();
    BudgetChange { judge, objective: objective(&cx.plan.slo, judge), spent }
}

fn promised(cx: Cx<'_>, level: &Level, judge: usize) -> BudgetChange {
    let sla = cx.plan.slo.goals.get(judge).and_then(|goal| goal.sla);
    let spent = sla.map_or(Quotient::ZERO, |sla| level.sla(cx, judge, sla)).decimal();
    BudgetChange { judge, objective: objective(&cx.plan.slo, judge), spent }
}

/// The objective's name, where there are several.
fn objective(slo: &Slo, judge: usize) -> Option<String> {
    (slo.goals.len() > 1).then(|| slo.judge_name(judge))
}

pub(super) fn labels(
    plan: &Plan,
    slo: &Slo,
    group: &Labels,
    episode: &Episode,
    decisive: Option<&Condition>,
) -> Labels {
    let mut labels = plain_labels(group);
    let targets = slo.targets.join(",");
    let own = [
        ("alertname", slo.name.as_str()),
        ("slo", &slo.name),
        ("service", &slo.service),
        ("category", episode.category.as_str()),
        ("severity", episode.severity.as_str()),
        ("priority", episode.priority.as_str()),
        ("condition", &episode.condition),
        ("tenant", &plan.tenant),
        ("condition_name", decisive.and_then(|one| one.document.as_deref()).unwrap_or("")),
        ("notification_target", &targets),
    ];
    let own = own.into_iter().filter(|(_, value)| !value.is_empty());
    labels.extend(own.map(|(name, value)| (name.to_owned(), value.to_owned())));
    labels
}

pub(super) fn plain_labels(group: &Labels) -> Labels {
    group.iter().map(|(name, value)| (plain_name(name), value.clone())).collect()
}

/// With `_` for what Prometheus allows in no label's name.
pub fn plain_name(name: &str) -> String {
    name.chars().map(|one| if one.is_ascii_alphanumeric() { one } else { '_' }).collect()
}
