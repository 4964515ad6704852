//! Objectives, error budgets, burn rates over pairs of windows. Knows no event and no receiver.

mod budget;
pub mod chance;
mod conditions;
mod early;
mod exclusions;
mod objective;
mod window;

pub use budget::{Count, Cover, Seen, SliceSum};
pub use conditions::{
    Check, Comparison, Condition, Note, Pace, Setting, Tells, duration_text, highest_burn, is_out_of_reach,
    minimum_bad, pace_of, standard_conditions,
};
pub use early::{Early, Evidence};
pub use exclusions::{Every, Exclusion, Recurrence, Stretch, When};
pub use objective::{Objective, ObjectiveError};
pub use window::{Calendar, Period, Step, Window};

use borsh::{BorshDeserialize, BorshSerialize};

use crate::model::{Parts, Tier};

/// One service level objective's document, checked and complete.
#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub struct Slo {
    pub name: String,
    pub service: String,
    pub tier: Tier,
    pub window: Window,
    pub method: Method,
    /// At least one.
    pub goals: Vec<Goal>,
    pub composite: Option<Composite>,
    pub no_data: NoData,
    pub exclusions: Vec<Exclusion>,
    /// Probability, in billionths, below which bad events are no matter of chance; then only does a condition hold.
    pub chance: Option<Parts>,
    /// Names of the AlertNotificationTargets.
    pub targets: Vec<String>,
}

/// One of the objectives.
#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub struct Goal {
    /// `displayName`; empty where the document has none.
    pub name: String,
    /// What counts for it, by place among the SLO's indicators.
    pub track: usize,
    pub objective: Objective,
    /// What is promised to customers: looser than the objective.
    pub sla: Option<Objective>,
    pub slice: Option<Slice>,
    /// Empty where a composite has them.
    pub conditions: Vec<Condition>,
    /// OpenSLO's `compositeWeight`.
    pub weight: Parts,
}

/// A slice of time that is good or bad as a whole (Timeslices), or as good as its ratio (RatioTimeslices).
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Slice {
    pub seconds: u64,
    /// The least ratio of a good one; `None` for RatioTimeslices.
    pub target: Option<Parts>,
}

impl Slice {
    /// Billionths: 0 for a slice that is good, 1 for one that is bad.
    pub fn badness(self, good: u64, bad: u64) -> u64 {
        let total = u128::from(good) + u128::from(bad);
        let of_one = |part: u64| u128::from(part) * u128::from(Parts::ONE.0);
        match self.target {
            Some(target) => match of_one(good) < total * u128::from(target.0) {
                true => Parts::ONE.0,
                false => 0,
            },
            // Rounded to the nearest billionth.
            None => (of_one(bad) + total / 2).checked_div(total).unwrap_or(0) as u64,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Method {
    Occurrences,
    Timeslices,
    RatioTimeslices,
}

impl Method {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Occurrences => "Occurrences",
            Self::Timeslices => "Timeslices",
            Self::RatioTimeslices => "RatioTimeslices",
        }
    }
}

/// What time without events counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum NoData {
    Ignore,
    Good,
    Bad,
}

/// Several objectives judged as one, by their burn rates.
#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub struct Composite {
    pub how: Together,
    pub conditions: Vec<Condition>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Together {
    /// The highest burn rate.
    Max,
    /// The sum of burn rates times weights.
    WeightedSum,
}

impl Slo {
    /// What an objective is called, or the composite after them: `displayName`, or its target.
    pub fn judge_name(&self, judge: usize) -> String {
        match self.goals.get(judge) {
            Some(goal) if goal.name.is_empty() => goal.objective.target().display(),
            Some(goal) => goal.name.clone(),
            None => "composite".to_owned(),
        }
    }

    /// Every condition with its goal's place; a composite's come last.
    pub fn conditions(&self) -> impl Iterator<Item = (usize, &Condition)> {
        let goals = self.goals.iter().map(|goal| &goal.conditions);
        let all = goals.chain(self.composite.iter().map(|composite| &composite.conditions));
        all.enumerate().flat_map(|(place, conditions)| conditions.iter().map(move |one| (place, one)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_at_exactly_its_target_is_good() {
        let slice = Slice { seconds: 60, target: Some(Parts(950_000_000)) };
        let badness = [(95, 5), (94, 6), (950_000_001, 50_000_000), (949_999_999, 50_000_001)]
            .map(|(good, bad)| slice.badness(good, bad) / Parts::ONE.0);
        assert_eq!(badness, [0, 1, 0, 1]);
    }

    /// Nine clean slices and one of a thousand events with 99 % bad: the mean hides what most users saw.
    #[test]
    fn the_mean_of_ratios_is_what_its_formula_says() {
        let slice = Slice { seconds: 60, target: None };
        assert_eq!(slice.badness(10, 990), 990_000_000);
        assert_eq!([slice.badness(2, 1), slice.badness(1, 2)], [333_333_333, 666_666_667]);
        assert_eq!(slice.badness(0, 0), 0);
    }
}
