//! What would become of a condition, and of the budget, if what came of late went on.

use super::{Cx, Level};
use crate::engine::burning::condition;
use crate::engine::burning_words::approximate;
use crate::model::{EventTime, Quotient, SECOND_NS};
use crate::slo::{Check, Count};

/// Steps that are looked ahead, over the condition's long window.
const STEPS: u64 = 60;

impl Level {
    /// Seconds until a budget of which this much is spent is gone at a rate; `None` where it lasts: for a window, or to the
    /// end of the calendar's period.
    /// Doubles are good enough to look ahead.
    pub(in crate::engine) fn exhausted_in_s(
        &self,
        cx: Cx<'_>,
        spent: Quotient,
        burn: Quotient,
    ) -> Option<u64> {
        let left = 1.0 - approximate(spent);
        if left <= 0.0 {
            return Some(0);
        }
        let nominal_s = cx.plan.slo.window.nominal_s();
        let (window_s, within_s) = self.period().map_or((nominal_s, nominal_s), |period| {
            (period.seconds(), period.end_s.saturating_sub(self.clock.seconds()))
        });
        let seconds = left * window_s as f64 / approximate(burn);
        (seconds < within_s as f64).then_some((seconds as u64).max(1))
    }

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
