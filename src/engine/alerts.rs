//! From a verdict about one service level to facts, notifications and the record of the alert.

use std::collections::{BTreeMap, VecDeque};

use super::effect::{AlertSummary, Effect, Explain, Notification, NotificationId, Outcome, Transition};
use super::fact::{ConditionChange, EpisodeChange, Fact, What};
use super::level::{Level, Verdict};
use super::plan::Plan;
use crate::alert::{Episode, Identity, Step};
use crate::model::{EventTime, Labels, Now, Priority, Quotient, Severity};
use crate::slo::{Seen, Slo};

/// Alerts that are remembered; the oldest closed one goes first.
const RECORDS_MAX: usize = 1_000;
/// Decisions that are remembered of one alert.
const DECISIONS_MAX: usize = 64;

/// One alert with everything that was decided about it.
#[derive(Clone, Debug)]
pub struct AlertRecord {
    pub id: String,
    pub dedup_key: String,
    pub slo: String,
    pub service: String,
    pub labels: Labels,
    pub episode: Episode,
    pub decisions: VecDeque<Decision>,
    /// Receivers that were told of this alert, and what became of it.
    pub told: BTreeMap<String, Telling>,
}

#[derive(Clone, Debug)]
pub struct Decision {
    pub at: EventTime,
    pub decided: Now,
    pub sequence: u32,
    pub transition: Transition,
    pub priority: Priority,
    pub severity: Severity,
    pub condition: String,
    /// Why this priority.
    pub reason: String,
    /// What the notification says.
    pub text: String,
    pub receivers: Vec<String>,
}

/// How the last notification to a receiver went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Telling {
    Pending,
    Delivered,
    Failed(String),
}

/// Transitions times receivers, since the state began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) triggered: u64,
    pub(super) escalated: u64,
    pub(super) resolved: u64,
    pub(super) delivered: u64,
    pub(super) failed: u64,
}

#[derive(Debug, Default)]
pub(super) struct Alerts {
    /// When the state began.
    since: Now,
    pub(super) records: VecDeque<AlertRecord>,
    pub(super) told: Told,
    last_id: u64,
    /// Notifications whose outcome is not known yet: SLO, clock, alert and receiver.
    pending: BTreeMap<NotificationId, Pending>,
}

#[derive(Clone, Debug)]
struct Pending {
    slo: String,
    at: EventTime,
    alert: String,
    receiver: String,
}

impl Alerts {
    pub(super) fn new(since: Now) -> Self {
        Self { since, ..Self::default() }
    }

    pub(super) fn pending(&self) -> usize {
        self.pending.len()
    }

    pub(super) fn decide(&self, plan: &Plan, level: &Level, slo: &Slo, verdict: Verdict) -> Vec<Fact> {
        let mut decided = Vec::new();
        let last = level.episode.as_ref().map_or(Priority::P5, |episode| episode.priority);
        let priority = verdict.decisive.as_ref().map_or(last, |(_, assessed)| assessed.priority);
        for (index, (was, is)) in level.firing.iter().zip(&verdict.firing).enumerate() {
            match (was, is) {
                (false, true) => decided.push(What::AlertFired(change(level, slo, index, priority))),
                (true, false) => decided.push(What::AlertResolved(change(level, slo, index, priority))),
                _ => {}
            }
        }
        let spent = level.budget_seen().burn(slo.objective).decimal();
        match (level.spent, verdict.spent) {
            (false, true) => decided.push(What::BudgetSpent { spent }),
            (true, false) => decided.push(What::BudgetRestored { spent }),
            _ => {}
        }
        let decisive =
            verdict.decisive.map(|(index, assessed)| (slo.conditions[index].name.as_str(), assessed));
        if let Some(step) = Episode::next(level.episode.as_ref(), level.clock, decisive) {
            decided.extend(self.tell(plan, level, slo, step));
        }
        decided.into_iter().map(|what| level.fact(slo, what)).collect()
    }

    /// The episode's change, and one notification for each receiver that hears of it.
    fn tell(&self, plan: &Plan, level: &Level, slo: &Slo, step: Step) -> Vec<What> {
        let episode = step.episode().clone();
        let group = Labels::new();
        let identity = Identity { tenant: &plan.tenant, slo: &slo.name, group: &group, since: self.since };
        let (alert, dedup_key) = (identity.alert_id(episode.number), identity.dedup_key(episode.number));
        let labels = labels(plan, slo, &episode);
        let receivers = match step {
            Step::Close(_) => {
                self.record(&alert).map_or(Vec::new(), |record| record.told.keys().cloned().collect())
            }
            Step::Open(_) | Step::Escalate(_) => routed(plan, &labels),
        };
        let queued =
            receivers.iter().zip(self.last_id + 1..).map(|(receiver, id)| What::NotificationQueued {
                id: NotificationId(id),
                receiver: receiver.clone(),
                dedup_key: dedup_key.clone(),
                sequence: episode.sequence,
            });
        let queued: Vec<What> = queued.collect();
        let text = words(level, slo, &step);
        let change = Box::new(EpisodeChange { episode, alert, dedup_key, labels, text, receivers });
        let changed = match step {
            Step::Open(_) => What::EpisodeOpened(change),
            Step::Escalate(_) => What::EpisodeEscalated(change),
            Step::Close(_) => What::EpisodeClosed(change),
        };
        std::iter::once(changed).chain(queued).collect()
    }

    pub(super) fn apply(
        &mut self,
        now: Now,
        slo: &Slo,
        level: &Level,
        fact: &Fact,
        requests: &mut Vec<Effect>,
    ) {
        match &fact.what {
            What::EpisodeOpened(change) => self.decided(now, slo, fact.at, Transition::Trigger, change),
            What::EpisodeEscalated(change) => self.decided(now, slo, fact.at, Transition::Escalate, change),
            What::EpisodeClosed(change) => self.decided(now, slo, fact.at, Transition::Resolve, change),
            What::NotificationQueued { id, receiver, dedup_key, .. } => {
                requests.extend(self.queued(*id, receiver, dedup_key, slo, level, fact.at));
            }
            _ => {}
        }
    }

    fn decided(
        &mut self,
        now: Now,
        slo: &Slo,
        at: EventTime,
        transition: Transition,
        change: &EpisodeChange,
    ) {
        let receivers = change.receivers.len() as u64;
        match transition {
            Transition::Trigger => self.told.triggered += receivers,
            Transition::Escalate => self.told.escalated += receivers,
            Transition::Resolve => self.told.resolved += receivers,
            Transition::Acknowledge => {}
        }
        let record = self.record_or_new(slo, change);
        if transition == Transition::Trigger {
            // Who was told before it opened again has been told of its end as well.
            record.told.clear();
        }
        record.episode = change.episode.clone();
        record.labels = change.labels.clone();
        if record.decisions.len() == DECISIONS_MAX {
            record.decisions.pop_front();
        }
        record.decisions.push_back(Decision {
            at,
            decided: now,
            sequence: change.episode.sequence,
            transition,
            priority: change.episode.priority,
            severity: change.episode.severity,
            condition: change.episode.condition.clone(),
            reason: change.episode.reason.clone(),
            text: change.text.clone(),
            receivers: change.receivers.clone(),
        });
    }

    fn record_or_new(&mut self, slo: &Slo, change: &EpisodeChange) -> &mut AlertRecord {
        let place = self.records.iter().position(|record| record.id == change.alert);
        let place = place.unwrap_or_else(|| {
            self.make_room();
            self.records.push_back(AlertRecord {
                id: change.alert.clone(),
                dedup_key: change.dedup_key.clone(),
                slo: slo.name.clone(),
                service: slo.service.clone(),
                labels: Labels::new(),
                episode: change.episode.clone(),
                decisions: VecDeque::new(),
                told: BTreeMap::new(),
            });
            self.records.len() - 1
        });
        &mut self.records[place]
    }

    fn make_room(&mut self) {
        if self.records.len() >= RECORDS_MAX
            && let Some(oldest) = self.records.iter().position(|record| !record.episode.is_open())
        {
            self.records.remove(oldest);
        }
    }

    fn queued(
        &mut self,
        id: NotificationId,
        receiver: &str,
        dedup_key: &str,
        slo: &Slo,
        level: &Level,
        at: EventTime,
    ) -> Option<Effect> {
        self.last_id = self.last_id.max(id.0);
        let record = self.records.iter_mut().find(|record| record.dedup_key == dedup_key)?;
        record.told.insert(receiver.to_owned(), Telling::Pending);
        let pending =
            Pending { slo: slo.name.clone(), at, alert: record.id.clone(), receiver: receiver.to_owned() };
        self.pending.insert(id, pending);
        let notification = notification(id, receiver, record, slo, level, at)?;
        Some(Effect::Notify(Box::new(notification)))
    }

    /// `None` where the outcome is known already.
    pub(super) fn settled(&self, id: NotificationId, outcome: Outcome) -> Option<Fact> {
        let pending = self.pending.get(&id)?;
        let what = What::NotificationSettled { id, outcome };
        Some(Fact { at: pending.at, slo: pending.slo.clone(), group: Labels::new(), what })
    }

    pub(super) fn apply_settled(&mut self, what: &What) {
        let What::NotificationSettled { id, outcome } = what else { return };
        let Some(pending) = self.pending.remove(id) else { return };
        let telling = match outcome {
            Outcome::Delivered { .. } => Telling::Delivered,
            Outcome::Failed { reason, .. } => Telling::Failed(reason.clone()),
        };
        match telling {
            Telling::Failed(_) => self.told.failed += 1,
            Telling::Delivered | Telling::Pending => self.told.delivered += 1,
        }
        let record = self.records.iter_mut().find(|record| record.id == pending.alert);
        if let Some(told) = record.and_then(|record| record.told.get_mut(&pending.receiver)) {
            *told = telling;
        }
    }

    pub(super) fn record(&self, id: &str) -> Option<&AlertRecord> {
        self.records.iter().find(|record| record.id == id)
    }
}

fn change(level: &Level, slo: &Slo, index: usize, priority: Priority) -> ConditionChange {
    let condition = &slo.conditions[index];
    let (burn_long, burn_short) = burns(level, slo, index);
    ConditionChange {
        index,
        condition: condition.name.clone(),
        severity: condition.severity,
        priority,
        burn_long: burn_long.decimal(),
        burn_short: burn_short.decimal(),
    }
}

/// A condition without a short window has the long one's burn twice.
fn burns(level: &Level, slo: &Slo, index: usize) -> (Quotient, Quotient) {
    let (long, short) = level.condition_seen(index);
    (long.burn(slo.objective), short.unwrap_or(long).burn(slo.objective))
}

fn labels(plan: &Plan, slo: &Slo, episode: &Episode) -> Labels {
    let pairs = [
        ("alertname", slo.name.as_str()),
        ("slo", &slo.name),
        ("service", &slo.service),
        ("category", episode.category.as_str()),
        ("severity", episode.severity.as_str()),
        ("priority", episode.priority.as_str()),
        ("condition", &episode.condition),
        ("tenant", &plan.tenant),
    ];
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Each receiver once, in the tree's order.
fn routed(plan: &Plan, labels: &Labels) -> Vec<String> {
    let mut receivers: Vec<String> = Vec::new();
    for receiver in plan.route.iter().flat_map(|route| route.receivers(labels)) {
        if !receivers.iter().any(|one| one == receiver) {
            receivers.push(receiver.to_owned());
        }
    }
    receivers
}

fn notification(
    id: NotificationId,
    receiver: &str,
    record: &AlertRecord,
    slo: &Slo,
    level: &Level,
    at: EventTime,
) -> Option<Notification> {
    let decision = record.decisions.back()?;
    let deciding = slo.conditions.iter().position(|one| one.name == decision.condition)?;
    let (burn_long, burn_short) = burns(level, slo, deciding);
    let episode = &record.episode;
    Some(Notification {
        id,
        receiver: receiver.to_owned(),
        dedup_key: record.dedup_key.clone(),
        sequence: decision.sequence,
        transition: decision.transition,
        at,
        crossed_at: episode.crossed_at,
        started_at: episode.opened_at,
        alert: AlertSummary {
            id: record.id.clone(),
            slo: record.slo.clone(),
            service: record.service.clone(),
            category: episode.category,
            priority: episode.priority,
            severity: episode.severity,
            condition: episode.condition.clone(),
            labels: record.labels.clone(),
            annotations: Labels::from([("summary".to_owned(), decision.text.clone())]),
        },
        explain: Explain {
            text: decision.text.clone(),
            burn_long: burn_long.decimal(),
            burn_short: burn_short.decimal(),
            budget_remaining: level.budget_seen().burn(slo.objective).decimal_of_rest(),
        },
    })
}

/// Words before jargon. Doubles are good enough to read.
fn words(level: &Level, slo: &Slo, step: &Step) -> String {
    let budget = level.budget_seen();
    let left = 1.0 - approximate(budget.burn(slo.objective));
    let (Step::Open(episode) | Step::Escalate(episode)) = step else {
        return format!(
            "{} recovered: no burn condition is true any more; {} of the {} budget is left.",
            slo.name,
            percent(left),
            slo.window.text
        );
    };
    let Some(index) = slo.conditions.iter().position(|one| one.name == episode.condition) else {
        return String::new();
    };
    let (long, short) = level.condition_seen(index);
    let seen = short.unwrap_or(long);
    format!(
        "{} of {} events fail; {}. {} of the {} budget is left. Condition {}: burn {} over {} times the allowed rate.",
        percent(share(seen)),
        slo.service,
        exhaustion(left, approximate(seen.raw_burn(slo.objective)), slo),
        percent(left),
        slo.window.text,
        episode.condition,
        long.burn(slo.objective).decimal(),
        slo.conditions[index].factor.display(),
    )
}

fn exhaustion(left: f64, burn: f64, slo: &Slo) -> String {
    if left <= 0.0 {
        return format!("the {} allowance is spent", slo.window.text);
    }
    let hours = left * slo.window.seconds as f64 / burn.max(f64::MIN_POSITIVE) / 3_600.0;
    let time = match hours {
        hours if hours < 1.0 => format!("{:.0} min", (hours * 60.0).ceil()),
        hours if hours < 48.0 => format!("{hours:.1} h"),
        hours => format!("{:.1} d", hours / 24.0),
    };
    format!("at this rate the rest of the {} allowance is gone in {time}", slo.window.text)
}

fn share(seen: Seen) -> f64 {
    seen.count.bad as f64 / (seen.count.total().max(1)) as f64
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn approximate(quotient: Quotient) -> f64 {
    quotient.rounded(1_000_000) as f64 / 1_000_000.0
}
