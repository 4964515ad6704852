//! What happened to alerts, out of the facts.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::expect::{Act, Telling, labels};
use super::report::list;
use crate::engine::{Burns, EpisodeChange, Fact, Subject, What};
use crate::model::{EventTime, Labels, Priority, SECOND_NS, Severity};

/// One change of one alert.
#[derive(Clone, Debug)]
pub struct Happening {
    /// Seconds after the beginning.
    pub at_s: u64,
    pub act: Act,
    /// People are woken who were not before.
    pub pages: bool,
    pub subject: Subject,
    pub group: Labels,
    pub priority: Priority,
    pub condition: String,
    pub receivers: Vec<String>,
    pub burns: Option<Burns>,
}

/// In order of time.
pub(super) fn happenings(facts: &[Fact], start: EventTime) -> Vec<Happening> {
    let mut told: BTreeMap<&str, Severity> = BTreeMap::new();
    let mut all = Vec::new();
    for fact in facts {
        let at_s = fact.at.since_ns(start) / SECOND_NS;
        let (act, change) = match &fact.what {
            What::EpisodeOpened(change) => (opening(change.episode.severity), change),
            What::EpisodeEscalated(change) => (Act::Escalate, change),
            What::EpisodeClosed(change) => (Act::Resolve, change),
            _ => continue,
        };
        let severity = change.episode.severity;
        let before = told.insert(&change.alert, severity).filter(|_| act == Act::Escalate);
        let pages = act != Act::Resolve && severity == Severity::Page && before != Some(Severity::Page);
        all.push(of(fact, change, at_s, (act, pages)));
    }
    all.sort_by_key(|one| one.at_s);
    all
}

fn opening(severity: Severity) -> Act {
    match severity {
        Severity::Page => Act::Page,
        Severity::Ticket => Act::Ticket,
        Severity::Log => Act::Log,
    }
}

fn of(fact: &Fact, change: &EpisodeChange, at_s: u64, (act, pages): (Act, bool)) -> Happening {
    Happening {
        at_s,
        act,
        pages,
        subject: fact.subject.clone(),
        group: fact.group.clone(),
        priority: change.episode.priority,
        condition: change.episode.condition.clone(),
        receivers: change.receivers.clone(),
        burns: change.explain.burns.clone(),
    }
}

impl Happening {
    /// Whether it is what is told, whenever that is.
    pub(super) fn is(&self, told: &Telling) -> bool {
        let acts = self.act == told.act || told.act == Act::Page && self.pages;
        let set = |names: &[String]| names.iter().cloned().collect::<BTreeSet<String>>();
        let receivers = |to: &Vec<String>| set(to) == set(&self.receivers);
        acts && self.subject.name() == told.about
            && told.to.as_ref().is_none_or(receivers)
            && told.priority.is_none_or(|priority| priority == self.priority)
            && told.condition.as_ref().is_none_or(|condition| *condition == self.condition)
            && told.group.as_ref().is_none_or(|group| *group == self.group)
    }

    /// An alert begins or becomes worse.
    pub(super) fn is_alarming(&self) -> bool {
        self.act != Act::Resolve
    }
}

impl fmt::Display for Happening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.act.as_str(), self.subject.name())?;
        if !self.group.is_empty() {
            write!(f, " {}", labels(&self.group))?;
        }
        write!(f, " {} by {}", self.priority, self.condition)?;
        if self.act == Act::Escalate && self.pages {
            f.write_str(", a page from here on")?;
        }
        if let Some(Burns { long, short, budget_remaining }) = &self.burns {
            write!(f, ", burn {long} and {short}, budget left {budget_remaining}")?;
        }
        write!(f, ", to {}", list(&self.receivers))
    }
}
