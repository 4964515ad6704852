//! Why a service level did, or did not, page: now, or at a time that is still held. Words first, then the numbers that
//! decided. Looks, and decides nothing.

mod account;
mod clues;
mod journey;
mod reasons;
mod what_if;
mod words;

use std::collections::{BTreeMap, VecDeque};

use borsh::{BorshDeserialize, BorshSerialize};
use serde::Serialize;

pub use account::ConditionAccount;
pub use clues::{Clues, Contributor, VERSION};
pub(super) use clues::{Versions, Wanted};
pub use journey::HopView;
pub(super) use journey::Journeys;
pub use reasons::Reason;
pub use what_if::{Past, WhatIf};

use super::Engine;
use super::alerts::{AlertRecord, Decision};
use super::burning::condition;
use super::effect::Transition;
use super::events::Events;
use super::fact::{Subject, What};
use super::level::{Cx, Level};
use super::runs::RunView;
use super::view::AlertView;
use crate::model::{EventTime, Labels, Now, SECOND_NS, rfc3339};

/// Transitions of a second for which records are looked through: each takes a millisecond or two of the ledger's time.
const LOOKS_MAX: u32 = 20;
/// Transitions whose numbers are remembered.
const EVIDENCE_MAX: usize = 1_000;
/// Groups that one answer has: those with an open alert first, then those that burn most now. The past of each is put
/// together anew, which takes milliseconds of the ledger's time.
const GROUPS_MAX: usize = 20;

/// `GET /api/v1/explain?slo=NAME&at=TIME`
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    pub slo: String,
    pub service: String,
    pub time_window: String,
    /// `FILE:LINE:COLUMN` of the document.
    pub declared_at: String,
    /// The second that is explained, by the clock of the service level.
    pub at: String,
    /// Whether that is its newest.
    pub is_now: bool,
    /// Counts are told apart to so many seconds at that time, and at the beginning of a window to as many as there; what came
    /// late is in them.
    pub resolution_s: u64,
    pub answerable: Answerable,
    /// By objective and group, what burns most first.
    pub levels: Vec<LevelExplanation>,
    /// Groups beyond those, which burn less now.
    pub more_groups: usize,
    pub data: DataAccount,
}

/// From when on a time can be asked for.
#[derive(Clone, Debug, Serialize)]
pub struct Answerable {
    pub from: Option<String>,
    /// Seconds before the clock, and to how many seconds counts are told apart there.
    pub resolutions: Vec<Resolution>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Resolution {
    pub up_to_s: u64,
    pub resolution_s: u64,
}

/// One objective of one group.
#[derive(Clone, Debug, Serialize)]
pub struct LevelExplanation {
    pub objective: String,
    pub target: Option<String>,
    pub group: Labels,
    /// `paging`, `ticket`, `log`, `quiet` or `no-data`
    pub verdict: &'static str,
    pub text: String,
    /// The condition that decided, or the one that is nearest to its factors.
    pub nearest: Option<String>,
    pub conditions: Vec<ConditionAccount>,
    pub budget_remaining: String,
    /// Seconds until it is spent at the rate of the nearest condition's short window; `null` where it lasts.
    pub exhausted_in_s: Option<u64>,
    /// Why nobody is paged, in the order in which it matters; empty where somebody is.
    pub reasons: Vec<Reason>,
    #[serde(flatten)]
    pub clues: Clues,
    /// Conditions that hold and told nobody, for the alert is one.
    pub held_back: Vec<String>,
    /// Who was told, or who would be.
    pub receivers: Vec<String>,
    /// The alert that was open at that time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alert: Option<AlertAccount>,
}

#[derive(Clone, Debug, Serialize)]
pub struct AlertAccount {
    pub id: String,
    pub opened_at: String,
    pub crossed_at: String,
    pub closed_at: Option<String>,
    pub priority: &'static str,
    pub reason: String,
    /// When it was decided, by our own clock.
    pub decided_at: String,
    pub hops: Vec<HopView>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<RunView>,
}

/// How it is with what came in.
#[derive(Clone, Debug, Serialize)]
pub struct DataAccount {
    /// The newest event that the service level counted.
    pub newest: Option<String>,
    /// Of the service level: came when no window held its time any more, or in a time that does not count.
    pub expired: u64,
    pub excluded: u64,
    /// Came when the clock had passed the time that is explained, for a time before it.
    pub came_later_good: u64,
    pub came_later_bad: u64,
    /// Of everything, since the state began.
    pub received: u64,
    pub filtered: u64,
    pub late: u64,
    pub future: u64,
}

/// `GET /api/v1/explain?alert=ID`
#[derive(Clone, Debug, Serialize)]
pub struct AlertExplanation {
    #[serde(flatten)]
    pub alert: AlertView,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub declared_at: Option<String>,
    /// The numbers of each transition, as they were when it was decided.
    pub evidence: Vec<Evidence>,
    pub hops: Vec<HopView>,
}

/// The numbers behind one transition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, BorshSerialize, BorshDeserialize)]
pub struct Evidence {
    #[serde(skip)]
    alert: String,
    pub sequence: u32,
    pub conditions: Vec<ConditionAccount>,
    pub budget_remaining: String,
    #[serde(flatten)]
    pub clues: Clues,
}

type OpenAlerts<'a> = BTreeMap<&'a Labels, (&'a AlertRecord, &'a Decision)>;

/// What explanations need and nothing else does.
#[derive(Debug, Default, BorshSerialize, BorshDeserialize)]
pub(super) struct Memory {
    pub(super) versions: Versions,
    /// Our second in which records were last looked through for a transition, and how often.
    looked: (u64, u32),
    evidence: VecDeque<Evidence>,
}

impl Memory {
    /// Many alerts at once are told without clues rather than late.
    pub(super) fn may_look(&self, now: Now) -> bool {
        self.looked.0 != now.seconds() || self.looked.1 < LOOKS_MAX
    }

    pub(super) fn remember(&mut self, now: Now, evidence: Evidence) {
        let again = self.looked.0 == now.seconds();
        self.looked = (now.seconds(), if again { self.looked.1 + 1 } else { 1 });
        if self.evidence.len() == EVIDENCE_MAX {
            self.evidence.pop_front();
        }
        self.evidence.push_back(evidence);
    }

    pub(super) fn contributors_mut(&mut self) -> impl Iterator<Item = &mut Contributor> {
        self.evidence.iter_mut().flat_map(|one| &mut one.clues.contributors)
    }

    fn of<'m>(&'m self, alert: &'m str) -> impl Iterator<Item = &'m Evidence> {
        self.evidence.iter().filter(move |one| one.alert == alert)
    }
}

/// What the numbers do not say, as one decides.
#[derive(Clone, Copy)]
pub(super) struct Witnesses<'a> {
    pub(super) events: &'a Events,
    pub(super) versions: &'a Versions,
    pub(super) may_look: bool,
}

impl Witnesses<'_> {
    /// About the bad events of a level within so many seconds before its clock.
    pub(super) fn about(self, cx: Cx<'_>, level: &Level, within_s: u64) -> Clues {
        if !self.may_look {
            return Clues::default();
        }
        let slo = &cx.plan.slo;
        let from = EventTime(level.clock.0.saturating_sub(within_s.saturating_mul(SECOND_NS)));
        let wanted =
            Wanted { slo: &slo.name, service: &slo.service, group: &level.group, from, at: level.clock };
        Clues::of(self.events, self.versions, wanted)
    }
}

/// The numbers behind what people are told of a level, if it is a transition of its alert.
pub(super) fn evidence(
    cx: Cx<'_>,
    level: &Level,
    judge: usize,
    told: &[What],
    clues: Clues,
) -> Option<Evidence> {
    let change = told.iter().find_map(|what| match what {
        What::EpisodeOpened(change) | What::EpisodeEscalated(change) | What::EpisodeClosed(change) => {
            Some(change)
        }
        _ => None,
    })?;
    Some(Evidence {
        alert: change.alert.clone(),
        sequence: change.episode.sequence,
        conditions: ConditionAccount::all(cx, level, judge),
        budget_remaining: level.budget(cx, judge).burn.decimal_of_rest(),
        clues,
    })
}

impl Engine {
    /// `Err`: a sentence about the time that was asked for. `Ok(None)`: there is no such service level.
    pub fn explain(&self, name: &str, at: Option<EventTime>) -> Result<Option<Explanation>, String> {
        let Some(index) = self.index_of(name) else { return Ok(None) };
        let (plan, groups) = (&self.plan.slos[index], &self.levels[index]);
        let cx = Cx { plan, shape: &groups.shape };
        let clock = groups.levels.iter().map(|level| level.clock).max().unwrap_or_default();
        let at = at.filter(|at| *at < clock);
        let (asked, resolution_s) = match at {
            None if clock == EventTime::default() => (EventTime(self.now.0), 1),
            None => (clock, 1),
            Some(at) => aligned(cx, groups.levels.iter().map(|level| &**level), at, clock)?,
        };
        let open = self.open_at(&plan.slo.name, asked, at.is_none());
        let mut chosen: Vec<(bool, u128, &Level)> = groups
            .in_order()
            .map(|(_, level)| {
                let nearness =
                    (0..level.judges.len()).map(|judge| reasons::nearness_of(cx, level, judge)).max();
                (open.contains_key(&level.group), nearness.unwrap_or(0), level)
            })
            .collect();
        chosen.sort_by_key(|(is_open, nearness, _)| std::cmp::Reverse((*is_open, *nearness)));
        let more_groups = chosen.len().saturating_sub(GROUPS_MAX);
        let mut levels = Vec::new();
        for (_, _, level) in chosen.into_iter().take(GROUPS_MAX) {
            let past = at.map(|_| level.as_of(cx, asked));
            for judge in 0..level.judges.len() {
                levels.push(self.explain_level(
                    cx,
                    (level, past.as_ref()),
                    judge,
                    open.get(&level.group).copied(),
                ));
            }
        }
        levels.sort_by_key(|(nearness, _)| std::cmp::Reverse(*nearness));
        Ok(Some(Explanation {
            slo: plan.slo.name.clone(),
            service: plan.slo.service.clone(),
            time_window: plan.slo.window.text().to_owned(),
            declared_at: plan.declared_at.clone(),
            at: rfc3339(asked.0),
            is_now: at.is_none(),
            resolution_s,
            answerable: answerable(cx, groups.levels.iter().map(|level| &**level)),
            levels: levels.into_iter().map(|(_, one)| one).collect(),
            more_groups,
            data: self.data_account(groups.levels.iter().map(|level| &**level), asked),
        }))
    }

    /// With how near it is, in millionths of its factors.
    fn explain_level(
        &self,
        cx: Cx<'_>,
        (now, past): (&Level, Option<&Level>),
        judge: usize,
        open: Option<(&AlertRecord, &Decision)>,
    ) -> (u128, LevelExplanation) {
        let slo = &cx.plan.slo;
        let level = past.unwrap_or(now);
        let mut conditions = ConditionAccount::all(cx, level, judge);
        let nearest = open
            .and_then(|(_, decision)| conditions.iter().position(|one| one.condition == decision.condition))
            .or_else(|| reasons::nearest(cx, level, judge));
        for (index, one) in conditions.iter_mut().enumerate() {
            one.holds_in_s = level.holds_in(cx, judge, index);
        }
        let place = nearest.map(|index| (judge, index));
        let decisive = place.map(|(judge, index)| condition(slo, judge, index));
        let within_s = decisive.map_or(3_600, |one| one.long_s);
        let witnesses = Witnesses { events: &self.events, versions: &self.why.versions, may_look: true };
        let alert = open.map(|(record, decision)| self.alert_account(record, decision));
        let verdict = match open {
            Some((_, decision)) => match decision.severity {
                crate::model::Severity::Page => "paging",
                crate::model::Severity::Ticket => "ticket",
                crate::model::Severity::Log => "log",
            },
            None if level.budget(cx, judge).count.total() == 0 => "no-data",
            None => "quiet",
        };
        let reading = place.map(|(judge, index)| level.condition(cx, judge, index));
        let exhausted_in_s =
            reading.and_then(|(_, short)| level.exhausted_in_s(cx, level.budget(cx, judge).burn, short.raw));
        let receivers = match open {
            Some((record, _)) => record.told.keys().cloned().collect(),
            None => decisive.map_or(Vec::new(), |one| self.would_hear(cx, &now.group, one)),
        };
        let reasons = match open {
            Some(_) => Vec::new(),
            None => self.reasons(cx, (now, level), judge, (&conditions, nearest), &receivers),
        };
        let decided = nearest.map(|index| conditions[index].condition.clone());
        let held_back = conditions
            .iter()
            .filter(|one| open.is_some() && one.holds && Some(&one.condition) != decided.as_ref());
        let explained = LevelExplanation {
            objective: slo.judge_name(judge),
            target: slo.goals.get(judge).map(|goal| goal.objective.target().display()),
            group: now.group.clone(),
            verdict,
            text: words::of(cx, level, place, verdict, open, &reasons),
            budget_remaining: level.budget(cx, judge).burn.decimal_of_rest(),
            exhausted_in_s,
            reasons,
            clues: witnesses.about(cx, level, within_s),
            held_back: held_back
                .map(|one| format!("{} ({}): the same alert", one.condition, one.severity))
                .collect(),
            receivers,
            alert,
            nearest: decided,
            conditions,
        };
        (reasons::nearness_of(cx, level, judge) + u128::from(open.is_some()) * 1_000_000_000_000, explained)
    }

    /// The alerts of a service level that were open at a time, by their groups, with the last decision until then.
    fn open_at(&self, slo: &str, at: EventTime, is_now: bool) -> OpenAlerts<'_> {
        let of_slo = |record: &&AlertRecord| matches!(&record.subject, Subject::Slo(name) if name == slo);
        let mut open = OpenAlerts::new();
        for record in self.alerts.records.iter().filter(of_slo) {
            let until = |one: &&Decision| is_now || one.at.seconds() <= at.seconds();
            let Some(last) = record.decisions.iter().rev().find(until) else { continue };
            if last.transition != Transition::Resolve {
                open.insert(&record.group, (record, last));
            }
        }
        open
    }

    fn alert_account(&self, record: &AlertRecord, decision: &Decision) -> AlertAccount {
        AlertAccount {
            id: record.id.clone(),
            opened_at: rfc3339(record.episode.opened_at.0),
            crossed_at: rfc3339(record.episode.crossed_at.0),
            closed_at: record.episode.closed_at.map(|at| rfc3339(at.0)),
            priority: decision.priority.as_str(),
            reason: decision.reason.clone(),
            decided_at: rfc3339(decision.decided.0),
            hops: self.alerts.journeys.of(&record.id),
            runs: self.runs_of_alert(&record.id),
        }
    }

    fn data_account<'l>(
        &self,
        levels: impl Iterator<Item = &'l Level> + Clone,
        at: EventTime,
    ) -> DataAccount {
        let counts = self.books.events();
        let later =
            || levels.clone().flat_map(Level::amendments).filter(|one| one.known_at > at && one.oldest <= at);
        DataAccount {
            newest: levels.clone().filter_map(Level::newest).max().map(|at| rfc3339(at.0)),
            expired: levels.clone().map(Level::expired).sum(),
            excluded: levels.clone().map(Level::excluded).sum(),
            came_later_good: later().map(|one| one.count.good).sum(),
            came_later_bad: later().map(|one| one.count.bad).sum(),
            received: counts.received,
            filtered: counts.filtered,
            late: counts.late,
            future: counts.future,
        }
    }

    /// An alert with the numbers of each of its transitions.
    pub fn explain_alert(&self, id: &str) -> Option<AlertExplanation> {
        let record = self.alerts.record(id)?;
        let declared_at = match &record.subject {
            Subject::Slo(name) => self.index_of(name).map(|index| self.plan.slos[index].declared_at.clone()),
            Subject::Rule(name) => {
                let rule = self.plan.rules.classify.iter().find(|rule| rule.name == *name);
                rule.map(|rule| rule.declared_at.clone())
            }
            Subject::Config(_) | Subject::Runbook(_) => None,
        };
        Some(AlertExplanation {
            alert: self.alert_view(record),
            declared_at,
            evidence: self.why.of(id).cloned().collect(),
            hops: self.alerts.journeys.of(id),
        })
    }

    /// The alert of a notification by the key that receivers see.
    pub fn alert_of_key(&self, dedup_key: &str) -> Option<String> {
        self.alerts.records.iter().rev().find(|one| one.dedup_key == dedup_key).map(|one| one.id.clone())
    }
}

/// The last full bucket up to a time, and its width.
fn aligned<'l>(
    cx: Cx<'_>,
    levels: impl Iterator<Item = &'l Level>,
    at: EventTime,
    clock: EventTime,
) -> Result<(EventTime, u64), String> {
    let widths: Option<Vec<u64>> = levels.map(|level| level.resolution_s(cx, at.seconds())).collect();
    let Some(width) = widths.and_then(|widths| widths.into_iter().max()) else {
        return Err(format!(
            "{} is not held any more: of `{}` the last {} are, up to {}",
            rfc3339(at.0),
            cx.plan.slo.name,
            crate::slo::duration_text(cx.shape.longest_s),
            rfc3339(clock.0),
        ));
    };
    let end_s = (at.seconds() + 1) / width * width;
    Ok((EventTime((end_s * SECOND_NS).saturating_sub(1)), width))
}

fn answerable<'l>(cx: Cx<'_>, levels: impl Iterator<Item = &'l Level> + Clone) -> Answerable {
    let first = levels.clone().filter_map(Level::first).min();
    let mut resolutions: Vec<Resolution> = Vec::new();
    let Some(level) = levels.max_by_key(|level| level.clock) else {
        return Answerable { from: None, resolutions };
    };
    let clock_s = level.clock.seconds();
    for up_to_s in cx.shape.reaches() {
        let Some(resolution_s) = level.resolution_s(cx, clock_s.saturating_sub(up_to_s)) else { continue };
        resolutions.retain(|one| one.resolution_s != resolution_s);
        resolutions.push(Resolution { up_to_s, resolution_s });
    }
    let oldest_s = resolutions.last().map_or(clock_s, |one| clock_s.saturating_sub(one.up_to_s));
    let from = first.map(|first| rfc3339(first.0.max(oldest_s * SECOND_NS)));
    Answerable { from, resolutions }
}
