//! What the engine asks of the world, and what the world answers.

use borsh::{BorshDeserialize, BorshSerialize};

use super::batch::{Ack, AckToken};
use super::fact::Subject;
use super::runs::Answered;
use crate::model::{Category, EventTime, Labels, Priority, Severity};
use crate::runbook::StepCall;

/// A request to the shell. It leaves when the facts before it are durable; what became of it
/// comes back as `Input::Settled`.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    Acknowledge {
        token: AckToken,
        ack: Ack,
    },
    Notify(Box<Notification>),
    /// One attempt of one step: only where the fact before it is kept.
    Run(Box<StepCall>),
    /// What came of what a person asked for.
    Answer {
        token: AckToken,
        answered: Answered,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct NotificationId(pub u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub enum Transition {
    Trigger,
    Escalate,
    Acknowledge,
    Resolve,
}

impl Transition {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trigger => "trigger",
            Self::Escalate => "escalate",
            Self::Acknowledge => "acknowledge",
            Self::Resolve => "resolve",
        }
    }
}

/// One transition of one episode for one receiver.
#[derive(Clone, Debug, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct Notification {
    pub id: NotificationId,
    /// A receiver's name of the configuration.
    pub receiver: String,
    /// The same for every transition of one episode.
    pub dedup_key: String,
    /// From 1, one more with each transition of the episode.
    pub sequence: u32,
    pub transition: Transition,
    /// The SLO's clock at the decision.
    pub at: EventTime,
    /// The event time at which the condition became true.
    pub crossed_at: EventTime,
    /// When the episode opened.
    pub started_at: EventTime,
    pub alert: AlertSummary,
    pub explain: Explain,
}

#[derive(Clone, Debug, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct AlertSummary {
    /// `alt_…`
    pub id: String,
    pub subject: Subject,
    pub service: String,
    pub category: Category,
    pub priority: Priority,
    pub severity: Severity,
    /// The pair that decided: `1h/5m`.
    pub condition: String,
    pub labels: Labels,
    pub annotations: Labels,
}

/// The short form of why. Numbers are decimals of at most six digits.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Explain {
    pub text: String,
    /// Of a service level; a rule's alert has none.
    pub burns: Option<Burns>,
}

#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Burns {
    pub long: String,
    pub short: String,
    pub budget_remaining: String,
}

/// What became of a notification, or of it so far.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Outcome {
    Delivered {
        attempts: u32,
    },
    /// Given up; the reason is a sentence for people.
    Failed {
        attempts: u32,
        reason: String,
    },
    /// Not yet: so many attempts of one integration have failed, the last one for this reason, and another follows.
    Trying {
        attempts: u32,
        reason: String,
    },
}
