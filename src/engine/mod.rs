//! The order of the steps. `fold` is the workers' half: one request becomes one delta batch.
//! `Engine::step` is the ledger's door: state, input and now determine the next state and the effects.

mod alerts;
mod annotations;
mod balance;
mod baselines;
mod batch;
mod books;
mod burning;
mod burning_words;
mod counting;
mod course;
mod effect;
mod events;
mod explain;
mod fact;
mod filter;
mod fold;
mod fold_records;
mod level;
mod mask;
mod own;
mod plan;
mod points;
mod points_saved;
mod record;
mod recorded;
mod reload;
mod repeats;
pub mod report;
mod running;
mod runs;
mod saved;
mod slo_view;
mod sources;
mod split;
mod tally;
pub mod view;
mod watch;
mod watches;
mod watching;
mod why;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use alerts::{APPROVE, AlertRecord, Decision, Telling};
pub use annotations::{Annotations, OfCondition};
pub use baselines::SERIES_MAX;
pub use batch::{Ack, AckToken, Batch, Request, ServiceDelta, SloDelta};
pub use burning::plain_name;
pub use effect::{AlertSummary, Burns, Effect, Explain, Notification, NotificationId, Outcome, Transition};
pub use explain::{EventView, RuleView};
pub use fact::{BudgetChange, ConditionChange, EpisodeChange, Fact, Subject, What};
pub use filter::EventFilter;
pub use fold::{FUTURE_NS, Identities, fold, fold_replayed, fold_unknown};
pub use fold_records::{Folded, RecordBody, fold_records};
pub use level::LATE_NS;
pub use mask::Mask;
pub use own::Trouble;
pub use plan::{Choice, Dedup, GroupBy, Indicator, Marks, Operator, Plan, RunbookPlan, Selector, SloPlan};
pub use points::{Points, Role, SeriesPoint, Use};
pub use record::{Attribute, EventRecord, Scalar};
pub use recorded::{Mapping, Unanswered, first_now};
pub use runs::{
    Answered, Ask, CallView, DryRun, DryStep, Judgement, Refusal, RunCounts, RunFact, RunView, RunWhat,
    RunbookView, StepView, Verdict,
};
pub use saved::{FORMAT, Image, Outcomes, Part, Records};
pub use sources::{Mark, Offsets, PARTITIONS_MAX, Placed, Placing, Position};
pub use tally::Tally;
pub use watch::{Flapping, Form, Watch, WatchHit};
pub use why::{AlertExplanation, Explanation, Past, VERSION, WhatIf};

use borsh::{BorshDeserialize, BorshSerialize};

use crate::alert::Episode;
use crate::model::{EventTime, Labels, Now, SECOND_NS, Signal, rfc3339};
use crate::runbook::{self, StepKey};
use alerts::Alerts;
use baselines::Baselines;
use books::Books;
use events::Events;
use level::{Cx, Groups, Late};
use own::Own;
use repeats::{ITEMS_MAX, REQUESTS_MAX, Repeats};
use sources::Sources;
use watches::Watches;
use why::{Memory, Witnesses};

/// Words of [`RunView::state`].
pub const RUN_STATES: [&str; 8] =
    ["waits_for_approval", "waiting", "running", "succeeded", "failed", "timed_out", "unknown", "refused"];

/// Everything that can reach the engine. A new way in is a new line here.
#[derive(Clone, Debug)]
pub enum Input {
    Observed {
        token: AckToken,
        batch: Box<Batch>,
    },
    /// Items that were read but turned away because the inbox was full.
    Refused {
        signal: Signal,
        items: u64,
    },
    /// Weighted counts of the past: they fill windows, count as `injected`, and decide nothing.
    Injected(History),
    /// A partition stands here from now on.
    Placed {
        token: AckToken,
        placing: Placing,
    },
    Settled {
        id: NotificationId,
        outcome: Outcome,
    },
    /// What became of an attempt of a step.
    StepSettled {
        key: StepKey,
        outcome: runbook::Outcome,
    },
    /// What a person asks for.
    Asked {
        token: AckToken,
        ask: Ask,
    },
    /// Something keeps us from our work, and why; `None` where it no longer does.
    Troubled {
        trouble: Trouble,
        why: Option<String>,
    },
    /// Another configuration, from here on.
    Configured(Arc<Plan>),
    /// The receivers that there are now, and those of them that are new or changed.
    Receivers {
        known: Vec<String>,
        changed: Vec<String>,
    },
    /// After a start: what was under way of runbooks. `is_doubtful`: something of what is known of it is missing.
    TakenUp {
        is_doubtful: bool,
    },
    /// The tick that follows is late: the process was stopped, or stood still, or the wall clock went ahead.
    Away,
    Tick,
}

/// Events of one SLO by second: `(second, good, bad)`.
#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub struct History {
    pub slo: String,
    pub counts: Vec<(u64, u64, u64)>,
}

/// One level: the service level's place in the plan, and the group's among its levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct At {
    slo: usize,
    place: usize,
}

/// What one step decided and what it asks for. The shell journals the facts before it performs the requests.
#[derive(Debug, Default)]
pub struct Effects {
    pub facts: Vec<Fact>,
    pub requests: Vec<Effect>,
    /// What changed the state, to be written down.
    pub records: Records,
}

/// The ledger: owns everything that has state.
#[derive(Debug)]
pub struct Engine {
    plan: Arc<Plan>,
    now: Now,
    since: Now,
    next_tick: Now,
    books: Books,
    repeats: Repeats<u128>,
    /// Identities of items, where each is to count once.
    items: Repeats<u64>,
    events: Events,
    /// By service level.
    levels: Vec<Groups>,
    baselines: Baselines,
    alerts: Alerts,
    watches: Watches,
    /// The last episodes of service levels that are gone, by name and group.
    retired: BTreeMap<(String, Labels), Episode>,
    own: Own,
    sources: Sources,
    /// Until then silence means nothing: we, or Kafka, were away, and what was sent meanwhile is still on its way.
    blind_until: Now,
    why: Memory,
}

const TICK_NS: u64 = SECOND_NS;
/// What happened longer ago than this opens no alert: who would be paged can do nothing about it any more. What still
/// goes on is seen in what comes after it.
pub const PAST_NS: u64 = 600 * SECOND_NS;
/// How long senders may take to come back after we were away: their pauses grow as ours did, and OpenTelemetry's
/// Collector and SDKs give up after five minutes.
const RETURN_NS: std::ops::RangeInclusive<u64> = 5 * SECOND_NS..=300 * SECOND_NS;

impl Engine {
    pub fn new(plan: Arc<Plan>, now: Now) -> Self {
        Self {
            now,
            since: now,
            next_tick: now.plus_ns(TICK_NS),
            books: Books::new(&plan),
            repeats: Repeats::default(),
            items: Repeats::default(),
            events: Events::default(),
            levels: plan.slos.iter().map(Groups::new).collect(),
            baselines: Baselines::new(now, plan.series_max),
            alerts: Alerts::new(now),
            watches: Watches::new(&plan.watches, now),
            retired: BTreeMap::new(),
            own: Own::default(),
            sources: Sources::default(),
            blind_until: Now::default(),
            why: Memory::default(),
            plan,
        }
    }

    /// Advances the state by one input and appends what was decided and what the world should do.
    /// Total: it cannot fail, block, or learn the time except from `now`.
    pub fn step(&mut self, now: Now, input: Input, effects: &mut Effects) {
        debug_assert!(self.now <= now, "the shell hands over inputs in time order");
        self.now = now;
        // What was under way at a start is taken up first.
        let may_begin = !matches!(input, Input::Configured(_) | Input::Receivers { .. });
        match input {
            Input::Observed { token, batch } => self.observe(token, *batch, effects),
            Input::Refused { signal, items } => {
                effects.records.refused(now, signal, items);
                self.books.refuse(signal, items);
            }
            Input::Injected(history) => {
                effects.records.injected(now, &history);
                self.inject(&history);
            }
            Input::Placed { token, placing } => self.place(token, &placing, effects),
            Input::Settled { id, outcome } => self.settle(id, outcome, effects),
            Input::StepSettled { key, outcome } => {
                effects.records.step_settled(now, &key, &outcome);
                self.step_settled(&key, &outcome, effects);
            }
            Input::Asked { token, ask } => {
                effects.records.asked(now, &ask);
                self.answer(token, &ask, effects);
            }
            Input::Troubled { trouble, why } => {
                self.trouble(trouble, why.as_deref(), effects);
            }
            Input::Configured(plan) => self.configure(plan, effects),
            Input::Receivers { known, changed } => {
                effects.records.receivers(now, &known, &changed);
                self.tell_anew(&known, &changed, effects);
            }
            Input::TakenUp { is_doubtful } => {
                effects.records.taken_up(now, is_doubtful);
                self.take_up_runs(is_doubtful, effects);
            }
            Input::Away => {
                effects.records.away(now);
                self.alerts.runs.postpone(now);
                self.wait_for_senders();
            }
            Input::Tick => {
                effects.records.tick(now);
                self.tick(effects);
                self.look_after_runs(effects);
            }
        }
        if may_begin && self.alerts.runs.take_stirred() {
            self.advance_runs(effects);
        }
    }

    /// When the shell should hand in a `Tick` if nothing else comes.
    pub fn deadline(&self) -> Now {
        self.next_tick
    }

    pub fn plan(&self) -> Arc<Plan> {
        Arc::clone(&self.plan)
    }

    /// What a receiver has heard last of each alert that is open.
    pub fn standing(&self, receiver: &str) -> Vec<Notification> {
        self.alerts.standing(receiver)
    }

    fn observe(&mut self, token: AckToken, batch: Batch, effects: &mut Effects) {
        let ack = self.take(batch, effects);
        effects.requests.push(Effect::Acknowledge { token, ack });
    }

    fn take(&mut self, mut batch: Batch, effects: &mut Effects) -> Ack {
        if batch.plan_version != self.plan.version {
            return Ack::StalePlan;
        }
        if let Some(Err(next)) = batch.offsets.as_ref().map(|offsets| self.sources.continues(offsets)) {
            return Ack::Elsewhere { next };
        }
        let (rejected, reason) = (batch.rejected, batch.reason.take());
        if !batch.fingerprint.is_some_and(|one| self.repeats.holds(one)) {
            let known = self.items.those_known(&batch.identities);
            if !known.is_empty() {
                return Ack::Known(known);
            }
        }
        if batch.fingerprint.is_some_and(|one| !self.repeats.remember(self.now, one, REQUESTS_MAX)) {
            effects.records.repeated(self.now, batch.signal, batch.items);
            self.books.repeat(batch.signal, batch.items);
            return Ack::Duplicate { rejected, reason };
        }
        effects.records.observed(self.now, &batch);
        if let Some(offsets) = &batch.offsets {
            self.sources.advance(offsets, batch.newest);
        }
        for identity in std::mem::take(&mut batch.identities) {
            self.items.remember(self.now, identity, ITEMS_MAX);
        }
        self.books.enter(&batch);
        batch.events.iter().for_each(|record| self.why.versions.see(record));
        self.events.keep(std::mem::take(&mut batch.events));
        self.apply(&batch.slos, &batch.groups, effects);
        self.count_points(&batch.points, &batch.groups, effects);
        self.watch(&batch.hits, effects);
        Ack::Accepted { rejected, reason }
    }

    /// Second by second, and within each level by level.
    fn apply(&mut self, deltas: &[SloDelta], groups: &[Vec<String>], effects: &mut Effects) {
        let (plan, now) = (Arc::clone(&self.plan), self.now);
        let mut places: Vec<Option<At>> = vec![None; groups.len()];
        let mut late: BTreeMap<At, [Late; 2]> = BTreeMap::new();
        let same = |a: &SloDelta, b: &SloDelta| (a.second, a.slo, a.group) == (b.second, b.slo, b.group);
        for of_level in deltas.chunk_by(same) {
            let (first, group) = (&of_level[0], of_level[0].group as usize);
            // Only the first group is one of several service levels.
            let known = places[group].filter(|_| group > 0);
            let at = known.unwrap_or_else(|| self.level_of(first.slo, &groups[group], first));
            places[group] = Some(at);
            let (cx, level) = self.level(&plan, at);
            for delta in of_level {
                let is_raw = cx.plan.indicators[usize::from(delta.track)].scale() > 1;
                if level.observe(cx, delta, now) {
                    late.entry(at).or_default()[usize::from(is_raw)].add(delta);
                }
            }
            self.evaluate(at, true, effects);
        }
        for (at, [of_events, of_ratios]) in late {
            let (cx, level) = self.level(&plan, at);
            for (late, scale) in [(of_events, 1), (of_ratios, level::RAW_UNITS)] {
                let amended = level.amended(late, scale);
                effects.facts.extend(amended.map(|what| level.fact(cx, what)));
            }
        }
    }

    /// The place of a group's level. Who finds no room shares the overflow group, which is told once.
    fn level_of(&mut self, slo: u32, group: &[String], delta: &SloDelta) -> At {
        let (slo, now) = (slo as usize, self.now);
        let plan = &self.plan.slos[slo];
        let levels = &mut self.levels[slo];
        let known = levels.levels.len();
        let place = levels.place(plan, group, now);
        if levels.levels.len() > known {
            let (_, level) = levels.level_mut(place);
            level.episode = self.retired.remove(&(plan.slo.name.clone(), level.group.clone()));
        }
        if levels.is_overflow(place) && !std::mem::replace(&mut levels.told_of_overflow, true) {
            let max = plan.group_by.as_ref().map_or(1, |group_by| group_by.max);
            let body =
                format!("more than {max} groups of `{}`: those beyond share `overflow`", plan.slo.name);
            self.events.keep(vec![EventRecord::own(delta.newest, "EvenkeelCardinality", body)]);
        }
        At { slo, place }
    }

    fn level<'s>(&'s mut self, plan: &'s Plan, at: At) -> (Cx<'s>, &'s mut level::Level) {
        let groups = &mut self.levels[at.slo];
        let (shape, level) = groups.level_mut(at.place);
        (Cx { plan: &plan.slos[at.slo], shape }, level)
    }

    /// Decides, then applies what was decided.
    fn evaluate(&mut self, at: At, may_fire: bool, effects: &mut Effects) {
        let groups = &mut self.levels[at.slo];
        let (shape, level) = groups.level_mut(at.place);
        let cx = Cx { plan: &self.plan.slos[at.slo], shape };
        for passed in level.take_passed() {
            effects.facts.push(level.fact(cx, burning::passed(cx, passed)));
        }
        let may_fire = may_fire && !is_past(level.clock, self.now);
        let Some(verdict) = level.decide(cx, may_fire) else { return };
        let may_look = self.why.may_look(self.now);
        let witnesses = Witnesses { events: &self.events, versions: &self.why.versions, may_look };
        let (decided, evidence) =
            burning::decide(&self.alerts, (&self.plan, self.now), (cx, level), verdict, witnesses);
        for fact in decided {
            level.apply(&fact.what);
            self.alerts.apply(self.now, &fact, &mut effects.requests);
            effects.facts.push(fact);
        }
        if let Some(evidence) = evidence {
            self.why.remember(self.now, evidence);
        }
    }

    fn inject(&mut self, history: &History) {
        let Some(slo) = self.plan.slos.iter().position(|one| one.slo.name == history.slo) else { return };
        let (plan, now) = (Arc::clone(&self.plan), self.now);
        for place in 0..self.levels[slo].levels.len() {
            let (cx, level) = self.level(&plan, At { slo, place });
            level.inject(cx, &history.counts, now);
        }
    }

    fn settle(&mut self, id: NotificationId, outcome: Outcome, effects: &mut Effects) {
        effects.records.settled(self.now, id, &outcome);
        self.alerts.journeys.came_back(self.now, id, &outcome);
        if let Some(fact) = self.alerts.settled(id, outcome) {
            self.alerts.apply_settled(&fact.what);
            effects.facts.push(fact);
        }
    }

    /// Not longer and longer, nor again at once: a daemon that is late all the time still has to look.
    fn wait_for_senders(&mut self) {
        if self.blind_until != Now::default() && self.now < self.blind_until.plus_ns(*RETURN_NS.start()) {
            return;
        }
        self.stay_blind(self.now.0.saturating_sub(self.next_tick.0));
    }

    /// After nothing could be heard for so long.
    fn stay_blind(&mut self, deaf_ns: u64) {
        let returning_ns = deaf_ns.clamp(*RETURN_NS.start(), *RETURN_NS.end());
        self.blind_until = self.blind_until.max(self.now.plus_ns(returning_ns));
    }

    /// Silence means nothing now: who would speak may not be heard.
    fn is_blind(&self) -> bool {
        self.now < self.blind_until || self.own.stands_since(Trouble::KafkaNotRead).is_some()
    }

    fn tick(&mut self, effects: &mut Effects) {
        self.next_tick = self.now.plus_ns(TICK_NS);
        self.repeats.forget(self.now);
        self.items.forget(self.now);
        self.end_old_trouble(effects);
        let is_blind = self.is_blind();
        if !is_blind {
            self.watch_silence(effects);
        }
        let plan = Arc::clone(&self.plan);
        for slo in 0..self.levels.len() {
            for place in 0..self.levels[slo].levels.len() {
                let at = At { slo, place };
                self.settle_counters(at, effects);
                let now = self.now;
                if !is_blind && self.levels[slo].levels[place].is_behind(now) {
                    let (cx, level) = self.level(&plan, at);
                    level.follow(cx, now);
                    self.evaluate(at, false, effects);
                }
            }
        }
    }
}

fn is_past(at: EventTime, now: Now) -> bool {
    at.0.saturating_add(PAST_NS) < now.0
}

#[cfg(test)]
mod tests;
