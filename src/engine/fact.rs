//! What was decided, in past tense. Records and alerts change in no other way.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::effect::{Explain, NotificationId, Outcome};
use super::runs::RunFact;
use crate::alert::Episode;
use crate::model::{EventTime, Labels, Priority, SECOND_NS, Severity, rfc3339};
use crate::slo::Stretch;

/// What a fact or an alert is about, by its name in the configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub enum Subject {
    Slo(String),
    /// A classification rule with an `alert`.
    Rule(String),
    /// The configuration, by its version.
    Config(String),
    Runbook(String),
}

impl Subject {
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Slo(_) => "slo",
            Self::Rule(_) => "rule",
            Self::Config(_) => "config",
            Self::Runbook(_) => "runbook",
        }
    }

    pub fn name(&self) -> &str {
        match self {
            Self::Slo(name) | Self::Rule(name) | Self::Config(name) | Self::Runbook(name) => name,
        }
    }

    /// Never the same for two subjects: no SLO's name has a colon.
    pub(super) fn identity(&self) -> String {
        match self {
            Self::Slo(name) => name.clone(),
            Self::Rule(name) => format!("rule:{name}"),
            Self::Config(version) => format!("config:{version}"),
            Self::Runbook(name) => format!("runbook:{name}"),
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
    BudgetSpent(BudgetChange),
    BudgetRestored(BudgetChange),
    /// The budget of what is promised to customers is gone.
    SlaBreached(BudgetChange),
    SlaRestored(BudgetChange),
    /// The SLO's clock entered a time that does not count.
    ExclusionBegan {
        reason: String,
        stretch: Stretch,
    },
    /// It left it; what came in it.
    ExclusionEnded {
        reason: String,
        stretch: Stretch,
        good: u64,
        bad: u64,
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
    /// An attempt failed, and another follows.
    NotificationAttempted {
        id: NotificationId,
        attempts: u32,
        reason: String,
    },
    NotificationSettled {
        id: NotificationId,
        outcome: Outcome,
    },
    /// About a run of a runbook, or the runbook.
    Run(Box<RunFact>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConditionChange {
    /// The objective's place, and the condition's among those of it.
    pub judge: usize,
    pub index: usize,
    /// The objective's name, where there are several.
    pub objective: Option<String>,
    pub condition: String,
    /// The document's name, where it has one.
    pub condition_name: Option<String>,
    pub severity: Severity,
    pub priority: Priority,
    pub burn_long: String,
    pub burn_short: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetChange {
    pub judge: usize,
    /// The objective's name, where there are several.
    pub objective: Option<String>,
    /// Share of the budget that is spent.
    pub spent: String,
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
            Self::BudgetSpent(_) => "budget.spent",
            Self::BudgetRestored(_) => "budget.restored",
            Self::SlaBreached(_) => "sla.breached",
            Self::SlaRestored(_) => "sla.restored",
            Self::ExclusionBegan { .. } => "exclusion.began",
            Self::ExclusionEnded { .. } => "exclusion.ended",
            Self::BudgetAmended { .. } => "budget.amended",
            Self::FlappingStarted { .. } => "flapping.started",
            Self::FlappingEnded => "flapping.ended",
            Self::ConfigApplied { .. } => "config.applied",
            Self::EpisodeOpened(_) => "episode.opened",
            Self::EpisodeEscalated(_) => "episode.escalated",
            Self::EpisodeClosed(_) => "episode.closed",
            Self::NotificationQueued { .. } => "notification.queued",
            Self::NotificationAttempted { .. } => "notification.attempted",
            Self::NotificationSettled { .. } => "notification.settled",
            Self::Run(fact) => fact.name(),
        }
    }
}

fn serialize_condition<M: SerializeMap>(map: &mut M, change: &ConditionChange) -> Result<(), M::Error> {
    map.serialize_entry("condition", &change.condition)?;
    if let Some(objective) = &change.objective {
        map.serialize_entry("objective", objective)?;
    }
    if let Some(name) = &change.condition_name {
        map.serialize_entry("condition_name", name)?;
    }
    map.serialize_entry("severity", change.severity.as_str())?;
    map.serialize_entry("priority", change.priority.as_str())?;
    map.serialize_entry("burn_long", &change.burn_long)?;
    map.serialize_entry("burn_short", &change.burn_short)
}

fn serialize_stretch<M: SerializeMap>(map: &mut M, reason: &str, stretch: Stretch) -> Result<(), M::Error> {
    let time = |second: u64| rfc3339(second.saturating_mul(SECOND_NS));
    map.serialize_entry("reason", reason)?;
    map.serialize_entry("start", &time(stretch.start_s))?;
    map.serialize_entry("end", &time(stretch.end_s))
}

impl Serialize for Fact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("at", &rfc3339(self.at.0))?;
        map.serialize_entry("fact", self.what.name())?;
        map.serialize_entry(self.subject.kind(), self.subject.name())?;
        map.serialize_entry("group", &self.group)?;
        match &self.what {
            What::AlertFired(change) | What::AlertResolved(change) => serialize_condition(&mut map, change)?,
            What::BudgetSpent(change)
            | What::BudgetRestored(change)
            | What::SlaBreached(change)
            | What::SlaRestored(change) => {
                if let Some(objective) = &change.objective {
                    map.serialize_entry("objective", objective)?;
                }
                map.serialize_entry("spent", &change.spent)?;
            }
            What::ExclusionBegan { reason, stretch } => serialize_stretch(&mut map, reason, *stretch)?,
            What::ExclusionEnded { reason, stretch, good, bad } => {
                serialize_stretch(&mut map, reason, *stretch)?;
                map.serialize_entry("good", good)?;
                map.serialize_entry("bad", bad)?;
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
            What::NotificationAttempted { id, attempts, reason } => {
                map.serialize_entry("notification", &id.0)?;
                map.serialize_entry("attempts", attempts)?;
                map.serialize_entry("reason", reason)?;
            }
            What::Run(fact) => fact.serialize_into(&mut map)?,
            What::NotificationSettled { id, outcome } => {
                map.serialize_entry("notification", &id.0)?;
                let (word, attempts, reason) = match outcome {
                    Outcome::Delivered { attempts } => ("delivered", attempts, None),
                    Outcome::Failed { attempts, reason } => ("failed", attempts, Some(reason)),
                    Outcome::Trying { attempts, reason } => ("trying", attempts, Some(reason)),
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
