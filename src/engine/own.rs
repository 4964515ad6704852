//! Alerts about ourselves: what keeps us from our work is told like anything else, to whom the routes say.

use std::collections::BTreeMap;

use borsh::{BorshDeserialize, BorshSerialize};

use super::alerts::About;
use super::effect::Explain;
use super::fact::{Fact, Subject};
use super::{Effects, Engine};
use crate::alert::{Assessment, Episode};
use crate::model::{Category, EventTime, Labels, Priority, SECOND_NS, Severity};

/// What can not be mended any more has been told to whoever hears of it.
const DAMAGE_TOLD_NS: u64 = 3_600 * SECOND_NS;
/// Under which our own alerts are routed.
const SERVICE: &str = "evenkeel";

/// What may be wrong with us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub enum Trouble {
    /// What comes in is refused, for it can not be kept.
    StateNotKept,
    /// Topics that are to be read are not.
    KafkaNotRead,
    /// A part of the state was lost before the last start.
    StateDamaged,
}

impl Trouble {
    /// The alert's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::StateNotKept => "evenkeel-state-not-kept",
            Self::KafkaNotRead => "evenkeel-kafka-not-read",
            Self::StateDamaged => "evenkeel-state-damaged",
        }
    }

    fn reason(self) -> &'static str {
        match self {
            Self::StateNotKept => "nothing is counted and nothing is watched while it lasts",
            Self::KafkaNotRead => "what comes by Kafka is not counted and not watched while it lasts",
            Self::StateDamaged => "budgets and alerts may have begun anew",
        }
    }

    fn end(self) -> &'static str {
        match self {
            Self::StateNotKept => "The state is kept again; what comes in is taken.",
            Self::KafkaNotRead => "Topics are read again, from where they stood.",
            Self::StateDamaged => "What was lost stays lost; this was said for an hour.",
        }
    }
}

/// Episodes of our own troubles, by name.
#[derive(Debug, Default, BorshSerialize, BorshDeserialize)]
pub(super) struct Own {
    episodes: BTreeMap<String, Episode>,
}

impl Own {
    /// When a trouble that is not over began.
    pub(super) fn stands_since(&self, trouble: Trouble) -> Option<EventTime> {
        let last = self.episodes.get(trouble.name())?;
        last.is_open().then_some(last.crossed_at)
    }
}

/// One alert about ourselves.
pub(super) struct OwnAlert<'a> {
    /// Of the alert, as a rule's.
    pub(super) name: &'a str,
    /// Among those of the name; they are labels too.
    pub(super) group: Labels,
    pub(super) priority: Priority,
    /// Why that priority.
    pub(super) reason: &'a str,
    /// What is said of it, and at its end.
    pub(super) text: &'a str,
    pub(super) starts_runs: bool,
}

impl OwnAlert<'_> {
    fn key(&self) -> String {
        self.group.iter().fold(self.name.to_owned(), |key, (name, value)| format!("{key} {name}={value}"))
    }

    fn severity(&self) -> Severity {
        match self.priority {
            Priority::P1 | Priority::P2 => Severity::Page,
            Priority::P3 | Priority::P4 => Severity::Ticket,
            Priority::P5 => Severity::Log,
        }
    }
}

impl Engine {
    /// `why`: a sentence; `None` where it is over.
    pub(super) fn trouble(&mut self, trouble: Trouble, why: Option<&str>, effects: &mut Effects) {
        let stood_since = self.own.stands_since(trouble);
        if why.is_none() && stood_since.is_none() {
            return;
        }
        effects.records.troubled(self.now, trouble, why);
        if trouble == Trouble::StateDamaged && stood_since.is_some() {
            // Another loss is told like the first.
            self.own_trouble(trouble, None, effects);
        }
        self.own_trouble(trouble, why, effects);
        if let (Trouble::KafkaNotRead, None, Some(since)) = (trouble, why, stood_since) {
            self.stay_blind(self.now.0.saturating_sub(since.0));
        }
    }

    /// By the clock alone.
    pub(super) fn end_old_trouble(&mut self, effects: &mut Effects) {
        let since = self.own.stands_since(Trouble::StateDamaged);
        if since.is_some_and(|since| since.0.saturating_add(DAMAGE_TOLD_NS) <= self.now.0) {
            self.own_trouble(Trouble::StateDamaged, None, effects);
        }
    }

    fn own_trouble(&mut self, trouble: Trouble, why: Option<&str>, effects: &mut Effects) {
        let alert = OwnAlert {
            name: trouble.name(),
            group: Labels::new(),
            priority: if trouble == Trouble::StateDamaged { Priority::P2 } else { Priority::P1 },
            reason: trouble.reason(),
            text: why.unwrap_or(trouble.end()),
            // Nothing is to be acted upon right after a part of what was known is gone.
            starts_runs: trouble != Trouble::StateDamaged,
        };
        self.own_alert(&alert, why.is_some(), effects);
    }

    pub(super) fn own_alert(&mut self, alert: &OwnAlert<'_>, is_on: bool, effects: &mut Effects) {
        let assessed = Assessment {
            category: Category::Exception,
            priority: alert.priority,
            severity: alert.severity(),
            reason: alert.reason.to_owned(),
        };
        let (at, key) = (EventTime(self.now.0), alert.key());
        let last = self.own.episodes.get(&key);
        let Some(step) = Episode::next(last, at, is_on.then_some(("trouble", assessed))) else { return };
        let episode = step.episode().clone();
        let subject = Subject::Rule(alert.name.to_owned());
        let labels = [
            ("alertname", alert.name),
            ("service", SERVICE),
            ("category", episode.category.as_str()),
            ("severity", episode.severity.as_str()),
            ("priority", episode.priority.as_str()),
            ("condition", &episode.condition),
            ("tenant", &self.plan.tenant),
        ];
        let labels = labels.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        let about = About {
            subject: &subject,
            group: &alert.group,
            service: SERVICE,
            labels: alert.group.clone().into_iter().chain(labels).collect(),
            targets: &[],
            tells_resolve: true,
            starts_runs: alert.starts_runs,
        };
        let explain = Explain { text: alert.text.to_owned(), burns: None };
        for what in self.alerts.tell((&self.plan, self.now), about, step, explain) {
            let fact = Fact { at, subject: subject.clone(), group: alert.group.clone(), what };
            self.alerts.apply(self.now, &fact, &mut effects.requests);
            effects.facts.push(fact);
        }
        // Of a run there is never another; all else may come again, and is counted on.
        match episode.is_open() || !alert.group.contains_key("run") {
            true => self.own.episodes.insert(key, episode),
            false => self.own.episodes.remove(&key),
        };
    }
}
