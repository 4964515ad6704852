//! Conditions of an alert: the standard pairs of the SRE Workbook (chapter 5, "Alerting on SLOs"), with factors scaled
//! to the period so that a pair always stands for the same share of the budget, and those that a person wrote.

use borsh::{BorshDeserialize, BorshSerialize};

use super::early::Early;
use super::objective::Objective;
use crate::model::{Parts, Quotient, Severity, Tier};

/// How quickly the budget goes while a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub enum Pace {
    Slow,
    Fast,
}

#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Condition {
    /// `1h/5m`, or `1h` without a short window; `no-data`, `early`.
    pub name: String,
    /// `metadata.name` of the document, where it has one.
    pub document: Option<String>,
    pub check: Check,
    /// How far it looks back. Not a part of `check`: rustc 1.95 with LLVM 22 reads an option that is a part of a variant
    /// before it knows that it is this variant.
    pub long_s: u64,
    pub short_s: Option<u64>,
    pub pace: Pace,
    /// How an alert of this condition is routed.
    pub severity: Severity,
    /// A person wrote the severity: it wins over that of the priority.
    pub written: bool,
    /// Bad events that the long window must hold.
    pub min_bad: u64,
    /// The check must be true for so long without a break.
    pub hold_s: u64,
    /// Whether somebody is told that it became true, and that it no longer is.
    pub tells: Tells,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Tells {
    pub breach: bool,
    pub resolve: bool,
}

impl Tells {
    pub const ALL: Self = Self { breach: true, resolve: true };
}

#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Check {
    /// The burn rate over the long window, and over the short one, compares with the factor.
    Burn { op: Comparison, factor: Parts },
    /// No event came for as long as it looks back.
    NoData,
    /// A sequential test says that the target is not met, before the windows do.
    Early(Early),
}

/// OpenSLO's `op` of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Comparison {
    Gt,
    Gte,
    Lt,
    Lte,
}

impl Comparison {
    pub fn holds(self, burn: Quotient, factor: Parts) -> bool {
        match self {
            Self::Gt => burn.is_above(factor),
            Self::Gte => burn.is_at_least(factor),
            Self::Lt => !burn.is_at_least(factor),
            Self::Lte => !burn.is_above(factor),
        }
    }

    /// Whether it asks for trouble, not for the lack of it.
    pub fn is_upward(self) -> bool {
        matches!(self, Self::Gt | Self::Gte)
    }
}

impl Condition {
    pub fn shortest_s(&self) -> u64 {
        self.short_s.unwrap_or(self.long_s)
    }

    pub fn factor(&self) -> Option<Parts> {
        match self.check {
            Check::Burn { factor, .. } => Some(factor),
            Check::NoData | Check::Early(_) => None,
        }
    }
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

const MINUTE: u64 = 60;
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

/// What the standard pairs are made for.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The budget's window, nominal.
    pub window_s: u64,
    pub objective: Objective,
    pub tier: Tier,
    pub min_bad: Option<u64>,
    /// Windows are made of whole slices.
    pub slice_s: Option<u64>,
}

/// The pairs that make sense, and what became of the others. The factor of a pair is `share x window / long`.
pub fn standard_conditions(setting: Setting) -> (Vec<Condition>, Vec<Note>) {
    let Setting { window_s, objective, tier, min_bad, slice_s } = setting;
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
        if is_out_of_reach(factor, objective) {
            note(format!(
                "dropped: its factor {} is out of reach, a total outage burns {} times the budget",
                factor.display(),
                highest_burn(objective).decimal()
            ));
            continue;
        }
        let whole = |seconds: u64| slice_s.map_or(seconds, |slice| seconds.div_ceil(slice) * slice);
        let (long_s, short_s) = (whole(pair.long_s), whole(pair.short_s));
        if (long_s, short_s) != (pair.long_s, pair.short_s) {
            if short_s >= pair.long_s {
                note("dropped: a slice is as long as its long window".to_owned());
                continue;
            }
            note("its windows are rounded up to whole slices".to_owned());
        }
        let severity = severity(pair.pace, tier);
        conditions.push(Condition {
            name: format!("{}/{}", duration_text(long_s), duration_text(short_s)),
            document: None,
            check: Check::Burn { op: Comparison::Gt, factor },
            long_s,
            short_s: Some(short_s),
            pace: pair.pace,
            severity,
            written: false,
            min_bad: min_bad.unwrap_or(minimum_bad(severity)),
            hold_s: 0,
            tells: Tells::ALL,
        });
    }
    (conditions, notes)
}

/// `5m`, `1h`, `3d`: as OpenSLO writes durations.
pub fn duration_text(seconds: u64) -> String {
    match seconds {
        0 => "0m".to_owned(),
        seconds if seconds.is_multiple_of(DAY) => format!("{}d", seconds / DAY),
        seconds if seconds.is_multiple_of(HOUR) => format!("{}h", seconds / HOUR),
        seconds if seconds.is_multiple_of(MINUTE) => format!("{}m", seconds / MINUTE),
        seconds => format!("{seconds}s"),
    }
}

/// As fast as the slower of the two pairs that page, or faster.
pub fn pace_of(factor: Parts, window_s: u64) -> Pace {
    match factor >= scaled_factor(&PAIRS[1], window_s) {
        true => Pace::Fast,
        false => Pace::Slow,
    }
}

fn scaled_factor(pair: &Pair, window_s: u64) -> Parts {
    let share = u128::from(pair.share_percent) * u128::from(Parts::ONE.0) / 100;
    let exact = Quotient::new((share, u128::from(window_s)), (u128::from(pair.long_s), 1));
    Parts(u64::try_from(exact.rounded(1)).unwrap_or(u64::MAX))
}

/// Nothing burns faster than 1 / budget, so a factor from there on is never exceeded.
pub fn is_out_of_reach(factor: Parts, objective: Objective) -> bool {
    u128::from(factor.0) * u128::from(objective.budget().0)
        >= u128::from(Parts::ONE.0) * u128::from(Parts::ONE.0)
}

pub fn highest_burn(objective: Objective) -> Quotient {
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

    fn setting(days: u64, target: &str) -> Setting {
        let objective = Objective::new(parse_parts(target).unwrap()).unwrap();
        Setting { window_s: days * DAY, objective, tier: Tier::Two, min_bad: None, slice_s: None }
    }

    fn shown(setting: Setting) -> String {
        let (conditions, _) = standard_conditions(setting);
        let shown = conditions
            .iter()
            .map(|one| format!("{} {} {}", one.name, one.factor().unwrap().display(), one.severity));
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
            assert_eq!(shown(setting(days, "0.999")), expected, "{days} d");
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
            assert_eq!(shown(setting(30, target)), expected, "{target}");
        }
    }

    #[test]
    fn every_pair_that_is_changed_or_dropped_is_told() {
        let told = |days: u64| standard_conditions(setting(days, "0.999")).1.len();
        assert_eq!((told(7), told(28), told(30)), (2, 1, 0));
    }

    #[test]
    fn windows_are_made_of_whole_slices() {
        let of_slices = |slice_s| shown(Setting { slice_s: Some(slice_s), ..setting(30, "0.99") });
        assert_eq!(of_slices(60), "1h/5m 14.4 page, 6h/30m 6 page, 1d/2h 3 ticket, 3d/6h 1 ticket");
        assert_eq!(of_slices(900), "1h/15m 14.4 page, 6h/30m 6 page, 1d/2h 3 ticket, 3d/6h 1 ticket");
        assert_eq!(of_slices(3_600), "6h/1h 6 page, 1d/2h 3 ticket, 3d/6h 1 ticket");
    }

    #[test]
    fn a_pace_is_fast_from_the_slower_page_on() {
        let pace = |factor, days: u64| pace_of(parse_parts(factor).unwrap(), days * DAY);
        assert_eq!([pace("6", 30), pace("5.999", 30), pace("5.6", 28)], [Pace::Fast, Pace::Slow, Pace::Fast]);
    }

    #[test]
    fn durations_read_as_openslo_writes_them() {
        let texts = [300, 3_600, 5_400, 86_400, 604_800, 90].map(duration_text);
        assert_eq!(texts, ["5m", "1h", "90m", "1d", "7d", "90s"]);
    }
}
