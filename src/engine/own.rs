//! Alerts about ourselves: what keeps us from our work is told like anything else, to whom the routes say.

use std::collections::BTreeMap;

use borsh::{BorshDeserialize, BorshSerialize};

use super::alerts::About;
use super::effect::Explain;
use super::fact::{Fact, Subject};
use super::{Effects, Engine};
use crate::alert::{Assessment, Episode, Step};
use crate::model::{Category, EventTime, Labels, Priority, Severity};

/// Under which our own alerts are routed.
const SERVICE: &str = "evenkeel";

/// What may be wrong with us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub enum Trouble {
    /// What comes in is refused, for it can not be kept.
    StateNotKept,
    /// Topics that are to be read are not.
    KafkaNotRead,
}

impl Trouble {
    /// The alert's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::StateNotKept => "evenkeel-state-not-kept",
            Self::KafkaNotRead => "evenkeel-kafka-not-read",
        }
    }

    fn reason(self) -> &'static str {
        match self {
            Self::StateNotKept => "nothing is counted and nothing is watched while it lasts",
            Self::KafkaNotRead => "what comes by Kafka is not counted and not watched while it lasts",
        }
    }

    fn end(self) -> &'static str {
        match self {
            Self::StateNotKept => "The state is kept again; what comes in is taken.",
            Self::KafkaNotRead => "Topics are read again, from where they stood.",
        }
    }
}

/// Episodes of our own troubles, by name.
#[derive(Debug, Default, BorshSerialize, BorshDeserialize)]
pub(super) struct Own {
    episodes: BTreeMap<String, Episode>,
}

impl Engine {
    /// `why`: a sentence; `None` where it is over.
    pub(super) fn own_trouble(&mut self, trouble: Trouble, why: Option<&str>, effects: &mut Effects) {
        let assessed = Assessment {
            category: Category::Exception,
            priority: Priority::P1,
            severity: Severity::Page,
            reason: trouble.reason().to_owned(),
        };
        let at = EventTime(self.now.0);
        let last = self.own.episodes.get(trouble.name());
        let Some(step) = Episode::next(last, at, why.map(|_| ("trouble", assessed))) else { return };
        let episode = step.episode().clone();
        let text = match (&step, why) {
            (Step::Close(_), _) | (_, None) => trouble.end().to_owned(),
            (_, Some(why)) => why.to_owned(),
        };
        let (subject, group) = (Subject::Rule(trouble.name().to_owned()), Labels::new());
        let labels = [
            ("alertname", trouble.name()),
            ("service", SERVICE),
            ("category", episode.category.as_str()),
            ("severity", episode.severity.as_str()),
            ("priority", episode.priority.as_str()),
            ("condition", &episode.condition),
            ("tenant", &self.plan.tenant),
        ];
        let about = About {
            subject: &subject,
            group: &group,
            service: SERVICE,
            labels: labels.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            targets: &[],
            tells_resolve: true,
        };
        for what in self.alerts.tell(&self.plan, about, step, Explain { text, burns: None }) {
            let fact = Fact { at, subject: subject.clone(), group: group.clone(), what };
            self.alerts.apply(self.now, &fact, &mut effects.requests);
            effects.facts.push(fact);
        }
        self.own.episodes.insert(trouble.name().to_owned(), episode);
    }
}
