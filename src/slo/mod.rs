//! Objectives, error budgets, burn rates over pairs of windows. Knows no event and no receiver.

mod budget;
mod conditions;
mod objective;

pub use budget::{Count, Seen};
pub use conditions::{Condition, Note, Pace, minimum_bad, standard_conditions};
pub use objective::{Objective, ObjectiveError, TimeWindow};

use crate::model::Tier;

/// One service level objective, checked and complete.
#[derive(Clone, Debug)]
pub struct Slo {
    pub name: String,
    pub service: String,
    pub tier: Tier,
    /// `displayName` of the objective; empty where the document has none.
    pub objective_name: String,
    pub objective: Objective,
    /// What is promised to customers: looser than the objective.
    pub sla: Option<Objective>,
    pub window: TimeWindow,
    pub conditions: Vec<Condition>,
}
