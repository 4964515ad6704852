//! The order of the steps. `fold` is the workers' half: one request becomes one delta batch.
//! `Engine::step` is the ledger's door: state, input and now determine the next state and the effects.

mod alerts;
mod balance;
mod baselines;
mod batch;
mod books;
mod burning;
mod counting;
mod effect;
mod events;
mod explain;
mod fact;
mod filter;
mod fold;
mod level;
mod plan;
mod points;
mod record;
mod reload;
mod repeats;
mod tally;
pub mod view;
mod watch;
mod watches;
mod watching;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use alerts::{AlertRecord, Decision, Telling};
pub use baselines::SERIES_MAX;
pub use batch::{Ack, AckToken, Batch, Request, ServiceDelta, SloDelta};
pub use effect::{AlertSummary, Burns, Effect, Explain, Notification, NotificationId, Outcome, Transition};
pub use explain::{EventView, RuleView};
pub use fact::{ConditionChange, EpisodeChange, Fact, Subject, What};
pub use filter::EventFilter;
pub use fold::{FUTURE_NS, fold};
pub use level::LATE_NS;
pub use plan::{Dedup, Indicator, Operator, Plan, Selector, SloPlan};
pub use points::{Points, Role, SeriesPoint};
pub use record::{Attribute, EventRecord, Scalar};
pub use tally::Tally;
pub use watch::{Flapping, Form, Watch, WatchHit};

use crate::alert::Episode;
use crate::model::{Now, SECOND_NS, Signal, rfc3339};
use alerts::Alerts;
use baselines::Baselines;
use books::Books;
use events::Events;
use level::{Late, Level};
use repeats::Repeats;
use watches::Watches;

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
    Settled {
        id: NotificationId,
        outcome: Outcome,
    },
    /// Another configuration, from here on.
    Configured(Arc<Plan>),
    Tick,
}

/// Events of one SLO by second: `(second, good, bad)`.
#[derive(Clone, Debug)]
pub struct History {
    pub slo: String,
    pub counts: Vec<(u64, u64, u64)>,
}

/// What one step decided and what it asks for. The shell journals the facts before it performs the requests.
#[derive(Debug, Default)]
pub struct Effects {
    pub facts: Vec<Fact>,
    pub requests: Vec<Effect>,
}

/// The ledger: owns everything that has state.
#[derive(Debug)]
pub struct Engine {
    plan: Arc<Plan>,
    now: Now,
    since: Now,
    next_tick: Now,
    books: Books,
    repeats: Repeats,
    events: Events,
    levels: Vec<Level>,
    baselines: Baselines,
    alerts: Alerts,
    watches: Watches,
    /// The last episodes of service levels that are gone.
    retired: BTreeMap<String, Episode>,
}

const TICK_NS: u64 = SECOND_NS;

impl Engine {
    pub fn new(plan: Arc<Plan>, now: Now) -> Self {
        Self {
            now,
            since: now,
            next_tick: now.plus_ns(TICK_NS),
            books: Books::new(&plan),
            repeats: Repeats::default(),
            events: Events::default(),
            levels: plan.slos.iter().map(Level::new).collect(),
            baselines: Baselines::new(now, plan.series_max),
            alerts: Alerts::new(now),
            watches: Watches::new(&plan.watches, now),
            retired: BTreeMap::new(),
            plan,
        }
    }

    /// Advances the state by one input and appends what was decided and what the world should do.
    /// Total: it cannot fail, block, or learn the time except from `now`.
    pub fn step(&mut self, now: Now, input: Input, effects: &mut Effects) {
        debug_assert!(self.now <= now, "the shell hands over inputs in time order");
        self.now = now;
        match input {
            Input::Observed { token, batch } => self.observe(token, *batch, effects),
            Input::Refused { signal, items } => self.books.refuse(signal, items),
            Input::Injected(history) => self.inject(&history),
            Input::Settled { id, outcome } => self.settle(id, outcome, effects),
            Input::Configured(plan) => self.configure(plan, effects),
            Input::Tick => self.tick(effects),
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
        let (rejected, reason) = (batch.rejected, batch.reason.take());
        if self.repeats.is_repeat(self.now, batch.fingerprint) {
            self.books.repeat(batch.signal, batch.items);
            return Ack::Duplicate { rejected, reason };
        }
        self.books.enter(&batch);
        self.events.keep(std::mem::take(&mut batch.events));
        for deltas in batch.slos.chunk_by(|a, b| a.slo == b.slo) {
            self.apply(deltas, effects);
        }
        self.count_points(&batch.points, effects);
        self.watch(&batch.hits, effects);
        Ack::Accepted { rejected, reason }
    }

    /// The deltas of one service level, in order of their seconds.
    fn apply(&mut self, deltas: &[SloDelta], effects: &mut Effects) {
        let index = deltas[0].slo as usize;
        let mut late = Late::default();
        for delta in deltas {
            if self.levels[index].observe(delta, self.now) {
                late.add(delta);
            }
            self.evaluate(index, true, effects);
        }
        let (level, slo) = (&self.levels[index], &self.plan.slos[index].slo);
        effects.facts.extend(late.amendment().map(|what| level.fact(slo, what)));
    }

    /// Decides, then applies what was decided. Without events nothing fires: a condition may only end.
    fn evaluate(&mut self, index: usize, may_fire: bool, effects: &mut Effects) {
        let slo = &self.plan.slos[index].slo;
        let Some(verdict) = self.levels[index].decide(slo, may_fire) else { return };
        let facts = burning::decide(&self.alerts, &self.plan, &self.levels[index], slo, verdict);
        for fact in facts {
            self.levels[index].apply(&fact.what);
            self.alerts.apply(self.now, &fact, &mut effects.requests);
            effects.facts.push(fact);
        }
    }

    fn inject(&mut self, history: &History) {
        let index = self.plan.slos.iter().position(|one| one.slo.name == history.slo);
        if let Some(index) = index {
            self.levels[index].inject(&history.counts, self.now);
        }
    }

    fn settle(&mut self, id: NotificationId, outcome: Outcome, effects: &mut Effects) {
        if let Some(fact) = self.alerts.settled(id, outcome) {
            self.alerts.apply_settled(&fact.what);
            effects.facts.push(fact);
        }
    }

    fn tick(&mut self, effects: &mut Effects) {
        self.next_tick = self.now.plus_ns(TICK_NS);
        self.repeats.forget(self.now);
        self.watch_silence(effects);
        for index in 0..self.levels.len() {
            self.settle_counters(index, effects);
            if self.levels[index].follow(self.now) {
                self.evaluate(index, false, effects);
            }
        }
    }
}

#[cfg(test)]
mod tests;
