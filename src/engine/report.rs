//! One service level over a stretch of time: what it was, what spent its budget hour by hour, and what came late.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Engine;
use super::level::{Cx, Level, Reading};
use super::slo_view::time;
use crate::model::{EventTime, Labels, Quotient, SECOND_NS, rfc3339};
use crate::slo::{Count, Goal, Objective};

const HOUR_S: u64 = 3_600;

/// `GET /api/v1/slos/NAME/report`
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub slo: String,
    pub service: String,
    pub budgeting_method: &'static str,
    pub time_window: String,
    /// From here on, up to and without `to`; by event time.
    pub from: String,
    pub to: String,
    /// The clock of the SLO when the report was made.
    pub known_at: String,
    pub objectives: Vec<ObjectiveReport>,
}

#[derive(Clone, Debug, Serialize)]
pub struct ObjectiveReport {
    pub name: String,
    pub target: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sla: Option<String>,
    /// What `good`, `bad` and `total` count: `events` or `slices`.
    pub unit: &'static str,
    pub groups: Vec<GroupReport>,
}

#[derive(Clone, Debug, Serialize)]
pub struct GroupReport {
    pub group: Labels,
    pub good: u64,
    pub bad: u64,
    pub total: u64,
    /// `null` where nothing is known.
    pub sli: Option<String>,
    /// The lowest and highest value that what was not seen allows: all of it bad, or all of it good.
    pub sli_low: Option<String>,
    pub sli_high: Option<String>,
    /// The share of the hours of the stretch in which something came; of the budget's own window as its budget has it.
    pub coverage: String,
    /// Shares of the budget that the objective allows for the stretch, with the hours that were not seen as those that
    /// were: scaled by coverage, as the budget is.
    pub spent: String,
    pub remaining: String,
    /// Of the budget that the objective allows for what came alone.
    pub raw_spent: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sla_margin: Option<String>,
    /// Hours that spent something, in order of time.
    pub ledger: Vec<Hour>,
    /// Requests that came when the clock had passed their time, in order of their coming.
    pub amendments: Vec<AmendmentView>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Hour {
    pub hour: String,
    pub good: u64,
    pub bad: u64,
    /// Share of the stretch's budget that it spent; all hours together are `spent`.
    pub spent: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct AmendmentView {
    pub known_at: String,
    pub oldest: String,
    pub good: u64,
    pub bad: u64,
}

impl Engine {
    /// `None` where there is no such service level. Without times: its window, or the running period.
    pub fn report(&self, name: &str, from: Option<EventTime>, to: Option<EventTime>) -> Option<Report> {
        let index = self.index_of(name)?;
        let (plan, groups) = (&self.plan.slos[index], &self.levels[index]);
        let cx = Cx { plan, shape: &groups.shape };
        let clock = groups.levels.iter().map(|level| level.clock).max().unwrap_or_default();
        let period = groups.levels.iter().find_map(|level| level.period());
        let to_s = to.map_or(clock.seconds() + 1, EventTime::seconds);
        let from_s = from.map_or_else(
            || period.map_or(to_s.saturating_sub(plan.slo.window.nominal_s()), |period| period.start_s),
            EventTime::seconds,
        );
        let is_whole = from.is_none() && to.is_none();
        let objectives = plan.slo.goals.iter().enumerate().map(|(index, goal)| ObjectiveReport {
            name: plan.slo.judge_name(index),
            target: goal.objective.target().display(),
            sla: goal.sla.map(|sla| sla.target().display()),
            unit: if goal.slice.is_some() { "slices" } else { "events" },
            groups: groups
                .in_order()
                .map(|(_, level)| {
                    let known = is_whole.then(|| level.budget(cx, index));
                    group_report(cx, level, index, (from_s, to_s), known)
                })
                .collect(),
        });
        Some(Report {
            slo: plan.slo.name.clone(),
            service: plan.slo.service.clone(),
            budgeting_method: plan.slo.method.as_str(),
            time_window: plan.slo.window.text().to_owned(),
            from: time(from_s),
            to: time(to_s),
            known_at: rfc3339(clock.0),
            objectives: objectives.collect(),
        })
    }
}

/// Units of one hour, and how bad they were in billionths.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    count: Count,
    badness: u128,
}

/// `known`: the budget, where the stretch is its window.
fn group_report(
    cx: Cx<'_>,
    level: &Level,
    index: usize,
    (from_s, to_s): (u64, u64),
    known: Option<Reading>,
) -> GroupReport {
    let goal = &cx.plan.slo.goals[index];
    let mut hours: BTreeMap<u64, Sum> = BTreeMap::new();
    let held = level.by_time(cx, index).into_iter();
    for (at, good, bad) in held.filter(|(at, _, _)| (from_s..to_s).contains(at)) {
        let hour = hours.entry(at / HOUR_S).or_default();
        let (count, badness) = unit(goal, good, bad);
        hour.count.good += count.good;
        hour.count.bad += count.bad;
        hour.badness += badness;
    }
    let all = hours.values().fold(Sum::default(), |sum, one| Sum {
        count: Count { good: sum.count.good + one.count.good, bad: sum.count.bad + one.count.bad },
        badness: sum.badness + one.badness,
    });
    let whole = u128::from(all.count.total()) * BILLION;
    let possible = (to_s.div_ceil(HOUR_S) - from_s / HOUR_S).max(1);
    let seen = (hours.len() as u64).min(possible);
    let coverage = known.as_ref().map_or_else(
        || Quotient::new((u128::from(seen), 1), (u128::from(possible), 1)),
        |budget| budget.coverage,
    );
    let spending = Spending { known: known.as_ref(), coverage, whole, badness: all.badness };
    let spent = spending.all(goal.objective);
    let sli =
        |good: u128, of: u128| (all.count.total() > 0).then(|| Quotient::new((good, 1), (of, 1)).decimal());
    let unseen = whole * u128::from(possible - seen) / u128::from(seen.max(1));
    let ledger = hours.iter().filter(|(_, one)| one.badness > 0).map(|(hour, one)| Hour {
        hour: time(hour * HOUR_S),
        good: one.count.good,
        bad: one.count.bad,
        spent: spending.of_hour(one.badness, goal.objective).decimal(),
    });
    let amendments =
        level.amendments().filter(|one| one.known_at.seconds() >= from_s && one.oldest.seconds() < to_s);
    GroupReport {
        group: level.group.clone(),
        good: all.count.good,
        bad: all.count.bad,
        total: all.count.total(),
        sli: sli(whole - all.badness, whole),
        sli_low: sli(whole - all.badness, whole + unseen),
        sli_high: sli(whole - all.badness + unseen, whole + unseen),
        coverage: coverage.decimal(),
        spent: spent.decimal(),
        remaining: spent.decimal_of_rest(),
        raw_spent: spending.raw(goal.objective).decimal(),
        sla_margin: goal.sla.map(|sla| match known {
            Some(_) => level.sla(cx, index, sla).decimal_of_rest(),
            None => spending.scaled(all.badness, sla).decimal_of_rest(),
        }),
        ledger: ledger.collect(),
        amendments: amendments
            .map(|one| AmendmentView {
                known_at: rfc3339(one.known_at.0),
                oldest: rfc3339(one.oldest.0),
                good: one.count.good,
                bad: one.count.bad,
            })
            .collect(),
    }
}

/// What of the budget is spent, by units and billionths of them.
struct Spending<'k> {
    /// The budget, where the stretch is its window.
    known: Option<&'k Reading>,
    coverage: Quotient,
    whole: u128,
    badness: u128,
}

impl Spending<'_> {
    fn raw(&self, objective: Objective) -> Quotient {
        Quotient::new((self.badness, BILLION), (self.whole, u128::from(objective.budget().0)))
    }

    fn scaled(&self, badness: u128, objective: Objective) -> Quotient {
        let (coverage, budget) = (self.coverage.rounded(SECOND_NS), u128::from(objective.budget().0));
        Quotient::new((badness, coverage), (self.whole, budget))
    }

    fn all(&self, objective: Objective) -> Quotient {
        self.known.map_or_else(|| self.scaled(self.badness, objective), |budget| budget.burn)
    }

    /// Shared out by what each hour had.
    fn of_hour(&self, badness: u128, objective: Objective) -> Quotient {
        let share = |budget: &Reading| {
            Quotient::new((budget.burn.rounded(SECOND_NS), badness), (BILLION, self.badness))
        };
        self.known.map_or_else(|| self.scaled(badness, objective), share)
    }
}

const BILLION: u128 = SECOND_NS as u128;

/// What a bucket, or a slice, counts for an objective.
fn unit(goal: &Goal, good: u64, bad: u64) -> (Count, u128) {
    match goal.slice {
        None => (Count { good, bad }, u128::from(bad) * BILLION),
        Some(slice) => {
            let badness = slice.badness(good, bad);
            let bad = u64::from(badness > 0);
            (Count { good: 1 - bad, bad }, u128::from(badness))
        }
    }
}
