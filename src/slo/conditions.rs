//! Burn-rate conditions: the standard pairs of the SRE Workbook (chapter 5, "Alerting on SLOs"),
//! with factors scaled to the period so that a pair always stands for the same share of the budget.

use super::objective::Objective;
use crate::model::{Parts, Quotient, Severity, Tier};

/// How quickly the budget goes while a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pace {
    Slow,
    Fast,
}

/// True while the burn rate is above `factor` over the long window and over the short one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// `1h/5m`, or `1h` without a short window.
    pub name: String,
    pub long_s: u64,
    pub short_s: Option<u64>,
    pub factor: Parts,
    pub pace: Pace,
    /// How an alert of this condition is routed.
    pub severity: Severity,
    /// Bad events that the long window must hold.
    pub min_bad: u64,
}

/// What became of a standard pair that could not be taken as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    pub pair: String,
    pub text: String,
}

struct Pair {
    name: &'static str,
    share_percent: u64,
    long_s: u64,
    short_s: u64,
    pace: Pace,
}

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

/// Shares of the budget that may go within the long window before somebody is told.
const PAIRS: [Pair; 4] = [
    Pair { name: "1h/5m", share_percent: 2, long_s: HOUR, short_s: 300, pace: Pace::Fast },
    Pair { name: "6h/30m", share_percent: 5, long_s: 6 * HOUR, short_s: 1_800, pace: Pace::Fast },
    Pair { name: "1d/2h", share_percent: 10, long_s: DAY, short_s: 2 * HOUR, pace: Pace::Slow },
    Pair { name: "3d/6h", share_percent: 10, long_s: 3 * DAY, short_s: 6 * HOUR, pace: Pace::Slow },
];

/// A factor from here up to 1 is taken as 1: 10 % of 28 days over 3 days is 0.93, which would tell
/// people of a budget that lasts.
const FACTOR_MIN: Parts = Parts(900_000_000);

/// The pairs that make sense for a window and an objective, and what became of the others.
/// The factor of a pair is `share x window / long`.
pub fn standard_conditions(
    window_s: u64,
    objective: Objective,
    tier: Tier,
    min_bad: Option<u64>,
) -> (Vec<Condition>, Vec<Note>) {
    let (mut conditions, mut notes) = (Vec::new(), Vec::new());
    for pair in &PAIRS {
        let mut note = |text: String| notes.push(Note { pair: pair.name.to_owned(), text });
        let mut factor = scaled_factor(pair, window_s);
        if factor < FACTOR_MIN {
            note(format!(
                "dropped: its factor {} is below 0.9, so it would fire on a budget that lasts",
                factor.display()
            ));
            continue;
        }
        if factor < Parts::ONE {
            note(format!("its factor {} is taken as 1", factor.display()));
            factor = Parts::ONE;
        }
        if out_of_reach(factor, objective) {
            note(format!(
                "dropped: its factor {} is out of reach, a total outage burns {} times the budget",
                factor.display(),
                highest_burn(objective).decimal()
            ));
            continue;
        }
        let severity = severity(pair.pace, tier);
        conditions.push(Condition {
            name: pair.name.to_owned(),
            long_s: pair.long_s,
            short_s: Some(pair.short_s),
            factor,
            pace: pair.pace,
            severity,
            min_bad: min_bad.unwrap_or(minimum_bad(severity)),
        });
    }
    (conditions, notes)
}

fn scaled_factor(pair: &Pair, window_s: u64) -> Parts {
    let share = u128::from(pair.share_percent) * u128::from(Parts::ONE.0) / 100;
    let exact = Quotient::new((share, u128::from(window_s)), (u128::from(pair.long_s), 1));
    Parts(u64::try_from(exact.rounded(1)).unwrap_or(u64::MAX))
}

/// Nothing burns faster than 1 / budget, so a factor from there on is never exceeded.
fn out_of_reach(factor: Parts, objective: Objective) -> bool {
    u128::from(factor.0) * u128::from(objective.budget().0)
        >= u128::from(Parts::ONE.0) * u128::from(Parts::ONE.0)
}

fn highest_burn(objective: Objective) -> Quotient {
    Quotient::new((u128::from(Parts::ONE.0), 1), (u128::from(objective.budget().0), 1))
}

fn severity(pace: Pace, tier: Tier) -> Severity {
    match (pace, tier) {
        (Pace::Fast, Tier::One | Tier::Two) => Severity::Page,
        (Pace::Fast, Tier::Three) | (Pace::Slow, _) => Severity::Ticket,
    }
}

/// The least number of bad events that a condition needs where the document does not say.
pub fn minimum_bad(severity: Severity) -> u64 {
    match severity {
        Severity::Page => 2,
        Severity::Ticket | Severity::Log => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::parse_parts;

    fn pairs(days: u64, target: &str) -> String {
        let objective = Objective::new(parse_parts(target).unwrap()).unwrap();
        let (conditions, _) = standard_conditions(days * DAY, objective, Tier::Two, None);
        let shown =
            conditions.iter().map(|one| format!("{} {} {}", one.name, one.factor.display(), one.severity));
        shown.collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn factors_scale_with_the_period() {
        for (days, expected) in [
            (7, "1h/5m 3.36 page, 6h/30m 1.4 page"),
            (28, "1h/5m 13.44 page, 6h/30m 5.6 page, 1d/2h 2.8 ticket, 3d/6h 1 ticket"),
            (30, "1h/5m 14.4 page, 6h/30m 6 page, 1d/2h 3 ticket, 3d/6h 1 ticket"),
            (31, "1h/5m 14.88 page, 6h/30m 6.2 page, 1d/2h 3.1 ticket, 3d/6h 1.033333 ticket"),
            (90, "1h/5m 43.2 page, 6h/30m 18 page, 1d/2h 9 ticket, 3d/6h 3 ticket"),
        ] {
            assert_eq!(pairs(days, "0.999"), expected, "{days} d");
        }
    }

    #[test]
    fn a_pair_that_a_total_outage_can_not_exceed_is_dropped() {
        for (target, expected) in [
            ("0.9306", "1h/5m 14.4 page, 6h/30m 6 page, 1d/2h 3 ticket, 3d/6h 1 ticket"),
            ("0.9305", "6h/30m 6 page, 1d/2h 3 ticket, 3d/6h 1 ticket"),
            ("0.83", "1d/2h 3 ticket, 3d/6h 1 ticket"),
            ("0.66", "3d/6h 1 ticket"),
        ] {
            assert_eq!(pairs(30, target), expected, "{target}");
        }
    }

    #[test]
    fn every_pair_that_is_changed_or_dropped_is_told() {
        let objective = Objective::new(parse_parts("0.999").unwrap()).unwrap();
        let told = |days: u64| standard_conditions(days * DAY, objective, Tier::Two, None).1.len();
        assert_eq!((told(7), told(28), told(30)), (2, 1, 0));
    }
}
