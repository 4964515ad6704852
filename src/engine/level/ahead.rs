//! What would become of a condition if what came of late went on.

use super::{Cx, Level};
use crate::engine::burning::condition;
use crate::model::{EventTime, SECOND_NS};
use crate::slo::{Check, Count};

/// Steps that are looked ahead, over the condition's long window.
const STEPS: u64 = 60;

impl Level {
    /// Seconds until a condition holds if what came in its short window goes on, to a sixtieth of its long window. `None`:
    /// it holds already, would not within that window, or is about slices of time or several objectives.
    pub(in crate::engine) fn holds_in(&self, cx: Cx<'_>, judge: usize, index: usize) -> Option<u64> {
        let goal = cx.plan.slo.goals.get(judge).filter(|goal| goal.slice.is_none())?;
        let rule = condition(&cx.plan.slo, judge, index);
        let Check::Burn { op, factor } = rule.check else { return None };
        let (_, short) = self.condition(cx, judge, index);
        if !op.is_upward() || !op.holds(short.raw, factor) || self.holds(cx, judge, index, rule) {
            return None;
        }
        let (short_s, step_s) = (rule.shortest_s().max(1), (rule.long_s / STEPS).max(1));
        let scale = cx.plan.indicators[goal.track].scale();
        let mut ahead = self.clone();
        let mut given = Count::default();
        for step in 1..=STEPS {
            let due = |count: u64| {
                u64::try_from(
                    u128::from(count.saturating_mul(scale)) * u128::from(step * step_s) / u128::from(short_s),
                )
                .unwrap_or(u64::MAX)
            };
            let upto = Count { good: due(short.count.good), bad: due(short.count.bad) };
            let second = self.clock.seconds() + step * step_s;
            ahead.clock = EventTime(second.saturating_mul(SECOND_NS));
            ahead.advance(cx);
            let count = Count { good: upto.good - given.good, bad: upto.bad - given.bad };
            ahead.add(cx, goal.track, second, count, (count.good, count.good));
            given = upto;
            if ahead.holds(cx, judge, index, rule) {
                return Some(step * step_s);
            }
        }
        None
    }
}
