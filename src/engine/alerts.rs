//! From an episode's step to facts, notifications and the record of the alert, whatever it is about.

use std::collections::{BTreeMap, VecDeque};

use borsh::{BorshDeserialize, BorshSerialize};

use super::effect::{AlertSummary, Effect, Explain, Notification, NotificationId, Outcome, Transition};
use super::fact::{EpisodeChange, Fact, Subject, What};
use super::plan::Plan;
use super::runs::{Deciding, Runs, words};
use super::why::Journeys;
use crate::alert::{Episode, Identity, Step};
use crate::model::{EventTime, Labels, Now, Priority, SECOND_NS, Severity, rfc3339};
use crate::runbook::{Moment, Occasion};

/// Alerts that are remembered; the oldest closed one goes first.
const RECORDS_MAX: usize = 1_000;
/// The annotation of a notification whose runs wait for the approval of anybody who hears of it: `RUN:UNTIL …`, in seconds
/// since 1970.
pub const APPROVE: &str = "approve_run";
/// Decisions that are remembered of one alert.
const DECISIONS_MAX: usize = 64;

/// One alert with everything that was decided about it.
#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub struct AlertRecord {
    pub id: String,
    pub dedup_key: String,
    pub subject: Subject,
    pub group: Labels,
    pub service: String,
    pub labels: Labels,
    pub episode: Episode,
    pub decisions: VecDeque<Decision>,
    /// Receivers that were told of this alert, and what became of it.
    pub told: BTreeMap<String, Telling>,
}

#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
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
    pub explain: Explain,
    pub receivers: Vec<String>,
}

/// How the last notification to a receiver went.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Telling {
    Pending,
    Delivered,
    Failed(String),
    /// Attempts so far, and what came of the last one.
    Trying(u32, String),
}

/// Transitions times receivers, since the state began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(super) struct Told {
    pub(super) triggered: u64,
    pub(super) escalated: u64,
    pub(super) resolved: u64,
    pub(super) delivered: u64,
    pub(super) failed: u64,
}

#[derive(Debug, Default, BorshSerialize, BorshDeserialize)]
pub(super) struct Alerts {
    /// When the state began.
    since: Now,
    pub(super) records: VecDeque<AlertRecord>,
    pub(super) told: Told,
    last_id: u64,
    /// Notifications whose outcome is not known yet.
    pending: BTreeMap<NotificationId, (Labels, Box<Notification>)>,
    /// A part of its own in what is written down.
    #[borsh(skip)]
    pub(super) journeys: Journeys,
    /// As well.
    #[borsh(skip)]
    pub(super) runs: Runs,
}

/// What an episode is about, and the labels by which it is routed.
pub(super) struct About<'a> {
    pub(super) subject: &'a Subject,
    pub(super) group: &'a Labels,
    pub(super) service: &'a str,
    pub(super) labels: Labels,
    /// Names of AlertNotificationTargets; a route may match any of them.
    pub(super) targets: &'a [String],
    /// Whether the end is told to those who heard of the beginning.
    pub(super) tells_resolve: bool,
    /// Nothing is started by what is told about runs.
    pub(super) starts_runs: bool,
}

impl Alerts {
    pub(super) fn new(since: Now) -> Self {
        Self { since, ..Self::default() }
    }

    pub(super) fn pending(&self) -> usize {
        self.pending.len()
    }

    /// The episode's change, and one notification for each receiver that hears of it.
    pub(super) fn tell(
        &self,
        (plan, now): (&Plan, Now),
        about: About<'_>,
        step: Step,
        mut explain: Explain,
    ) -> Vec<What> {
        let episode = step.episode().clone();
        let About { subject, group, service, labels, targets, tells_resolve, starts_runs } = about;
        let identity =
            Identity { tenant: &plan.tenant, subject: &subject.identity(), group, since: self.since };
        let (alert, dedup_key) = (identity.alert_id(episode.number), identity.dedup_key(episode.number));
        let receivers = match step {
            Step::Close(_) if !tells_resolve => Vec::new(),
            Step::Close(_) => {
                self.record(&alert).map_or(Vec::new(), |record| record.told.keys().cloned().collect())
            }
            Step::Open(_) | Step::Escalate(_) => routed(plan, &labels, targets),
        };
        let queued =
            receivers.iter().zip(self.last_id + 1..).map(|(receiver, id)| What::NotificationQueued {
                id: NotificationId(id),
                receiver: receiver.clone(),
                dedup_key: dedup_key.clone(),
                sequence: episode.sequence,
            });
        let queued: Vec<What> = queued.collect();
        let service = service.to_owned();
        let mut runs = Vec::new();
        if starts_runs && !plan.runbooks.is_empty() {
            let moment = match step {
                Step::Open(_) => Moment::Trigger,
                Step::Escalate(_) => Moment::Escalate,
                Step::Close(_) => Moment::Resolve,
            };
            let (alert, dedup_key, summary) = (alert.clone(), dedup_key.clone(), explain.text.clone());
            let (service, labels) = (service.clone(), labels.clone());
            let started_at = rfc3339(episode.opened_at.0);
            let occasion =
                Occasion { alert, dedup_key, service, labels, summary, started_at, moment: String::new() };
            runs = self.runs.decide(plan, &Deciding { now, moment, subject, group, occasion });
        }
        explain.text.push_str(&words::ran(self.runs.of_alert(&alert)));
        explain.text.push_str(&words::next(&runs));
        let change =
            Box::new(EpisodeChange { episode, alert, dedup_key, service, labels, explain, receivers });
        let changed = match step {
            Step::Open(_) => What::EpisodeOpened(change),
            Step::Escalate(_) => What::EpisodeEscalated(change),
            Step::Close(_) => What::EpisodeClosed(change),
        };
        let runs = runs.into_iter().map(|fact| What::Run(Box::new(fact)));
        std::iter::once(changed).chain(runs).chain(queued).collect()
    }

    /// Open alerts that nobody has heard of nor is being told, for whoever is to hear of them by this plan. Who refused one
    /// is asked again only as another receiver of the name: its fallback may have heard.
    pub(super) fn tell_anew(&self, plan: &Plan, known: &[String], changed: &[String]) -> Vec<Fact> {
        let hears = |(receiver, telling): (&String, &Telling)| match telling {
            Telling::Delivered => true,
            Telling::Pending | Telling::Trying(..) => known.contains(receiver),
            Telling::Failed(_) => false,
        };
        let unheard =
            self.records.iter().filter(|record| record.episode.is_open() && !record.told.iter().any(hears));
        let mut facts = Vec::new();
        for record in unheard {
            let Some(last) = record.decisions.back() else { continue };
            let named = plan.slos.iter().find(|one| record.subject == Subject::Slo(one.slo.name.clone()));
            let targets = named.map_or(&[][..], |one| &one.slo.targets);
            for receiver in routed(plan, &record.labels, targets) {
                if record.told.contains_key(&receiver) && !changed.contains(&receiver) {
                    continue;
                }
                let what = What::NotificationQueued {
                    id: NotificationId(self.last_id + 1 + facts.len() as u64),
                    receiver,
                    dedup_key: record.dedup_key.clone(),
                    sequence: last.sequence,
                };
                let (subject, group) = (record.subject.clone(), record.group.clone());
                facts.push(Fact { at: last.at, subject, group, what });
            }
        }
        facts
    }

    pub(super) fn apply(&mut self, now: Now, fact: &Fact, requests: &mut Vec<Effect>) {
        match &fact.what {
            What::EpisodeOpened(change) => self.decided(now, fact, Transition::Trigger, change),
            What::EpisodeEscalated(change) => self.decided(now, fact, Transition::Escalate, change),
            What::EpisodeClosed(change) => self.decided(now, fact, Transition::Resolve, change),
            What::NotificationQueued { id, receiver, dedup_key, .. } => {
                requests.extend(self.queued(now, *id, receiver, dedup_key, fact));
            }
            What::Run(fact) => {
                let step = self.runs.apply(now, fact);
                requests.extend(step.map(|step| Effect::Run(Box::new(step))));
            }
            _ => {}
        }
    }

    fn decided(&mut self, now: Now, fact: &Fact, transition: Transition, change: &EpisodeChange) {
        let record = self.record_or_new(fact, change);
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
            at: fact.at,
            decided: now,
            sequence: change.episode.sequence,
            transition,
            priority: change.episode.priority,
            severity: change.episode.severity,
            condition: change.episode.condition.clone(),
            reason: change.episode.reason.clone(),
            explain: change.explain.clone(),
            receivers: change.receivers.clone(),
        });
    }

    fn record_or_new(&mut self, fact: &Fact, change: &EpisodeChange) -> &mut AlertRecord {
        let place = self.records.iter().position(|record| record.id == change.alert);
        let place = place.unwrap_or_else(|| {
            self.make_room();
            self.records.push_back(AlertRecord {
                id: change.alert.clone(),
                dedup_key: change.dedup_key.clone(),
                subject: fact.subject.clone(),
                group: fact.group.clone(),
                service: change.service.clone(),
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
        now: Now,
        id: NotificationId,
        receiver: &str,
        dedup_key: &str,
        fact: &Fact,
    ) -> Option<Effect> {
        self.last_id = self.last_id.max(id.0);
        let record = self.records.iter_mut().find(|record| record.dedup_key == dedup_key)?;
        record.told.insert(receiver.to_owned(), Telling::Pending);
        let mut notification = Box::new(notification(id, receiver, record, fact.at)?);
        let asked = self.runs.of_alert(&record.id).filter(|run| run.has_link);
        let asked =
            asked.filter_map(|run| Some(format!("{}:{}", run.id, run.approval_until()?.0 / SECOND_NS)));
        let asked: Vec<String> = asked.collect();
        if !asked.is_empty() {
            notification.alert.annotations.insert(APPROVE.to_owned(), asked.join(" "));
        }
        match notification.transition {
            Transition::Trigger => self.told.triggered += 1,
            Transition::Escalate => self.told.escalated += 1,
            Transition::Resolve => self.told.resolved += 1,
            Transition::Acknowledge => {}
        }
        self.journeys.asked(now, id, &record.id, notification.sequence, receiver);
        self.pending.insert(id, (fact.group.clone(), notification.clone()));
        Some(Effect::Notify(notification))
    }

    /// `None` where the outcome is known already.
    pub(super) fn settled(&self, id: NotificationId, outcome: Outcome) -> Option<Fact> {
        let (group, pending) = self.pending.get(&id)?;
        let what = match outcome {
            Outcome::Trying { attempts, reason } => What::NotificationAttempted { id, attempts, reason },
            outcome => What::NotificationSettled { id, outcome },
        };
        Some(Fact { at: pending.at, subject: pending.alert.subject.clone(), group: group.clone(), what })
    }

    pub(super) fn apply_settled(&mut self, what: &What) {
        let (id, telling) = match what {
            What::NotificationAttempted { id, attempts, reason } => {
                (id, Telling::Trying(*attempts, reason.clone()))
            }
            What::NotificationSettled { id, outcome: Outcome::Failed { reason, .. } } => {
                self.told.failed += 1;
                (id, Telling::Failed(reason.clone()))
            }
            What::NotificationSettled { id, .. } => {
                self.told.delivered += 1;
                (id, Telling::Delivered)
            }
            _ => return,
        };
        let Some((_, pending)) = self.pending.get(id) else { return };
        let record = self.records.iter_mut().find(|record| record.id == pending.alert.id);
        if let Some(told) = record.and_then(|record| record.told.get_mut(&pending.receiver)) {
            *told = telling;
        }
        if matches!(what, What::NotificationSettled { .. }) {
            self.pending.remove(id);
        }
    }

    /// By id, which is their order.
    pub(super) fn unsettled(&self) -> Vec<Notification> {
        self.pending.values().map(|(_, notification)| (**notification).clone()).collect()
    }

    /// What a receiver has heard last of each alert that is open.
    pub(super) fn standing(&self, receiver: &str) -> Vec<Notification> {
        let open = self.records.iter().filter(|record| record.episode.is_open());
        let told = open.filter(|record| record.told.contains_key(receiver));
        let last = told.filter_map(|record| {
            let at = record.decisions.back()?.at;
            notification(NotificationId(0), receiver, record, at)
        });
        last.collect()
    }

    pub(super) fn record(&self, id: &str) -> Option<&AlertRecord> {
        self.records.iter().find(|record| record.id == id)
    }
}

impl AlertRecord {
    /// For a run that a person asks for.
    pub(super) fn occasion(&self) -> Occasion {
        Occasion {
            alert: self.id.clone(),
            dedup_key: self.dedup_key.clone(),
            service: self.service.clone(),
            labels: self.labels.clone(),
            summary: self.decisions.back().map_or_else(String::new, |last| last.explain.text.clone()),
            started_at: rfc3339(self.episode.opened_at.0),
            moment: String::new(),
        }
    }
}

/// Each receiver once, in the tree's order, for one target after the other.
pub(super) fn routed(plan: &Plan, labels: &Labels, targets: &[String]) -> Vec<String> {
    let mut receivers: Vec<String> = Vec::new();
    let mut add = |labels: &Labels| {
        for receiver in plan.route.iter().flat_map(|route| route.receivers(labels)) {
            if !receivers.iter().any(|one| one == receiver) {
                receivers.push(receiver.to_owned());
            }
        }
    };
    match targets {
        [] | [_] => add(labels),
        targets => {
            let mut labels = labels.clone();
            for target in targets {
                labels.insert("notification_target".to_owned(), target.clone());
                add(&labels);
            }
        }
    }
    receivers
}

fn notification(
    id: NotificationId,
    receiver: &str,
    record: &AlertRecord,
    at: EventTime,
) -> Option<Notification> {
    let decision = record.decisions.back()?;
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
            subject: record.subject.clone(),
            service: record.service.clone(),
            category: episode.category,
            priority: episode.priority,
            severity: episode.severity,
            condition: episode.condition.clone(),
            labels: record.labels.clone(),
            annotations: Labels::from([("summary".to_owned(), decision.explain.text.clone())]),
        },
        explain: decision.explain.clone(),
    })
}
