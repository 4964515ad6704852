//! Event time as the ledger's clock: the newest event of all that came, in whole seconds. It passes between requests
//! and within them, and is told to the ledger as `Tick`s: what ends in silence ends when it would have ended.

use std::sync::Arc;

use crate::engine::view::Counts;
use crate::engine::{AckToken, Batch, Effects, Engine, Fact, Input, Plan};
use crate::model::{EventTime, Now, SECOND_NS};

/// How far apart ticks are while nothing has come for so long: `(less than, apart)` in seconds.
const PACES: [(u64, u64); 4] = [(3_600, 1), (31 * 86_400, 60), (366 * 86_400, 3_600), (u64::MAX, 86_400)];

pub(super) struct EventClock {
    plan: Arc<Plan>,
    /// Begins at the oldest event of the first request.
    engine: Option<Engine>,
    newest: Option<EventTime>,
    /// Of the last input.
    now: Now,
    effects: Effects,
}

impl EventClock {
    pub(super) fn new(plan: Arc<Plan>) -> Self {
        Self { plan, engine: None, newest: None, now: Now(0), effects: Effects::default() }
    }

    /// The newest event time so far.
    pub(super) fn time(&self) -> Option<EventTime> {
        self.newest
    }

    /// What is not ahead of the clock is taken in at once; what is ahead of it second by second. A repeated request has
    /// nothing ahead of it.
    pub(super) fn apply(&mut self, batch: Batch) {
        let newest = batch.newest;
        let first_s = batch.seconds.first().map(|first| first.0).or(newest.map(EventTime::seconds));
        self.engine(first_s.unwrap_or(0));
        let mut came_s = self.newest.map_or(self.now.seconds(), EventTime::seconds);
        let (whole, parts) = batch.by_second(came_s);
        self.observe(came_s, whole);
        for (second, part) in parts {
            self.pass(came_s, second);
            self.observe(second, part);
            came_s = second;
        }
        self.newest = self.newest.max(newest);
        // Filtered events show that time passes, too.
        self.pass(came_s, self.newest.map_or(0, EventTime::seconds));
    }

    /// Time goes on to the newest event, or beyond it to `until`.
    pub(super) fn finish(&mut self, until: Option<EventTime>) {
        let came_s = self.newest.map_or(self.now.seconds(), EventTime::seconds);
        let end = until.map_or(came_s * SECOND_NS, |until| until.0);
        self.engine(end / SECOND_NS);
        self.pass(came_s, end / SECOND_NS);
        let is_due = self.engine(0).deadline().0 <= end;
        if is_due || self.now.0 < end && until.is_some() {
            self.step(Now(end), Input::Tick);
        }
    }

    pub(super) fn take_facts(&mut self) -> std::vec::IntoIter<Fact> {
        std::mem::take(&mut self.effects.facts).into_iter()
    }

    pub(super) fn counts(&mut self) -> Counts {
        self.engine(0).counts()
    }

    fn engine(&mut self, begin_s: u64) -> &mut Engine {
        let Self { plan, engine, now, .. } = self;
        engine.get_or_insert_with(|| {
            *now = Now(begin_s * SECOND_NS);
            Engine::new(Plan::without_runbooks(plan), *now)
        })
    }

    fn observe(&mut self, second: u64, batch: Batch) {
        let input = Input::Observed { token: AckToken(0), batch: Box::new(batch) };
        self.step(Now(second * SECOND_NS), input);
    }

    /// The ticks before a second, where nothing has come since another.
    fn pass(&mut self, came_s: u64, until_s: u64) {
        loop {
            let last_s = self.engine(0).deadline().seconds() - 1;
            let due_s = after(last_s, came_s).max(self.now.seconds());
            if due_s >= until_s {
                return;
            }
            self.step(Now(due_s * SECOND_NS), Input::Tick);
        }
    }

    fn step(&mut self, now: Now, input: Input) {
        self.now = now;
        let Self { engine, effects, .. } = self;
        if let Some(engine) = engine {
            engine.step(now, input, effects);
            // Nobody waits for answers, and nobody is told.
            effects.requests.clear();
        }
    }
}

/// The tick after another, where nothing has come since a second.
fn after(last_s: u64, came_s: u64) -> u64 {
    let silent_s = last_s.saturating_sub(came_s);
    let apart_s = PACES.iter().find(|(less_than, _)| silent_s < *less_than).map_or(1, |(_, apart)| *apart);
    last_s.saturating_add(apart_s)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks(gap_s: u64) -> usize {
        std::iter::successors(Some(100), |last| Some(after(*last, 100)))
            .take_while(|at| *at < 100 + gap_s)
            .count()
    }

    #[test]
    fn a_gap_costs_little_however_long_it_is() {
        for (gap, count) in [
            (3_600, 3_600),
            (3_600 + 600, 3_600 + 10),
            (86_400, 3_600 + 23 * 60),
            (31 * 86_400, 3_600 + (31 * 24 - 1) * 60),
            (366 * 86_400, 3_600 + (31 * 24 - 1) * 60 + 335 * 24),
        ] {
            assert_eq!(ticks(gap), count, "{gap}");
        }
        assert!(ticks(584 * 366 * 86_400) < 300_000, "the longest there is");
    }

    #[test]
    fn without_an_event_there_is_a_state_all_the_same() {
        for until in [None, Some(EventTime(7 * SECOND_NS + 5))] {
            let mut clock = EventClock::new(Arc::new(Plan::empty()));
            clock.finish(until);
            let since = if until.is_some() { "1970-01-01T00:00:07Z" } else { "1970-01-01T00:00:00Z" };
            assert_eq!(clock.counts().since, since);
        }
    }
}
