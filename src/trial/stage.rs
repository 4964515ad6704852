//! The ledger on a timeline: what comes, the time that passes in between, and a look at it at set moments.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::expect::{Expect, Wanted};
use super::recorded::Recorded;

use crate::engine::view::{Counts, SloView};
use crate::engine::{AckToken, Batch, Effects, Engine, Fact, Input, Plan};
use crate::model::{EventTime, Now, SECOND_NS};

/// How far apart ticks are while nothing has come for so long: `(less than, apart)` in seconds. As in a replay.
const PACES: [(u64, u64); 4] = [(3_600, 1), (31 * 86_400, 60), (366 * 86_400, 3_600), (u64::MAX, 86_400)];

/// The moments at which something is asked, in order, and what was seen at those that are over.
#[derive(Debug, Default)]
pub(super) struct Looks {
    ahead: VecDeque<(u64, BTreeSet<String>)>,
    seen: Vec<Seen>,
}

/// What was there.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) at_s: u64,
    pub(super) slos: Vec<SloView>,
    pub(super) counts: Counts,
}

/// What came of a timeline.
pub(super) struct Played {
    pub(super) facts: Vec<Fact>,
    /// Of each fact: at which step.
    decided: Vec<u64>,
    pub(super) seen: Vec<Seen>,
    pub(super) counts: Counts,
}

impl Played {
    /// Of service levels that were played apart, in their order: as if they had not been. What is counted of all of them is
    /// that of the first.
    pub(super) fn together(parts: Vec<Self>) -> Self {
        let mut parts = parts.into_iter();
        let mut all = parts.next().expect("a plan has parts");
        for part in parts {
            all.facts.extend(part.facts);
            all.decided.extend(part.decided);
            for (seen, more) in all.seen.iter_mut().zip(part.seen) {
                seen.slos.extend(more.slos);
            }
        }
        let mut facts: Vec<_> = all.decided.into_iter().zip(all.facts).collect();
        facts.sort_by_key(|(decided, _)| *decided);
        (all.decided, all.facts) = facts.into_iter().unzip();
        all
    }
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
    looks: Looks,
    /// So far. Who is played apart from others takes as many.
    steps: u64,
    decided: Vec<u64>,
}

impl Looks {
    pub(super) fn new(expects: &[Expect], start: EventTime) -> Self {
        let mut at: BTreeMap<u64, BTreeSet<String>> = BTreeMap::new();
        for expect in expects {
            let slo = match &expect.wanted {
                Wanted::Level(level) => Some(level.slo.clone()),
                Wanted::Rule { .. } | Wanted::Event { .. } => None,
                Wanted::Quiet | Wanted::Told(_) | Wanted::Never(_) => continue,
            };
            if let Some(offset) = expect.when.end().and_then(|end| end.offset(start)) {
                at.entry(start.seconds().saturating_add(offset)).or_default().extend(slo);
            }
        }
        Self { ahead: at.into_iter().collect(), seen: Vec::new() }
    }

    pub(super) fn next_s(&self) -> Option<u64> {
        self.ahead.front().map(|(at_s, _)| *at_s)
    }

    /// Sees what the next one asks for: what happened before it counts.
    pub(super) fn look(&mut self, engine: &Engine) {
        let Some((at_s, slos)) = self.ahead.pop_front() else { return };
        let slos = slos.iter().filter_map(|name| engine.slo(name)).collect();
        self.seen.push(Seen { at_s, slos, counts: engine.counts() });
    }
}

impl Stage {
    pub(super) fn new(plan: Arc<Plan>, start_s: u64, looks: Looks) -> Self {
        Self {
            engine: Engine::new(Plan::without_runbooks(&plan), Now(start_s.saturating_mul(SECOND_NS))),
            effects: Effects::default(),
            now_s: start_s,
            came_s: start_s,
            pace_s: 1,
            looks,
            steps: 0,
            decided: Vec::new(),
        }
    }

    /// Goes on where a daemon's recording ended. `None` where it had no state.
    pub(super) fn after(recorded: Recorded) -> Option<Self> {
        let Recorded { looks, facts, engine } = recorded;
        let engine = engine?;
        let now_s = engine.now().0.div_ceil(SECOND_NS);
        let decided = vec![0; facts.len()];
        let effects = Effects { facts, ..Effects::default() };
        Some(Self { engine, effects, now_s, came_s: now_s, pace_s: 1, looks, steps: 0, decided })
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

    /// Something came at a second, of others and not of these.
    pub(super) fn pass_by(&mut self, second: u64) {
        self.go_to(second);
        self.came_s = self.came_s.max(second);
        self.now_s = self.came_s;
        self.steps += 1;
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
        while let Some(at_s) = self.looks.next_s().filter(|at_s| *at_s <= second) {
            self.pass(at_s);
            self.step(at_s.max(self.now_s), Input::Tick);
            self.looks.look(&self.engine);
        }
        self.pass(second);
    }

    /// The end of the timeline; what was seen at the moments that were asked for, and the last counts.
    pub(super) fn finish(mut self, end_s: u64) -> Played {
        self.go_to(end_s);
        self.step(end_s.max(self.now_s), Input::Tick);
        let counts = self.engine.counts();
        Played { facts: self.effects.facts, decided: self.decided, seen: self.looks.seen, counts }
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
        self.steps += 1;
        self.decided.resize(self.effects.facts.len(), self.steps);
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
