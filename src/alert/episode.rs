//! The life of one alert: it opens when the first condition becomes true, may only be raised while it
//! is open, and closes at once when none is true. Opening again within five minutes takes it up again.

use borsh::{BorshDeserialize, BorshSerialize};

use super::priority::Assessment;
use crate::model::{Category, EventTime, Priority, SECOND_NS, Severity};

/// An episode that opens again within this time keeps its key.
pub const REOPEN_NS: u64 = 300 * SECOND_NS;

#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Episode {
    /// From 1, counted per identity.
    pub number: u32,
    pub opened_at: EventTime,
    pub closed_at: Option<EventTime>,
    /// Transitions so far.
    pub sequence: u32,
    pub category: Category,
    pub priority: Priority,
    pub severity: Severity,
    pub reason: String,
    /// The condition that decided the last transition.
    pub condition: String,
    pub crossed_at: EventTime,
}

/// What an assessment does to an episode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    Open(Episode),
    Escalate(Episode),
    Close(Episode),
}

impl Step {
    /// The episode as it is after the step.
    pub fn episode(&self) -> &Episode {
        match self {
            Self::Open(after) | Self::Escalate(after) | Self::Close(after) => after,
        }
    }
}

impl Episode {
    pub fn is_open(&self) -> bool {
        self.closed_at.is_none()
    }

    /// `now_true` is the most urgent condition that is true and what it amounts to; `None` if none is.
    pub fn next(last: Option<&Self>, at: EventTime, now_true: Option<(&str, Assessment)>) -> Option<Step> {
        match (last, now_true) {
            (Some(open), Some((condition, assessed))) if open.is_open() => {
                let after = open.raised(at, condition, assessed)?;
                Some(Step::Escalate(after))
            }
            (last, Some((condition, assessed))) => {
                Some(Step::Open(Self::opened(last, at, condition, assessed)))
            }
            (Some(open), None) if open.is_open() => Some(Step::Close(open.closed(at))),
            (_, None) => None,
        }
    }

    fn opened(last: Option<&Self>, at: EventTime, condition: &str, assessed: Assessment) -> Self {
        let again = last.filter(|last| last.closed_at.is_some_and(|closed| at.since_ns(closed) <= REOPEN_NS));
        let (number, opened_at, sequence) = match (again, last) {
            (Some(again), _) => (again.number, again.opened_at, again.sequence + 1),
            (None, last) => (last.map_or(0, |last| last.number) + 1, at, 1),
        };
        Self {
            number,
            opened_at,
            closed_at: None,
            sequence,
            category: assessed.category,
            priority: assessed.priority,
            severity: assessed.severity,
            reason: assessed.reason,
            condition: condition.to_owned(),
            crossed_at: at,
        }
    }

    /// Never the way back: an open episode keeps the most urgent it has been.
    fn raised(&self, at: EventTime, condition: &str, assessed: Assessment) -> Option<Self> {
        let more_urgent = assessed.priority < self.priority || assessed.severity < self.severity;
        more_urgent.then(|| Self {
            sequence: self.sequence + 1,
            category: self.category.max(assessed.category),
            priority: self.priority.min(assessed.priority),
            severity: self.severity.min(assessed.severity),
            reason: assessed.reason,
            condition: condition.to_owned(),
            crossed_at: at,
            ..self.clone()
        })
    }

    fn closed(&self, at: EventTime) -> Self {
        Self { closed_at: Some(at), sequence: self.sequence + 1, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::{Situation, assess};
    use crate::model::Tier;

    fn true_now(fast: bool, spent: bool) -> Option<(&'static str, Assessment)> {
        let condition = if fast { "1h/5m" } else { "1d/2h" };
        let situation = Situation {
            tier: Tier::Two,
            fast,
            slow: true,
            no_data: false,
            spent,
            sla_breached: false,
            written: None,
        };
        Some((condition, assess(situation)))
    }

    fn told(steps: &[(u64, Option<(&str, Assessment)>)]) -> String {
        let (mut last, mut told) = (None, Vec::new());
        for (second, now_true) in steps {
            let at = EventTime(second * SECOND_NS);
            let Some(step) = Episode::next(last.as_ref(), at, now_true.clone()) else { continue };
            let after = step.episode().clone();
            let name = match step {
                Step::Open(_) => "open",
                Step::Escalate(_) => "escalate",
                Step::Close(_) => "close",
            };
            told.push(format!("{second} {name} {}.{} {}", after.number, after.sequence, after.priority));
            last = Some(after);
        }
        told.join(", ")
    }

    #[test]
    fn an_episode_opens_once_is_raised_and_closes_once() {
        let steps = [
            (1, true_now(false, false)),
            (2, true_now(false, false)),
            (3, true_now(true, false)),
            (4, true_now(false, false)),
            (5, true_now(true, true)),
            (6, None),
            (7, None),
        ];
        assert_eq!(told(&steps), "1 open 1.1 P3, 3 escalate 1.2 P2, 5 escalate 1.3 P1, 6 close 1.4 P1");
    }

    #[test]
    fn opening_again_within_five_minutes_goes_on_with_the_same_number() {
        let steps = [
            (0, true_now(true, false)),
            (10, None),
            (310, true_now(true, false)),
            (320, None),
            (621, true_now(true, false)),
        ];
        assert_eq!(
            told(&steps),
            "0 open 1.1 P2, 10 close 1.2 P2, 310 open 1.3 P2, 320 close 1.4 P2, 621 open 2.1 P2"
        );
    }
}
