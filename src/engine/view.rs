//! What may be seen of the engine from outside: read-only, in the shapes of the API.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::alerts::{AlertRecord, Decision, Telling};
use super::baselines::SeriesCounts;
use super::books::{Books, Items, Service};
use super::level::{Cx, Groups};
use super::plan::SloPlan;
use super::record::EventRecord;
use super::runs::RunView;
use super::{Engine, EventFilter, Subject, Transition};

pub use super::slo_view::{
    BudgetView, ConditionView, ExclusionView, GroupView, KnownView, ObjectiveView, PeriodView, SlaView,
    SloView,
};
use crate::model::{Category, EventTime, Labels, Now, Signal, rfc3339};

pub(super) fn time<S: Serializer>(at: &EventTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc3339(at.0))
}

pub(super) fn text<T: std::fmt::Display, S: Serializer>(one: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(one)
}

/// `GET /api/v1/counts`
#[derive(Clone, Debug, Serialize)]
pub struct Counts {
    pub since: String,
    pub items: BTreeMap<&'static str, ItemCounts>,
    pub events: EventCounts,
    pub services: Vec<ServiceCounts>,
    pub slos: Vec<SloCounts>,
    pub notifications: NotificationCounts,
    pub series: SeriesCounts,
    /// Hits by rule and by default, in the order of the configuration.
    pub rules: RuleCounts,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub struct ItemCounts {
    pub offered: u64,
    pub accepted: u64,
    pub duplicate: u64,
    pub refused: u64,
    pub rejected: u64,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub struct EventCounts {
    pub received: u64,
    pub filtered: u64,
    pub merged: u64,
    pub informational: u64,
    pub warning: u64,
    pub exception: u64,
    pub future: u64,
    pub late: u64,
    pub expired: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct ServiceCounts {
    pub name: String,
    pub spans: u64,
    pub logs: u64,
    pub metrics: u64,
    pub informational: u64,
    pub warning: u64,
    pub exception: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct SloCounts {
    pub name: String,
    /// Where the objectives count different things.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub objective: Option<String>,
    pub group: Labels,
    pub good: u64,
    pub bad: u64,
    pub total: u64,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub struct NotificationCounts {
    pub triggered: u64,
    pub escalated: u64,
    pub resolved: u64,
    pub delivered: u64,
    pub pending: u64,
    pub failed: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct RuleCounts {
    pub filter: Vec<RuleCount>,
    pub classify: Vec<RuleCount>,
}

#[derive(Clone, Debug, Serialize)]
pub struct RuleCount {
    pub name: String,
    pub hits: u64,
    /// Comparisons of two types that can not be compared; always 0 for a default.
    pub mismatches: u64,
    /// Of the hits: no record of their own.
    pub merged: u64,
    /// Alerts that a rule's own `alert` has opened.
    pub alerts: u64,
}

/// One element of `GET /api/v1/alerts`
#[derive(Clone, Debug, Serialize)]
pub struct AlertView {
    pub id: String,
    pub dedup_key: String,
    /// Of a service level's alert.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slo: Option<String>,
    /// Of a classification rule's alert.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// What sets it apart from others of the same SLO or rule.
    pub group: Labels,
    pub service: String,
    /// `open` or `closed`
    pub state: &'static str,
    pub category: &'static str,
    pub priority: &'static str,
    pub severity: &'static str,
    pub condition: String,
    pub opened_at: String,
    pub crossed_at: String,
    pub closed_at: Option<String>,
    pub labels: Labels,
    /// What the documents say of it today.
    #[serde(skip_serializing_if = "Labels::is_empty")]
    pub annotations: Labels,
    /// Why it has this priority.
    pub reason: String,
    pub decisions: Vec<DecisionView>,
    pub receivers: BTreeMap<String, String>,
    /// Runs of runbooks about it, in the order in which they were asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<RunView>,
}

#[derive(Clone, Debug, Serialize)]
pub struct DecisionView {
    pub at: String,
    /// By our own clock.
    pub decided_at: String,
    pub sequence: u32,
    pub transition: &'static str,
    pub priority: &'static str,
    pub severity: &'static str,
    pub condition: String,
    pub reason: String,
    pub text: String,
    pub receivers: Vec<String>,
}

/// `GET /api/v1/events`
#[derive(Clone, Debug, Serialize)]
pub struct EventsView {
    /// Hand this back as `after` to see what came or grew since.
    pub sequence: u64,
    /// Events received so far, of the category if one is asked for: what is not shown was sampled away.
    pub received: u64,
    pub events: Vec<EventRecord>,
}

impl Engine {
    pub fn counts(&self) -> Counts {
        let slos = self.plan.slos.iter().zip(&self.levels);
        let slos = slos.flat_map(|(plan, groups)| slo_counts(plan, groups));
        let told = self.alerts.told;
        Counts {
            since: rfc3339(self.since.0),
            items: Signal::ALL
                .iter()
                .map(|one| (one.items(), self.books.items[*one as usize].view()))
                .collect(),
            events: EventCounts { merged: self.events.merged().values().sum(), ..self.books.events() },
            services: self.books.services.iter().map(|(name, one)| one.view(name)).collect(),
            slos: slos.collect(),
            notifications: NotificationCounts {
                triggered: told.triggered,
                escalated: told.escalated,
                resolved: told.resolved,
                delivered: told.delivered,
                pending: self.alerts.pending() as u64,
                failed: told.failed,
            },
            series: self.baselines.view(
                self.levels.iter().flat_map(|groups| &groups.levels).map(|level| level.unmatched()).sum(),
            ),
            rules: self.rules(),
        }
    }

    /// Newest first.
    pub fn alerts(&self) -> Vec<AlertView> {
        let mut runs = self.runs_by_alert();
        let view = |record: &AlertRecord| AlertView {
            annotations: self.plan.annotations_of(record),
            runs: runs.remove(record.id.as_str()).unwrap_or_default(),
            ..record.view()
        };
        self.alerts.records.iter().rev().map(view).collect()
    }

    pub fn alert(&self, id: &str) -> Option<AlertView> {
        self.alerts.record(id).map(|record| self.alert_view(record))
    }

    pub(super) fn alert_view(&self, record: &AlertRecord) -> AlertView {
        AlertView {
            annotations: self.plan.annotations_of(record),
            runs: self.runs_of_alert(&record.id),
            ..record.view()
        }
    }

    /// The `limit` events that changed last, after a revision, the last change last.
    pub fn events(
        &self,
        category: Option<Category>,
        after: u64,
        limit: usize,
        filter: Option<&EventFilter>,
    ) -> EventsView {
        let is_wanted = |record: &EventRecord| filter.is_none_or(|filter| filter.matches(record));
        EventsView {
            sequence: self.events.revision(),
            received: match category {
                Some(category) => self.books.categories[category as usize],
                None => self.books.events().received,
            },
            events: self.events.newest(category, after, limit, is_wanted),
        }
    }
}

fn slo_counts<'a>(plan: &'a SloPlan, groups: &'a Groups) -> impl Iterator<Item = SloCounts> + 'a {
    let cx = Cx { plan, shape: &groups.shape };
    groups.in_order().flat_map(move |(_, level)| {
        (0..plan.indicators.len()).map(move |track| {
            let counted = level.counted(cx, track);
            let judge = plan.slo.goals.iter().position(|goal| goal.track == track).unwrap_or(0);
            SloCounts {
                name: plan.slo.name.clone(),
                objective: (plan.indicators.len() > 1).then(|| plan.slo.judge_name(judge)),
                group: level.group.clone(),
                good: counted.good,
                bad: counted.bad,
                total: counted.total(),
            }
        })
    })
}

impl Items {
    fn view(self) -> ItemCounts {
        ItemCounts {
            offered: self.accepted + self.duplicate + self.refused + self.rejected,
            accepted: self.accepted,
            duplicate: self.duplicate,
            refused: self.refused,
            rejected: self.rejected,
        }
    }
}

impl Service {
    fn view(&self, name: &str) -> ServiceCounts {
        let [spans, logs, metrics] = self.items;
        let [informational, warning, exception] = self.categories;
        ServiceCounts { name: name.to_owned(), spans, logs, metrics, informational, warning, exception }
    }
}

impl Books {
    pub(super) fn events(&self) -> EventCounts {
        let [informational, warning, exception] = self.categories;
        EventCounts {
            received: self.items.iter().map(|items| items.accepted).sum(),
            filtered: self.filtered.iter().sum::<u64>() + self.filtered_before,
            merged: 0,
            informational,
            warning,
            exception,
            future: self.future,
            late: self.late,
            expired: self.expired,
        }
    }
}

impl AlertRecord {
    /// But for its annotations and its runs.
    fn view(&self) -> AlertView {
        let episode = &self.episode;
        let (slo, rule) = match &self.subject {
            Subject::Slo(name) => (Some(name), None),
            Subject::Rule(name) => (None, Some(name)),
            Subject::Config(_) | Subject::Runbook(_) => (None, None),
        };
        let told = |telling: &Telling| match telling {
            Telling::Pending => "pending".to_owned(),
            Telling::Delivered => "delivered".to_owned(),
            Telling::Failed(reason) => format!("failed: {reason}"),
            Telling::Trying(1, reason) => format!("pending: 1 attempt: {reason}"),
            Telling::Trying(attempts, reason) => {
                format!("pending: {attempts} attempts, the last one: {reason}")
            }
        };
        AlertView {
            id: self.id.clone(),
            dedup_key: self.dedup_key.clone(),
            slo: slo.cloned(),
            rule: rule.cloned(),
            group: self.group.clone(),
            service: self.service.clone(),
            state: if episode.is_open() { "open" } else { "closed" },
            category: episode.category.as_str(),
            priority: episode.priority.as_str(),
            severity: episode.severity.as_str(),
            condition: episode.condition.clone(),
            opened_at: rfc3339(episode.opened_at.0),
            crossed_at: rfc3339(episode.crossed_at.0),
            closed_at: episode.closed_at.map(|at| rfc3339(at.0)),
            labels: self.labels.clone(),
            annotations: Labels::new(),
            reason: episode.reason.clone(),
            decisions: self.decisions.iter().map(Decision::view).collect(),
            receivers: self.told.iter().map(|(name, telling)| (name.clone(), told(telling))).collect(),
            runs: Vec::new(),
        }
    }
}

impl Decision {
    fn view(&self) -> DecisionView {
        let Now(decided) = self.decided;
        DecisionView {
            at: rfc3339(self.at.0),
            decided_at: rfc3339(decided),
            sequence: self.sequence,
            transition: Transition::as_str(self.transition),
            priority: self.priority.as_str(),
            severity: self.severity.as_str(),
            condition: self.condition.clone(),
            reason: self.reason.clone(),
            text: self.explain.text.clone(),
            receivers: self.receivers.clone(),
        }
    }
}
