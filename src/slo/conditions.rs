//! Burn-rate conditions: the standard pairs of the SRE Workbook (chapter 5, "Alerting on SLOs"),
//! with factors scaled to the period so that a pair always stands for the same share of the budget.

use super::objective::Objective;
use crate::model::{Parts, Severity, Tier};

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

pub fn standard_conditions(
    window_s: u64,
    objective: Objective,
    tier: Tier,
    min_bad: Option<u64>,
) -> (Vec<Condition>, Vec<Note>) {
    let _ = (window_s, objective, tier, min_bad, Parts::ONE);
    (Vec::new(), Vec::new())
}

/// The least number of bad events that a condition needs where the document does not say.
pub fn minimum_bad(severity: Severity) -> u64 {
    match severity {
        Severity::Page => 2,
        Severity::Ticket | Severity::Log => 1,
    }
}
