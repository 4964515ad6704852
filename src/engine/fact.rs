//! What was decided, in past tense. Records and alerts change in no other way.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::effect::{Explain, NotificationId, Outcome};
use crate::alert::Episode;
use crate::model::{EventTime, Labels, Priority, Severity, rfc3339};

/// What a fact or an alert is about, by its name in the configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    Slo(String),
    /// A classification rule with an `alert`.
    Rule(String),
    /// The configuration, by its version.
    Config(String),
}

impl Subject {
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Slo(_) => "slo",
            Self::Rule(_) => "rule",
            Self::Config(_) => "config",
        }
    }

    pub fn name(&self) -> &str {
        match self {
            Self::Slo(name) | Self::Rule(name) | Self::Config(name) => name,
        }
    }

    /// Never the same for two subjects: no SLO's name has a colon.
    pub(super) fn identity(&self) -> String {
        match self {
            Self::Slo(name) => name.clone(),
            Self::Rule(name) => format!("rule:{name}"),
            Self::Config(version) => format!("config:{version}"),
        }
    }
}

/// One fact: what it is about and when, by the clock of that.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    pub at: EventTime,
    pub subject: Subject,
    pub group: Labels,
    pub what: What,
}

#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// One condition became true: both windows burn above its factor.
    AlertFired(ConditionChange),
    /// It is no longer true.
    AlertResolved(ConditionChange),
    /// The coverage-scaled budget is gone.
    BudgetSpent {
        spent: String,
    },
    BudgetRestored {
        spent: String,
    },
    /// Events came after the SLO's clock had passed them; past decisions stay.
    BudgetAmended {
        good: u64,
        bad: u64,
        oldest: EventTime,
    },
    /// So many changes came within the rule's time that its alert stays open until they cease.
    FlappingStarted {
        changes: u64,
    },
    FlappingEnded,
    /// Another configuration is in effect from here on. What differs, in words.
    ConfigApplied {
        changes: Vec<String>,
    },
    EpisodeOpened(Box<EpisodeChange>),
    EpisodeEscalated(Box<EpisodeChange>),
    EpisodeClosed(Box<EpisodeChange>),
    /// A receiver is to be told.
    NotificationQueued {
        id: NotificationId,
        receiver: String,
        dedup_key: String,
        sequence: u32,
    },
    NotificationSettled {
        id: NotificationId,
        outcome: Outcome,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConditionChange {
    /// Its place among the SLO's conditions.
    pub index: usize,
    pub condition: String,
    pub severity: Severity,
    pub priority: Priority,
    pub burn_long: String,
    pub burn_short: String,
}

#[derive(Clone, Debug, PartialEq)]
pub struct EpisodeChange {
    /// The episode after the change.
    pub episode: Episode,
    /// `alt_…`
    pub alert: String,
    pub dedup_key: String,
    pub service: String,
    pub labels: Labels,
    /// What the notification says.
    pub explain: Explain,
    /// Who is told, and why nobody is where nobody is.
    pub receivers: Vec<String>,
}

impl What {
    /// The name under which the fact is journaled and printed.
    pub fn name(&self) -> &'static str {
        match self {
            Self::AlertFired(_) => "alert.fired",
            Self::AlertResolved(_) => "alert.resolved",
            Self::BudgetSpent { .. } => "budget.spent",
            Self::BudgetRestored { .. } => "budget.restored",
            Self::BudgetAmended { .. } => "budget.amended",
            Self::FlappingStarted { .. } => "flapping.started",
            Self::FlappingEnded => "flapping.ended",
            Self::ConfigApplied { .. } => "config.applied",
            Self::EpisodeOpened(_) => "episode.opened",
            Self::EpisodeEscalated(_) => "episode.escalated",
            Self::EpisodeClosed(_) => "episode.closed",
            Self::NotificationQueued { .. } => "notification.queued",
            Self::NotificationSettled { .. } => "notification.settled",
        }
    }
}

impl Serialize for Fact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("at", &rfc3339(self.at.0))?;
        map.serialize_entry("fact", self.what.name())?;
        map.serialize_entry(self.subject.kind(), self.subject.name())?;
        map.serialize_entry("group", &self.group)?;
        match &self.what {
            What::AlertFired(change) | What::AlertResolved(change) => {
                map.serialize_entry("condition", &change.condition)?;
                map.serialize_entry("severity", change.severity.as_str())?;
                map.serialize_entry("priority", change.priority.as_str())?;
                map.serialize_entry("burn_long", &change.burn_long)?;
                map.serialize_entry("burn_short", &change.burn_short)?;
            }
            What::BudgetSpent { spent } | What::BudgetRestored { spent } => {
                map.serialize_entry("spent", spent)?;
            }
            What::BudgetAmended { good, bad, oldest } => {
                map.serialize_entry("good", good)?;
                map.serialize_entry("bad", bad)?;
                map.serialize_entry("oldest", &rfc3339(oldest.0))?;
            }
            What::FlappingStarted { changes } => map.serialize_entry("changes", changes)?,
            What::FlappingEnded => {}
            What::ConfigApplied { changes } => map.serialize_entry("changes", changes)?,
            What::EpisodeOpened(change) | What::EpisodeEscalated(change) | What::EpisodeClosed(change) => {
                map.serialize_entry("alert", &change.alert)?;
                map.serialize_entry("dedup_key", &change.dedup_key)?;
                map.serialize_entry("sequence", &change.episode.sequence)?;
                map.serialize_entry("condition", &change.episode.condition)?;
                map.serialize_entry("severity", change.episode.severity.as_str())?;
                map.serialize_entry("priority", change.episode.priority.as_str())?;
                map.serialize_entry("category", change.episode.category.as_str())?;
                map.serialize_entry("reason", &change.episode.reason)?;
                map.serialize_entry("receivers", &change.receivers)?;
            }
            What::NotificationQueued { id, receiver, dedup_key, sequence } => {
                map.serialize_entry("notification", &id.0)?;
                map.serialize_entry("receiver", receiver)?;
                map.serialize_entry("dedup_key", dedup_key)?;
                map.serialize_entry("sequence", sequence)?;
            }
            What::NotificationSettled { id, outcome } => {
                map.serialize_entry("notification", &id.0)?;
                let (word, attempts, reason) = match outcome {
                    Outcome::Delivered { attempts } => ("delivered", attempts, None),
                    Outcome::Failed { attempts, reason } => ("failed", attempts, Some(reason)),
                };
                map.serialize_entry("outcome", word)?;
                map.serialize_entry("attempts", attempts)?;
                if let Some(reason) = reason {
                    map.serialize_entry("reason", reason)?;
                }
            }
        }
        map.end()
    }
}
