//! What a test lets happen: traffic that goes through every rule, and counts that go straight to a service level.

use std::path::PathBuf;

use super::expect::Expect;
use super::pace::Rate;
use super::sample::Sample;
use crate::model::{EventTime, Parts};

/// The longest timeline of a test.
pub const TIMELINE_S_MAX: u64 = 400 * 86_400;

/// 1 January 2500: no time of a test comes after it, so that what follows fits into nanoseconds as well.
pub const TIME_S_MAX: u64 = 16_725_225_600;

/// One test, checked against the plan that it is about.
#[derive(Clone, Debug)]
pub struct Trial {
    pub name: String,
    /// `FILE:LINE:COLUMN`
    pub declared_at: String,
    /// When its timeline begins, in whole seconds; that of a recording begins with its first event.
    pub start: EventTime,
    /// What was recorded comes before what is made up.
    pub replay: Vec<Recording>,
    pub flows: Vec<Flow>,
    pub feeds: Vec<Feed>,
    pub expects: Vec<Expect>,
    /// A page that nothing expects is a failure.
    pub strict: bool,
}

/// What was recorded: a file of OTLP requests, or a daemon's recording.
#[derive(Clone, Debug)]
pub struct Recording {
    pub file: PathBuf,
    /// `FILE:LINE:COLUMN`
    pub declared_at: String,
}

/// Seconds after the beginning of what is made up; the last one is not in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    pub from_s: u64,
    pub to_s: u64,
}

/// Items of one service at a steady rate.
#[derive(Clone, Debug)]
pub struct Flow {
    pub during: Stretch,
    pub rate: Rate,
    /// The share of the items that are the bad one.
    pub share_bad: Parts,
    pub good: Sample,
    pub bad: Sample,
}

/// Events of a service level that no item stands for.
#[derive(Clone, Debug)]
pub struct Feed {
    pub during: Stretch,
    pub slo: String,
    /// Values of the group, in the order of the attributes that the service level is grouped by.
    pub group: Vec<String>,
    pub good: Rate,
    pub bad: Rate,
}

impl Trial {
    /// How long what is made up goes on.
    pub fn length_s(&self) -> u64 {
        let stretches =
            self.flows.iter().map(|flow| flow.during).chain(self.feeds.iter().map(|feed| feed.during));
        stretches.map(|during| during.to_s).max().unwrap_or(0)
    }
}

impl Stretch {
    /// How many of its seconds are over at a second of the timeline.
    pub(super) fn passed(self, second: u64) -> u64 {
        second.clamp(self.from_s, self.to_s) - self.from_s
    }

    pub(super) fn holds(self, second: u64) -> bool {
        (self.from_s..self.to_s).contains(&second)
    }
}
