//! A target that leaves a budget.

use borsh::{BorshDeserialize, BorshSerialize};

use crate::model::Parts;

/// A target such as 99.9 %, in parts per billion so that budget arithmetic is exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct Objective {
    target: Parts, // Invariant: 0 < target < 1
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectiveError {
    Zero,
    LeavesNoBudget,
}

impl Objective {
    pub fn new(target: Parts) -> Result<Self, ObjectiveError> {
        match target {
            Parts(0) => Err(ObjectiveError::Zero),
            target if target >= Parts::ONE => Err(ObjectiveError::LeavesNoBudget),
            target => Ok(Self { target }),
        }
    }

    pub fn target(self) -> Parts {
        self.target
    }

    /// Never zero, so callers may divide by it.
    pub fn budget(self) -> Parts {
        Parts(Parts::ONE.0 - self.target.0)
    }
}
