//! What keeps a runbook from doing harm: how often, how much at once, when not, and who has to agree.

use borsh::{BorshDeserialize, BorshSerialize};

#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub struct Limits {
    /// Seconds after a run's end in which none begins by itself on the same target.
    pub cooldown_s: u64,
    /// Runs at once on one target.
    pub concurrency: u32,
    pub blast: Option<Blast>,
    pub breaker: Breaker,
}

/// Targets within a time, at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Blast {
    pub targets: u32,
    pub within_s: u64,
}

/// After so many runs in a row that did not end well, or one that made it worse, none begins by itself for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Breaker {
    pub failures: u32,
    pub pause_s: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Approval {
    /// Names of tokens; none: every operator.
    pub by: Vec<String>,
    /// Seconds.
    pub expires_s: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            cooldown_s: 600,
            concurrency: 1,
            blast: None,
            breaker: Breaker { failures: 3, pause_s: 3_600 },
        }
    }
}
