//! How the runs of one runbook ended, and what they were good for.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::Serialize;

use super::Verdict;
use crate::runbook::End;

/// Since the state began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, BorshSerialize, BorshDeserialize)]
pub struct Tally {
    pub triggered: u64,
    pub refused: u64,
    pub began: u64,
    pub succeeded: u64,
    pub failed: u64,
    pub timed_out: u64,
    pub unknown: u64,
    pub helped: u64,
    pub did_not_help: u64,
    pub worse: u64,
    pub unclear: u64,
}

impl Tally {
    pub(super) fn count_end(&mut self, end: End) {
        match end {
            End::Succeeded => self.succeeded += 1,
            End::Failed => self.failed += 1,
            End::TimedOut => self.timed_out += 1,
            End::Unknown => self.unknown += 1,
            End::NotBegun => {}
        }
    }

    pub(super) fn count_verdict(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Helped => self.helped += 1,
            Verdict::DidNotHelp => self.did_not_help += 1,
            Verdict::Worse => self.worse += 1,
            Verdict::Unclear => self.unclear += 1,
        }
    }

    /// Each end that a run can have.
    pub fn ends(&self) -> [(End, u64); 4] {
        [
            (End::Succeeded, self.succeeded),
            (End::Failed, self.failed),
            (End::TimedOut, self.timed_out),
            (End::Unknown, self.unknown),
        ]
    }

    pub fn verdicts(&self) -> [(Verdict, u64); 4] {
        [
            (Verdict::Helped, self.helped),
            (Verdict::DidNotHelp, self.did_not_help),
            (Verdict::Worse, self.worse),
            (Verdict::Unclear, self.unclear),
        ]
    }

    /// Percent of the runs of which it is known whether they helped; nothing where it is of none.
    pub(super) fn helped_percent(&self) -> Option<u64> {
        (self.helped * 100).checked_div(self.helped + self.did_not_help + self.worse)
    }
}
