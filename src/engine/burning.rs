//! From a verdict about one service level to facts: which conditions changed, what became of the episode,
//! and the words and numbers that say why.

use super::alerts::{About, Alerts};
use super::effect::{Burns, Explain};
use super::fact::{ConditionChange, Fact, Subject, What};
use super::level::{Level, Verdict};
use super::plan::Plan;
use crate::alert::{Episode, Step};
use crate::model::{Labels, Priority, Quotient};
use crate::slo::{Seen, Slo};

pub(super) fn decide(alerts: &Alerts, plan: &Plan, level: &Level, slo: &Slo, verdict: Verdict) -> Vec<Fact> {
    let mut decided = Vec::new();
    let last = level.episode.as_ref().map_or(Priority::P5, |episode| episode.priority);
    let priority = verdict.decisive.as_ref().map_or(last, |(_, assessed)| assessed.priority);
    for (index, (was, is)) in level.firing.iter().zip(&verdict.firing).enumerate() {
        match (was, is) {
            (false, true) => decided.push(What::AlertFired(change(level, slo, index, priority))),
            (true, false) => decided.push(What::AlertResolved(change(level, slo, index, priority))),
            _ => {}
        }
    }
    let spent = level.budget_seen().burn(slo.objective).decimal();
    match (level.spent, verdict.spent) {
        (false, true) => decided.push(What::BudgetSpent { spent }),
        (true, false) => decided.push(What::BudgetRestored { spent }),
        _ => {}
    }
    let decisive = verdict.decisive.map(|(index, assessed)| (slo.conditions[index].name.as_str(), assessed));
    if let Some(step) = Episode::next(level.episode.as_ref(), level.clock, decisive) {
        let (subject, group) = (Subject::Slo(slo.name.clone()), Labels::new());
        let labels = labels(plan, slo, step.episode());
        let about = About { subject: &subject, group: &group, service: &slo.service, labels };
        let explain = explain(level, slo, &step);
        decided.extend(alerts.tell(plan, about, step, explain));
    }
    decided.into_iter().map(|what| level.fact(slo, what)).collect()
}

fn explain(level: &Level, slo: &Slo, step: &Step) -> Explain {
    let deciding = slo.conditions.iter().position(|one| one.name == step.episode().condition);
    let burns = deciding.map(|index| {
        let (long, short) = burns(level, slo, index);
        let budget_remaining = level.budget_seen().burn(slo.objective).decimal_of_rest();
        Burns { long: long.decimal(), short: short.decimal(), budget_remaining }
    });
    Explain { text: words(level, slo, step), burns }
}

fn change(level: &Level, slo: &Slo, index: usize, priority: Priority) -> ConditionChange {
    let condition = &slo.conditions[index];
    let (burn_long, burn_short) = burns(level, slo, index);
    ConditionChange {
        index,
        condition: condition.name.clone(),
        severity: condition.severity,
        priority,
        burn_long: burn_long.decimal(),
        burn_short: burn_short.decimal(),
    }
}

/// A condition without a short window has the long one's burn twice.
fn burns(level: &Level, slo: &Slo, index: usize) -> (Quotient, Quotient) {
    let (long, short) = level.condition_seen(index);
    (long.burn(slo.objective), short.unwrap_or(long).burn(slo.objective))
}

pub(super) fn labels(plan: &Plan, slo: &Slo, episode: &Episode) -> Labels {
    let pairs = [
        ("alertname", slo.name.as_str()),
        ("slo", &slo.name),
        ("service", &slo.service),
        ("category", episode.category.as_str()),
        ("severity", episode.severity.as_str()),
        ("priority", episode.priority.as_str()),
        ("condition", &episode.condition),
        ("tenant", &plan.tenant),
    ];
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Words before jargon. Doubles are good enough to read.
fn words(level: &Level, slo: &Slo, step: &Step) -> String {
    let budget = level.budget_seen();
    let left = 1.0 - approximate(budget.burn(slo.objective));
    let (Step::Open(episode) | Step::Escalate(episode)) = step else {
        return format!(
            "{} recovered: no burn condition is true any more; {} of the {} budget is left.",
            slo.name,
            percent(left),
            slo.window.text
        );
    };
    let Some(index) = slo.conditions.iter().position(|one| one.name == episode.condition) else {
        return String::new();
    };
    let (long, short) = level.condition_seen(index);
    let seen = short.unwrap_or(long);
    format!(
        "{} of {} events fail; {}. {} of the {} budget is left. Condition {}: burn {} over {} times the allowed rate.",
        percent(share(seen)),
        slo.service,
        exhaustion(left, approximate(seen.raw_burn(slo.objective)), slo),
        percent(left),
        slo.window.text,
        episode.condition,
        long.burn(slo.objective).decimal(),
        slo.conditions[index].factor.display(),
    )
}

fn exhaustion(left: f64, burn: f64, slo: &Slo) -> String {
    if left <= 0.0 {
        return format!("the {} allowance is spent", slo.window.text);
    }
    let hours = left * slo.window.seconds as f64 / burn.max(f64::MIN_POSITIVE) / 3_600.0;
    let time = match hours {
        hours if hours < 1.0 => format!("{:.0} min", (hours * 60.0).ceil()),
        hours if hours < 48.0 => format!("{hours:.1} h"),
        hours => format!("{:.1} d", hours / 24.0),
    };
    format!("at this rate the rest of the {} allowance is gone in {time}", slo.window.text)
}

fn share(seen: Seen) -> f64 {
    seen.count.bad as f64 / (seen.count.total().max(1)) as f64
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn approximate(quotient: Quotient) -> f64 {
    quotient.rounded(1_000_000) as f64 / 1_000_000.0
}
