//! The ledger's half of a rule's alert: its events by key, and what opens and closes an episode.
//!
//! Opening follows event time. Silence is told by our own clock, so that no sender's clock ends or begins it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use borsh::{BorshDeserialize, BorshSerialize};

use super::is_past;
use super::watch::{Flapping, Form, Watch, WatchHit};
use crate::alert::{Assessment, Episode, REOPEN_NS, Step};
use crate::model::{Category, EventTime, Now, SECOND_NS};

/// Keys of one rule; further ones share the key whose parts are all `overflow`.
const KEYS_MAX: usize = 2_000;
/// Keys of all rules.
const ALL_KEYS_MAX: usize = 20_000;
/// Names of rules that are gone and remembered.
const RETIRED_MAX: usize = 1_000;

#[derive(Debug, Default, BorshSerialize, BorshDeserialize)]
pub(super) struct Watches {
    states: Vec<State>,
    /// Highest episode numbers of rules that are gone, should they come back.
    retired: BTreeMap<String, u32>,
}

/// One rule's keys.
#[derive(Debug, Default, BorshSerialize, BorshDeserialize)]
struct State {
    keys: BTreeMap<Vec<String>, Key>,
    /// When something is to be decided about a key that no event brings.
    due: BTreeSet<(EventTime, Vec<String>)>,
    /// The highest episode number of a key that was forgotten: numbers are never given twice.
    last_number: u32,
    opened: u64,
    paged: u64,
}

#[derive(Debug, Default, BorshSerialize, BorshDeserialize)]
struct Key {
    /// Second and count of the newest events, as many as can matter.
    recent: VecDeque<(u64, u64)>,
    last: EventTime,
    /// Seconds at which it changed between failing and not.
    turns: VecDeque<EventTime>,
    failing: bool,
    flapping: bool,
    episode: Option<Episode>,
    /// Events since the episode opened.
    events: u64,
    service: String,
    example: String,
    due: EventTime,
}

/// What came of an event or of silence.
#[derive(Debug)]
pub(super) enum Change {
    Step { step: Step, text: String },
    FlappingStarted { changes: u64 },
    FlappingEnded,
}

/// The changes of one key, at one time.
#[derive(Debug)]
pub(super) struct Changed {
    pub(super) at: EventTime,
    pub(super) key: Vec<String>,
    pub(super) service: String,
    pub(super) changes: Vec<Change>,
}

impl Watches {
    /// Absence without a key is watched from the beginning.
    pub(super) fn new(watches: &[Watch], now: Now) -> Self {
        let mut states: Vec<State> = watches.iter().map(|_| State::default()).collect();
        for (watch, state) in watches.iter().zip(&mut states) {
            if matches!(watch.form, Form::Absent { .. }) && watch.key.is_empty() {
                state.keys.insert(Vec::new(), Key { last: EventTime(now.0), ..Key::default() });
                state.schedule(watch, &[]);
            }
        }
        Self { states, retired: BTreeMap::new() }
    }

    /// What stays the same keeps its keys. What does not is over: its open episodes are closed, by the old watch's place.
    pub(super) fn reconfigure(&mut self, old: &[Watch], new: &[Watch], now: Now) -> Vec<(usize, Changed)> {
        let mut before: Vec<Option<State>> = std::mem::take(&mut self.states).into_iter().map(Some).collect();
        self.states = Self::new(new, now).states;
        for (watch, state) in new.iter().zip(&mut self.states) {
            let place = old.iter().position(|one| one.name == watch.name);
            if let Some(place) = place.filter(|place| old[*place].is_same(watch)) {
                *state = before[place].take().unwrap_or_default();
            }
        }
        let mut over = Vec::new();
        for ((index, watch), state) in old.iter().enumerate().zip(before) {
            let Some(state) = state else { continue };
            let last =
                state.keys.values().filter_map(|key| key.episode.as_ref()).map(|last| last.number).max();
            let last = last.unwrap_or(0).max(state.last_number);
            for (name, mut key) in state.keys {
                let mut changes = Vec::new();
                key.close(EventTime(now.0), "its rule was changed or taken away", &mut changes);
                if !changes.is_empty() {
                    let (at, service) = (EventTime(now.0), key.service);
                    over.push((index, Changed { at, key: name, service, changes }));
                }
            }
            match new.iter().position(|one| one.name == watch.name) {
                Some(place) => self.states[place].last_number = last,
                None if self.retired.len() < RETIRED_MAX => {
                    self.retired.insert(watch.name.clone(), last);
                }
                None => {}
            }
        }
        for (watch, state) in new.iter().zip(&mut self.states) {
            let last = self.retired.remove(&watch.name).unwrap_or(0);
            state.last_number = state.last_number.max(last);
        }
        over
    }

    pub(super) fn opened(&self, index: usize) -> u64 {
        self.states[index].opened
    }

    pub(super) fn paged(&self, index: usize) -> u64 {
        self.states[index].paged
    }

    pub(super) fn page(&mut self, index: usize) {
        self.states[index].paged += 1;
    }

    pub(super) fn keys(&self) -> usize {
        self.states.iter().map(|state| state.keys.len()).sum()
    }

    pub(super) fn observe(&mut self, watch: &Watch, hit: &WatchHit, now: Now) -> Changed {
        let is_full = self.keys() >= ALL_KEYS_MAX;
        let state = &mut self.states[usize::from(hit.watch)];
        let is_full = is_full || state.keys.len() >= KEYS_MAX;
        let known = state.keys.contains_key(&hit.key);
        let name = if known || !is_full { hit.key.clone() } else { watch.overflow_key() };
        let mut changed =
            Changed { at: hit.newest, key: name, service: hit.service.clone(), changes: Vec::new() };
        let begins = !hit.ended && !is_past(hit.newest, now);
        if !begins && !state.keys.contains_key(&changed.key) {
            return changed;
        }
        let key = state.keys.entry(changed.key.clone()).or_default();
        hit.service.clone_into(&mut key.service);
        match &watch.form {
            Form::Absent { .. } => key.appear(hit, &mut changed.changes),
            Form::Seen { .. } if hit.ended => key.end(watch, hit, &mut changed.changes),
            Form::Seen { .. } => key.count(watch, hit, now, state.last_number, &mut changed.changes),
        }
        state.settle(watch, &changed);
        changed
    }

    /// What silence decides by now. At most one change of each key.
    /// Silence of before `blind_until` is no absence: nobody listened.
    pub(super) fn follow(&mut self, index: usize, watch: &Watch, now: Now, blind_until: Now) -> Vec<Changed> {
        let state = &mut self.states[index];
        let mut all = Vec::new();
        while let Some((due, name)) = state.due.first().cloned()
            && due.0 <= now.0
        {
            state.due.pop_first();
            let Some(key) = state.keys.get_mut(&name) else { continue };
            let listened = match &watch.form {
                Form::Absent { after_ns } if blind_until > Now::default() && !key.is_open() => {
                    after(EventTime(blind_until.0), *after_ns)
                }
                _ => due,
            };
            if listened.0 > now.0 {
                key.due = listened;
                state.due.insert((listened, name));
                continue;
            }
            let mut changed =
                Changed { at: due, service: key.service.clone(), key: name, changes: Vec::new() };
            if key.is_over(watch) {
                let number = key.episode.as_ref().map_or(0, |last| last.number);
                state.last_number = state.last_number.max(number);
                state.keys.remove(&changed.key);
                continue;
            }
            key.silent(watch, due, state.last_number, &mut changed.changes);
            state.settle(watch, &changed);
            if !changed.changes.is_empty() {
                all.push(changed);
            }
        }
        all
    }
}

impl State {
    fn settle(&mut self, watch: &Watch, changed: &Changed) {
        let opened =
            changed.changes.iter().any(|one| matches!(one, Change::Step { step: Step::Open(_), .. }));
        self.opened += u64::from(opened);
        self.schedule(watch, &changed.key);
    }

    fn schedule(&mut self, watch: &Watch, name: &[String]) {
        let Some(key) = self.keys.get_mut(name) else { return };
        let due = key.next_due(watch);
        self.due.remove(&(key.due, name.to_vec()));
        key.due = due;
        if due < NEVER {
            self.due.insert((due, name.to_vec()));
        }
    }
}

const NEVER: EventTime = EventTime(u64::MAX);

fn after(at: EventTime, ns: u64) -> EventTime {
    EventTime(at.0.saturating_add(ns))
}

impl Key {
    fn is_open(&self) -> bool {
        self.episode.as_ref().is_some_and(Episode::is_open)
    }

    /// Nothing of it can matter any more.
    fn is_over(&self, watch: &Watch) -> bool {
        matches!(watch.form, Form::Seen { .. }) && !self.is_open()
    }

    fn next_due(&self, watch: &Watch) -> EventTime {
        match &watch.form {
            Form::Absent { .. } if self.is_open() => NEVER,
            Form::Absent { after_ns } => after(self.last, *after_ns),
            Form::Seen { quiet_ns, within_ns, flapping, .. } => {
                let flapping_ns = flapping.map_or(0, |one| one.within_ns);
                match (self.is_open(), self.flapping) {
                    (true, true) => after(self.turns.back().copied().unwrap_or(self.last), flapping_ns),
                    (true, false) => after(self.last, *quiet_ns),
                    (false, _) => {
                        let closed = self.episode.as_ref().and_then(|last| last.closed_at);
                        let kept = REOPEN_NS.max(*within_ns).max(watch.once_within_ns).max(flapping_ns);
                        after(self.last.max(closed.unwrap_or_default()), kept)
                    }
                }
            }
        }
    }

    fn count(
        &mut self,
        watch: &Watch,
        hit: &WatchHit,
        now: Now,
        last_number: u32,
        changes: &mut Vec<Change>,
    ) {
        let Form::Seen { count, within_ns, quiet_ns, flapping, .. } = &watch.form else { return };
        self.last = self.last.max(hit.newest);
        hit.example.clone_into(&mut self.example);
        self.events += hit.count;
        self.remember(hit, *count, *within_ns);
        self.turn(true, hit.newest, *flapping, changes);
        let is_past = after(hit.newest, *quiet_ns).0 <= now.0;
        let is_known = self.episode.as_ref().is_some_and(|last| {
            last.is_open()
                || last.closed_at.is_some_and(|closed| hit.newest <= closed)
                || hit.newest.since_ns(last.opened_at) < watch.once_within_ns
        });
        let enough = self.recent.iter().map(|(_, count)| count).sum::<u64>() >= *count;
        if enough && !is_past && !is_known {
            self.open(watch, hit.newest, watch.category, last_number, changes);
        }
    }

    /// Keeps the newest events within the time, and of these no more than can decide.
    fn remember(&mut self, hit: &WatchHit, count: u64, within_ns: u64) {
        let place = self.recent.partition_point(|(second, _)| *second < hit.second);
        match self.recent.get_mut(place) {
            Some((second, sum)) if *second == hit.second => *sum += hit.count,
            _ => self.recent.insert(place, (hit.second, hit.count)),
        }
        let newest = self.recent.back().map_or(0, |(second, _)| *second);
        let mut sum: u64 = self.recent.iter().map(|(_, count)| count).sum();
        while let Some((second, events)) = self.recent.front()
            && ((newest - second).saturating_mul(SECOND_NS) >= within_ns.max(SECOND_NS)
                || sum - events >= count)
        {
            sum -= events;
            self.recent.pop_front();
        }
    }

    fn end(&mut self, watch: &Watch, hit: &WatchHit, changes: &mut Vec<Change>) {
        let Form::Seen { flapping, .. } = &watch.form else { return };
        if hit.newest < self.last {
            return;
        }
        self.turn(false, hit.newest, *flapping, changes);
        self.recent.clear();
        if !self.flapping {
            self.close(hit.newest, "an event that ends it came", changes);
        }
    }

    fn turn(&mut self, failing: bool, at: EventTime, flapping: Option<Flapping>, changes: &mut Vec<Change>) {
        let turned = self.failing != failing;
        self.failing = failing;
        let Some(Flapping { changes: limit, within_ns }) = flapping else { return };
        if !turned {
            return;
        }
        self.turns.push_back(at);
        while self.turns.len() as u64 > limit
            || self.turns.front().is_some_and(|first| at.since_ns(*first) >= within_ns)
        {
            self.turns.pop_front();
        }
        if !self.flapping && self.is_open() && self.turns.len() as u64 >= limit {
            self.flapping = true;
            changes.push(Change::FlappingStarted { changes: limit });
        }
    }

    fn appear(&mut self, hit: &WatchHit, changes: &mut Vec<Change>) {
        self.last = self.last.max(hit.newest);
        if let Some(step) = Episode::next(self.episode.as_ref(), hit.newest, None) {
            self.apply(step, "events come again".to_owned(), changes);
        }
    }

    fn silent(&mut self, watch: &Watch, at: EventTime, last_number: u32, changes: &mut Vec<Change>) {
        match &watch.form {
            Form::Absent { .. } => self.open(watch, at, Category::Exception, last_number, changes),
            Form::Seen { quiet_ns, .. } => {
                if self.flapping {
                    self.flapping = false;
                    self.turns.clear();
                    changes.push(Change::FlappingEnded);
                    if !self.failing {
                        self.close(at, "it does not flap any more", changes);
                    }
                } else {
                    let reason = format!("no event for {}", time(*quiet_ns));
                    self.close(at, &reason, changes);
                    self.failing = false;
                }
            }
        }
    }

    fn open(
        &mut self,
        watch: &Watch,
        at: EventTime,
        category: Category,
        last_number: u32,
        changes: &mut Vec<Change>,
    ) {
        let reason = format!("the rule's own priority, {}", watch.condition());
        let priority = watch.priority;
        let assessed = Assessment { category, priority, severity: priority.severity(), reason };
        let Some(mut step) = Episode::next(self.episode.as_ref(), at, Some((&watch.condition(), assessed)))
        else {
            return;
        };
        if let (None, Step::Open(first)) = (&self.episode, &mut step) {
            first.number = last_number + 1;
        }
        let seen: u64 = self.recent.iter().map(|(_, count)| count).sum();
        self.events = seen;
        let text = match &watch.form {
            Form::Absent { after_ns } => format!("no event for {}", time(*after_ns)),
            Form::Seen { count: 1, .. } => format!("an event came: {:?}", self.example),
            Form::Seen { within_ns, .. } => {
                format!("{seen} events within {}, the last: {:?}", time(*within_ns), self.example)
            }
        };
        self.apply(step, text, changes);
    }

    fn close(&mut self, at: EventTime, reason: &str, changes: &mut Vec<Change>) {
        if let Some(step) = Episode::next(self.episode.as_ref(), at, None) {
            let text = format!("over, {reason}; {} events in all", self.events);
            self.apply(step, text, changes);
        }
    }

    fn apply(&mut self, step: Step, text: String, changes: &mut Vec<Change>) {
        self.episode = Some(step.episode().clone());
        changes.push(Change::Step { step, text });
    }
}

impl Watch {
    fn is_same(&self, other: &Self) -> bool {
        (self.identity, self.category) == (other.identity, other.category)
    }

    /// What the alert's `condition` says: `3 in 5m`, `seen` or `absent 10m`.
    pub(super) fn condition(&self) -> String {
        match &self.form {
            Form::Absent { after_ns } => format!("absent {}", time(*after_ns)),
            Form::Seen { count: 1, .. } => "seen".to_owned(),
            Form::Seen { count, within_ns, .. } => format!("{count} in {}", time(*within_ns)),
        }
    }
}

/// In the largest unit that is whole.
fn time(ns: u64) -> String {
    let units = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];
    let seconds = ns / SECOND_NS;
    let unit = units.into_iter().find(|(_, size)| seconds >= *size && seconds.is_multiple_of(*size));
    unit.map_or_else(|| format!("{}ms", ns / 1_000_000), |(unit, size)| format!("{}{unit}", seconds / size))
}

#[cfg(test)]
#[path = "watches/tests.rs"]
mod tests;
