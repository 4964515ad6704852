//! The state as it is written down: records of everything that changed it, in order, and images of all of it.
//! An image and the records after it give the same state again, byte for byte, because nothing else decides.

use std::collections::BTreeMap;
use std::io::{Error, ErrorKind, Result};
use std::sync::Arc;

use borsh::{BorshDeserialize, BorshSerialize};

use super::alerts::Alerts;
use super::batch::Batch;
use super::books::Books;
use super::effect::{Notification, NotificationId, Outcome};
use super::level::{Groups, GroupsNote, Level};
use super::own::{Own, Trouble};
use super::plan::Plan;
use super::repeats::Repeats;
use super::runs::{Ask, Runs};
use super::sources::{Offsets, Placing, Sources};
use super::watches::Watches;
use super::{AckToken, Effects, Engine, History, Input};
use crate::alert::Episode;
use crate::model::{Labels, Now, Signal};
use crate::runbook::{self, StepKey};

/// The form of records and images. A change to any type that is written down is another form.
///
/// 2 is 1 with identities of items and times in which silence means nothing: records of their own, and parts that may be
/// missing. 3 is 2 with points of metrics in a short form. 4 is 3 with a part for explanations. 5 is 4 with places in
/// topics: records of their own, and a part. 6 is 5 with runs of runbooks: records of their own, and parts.
pub const FORMAT: u32 = 6;

/// What changed the state, as it is recorded.
#[derive(Debug, BorshDeserialize)]
pub(super) enum Record {
    Observed(Box<Batch>),
    /// A request that had been answered before.
    Repeated(Signal, u64),
    Refused(Signal, u64),
    Injected(History),
    Settled(NotificationId, Outcome),
    Tick,
    Troubled(Trouble, Option<String>),
    /// A request of which items that come again are known.
    Identified(Box<Batch>, u64, Vec<u64>),
    Away,
    Receivers(Vec<String>, Vec<String>),
    /// Of records of a topic.
    Sourced(Box<Batch>, u64, Vec<u64>, Offsets),
    Placed(Placing),
    StepSettled(StepKey, runbook::Outcome),
    Asked(Ask),
    TakenUp(bool),
}

/// What a replay makes of records that say what became of a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcomes {
    Known,
    /// Something before them is missing, and they may be about other notifications than they were: these are told again,
    /// with the same key, rather than never.
    Doubtful,
}

/// Records of one group of the journal; off where nothing is written down.
#[derive(Debug, Default)]
pub struct Records {
    on: bool,
    bytes: Vec<u8>,
    count: u64,
}

impl Records {
    pub fn on() -> Self {
        Self { on: true, ..Self::default() }
    }

    pub fn is_on(&self) -> bool {
        self.on
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// What came so far.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What came so far, which is then forgotten.
    pub fn take(&mut self) -> Vec<u8> {
        self.count = 0;
        std::mem::take(&mut self.bytes)
    }

    pub(super) fn observed(&mut self, now: Now, batch: &Batch) {
        match &batch.offsets {
            Some(offsets) => self.write(now, 10, &(batch, batch.repeated, &batch.identities, offsets)),
            None if batch.identities.is_empty() && batch.repeated == 0 => self.write(now, 0, batch),
            None => self.write(now, 7, &(batch, batch.repeated, &batch.identities)),
        }
    }

    pub(super) fn repeated(&mut self, now: Now, signal: Signal, items: u64) {
        self.write(now, 1, &(signal, items));
    }

    pub(super) fn refused(&mut self, now: Now, signal: Signal, items: u64) {
        self.write(now, 2, &(signal, items));
    }

    pub(super) fn injected(&mut self, now: Now, history: &History) {
        self.write(now, 3, history);
    }

    pub(super) fn settled(&mut self, now: Now, id: NotificationId, outcome: &Outcome) {
        self.write(now, 4, &(id, outcome));
    }

    pub(super) fn tick(&mut self, now: Now) {
        self.write(now, 5, &());
    }

    pub(super) fn troubled(&mut self, now: Now, trouble: Trouble, why: Option<&str>) {
        self.write(now, 6, &(trouble, why));
    }

    pub(super) fn receivers(&mut self, now: Now, known: &[String], changed: &[String]) {
        self.write(now, 9, &(known, changed));
    }

    pub(super) fn placed(&mut self, now: Now, placing: &Placing) {
        self.write(now, 11, placing);
    }

    pub(super) fn step_settled(&mut self, now: Now, key: &StepKey, outcome: &runbook::Outcome) {
        self.write(now, 12, &(key, outcome));
    }

    pub(super) fn taken_up(&mut self, now: Now, is_doubtful: bool) {
        self.write(now, 14, &is_doubtful);
    }

    pub(super) fn asked(&mut self, now: Now, ask: &Ask) {
        self.write(now, 13, ask);
    }

    pub(super) fn away(&mut self, now: Now) {
        self.write(now, 8, &());
    }

    /// `kind`: the place of the variant among those of `Record`.
    fn write(&mut self, now: Now, kind: u8, body: &impl BorshSerialize) {
        if self.on {
            let written = (now, kind, body).serialize(&mut self.bytes);
            debug_assert!(written.is_ok(), "memory takes every record: {written:?}");
            self.count += 1;
        }
    }
}

/// Everything that has state, or what of it has changed since the last image.
#[derive(Debug)]
pub struct Image {
    pub is_full: bool,
    pub parts: Vec<Part>,
    /// Names of parts that are no more.
    pub gone: Vec<String>,
}

impl Image {
    /// Every part by its name, written down.
    pub fn written(&self) -> BTreeMap<String, Vec<u8>> {
        self.parts.iter().map(|part| (part.name.clone(), part.bytes())).collect()
    }
}

/// A part of an image. It is written where it can take its time: a level is shared with the engine until either changes.
#[derive(Clone, Debug)]
pub struct Part {
    pub name: String,
    body: Body,
}

#[derive(Clone, Debug)]
enum Body {
    Written(Vec<u8>),
    Level(Arc<Level>),
}

impl Part {
    pub(super) fn of(name: &str, body: &impl BorshSerialize) -> Self {
        let mut written = Vec::new();
        let done = body.serialize(&mut written);
        debug_assert!(done.is_ok(), "memory takes every part: {done:?}");
        Self { name: name.to_owned(), body: Body::Written(written) }
    }

    pub fn bytes(&self) -> Vec<u8> {
        match &self.body {
            Body::Written(bytes) => bytes.clone(),
            Body::Level(level) => {
                let mut bytes = Vec::with_capacity(level.bytes());
                let done = level.serialize(&mut bytes);
                debug_assert!(done.is_ok(), "memory takes every part: {done:?}");
                bytes
            }
        }
    }
}

/// What is small: the clocks (now, since, next tick), the counts, the rules' alerts, episodes of service levels that
/// are gone, our own alerts, and which levels there are.
type Core = (Now, Now, Now, Books, Watches, Retired, Own, Vec<GroupsNote>);
type Retired = BTreeMap<(String, Labels), Episode>;

impl Engine {
    /// `is_full`: also what has not changed since the last one.
    pub fn image(&mut self, is_full: bool) -> Image {
        let mut parts = self.parts();
        if is_full {
            parts.push(Part::of("plan", &*self.plan));
            parts.push(Part::of("runbooks", &self.plan.runbooks));
        }
        let mut gone = Vec::new();
        for (slo, groups) in self.levels.iter_mut().enumerate() {
            gone.extend(groups.take_gone().into_iter().map(|serial| level_name(slo, serial)));
            parts.extend(
                groups.changed(is_full).into_iter().map(|(serial, level)| of_level(slo, serial, level)),
            );
        }
        Image { is_full, parts, gone }
    }

    /// All but the plan and the levels.
    pub(super) fn parts(&self) -> Vec<Part> {
        let notes: Vec<GroupsNote> = self.levels.iter().map(Groups::note).collect();
        let clocks = (self.now, self.since, self.next_tick);
        let (books, watches, retired) = (&self.books, &self.watches, &self.retired);
        let core = (clocks.0, clocks.1, clocks.2, books, watches, retired, &self.own, notes);
        vec![
            Part::of("core", &core),
            Part::of("repeats", &self.repeats),
            Part::of("items", &self.items),
            Part::of("blind", &self.blind_until),
            Part::of("sources", &self.sources),
            Part::of("events", &self.events),
            Part::of("baselines", &self.baselines),
            Part::of("alerts", &self.alerts),
            Part::of("why", &(&self.why, &self.alerts.journeys)),
            Part::of("runs", &self.alerts.runs),
        ]
    }

    /// The state of an image, under the plan that it was made under. A level whose part is gone or damaged begins anew;
    /// `report` hears of it. Without one of the other parts there is no state.
    pub fn restore(parts: &BTreeMap<String, Vec<u8>>, report: &mut Vec<String>) -> Result<Self> {
        let (now, since, next_tick, books, watches, retired, own, notes): Core = read(parts, "core")?;
        let mut plan: Plan = read(parts, "plan")?;
        plan.runbooks = if parts.contains_key("runbooks") { read(parts, "runbooks")? } else { Vec::new() };
        if notes.len() != plan.slos.len() {
            return Err(invalid("the plan and the levels do not fit together"));
        }
        let mut levels = Vec::new();
        for (slo, (one, note)) in plan.slos.iter().zip(notes).enumerate() {
            let mut find = |serial| {
                let found = read(parts, &level_name(slo, serial));
                if found.is_err() {
                    let name = &one.slo.name;
                    report.push(format!("a level of `{name}` could not be read: it begins anew"));
                }
                found.ok()
            };
            levels.push(Groups::restore(one, note, &mut find));
        }
        let (why, journeys) =
            if parts.contains_key("why") { read(parts, "why")? } else { Default::default() };
        let mut alerts: Alerts = read(parts, "alerts")?;
        alerts.journeys = journeys;
        if parts.contains_key("runbooks") && !parts.contains_key("runs") {
            report.push(
                "the runs of runbooks could not be read: what was under way is not known any more".to_owned(),
            );
        }
        alerts.runs = if parts.contains_key("runs") { read(parts, "runs")? } else { Runs::default() };
        Ok(Self {
            now,
            since,
            next_tick,
            books,
            repeats: read(parts, "repeats")?,
            items: if parts.contains_key("items") { read(parts, "items")? } else { Repeats::default() },
            events: read(parts, "events")?,
            levels,
            baselines: read(parts, "baselines")?,
            alerts,
            watches,
            retired,
            own,
            sources: if parts.contains_key("sources") { read(parts, "sources")? } else { Sources::default() },
            blind_until: if parts.contains_key("blind") { read(parts, "blind")? } else { Now::default() },
            why,
            plan: Arc::new(plan),
        })
    }

    /// Does again what the records say. What they asked of the world was asked then; what is still open of it is
    /// [`Engine::unsettled`].
    pub fn replay(&mut self, records: &[u8], outcomes: Outcomes, effects: &mut Effects) -> Result<()> {
        let mut rest = records;
        while !rest.is_empty() {
            let now = Now::deserialize(&mut rest)?;
            let record = Record::deserialize(&mut rest)?;
            let now = now.max(self.now);
            match record {
                Record::Observed(batch) => self.observe_again(now, batch, effects)?,
                Record::Identified(mut batch, repeated, identities) => {
                    (batch.repeated, batch.identities) = (repeated, identities);
                    self.observe_again(now, batch, effects)?;
                }
                Record::Sourced(mut batch, repeated, identities, offsets) => {
                    (batch.repeated, batch.identities) = (repeated, identities);
                    batch.offsets = Some(offsets);
                    self.observe_again(now, batch, effects)?;
                }
                Record::Placed(placing) => {
                    self.step(now, Input::Placed { token: AckToken(0), placing }, effects);
                }
                Record::Repeated(signal, items) => {
                    self.now = now;
                    self.repeats.forget(now);
                    self.books.repeat(signal, items);
                }
                Record::Refused(signal, items) => self.step(now, Input::Refused { signal, items }, effects),
                Record::Injected(history) => self.step(now, Input::Injected(history), effects),
                Record::Settled(..) if outcomes == Outcomes::Doubtful => self.now = now,
                Record::Settled(id, outcome) => self.step(now, Input::Settled { id, outcome }, effects),
                Record::StepSettled(..) if outcomes == Outcomes::Doubtful => self.now = now,
                Record::StepSettled(key, outcome) => {
                    self.step(now, Input::StepSettled { key, outcome }, effects);
                }
                Record::TakenUp(is_doubtful) => self.step(now, Input::TakenUp { is_doubtful }, effects),
                Record::Asked(ask) => self.step(now, Input::Asked { token: AckToken(0), ask }, effects),
                Record::Receivers(known, changed) => {
                    self.step(now, Input::Receivers { known, changed }, effects);
                }
                Record::Away => self.step(now, Input::Away, effects),
                Record::Tick => self.step(now, Input::Tick, effects),
                Record::Troubled(trouble, why) => self.step(now, Input::Troubled { trouble, why }, effects),
            }
            effects.requests.clear();
        }
        Ok(())
    }

    fn observe_again(&mut self, now: Now, batch: Box<Batch>, effects: &mut Effects) -> Result<()> {
        if !fits(&batch, &self.plan) {
            return Err(invalid("a request of another configuration"));
        }
        self.step(now, Input::Observed { token: AckToken(0), batch }, effects);
        Ok(())
    }

    /// The plan that the configuration says, in place of the one that was written down: the same one, able to choose.
    pub fn adopt(&mut self, plan: Arc<Plan>) {
        debug_assert!(plan.version == self.plan.version, "another plan is configured");
        self.plan = plan;
    }

    pub fn now(&self) -> Now {
        self.now
    }

    /// Notifications of which it is not known what became of them, in the order in which they were decided.
    pub fn unsettled(&self) -> Vec<Notification> {
        self.alerts.unsettled()
    }
}

fn fits(batch: &Batch, plan: &Plan) -> bool {
    batch.plan_version == plan.version
        && batch.slos.iter().all(|delta| (delta.slo as usize) < plan.slos.len())
}

pub(super) fn of_level(slo: usize, serial: u64, level: Arc<Level>) -> Part {
    Part { name: level_name(slo, serial), body: Body::Level(level) }
}

fn level_name(slo: usize, serial: u64) -> String {
    format!("level/{slo}/{serial}")
}

fn read<T: BorshDeserialize>(parts: &BTreeMap<String, Vec<u8>>, name: &str) -> Result<T> {
    let bytes = parts.get(name).ok_or_else(|| invalid(format!("part `{name}` is not there")))?;
    T::try_from_slice(bytes).map_err(|error| invalid(format!("part `{name}` can not be read: {error}")))
}

fn invalid(reason: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidData, reason.into())
}
