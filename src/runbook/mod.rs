//! What a runbook is: when it starts, with which parameters, within which limits, and what its steps call. Calls nothing
//! and knows no time of its own.

mod call;
mod limits;
mod params;
mod render;
mod step;
mod text;
mod trigger;

#[cfg(test)]
mod tests;

use borsh::{BorshDeserialize, BorshSerialize};

pub use call::{Call, CommandCall, End, HttpCall, Outcome, Poll, Step as StepCall, StepKey, Success};
pub use limits::{Approval, Blast, Breaker, Limits};
pub use params::{From, Param, Params, Rule, VALUE_BYTES_MAX};
pub use render::{RUN_ID, RUN_KEY};
pub use step::{Action, Body, Bounds, Command, Http, Step, Target};
pub use text::{Piece, Text};
pub use trigger::{Moment, Occasion, Trigger};

/// How long the indicator is watched where the runbook does not say it, in seconds.
pub const WATCH_S: u64 = 600;

#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub struct Runbook {
    pub name: String,
    pub description: String,
    /// Any of them starts it. None: people alone do.
    pub triggers: Vec<Trigger>,
    pub params: Vec<Param>,
    /// The parameter whose value is acted upon, by its place; `None`: the alert's service is.
    pub target: Option<usize>,
    pub limits: Limits,
    /// `None`: it starts by itself.
    pub approval: Option<Approval>,
    pub is_destructive: bool,
    /// How long the indicator is watched after a run, in seconds.
    pub watch_s: u64,
    /// What a person needs to do the same, in seconds; 0: not said.
    pub manual_s: u64,
    pub steps: Vec<Step>,
    /// The same for equal text of the document.
    pub identity: u64,
    /// `FILE:LINE:COLUMN` of the document.
    pub declared_at: String,
}
