//! The ledger on a timeline: what comes, the time that passes in between, and a look at it at set moments.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use crate::engine::view::{Counts, SloView};
use crate::engine::{AckToken, Batch, Effects, Engine, Fact, Input, Plan};
use crate::model::{EventTime, Now, SECOND_NS};

/// How far apart ticks are while nothing has come for so long: `(less than, apart)` in seconds. As in a replay.
const PACES: [(u64, u64); 4] = [(3_600, 1), (31 * 86_400, 60), (366 * 86_400, 3_600), (u64::MAX, 86_400)];

/// A moment at which something is asked: what happened before it counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Look {
    pub(super) at_s: u64,
    pub(super) slos: BTreeSet<String>,
}

/// What was there.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) at_s: u64,
    pub(super) slos: Vec<SloView>,
    pub(super) counts: Counts,
}

pub(super) struct Stage {
    engine: Engine,
    effects: Effects,
    /// Of the last input.
    now_s: u64,
    /// The newest second that brought something.
    came_s: u64,
    /// Ticks are at least so far apart.
    pace_s: u64,
    looks: VecDeque<Look>,
    seen: Vec<Seen>,
}

impl Stage {
    /// `looks` in order of time.
    pub(super) fn new(plan: Arc<Plan>, start_s: u64, looks: Vec<Look>) -> Self {
        Self {
            engine: Engine::new(plan, Now(start_s.saturating_mul(SECOND_NS))),
            effects: Effects::default(),
            now_s: start_s,
            came_s: start_s,
            pace_s: 1,
            looks: looks.into(),
            seen: Vec::new(),
        }
    }

    /// How often time is looked at from here on: where counts come by the minute, decisions do.
    pub(super) fn pace(&mut self, pace_s: u64) {
        self.pace_s = pace_s;
    }

    /// What comes at a second, or late.
    pub(super) fn take(&mut self, second: u64, batch: Batch) {
        self.go_to(second);
        self.came_s = self.came_s.max(second);
        let input = Input::Observed { token: AckToken(0), batch: Box::new(batch) };
        self.step(self.came_s, input);
    }

    /// A recorded request: what is ahead of the clock comes second by second.
    pub(super) fn take_recorded(&mut self, batch: Batch) {
        let newest_s = batch.newest.map_or(0, EventTime::seconds);
        let (whole, parts) = batch.by_second(self.came_s);
        self.take(self.came_s, whole);
        for (second, part) in parts {
            self.take(second, part);
        }
        // Filtered events show that time passes, too.
        self.go_to(newest_s);
        self.came_s = self.came_s.max(newest_s);
    }

    /// The newest second that brought something.
    pub(super) fn came_s(&self) -> u64 {
        self.came_s
    }

    /// Time passes up to a second, which has not begun then.
    pub(super) fn go_to(&mut self, second: u64) {
        while let Some(look) = self.looks.pop_front() {
            if look.at_s > second {
                self.looks.push_front(look);
                break;
            }
            self.pass(look.at_s);
            self.step(look.at_s.max(self.now_s), Input::Tick);
            let slos = look.slos.iter().filter_map(|name| self.engine.slo(name)).collect();
            self.seen.push(Seen { at_s: look.at_s, slos, counts: self.engine.counts() });
        }
        self.pass(second);
    }

    /// The end of the timeline; what was seen at the moments that were asked for, and the last counts.
    pub(super) fn finish(mut self, end_s: u64) -> (Vec<Fact>, Vec<Seen>, Counts) {
        self.go_to(end_s);
        self.step(end_s.max(self.now_s), Input::Tick);
        (self.effects.facts, self.seen, self.engine.counts())
    }

    fn pass(&mut self, until_s: u64) {
        loop {
            let last_s = self.engine.deadline().seconds().saturating_sub(1);
            let due_s = after(last_s, self.came_s).max(last_s.saturating_add(self.pace_s)).max(self.now_s);
            if due_s >= until_s {
                return;
            }
            self.step(due_s, Input::Tick);
        }
    }

    fn step(&mut self, second: u64, input: Input) {
        self.now_s = second;
        self.engine.step(Now(second.saturating_mul(SECOND_NS)), input, &mut self.effects);
        // Nobody waits for answers, and nobody is told.
        self.effects.requests.clear();
    }
}

/// The tick after another, where nothing has come since a second.
fn after(last_s: u64, came_s: u64) -> u64 {
    let silent_s = last_s.saturating_sub(came_s);
    let apart_s = PACES.iter().find(|(less_than, _)| silent_s < *less_than).map_or(1, |(_, apart)| *apart);
    last_s.saturating_add(apart_s)
}
