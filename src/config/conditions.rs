//! The conditions of an SLO: the standard pairs, or those of its AlertPolicies, and what can be said of them at load.

use super::Reading;
use super::annotations::OfSlo;
use super::node::Place;
use super::policies::{Policies, Written};
use crate::model::{Parts, Priority, Severity};
use crate::slo::{
    Check, Comparison, Condition, Early, Goal, Pace, Setting, Slo, Tells, highest_burn, is_out_of_reach,
    minimum_bad, pace_of, standard_conditions,
};

/// A factor below this tells people of a budget that lasts.
const FACTOR_MIN: Parts = Parts(900_000_000);

pub(super) fn add(
    ctx: &mut Reading<'_>,
    slo: &mut Slo,
    extras: &OfSlo<'_, '_>,
    policies: Option<&Policies>,
    window_at: Place,
) {
    let mut all: Vec<Vec<Condition>> = Vec::new();
    for (index, goal) in slo.goals.iter().enumerate() {
        let mut conditions = match policies {
            Some(policies) => {
                let written = policies.conditions.iter();
                written.map(|(one, tells)| own(ctx, slo, goal, one, *tells, extras)).collect()
            }
            None if extras.standard_conditions => standard(ctx, slo, goal, extras, window_at),
            None => Vec::new(),
        };
        conditions.extend(early(goal, extras).filter(|_| slo.composite.is_none()));
        // Data is there or not for the SLO as a whole.
        if index == 0 {
            conditions.extend(policies.iter().flat_map(|policies| &policies.no_data).map(Written::no_data));
            conditions.extend(extras.alert_no_data.map(no_data));
        }
        all.push(conditions);
    }
    if let Some(composite) = &mut slo.composite {
        composite.conditions = strictest(&all);
        return;
    }
    for (goal, conditions) in slo.goals.iter_mut().zip(all) {
        goal.conditions = conditions;
    }
}

/// The conditions of a composite are those of the objective that has the most of them.
fn strictest(all: &[Vec<Condition>]) -> Vec<Condition> {
    all.iter().max_by_key(|conditions| conditions.len()).cloned().unwrap_or_default()
}

fn standard(
    ctx: &mut Reading<'_>,
    slo: &Slo,
    goal: &Goal,
    extras: &OfSlo<'_, '_>,
    window_at: Place,
) -> Vec<Condition> {
    let (conditions, notes) = standard_conditions(Setting {
        window_s: slo.window.nominal_s(),
        objective: goal.objective,
        tier: slo.tier,
        min_bad: extras.min_bad,
        slice_s: goal.slice.map(|slice| slice.seconds),
    });
    for note in notes {
        ctx.report.note("N0303", window_at, format!("{}: {}", note.pair, note.text));
    }
    if conditions.is_empty() {
        let message = "no standard burn-rate pair fits this window and target: this SLO never alerts";
        ctx.report.warn(
            "W0304",
            window_at,
            message,
            "-v tells what became of each pair; `evenkeel.dev/alert-preset: none` says that it is meant so",
        );
    }
    conditions
}

fn own(
    ctx: &mut Reading<'_>,
    slo: &Slo,
    goal: &Goal,
    written: &Written,
    tells: Tells,
    extras: &OfSlo<'_, '_>,
) -> Condition {
    warn_of_the_plain(ctx, slo, goal, written);
    let mut written = written.clone();
    if let Some(slice) = goal.slice {
        let whole = |seconds: u64| seconds.div_ceil(slice.seconds) * slice.seconds;
        let (long_s, short_s) = (whole(written.long_s), written.short_s.map(whole));
        if (long_s, short_s) != (written.long_s, written.short_s) {
            let message = "the windows of this condition are rounded up to whole slices";
            ctx.report.warn("W0313", written.at, message, "");
        }
        written.long_s = long_s;
        written.short_s = short_s.filter(|short| *short < long_s);
    }
    Condition {
        name: written.name(),
        document: written.document,
        check: Check::Burn { op: written.op, factor: written.factor },
        long_s: written.long_s,
        short_s: written.short_s,
        pace: pace_of(written.factor, slo.window.nominal_s()),
        severity: written.severity,
        written: true,
        min_bad: if written.op.is_upward() {
            extras.min_bad.unwrap_or(minimum_bad(written.severity))
        } else {
            0
        },
        hold_s: written.hold_s,
        tells,
    }
}

/// What can be seen without an event: that a condition never comes true, or always is.
fn warn_of_the_plain(ctx: &mut Reading<'_>, slo: &Slo, goal: &Goal, written: &Written) {
    let (factor, shown) = (written.factor, written.factor.display());
    let highest = highest_burn(goal.objective).decimal();
    let message = match written.op {
        Comparison::Gt if is_out_of_reach(factor, goal.objective) => {
            format!(
                "this condition never fires: a total outage burns {highest} times the budget, not above {shown}"
            )
        }
        Comparison::Gte if is_out_of_reach(Parts(factor.0.saturating_sub(1)), goal.objective) => {
            format!(
                "this condition never fires: a total outage burns {highest} times the budget, less than {shown}"
            )
        }
        Comparison::Gte if factor == Parts(0) => {
            "this condition is always true: no rate is below 0".to_owned()
        }
        Comparison::Lt if factor == Parts(0) => "this condition never fires: no rate is below 0".to_owned(),
        Comparison::Lt | Comparison::Lte => {
            format!(
                "this condition is true while the budget burns slowly, up to {shown} times: it fires in health"
            )
        }
        Comparison::Gt | Comparison::Gte if factor < FACTOR_MIN => {
            format!(
                "a rate of {shown} leaves budget at the end of the window: this condition tells of a budget that lasts"
            )
        }
        _ if written.long_s > slo.window.nominal_s() => {
            "the condition looks back further than the SLO's time window".to_owned()
        }
        _ => return,
    };
    ctx.report.warn("W0307", written.factor_at, message, "");
}

/// Nothing has come for so long: a ticket.
fn no_data(after_s: u64) -> Condition {
    Condition {
        name: "no-data".to_owned(),
        document: None,
        check: Check::NoData,
        long_s: after_s,
        short_s: None,
        pace: Pace::Slow,
        severity: Severity::Ticket,
        written: false,
        min_bad: 0,
        hold_s: 0,
        tells: Tells::ALL,
    }
}

fn early(goal: &Goal, extras: &OfSlo<'_, '_>) -> Option<Condition> {
    let (rate, floor) = extras.early?;
    Some(Condition {
        name: "early".to_owned(),
        document: None,
        check: Check::Early(Early::new(goal.objective.budget(), rate, floor)),
        long_s: 3_600,
        short_s: None,
        pace: Pace::Fast,
        severity: Priority::P2.severity(),
        written: false,
        min_bad: 0,
        hold_s: 0,
        tells: Tells::ALL,
    })
}
