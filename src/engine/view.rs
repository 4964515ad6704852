//! What may be seen of the engine from outside: read-only, in the shapes of the API.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::alerts::{AlertRecord, Decision, Telling};
use super::baselines::SeriesCounts;
use super::books::{Books, Items, Service};
use super::level::Level;
use super::plan::SloPlan;
use super::record::EventRecord;
use super::{Engine, EventFilter, Subject, Transition};
use crate::model::{Category, EventTime, Labels, Now, Signal, rfc3339};
use crate::slo::{Condition, Count, Objective, Seen};

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

/// One element of `GET /api/v1/slos`
#[derive(Clone, Debug, Serialize)]
pub struct SloView {
    pub name: String,
    pub service: String,
    pub tier: u8,
    pub budgeting_method: &'static str,
    pub time_window: String,
    pub coverage: String,
    /// The newest event time, or our own time where nothing newer came for ten seconds.
    pub clock: Option<String>,
    /// Events that were put in as weighted counts of the past, not observed.
    pub injected: u64,
    /// Events that came when no window held their time any more.
    pub expired: u64,
    /// What the buckets take in memory.
    pub bytes: usize,
    pub declared_at: String,
    /// Comparisons of two types that can not be compared, in the SLO's expressions.
    pub mismatches: u64,
    pub objectives: Vec<ObjectiveView>,
}

#[derive(Clone, Debug, Serialize)]
pub struct ObjectiveView {
    pub name: String,
    pub target: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sla: Option<SlaView>,
    pub groups: Vec<GroupView>,
}

#[derive(Clone, Debug, Serialize)]
pub struct SlaView {
    pub target: String,
    /// What is left of the SLA's own budget.
    pub margin: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct GroupView {
    pub group: Labels,
    pub good: u64,
    pub bad: u64,
    pub total: u64,
    /// `null` without events: unknown is neither 1 nor 0.
    pub sli: Option<String>,
    /// Where histograms are read: between which two values their buckets allow it to lie.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sli_low: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sli_high: Option<String>,
    pub budget: BudgetView,
    pub conditions: Vec<ConditionView>,
    pub state: &'static str,
}

#[derive(Clone, Debug, Serialize)]
pub struct BudgetView {
    pub spent: String,
    pub remaining: String,
    pub raw_spent: String,
    pub exhausted: bool,
}

#[derive(Clone, Debug, Serialize)]
pub struct ConditionView {
    pub condition: String,
    pub factor: String,
    pub severity: &'static str,
    pub burn_long: String,
    pub burn_short: String,
    pub raw_burn_long: String,
    pub raw_burn_short: String,
    pub state: &'static str,
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
    /// Why it has this priority.
    pub reason: String,
    pub decisions: Vec<DecisionView>,
    pub receivers: BTreeMap<String, String>,
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
        let slos = self.plan.slos.iter().zip(&self.levels).map(|(plan, level)| SloCounts {
            name: plan.slo.name.clone(),
            group: Labels::new(),
            good: level.counted.good,
            bad: level.counted.bad,
            total: level.counted.total(),
        });
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
            series: self.baselines.view(self.levels.iter().map(|level| level.balance.unmatched).sum()),
            rules: self.rules(),
        }
    }

    pub fn slos(&self) -> Vec<SloView> {
        (0..self.levels.len()).map(|index| self.slo_view(index)).collect()
    }

    pub fn slo(&self, name: &str) -> Option<SloView> {
        let index = self.plan.slos.iter().position(|plan| plan.slo.name == name);
        index.map(|index| self.slo_view(index))
    }

    fn slo_view(&self, index: usize) -> SloView {
        let mismatches = self.books.mismatches[self.plan.rules.len() + index];
        slo_view(&self.plan.slos[index], &self.levels[index], mismatches)
    }

    /// Newest first.
    pub fn alerts(&self) -> Vec<AlertView> {
        self.alerts.records.iter().rev().map(AlertRecord::view).collect()
    }

    pub fn alert(&self, id: &str) -> Option<AlertView> {
        self.alerts.record(id).map(AlertRecord::view)
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
    fn events(&self) -> EventCounts {
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

fn slo_view(plan: &SloPlan, level: &Level, mismatches: u64) -> SloView {
    let slo = &plan.slo;
    let seen = level.budget_seen();
    let margin =
        |sla: Objective| SlaView { target: sla.target().display(), margin: seen.burn(sla).decimal_of_rest() };
    SloView {
        name: slo.name.clone(),
        service: slo.service.clone(),
        tier: slo.tier.number(),
        budgeting_method: "Occurrences",
        time_window: slo.window.text.clone(),
        coverage: seen.coverage().decimal(),
        clock: (level.clock > EventTime::default()).then(|| rfc3339(level.clock.0)),
        injected: level.injected,
        expired: level.expired,
        bytes: level.bytes(),
        declared_at: plan.declared_at.clone(),
        mismatches,
        objectives: vec![ObjectiveView {
            name: slo.objective_name.clone(),
            target: slo.objective.target().display(),
            sla: slo.sla.map(margin),
            groups: vec![group_view(plan, level, seen)],
        }],
    }
}

fn group_view(plan: &SloPlan, level: &Level, seen: Seen) -> GroupView {
    let objective = plan.slo.objective;
    let conditions = plan.slo.conditions.iter().enumerate();
    let bound = |which: fn((u64, u64)) -> u64| {
        let (good, total) = (which(level.interval_seen()?), seen.count.total());
        Count { good, bad: total.saturating_sub(good) }.sli().map(|sli| sli.decimal())
    };
    let state = match (level.firing.contains(&true), seen.count.total()) {
        (true, _) => "firing",
        (false, 0) => "no-data",
        (false, _) => "ok",
    };
    GroupView {
        group: Labels::new(),
        good: seen.count.good,
        bad: seen.count.bad,
        total: seen.count.total(),
        sli: seen.count.sli().map(|sli| sli.decimal()),
        sli_low: bound(|(low, _)| low),
        sli_high: bound(|(_, high)| high),
        budget: BudgetView {
            spent: seen.burn(objective).decimal(),
            remaining: seen.burn(objective).decimal_of_rest(),
            raw_spent: seen.raw_burn(objective).decimal(),
            exhausted: level.spent,
        },
        conditions: conditions.map(|(index, one)| condition_view(one, level, index, objective)).collect(),
        state,
    }
}

fn condition_view(condition: &Condition, level: &Level, index: usize, objective: Objective) -> ConditionView {
    let (long, short) = level.condition_seen(index);
    let short = short.unwrap_or(long);
    ConditionView {
        condition: condition.name.clone(),
        factor: condition.factor.display(),
        severity: condition.severity.as_str(),
        burn_long: long.burn(objective).decimal(),
        burn_short: short.burn(objective).decimal(),
        raw_burn_long: long.raw_burn(objective).decimal(),
        raw_burn_short: short.raw_burn(objective).decimal(),
        state: match (level.firing[index], long.count.total()) {
            (true, _) => "firing",
            (false, 0) => "no-data",
            (false, _) => "ok",
        },
    }
}

impl AlertRecord {
    fn view(&self) -> AlertView {
        let episode = &self.episode;
        let (slo, rule) = match &self.subject {
            Subject::Slo(name) => (Some(name), None),
            Subject::Rule(name) => (None, Some(name)),
            Subject::Config(_) => (None, None),
        };
        let told = |telling: &Telling| match telling {
            Telling::Pending => "pending".to_owned(),
            Telling::Delivered => "delivered".to_owned(),
            Telling::Failed(reason) => format!("failed: {reason}"),
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
            reason: episode.reason.clone(),
            decisions: self.decisions.iter().map(Decision::view).collect(),
            receivers: self.told.iter().map(|(name, telling)| (name.clone(), told(telling))).collect(),
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
