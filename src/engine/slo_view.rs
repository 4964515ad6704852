//! What may be seen of service levels: read-only, in the shapes of the API.

use serde::Serialize;

use super::Engine;
use super::level::{Cx, Groups, Level, Reading};
use super::plan::SloPlan;
use crate::model::{EventTime, Labels, Quotient, SECOND_NS, rfc3339};
use crate::slo::{Condition, Count, Goal, Method, Together};

/// One element of `GET /api/v1/slos`
#[derive(Clone, Debug, Serialize)]
pub struct SloView {
    pub name: String,
    pub service: String,
    pub tier: u8,
    pub budgeting_method: &'static str,
    pub time_window: String,
    /// Of a window by the calendar: the running period.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<PeriodView>,
    /// Of the group that has the least.
    pub coverage: String,
    /// The newest event time, or our own time where nothing newer came for ten seconds.
    pub clock: Option<String>,
    /// Events that were put in as weighted counts of the past, not observed.
    pub injected: u64,
    /// Events that came when no window held their time any more.
    pub expired: u64,
    /// Events that came in a time that does not count.
    pub excluded: u64,
    /// Events that share the group `overflow`.
    pub overflow: u64,
    /// What the buckets take in memory.
    pub bytes: usize,
    pub declared_at: String,
    /// Comparisons of two types that can not be compared, in the SLO's expressions.
    pub mismatches: u64,
    pub objectives: Vec<ObjectiveView>,
    /// Times that do not count and have begun, the newest last.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exclusions: Vec<ExclusionView>,
}

#[derive(Clone, Debug, Serialize)]
pub struct PeriodView {
    pub start: String,
    pub end: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct ObjectiveView {
    pub name: String,
    /// `None` for a composite, which has those of its parts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// `max` or `weighted-sum`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub composite: Option<&'static str>,
    /// What `good`, `bad` and `total` of the groups count: `events` or `slices`.
    pub unit: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sla: Option<SlaView>,
    pub groups: Vec<GroupView>,
}

#[derive(Clone, Debug, Serialize)]
pub struct SlaView {
    pub target: String,
    /// What is left of the SLA's own budget, in the group that has the least.
    pub margin: String,
    /// Seconds until the SLA is broken at the last hour's rate; `None` where it is not within the window.
    pub breach_in_s: Option<u64>,
}

#[derive(Clone, Debug, Serialize)]
pub struct GroupView {
    pub group: Labels,
    pub good: u64,
    pub bad: u64,
    pub total: u64,
    /// `null` without events: unknown is neither 1 nor 0.
    pub sli: Option<String>,
    /// Where histograms are read: between which two values their buckets allow it to lie.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sli_low: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sli_high: Option<String>,
    pub coverage: String,
    pub budget: BudgetView,
    pub conditions: Vec<ConditionView>,
    pub state: &'static str,
}

#[derive(Clone, Debug, Serialize)]
pub struct BudgetView {
    pub spent: String,
    pub remaining: String,
    pub raw_spent: String,
    pub exhausted: bool,
    /// Seconds until it is spent at the last hour's rate; `None` where it lasts for the window.
    pub exhausted_in_s: Option<u64>,
}

#[derive(Clone, Debug, Serialize)]
pub struct ConditionView {
    pub condition: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition_name: Option<String>,
    /// `None` for `no-data` and `early`.
    pub factor: Option<String>,
    pub severity: &'static str,
    pub burn_long: String,
    pub burn_short: String,
    pub raw_burn_long: String,
    pub raw_burn_short: String,
    pub state: &'static str,
}

#[derive(Clone, Debug, Serialize)]
pub struct ExclusionView {
    pub reason: String,
    pub start: String,
    pub end: String,
    /// What came in it and did not count.
    pub good: u64,
    pub bad: u64,
}

/// One element of `as_known` in `GET /api/v1/slos/NAME?at=TIME`
#[derive(Clone, Debug, Serialize)]
pub struct KnownView {
    pub objective: String,
    pub group: Labels,
    /// The full hour at or before the time that was asked for.
    pub at: String,
    /// As known then.
    pub good: u64,
    pub bad: u64,
    pub spent: String,
    pub remaining: String,
    pub coverage: String,
    /// Events of the window that came later.
    pub late_good: u64,
    pub late_bad: u64,
}

impl Engine {
    pub fn slos(&self) -> Vec<SloView> {
        (0..self.levels.len()).map(|index| self.slo_view(index)).collect()
    }

    pub fn slo(&self, name: &str) -> Option<SloView> {
        Some(self.slo_view(self.index_of(name)?))
    }

    pub(super) fn index_of(&self, name: &str) -> Option<usize> {
        self.plan.slos.iter().position(|plan| plan.slo.name == name)
    }

    /// Budgets as they were known at a time: at the full hour before it. `None` where there is no such service level.
    pub fn slo_as_known(&self, name: &str, at: EventTime) -> Option<Vec<KnownView>> {
        let index = self.index_of(name)?;
        let (slo, groups) = (&self.plan.slos[index].slo, &self.levels[index]);
        let mut known = Vec::new();
        for (_, level) in groups.in_order() {
            for goal in 0..slo.goals.len() {
                let Some(then) = level.snapshot(goal, at.seconds()) else { continue };
                let billionths = |part: u64| Quotient::new((u128::from(part), 1), (1_000_000_000, 1));
                known.push(KnownView {
                    objective: slo.judge_name(goal),
                    group: level.group.clone(),
                    at: time(then.at_s),
                    good: then.count.good,
                    bad: then.count.bad,
                    spent: billionths(then.spent).decimal(),
                    remaining: billionths(then.spent).decimal_of_rest(),
                    coverage: billionths(then.coverage).decimal(),
                    late_good: then.late.good,
                    late_bad: then.late.bad,
                });
            }
        }
        Some(known)
    }

    fn slo_view(&self, index: usize) -> SloView {
        let mismatches = self.books.mismatches[self.plan.rules.len() + index];
        slo_view(&self.plan.slos[index], &self.levels[index], mismatches)
    }
}

pub(super) fn time(second: u64) -> String {
    rfc3339(second.saturating_mul(SECOND_NS))
}

fn slo_view(plan: &SloPlan, groups: &Groups, mismatches: u64) -> SloView {
    let slo = &plan.slo;
    let cx = Cx { plan, shape: &groups.shape };
    let levels = || groups.levels.iter();
    let clock = levels().map(|level| level.clock).max().unwrap_or_default();
    let least = levels().map(|level| level.budget(cx, 0).coverage).min_by_key(|one| one.rounded(PARTS));
    let newest = groups.in_order().map(|(_, level)| level).max_by_key(|level| level.clock);
    let exclusions = newest.into_iter().flat_map(Level::exclusions).map(|one| ExclusionView {
        reason: slo.exclusions[one.exclusion].reason.clone(),
        start: time(one.stretch.start_s),
        end: time(one.stretch.end_s),
        good: one.count.good,
        bad: one.count.bad,
    });
    let judges = slo.goals.len() + usize::from(slo.composite.is_some());
    SloView {
        name: slo.name.clone(),
        service: slo.service.clone(),
        tier: slo.tier.number(),
        budgeting_method: slo.method.as_str(),
        time_window: slo.window.text().to_owned(),
        period: newest
            .and_then(Level::period)
            .map(|period| PeriodView { start: time(period.start_s), end: time(period.end_s) }),
        coverage: least.unwrap_or(Quotient::ZERO).decimal(),
        clock: (clock > EventTime::default()).then(|| rfc3339(clock.0)),
        injected: levels().map(|level| level.injected()).sum(),
        expired: levels().map(|level| level.expired()).sum(),
        excluded: levels().map(|level| level.excluded()).sum(),
        overflow: groups.overflow(plan),
        bytes: groups.bytes(),
        declared_at: plan.declared_at.clone(),
        mismatches,
        objectives: (0..judges).map(|judge| objective_view(cx, groups, judge)).collect(),
        exclusions: exclusions.collect(),
    }
}

const PARTS: u64 = 1_000_000_000;

fn objective_view(cx: Cx<'_>, groups: &Groups, judge: usize) -> ObjectiveView {
    let slo = &cx.plan.slo;
    let goal = slo.goals.get(judge);
    let composite = slo.composite.as_ref().filter(|_| goal.is_none());
    ObjectiveView {
        name: goal.map_or_else(|| slo.judge_name(judge), |goal| goal.name.clone()),
        target: goal.map(|goal| goal.objective.target().display()),
        composite: composite.map(|composite| match composite.how {
            Together::Max => "max",
            Together::WeightedSum => "weighted-sum",
        }),
        unit: if slo.method == Method::Occurrences { "events" } else { "slices" },
        sla: goal.and_then(|goal| sla_view(cx, groups, judge, goal)),
        groups: groups.in_order().map(|(_, level)| group_view(cx, level, judge)).collect(),
    }
}

fn sla_view(cx: Cx<'_>, groups: &Groups, judge: usize, goal: &Goal) -> Option<SlaView> {
    let sla = goal.sla?;
    let worst = groups.levels.iter().max_by_key(|level| level.sla(cx, judge, sla).rounded(PARTS));
    let breach_in_s = worst.and_then(|level| {
        level.exhausted_in_s(cx, level.sla(cx, judge, sla), level.sla_last_hour(cx, judge, sla))
    });
    let margin = worst.map_or(Quotient::ZERO, |level| level.sla(cx, judge, sla)).decimal_of_rest();
    Some(SlaView { target: sla.target().display(), margin, breach_in_s })
}

fn group_view(cx: Cx<'_>, level: &Level, judge: usize) -> GroupView {
    let budget = level.budget(cx, judge);
    let slo = &cx.plan.slo;
    let bound = |which: fn((u64, u64)) -> u64| {
        slo.goals.get(judge)?;
        let (good, total) = (which(level.interval_of(cx, judge)?), budget.count.total());
        Count { good, bad: total.saturating_sub(good) }.sli().map(|sli| sli.decimal())
    };
    let conditions = slo.goals.get(judge).map(|goal| &goal.conditions);
    let composite = || slo.composite.as_ref().map(|composite| &composite.conditions);
    let conditions = conditions.or_else(composite).into_iter().flatten().enumerate();
    let conditions: Vec<ConditionView> =
        conditions.map(|(index, one)| condition_view(cx, level, (judge, index), one)).collect();
    let is_firing = |silence: bool| {
        conditions.iter().any(|one| one.state == "firing" && (one.condition == "no-data") == silence)
    };
    let state = match (is_firing(false), conditions.first()) {
        (true, _) => "firing",
        (false, _) if is_firing(true) => "no-data",
        (false, Some(first)) if first.state == "no-data" => "no-data",
        (false, None) if budget.count.total() == 0 => "no-data",
        (false, _) => "ok",
    };
    GroupView {
        group: level.group.clone(),
        good: budget.count.good,
        bad: budget.count.bad,
        total: budget.count.total(),
        sli: budget.sli.map(Quotient::decimal),
        sli_low: bound(|(low, _)| low),
        sli_high: bound(|(_, high)| high),
        coverage: budget.coverage.decimal(),
        budget: BudgetView {
            spent: budget.burn.decimal(),
            remaining: budget.burn.decimal_of_rest(),
            raw_spent: budget.raw.decimal(),
            exhausted: level.judges[judge].spent,
            exhausted_in_s: level.exhausted_in_s(cx, budget.burn, level.last_hour(cx, judge).raw),
        },
        conditions,
        state,
    }
}

fn condition_view(
    cx: Cx<'_>,
    level: &Level,
    (judge, index): (usize, usize),
    condition: &Condition,
) -> ConditionView {
    let (long, short): (Reading, Reading) = level.condition(cx, judge, index);
    ConditionView {
        condition: condition.name.clone(),
        condition_name: condition.document.clone(),
        factor: condition.factor().map(|factor| factor.display()),
        severity: condition.severity.as_str(),
        burn_long: long.burn.decimal(),
        burn_short: short.burn.decimal(),
        raw_burn_long: long.raw.decimal(),
        raw_burn_short: short.raw.decimal(),
        state: match (level.judges[judge].conditions[index].firing, level.has_no_data(condition)) {
            (true, _) => "firing",
            (false, true) => "no-data",
            (false, false) => "ok",
        },
    }
}
