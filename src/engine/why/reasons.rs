//! Why nobody is paged: each reason that keeps the nearest condition from it, in the order in which it matters.

use serde::Serialize;

use super::account::ConditionAccount;
use super::words::percent;
use crate::alert::{Assessment, Episode, Situation, assess};
use crate::engine::burning::{condition, labels};
use crate::engine::level::{Cx, Level};
use crate::engine::{Engine, Trouble};
use crate::model::{EventTime, Labels, Parts, SECOND_NS, Severity, rfc3339};
use crate::slo::{Check, Condition, Pace, duration_text};

/// One reason, for programs and for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reason {
    pub code: &'static str,
    pub text: String,
}

/// What a level is held against: as it is now, and as it was at the time that is explained.
type Both<'a> = (&'a Level, &'a Level);

impl Engine {
    pub(super) fn reasons(
        &self,
        cx: Cx<'_>,
        (now, level): Both<'_>,
        judge: usize,
        (conditions, nearest): (&[ConditionAccount], Option<usize>),
        receivers: &[String],
    ) -> Vec<Reason> {
        let mut reasons = Vec::new();
        let mut add = |code, text: String| reasons.push(Reason { code, text });
        let Some(index) = nearest else {
            add("no_condition", "no condition of this objective tells anybody".to_owned());
            return reasons;
        };
        let one = &conditions[index];
        let rule = condition(&cx.plan.slo, judge, index);
        if receivers.is_empty() {
            add("no_route", "no route leads to a receiver: whatever burns, nobody is told".to_owned());
        }
        let held = one.windows.first().map_or(0, |long| long.total);
        if held == 0 && matches!(rule.check, Check::Burn { .. }) {
            add("no_events", self.nothing_came(cx, level));
        }
        if let Some(stretch) = now.exclusions().find(|one| one.stretch.holds(level.clock.seconds())) {
            let reason = &cx.plan.slo.exclusions[stretch.exclusion].reason;
            let end = rfc3339(stretch.stretch.end_s.saturating_mul(SECOND_NS));
            add("excluded", format!("the time does not count: {reason}, until {end}"));
        }
        if held > 0 {
            for (code, text) in of_condition(one, rule) {
                add(code, text);
            }
        }
        let later = now.amendments().filter(|one| one.known_at > level.clock && one.oldest <= level.clock);
        let (good, bad) = later.fold((0, 0), |(good, bad), one| (good + one.count.good, bad + one.count.bad));
        if bad > 0 {
            add(
                "late_data",
                format!(
                    "{bad} bad and {good} good events of the time before came later: they are in these numbers, and were not then"
                ),
            );
        }
        if self.own.stands_since(Trouble::KafkaNotRead).is_some() {
            let text = "topics are not read: as long as that lasts silence means nothing";
            add("kafka_not_read", text.to_owned());
        } else if self.now < self.blind_until {
            let until = rfc3339(self.blind_until.0);
            add(
                "after_absence",
                format!("we, or Kafka, were away: until {until} silence means nothing, as senders come back"),
            );
        }
        if one.holds && rule.tells.breach {
            let text = "it holds, and the next event that is counted decides";
            add("waits_for_event", text.to_owned());
        }
        if !rule.tells.breach {
            add(
                "not_told",
                format!("the policy of condition {} tells nobody when it becomes true", one.condition),
            );
        }
        reasons
    }

    fn nothing_came(&self, cx: Cx<'_>, level: &Level) -> String {
        let newest = match level.newest() {
            Some(newest) => format!("the newest that it counted was at {}", rfc3339(newest.0)),
            None => "it never counted one".to_owned(),
        };
        let rules = self.plan.rules.filter.iter().zip(&self.books.filtered).filter(|(_, hits)| **hits > 0);
        let dropped: Vec<String> =
            rules.map(|(rule, hits)| format!("{} dropped {hits}", rule.name)).take(3).collect();
        let dropped = match dropped.is_empty() {
            true => String::new(),
            false => format!("; filter rules drop events before they count: {}", dropped.join(", ")),
        };
        let name = &cx.plan.slo.name;
        format!("no event of `{name}` is in its windows: {newest}{dropped}")
    }

    /// Whom an alert by a condition would reach.
    pub(super) fn would_hear(&self, cx: Cx<'_>, group: &Labels, condition: &Condition) -> Vec<String> {
        let slo = &cx.plan.slo;
        let situation = Situation {
            tier: slo.tier,
            fast: condition.pace == Pace::Fast && !matches!(condition.check, Check::NoData),
            slow: condition.pace == Pace::Slow && !matches!(condition.check, Check::NoData),
            no_data: matches!(condition.check, Check::NoData),
            spent: false,
            sla_breached: false,
            written: condition.written.then_some(condition.severity),
        };
        let assessed: Assessment = assess(situation);
        let step = Episode::next(None, EventTime::default(), Some((&condition.name, assessed)));
        let Some(step) = step else { return Vec::new() };
        let labels = labels(&self.plan, slo, group, step.episode(), Some(condition));
        crate::engine::alerts::routed(&self.plan, &labels, &slo.targets)
    }
}

fn of_condition(one: &ConditionAccount, rule: &Condition) -> Vec<(&'static str, String)> {
    let factor = one.factor.clone().unwrap_or_default();
    let mut found = Vec::new();
    for (place, window) in one.windows.iter().enumerate().filter(|(_, window)| !window.holds) {
        let raw_holds = decimal(&window.raw_burn) > decimal(&factor);
        if one.op == "over" && raw_holds {
            let text = format!(
                "{} burns {} times, but only {} of it was watched: what was not counts as clean, which makes {}",
                window.window,
                window.raw_burn,
                percent(decimal(&window.coverage)),
                window.burn,
            );
            found.push(("coverage", text));
            continue;
        }
        let code = if place == 0 { "long_window" } else { "short_window" };
        let needs = if one.op == "over" { "more" } else { "less" };
        let text = format!(
            "{} burns {} times the allowed rate ({} bad of {}), and {} needs {needs} than {factor}",
            window.window, window.burn, window.bad, window.total, one.condition,
        );
        found.push((code, text));
    }
    match one.held_back_by.as_deref() {
        Some("too-few") => {
            let bad = one.windows.first().map_or(0, |long| long.bad);
            found.push((
                "too_few",
                format!("{bad} bad events are too few to judge by: {} needs {}", one.condition, one.min_bad),
            ));
        }
        Some(_) => {
            let text =
                "so many bad events are no more than chance brings at this target (evenkeel.dev/chance)";
            found.push(("chance", text.to_owned()));
        }
        None if one.holds && rule.hold_s > 0 => {
            found.push((
                "alert_after",
                format!("it must hold for {} without a break", duration_text(rule.hold_s)),
            ));
        }
        None => {}
    }
    found
}

fn decimal(text: &str) -> f64 {
    text.parse().unwrap_or(0.0)
}

/// The place of the condition that is nearest to what it needs: those that page come first where they are as near.
pub(super) fn nearest(cx: Cx<'_>, level: &Level, judge: usize) -> Option<usize> {
    let conditions = cx.plan.slo.conditions().filter(|(place, _)| *place == judge).map(|(_, one)| one);
    let urgency = |one: &Condition| match one.severity {
        Severity::Page => 2,
        Severity::Ticket => 1,
        Severity::Log => 0,
    };
    let near = conditions.enumerate().filter(|(_, one)| matches!(one.check, Check::Burn { .. }));
    near.max_by_key(|(index, one)| {
        (nearness(cx, level, judge, *index), urgency(one), std::cmp::Reverse(*index))
    })
    .map(|(index, _)| index)
}

pub(super) fn nearness_of(cx: Cx<'_>, level: &Level, judge: usize) -> u128 {
    nearest(cx, level, judge).map_or(0, |index| nearness(cx, level, judge, index))
}

/// The smaller one of what its windows burn, in millionths of its factor; at most the factor, for beyond it all are near.
fn nearness(cx: Cx<'_>, level: &Level, judge: usize, index: usize) -> u128 {
    const WHOLE: u128 = 1_000_000;
    let condition = condition(&cx.plan.slo, judge, index);
    let Check::Burn { op, factor } = condition.check else { return 0 };
    let (long, short) = level.condition(cx, judge, index);
    if !op.is_upward() || factor == Parts(0) {
        return if op.holds(long.burn, factor) { WHOLE } else { 0 };
    }
    let of =
        |burn: crate::model::Quotient| (burn.rounded(Parts::ONE.0) * WHOLE / u128::from(factor.0)).min(WHOLE);
    of(long.burn).min(of(short.burn))
}
