//! When a runbook starts by itself: at which change of an alert, and of which alerts.

use borsh::{BorshDeserialize, BorshSerialize};

use crate::model::{Compiled, Labels};

/// A change of an alert's episode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub enum Moment {
    Trigger,
    Escalate,
    Resolve,
}

impl Moment {
    pub const ALL: [Self; 3] = [Self::Trigger, Self::Escalate, Self::Resolve];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trigger => "trigger",
            Self::Escalate => "escalate",
            Self::Resolve => "resolve",
        }
    }
}

#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub struct Trigger {
    pub moments: Vec<Moment>,
    /// Of the alert's labels, among them `slo`, `rule`, `service`, `category`, `severity`, `priority` and `condition`; all
    /// hold. None: every alert.
    pub matchers: Vec<Compiled>,
}

impl Trigger {
    pub fn takes(&self, moment: Moment, labels: &Labels) -> bool {
        self.moments.contains(&moment) && self.matchers.iter().all(|one| one.matches(labels))
    }
}

/// What a run is about: an alert as it was when the run was asked for, or nothing but a person's wish.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Occasion {
    /// `alt_…`; empty where there is none.
    pub alert: String,
    /// Of the episode.
    pub dedup_key: String,
    pub service: String,
    pub labels: Labels,
    /// What the notification says.
    pub summary: String,
    /// RFC 3339, of the episode's beginning.
    pub started_at: String,
    /// `trigger`, `escalate`, `resolve`; empty where a person asks.
    pub moment: String,
}
