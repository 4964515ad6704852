//! Points into windows: increments of series to good and bad of service levels, then a decision for each.

use std::collections::BTreeMap;

use super::baselines::Increment;
use super::batch::SloDelta;
use super::level::{Late, Level};
use super::plan::Indicator;
use super::points::{Points, Role, SeriesPoint};
use super::record::EventRecord;
use super::{Effects, Engine};
use crate::model::{EventTime, Now, SECOND_NS};

/// A request that says how many events there were, and not which of them were good, decides nothing for so long: the
/// rest may be under way.
const SETTLE_NS: u64 = 2 * SECOND_NS;

/// What a request changes for one service level in one second. `good` or `bad` is negative where events turn
/// out to be the other.
#[derive(Clone, Copy, Debug)]
struct Change {
    good: i128,
    bad: i128,
    low: u64,
    high: u64,
    oldest: EventTime,
    newest: EventTime,
}

type Changes = BTreeMap<u64, Change>;

impl Engine {
    pub(super) fn count_points(&mut self, batch: &Points, effects: &mut Effects) {
        self.baselines.counters.unusable += batch.unusable;
        let mut changed: BTreeMap<usize, Vec<(EventTime, Role, Increment)>> = BTreeMap::new();
        for point in &batch.points {
            let in_overflow = self.baselines.counters.overflow;
            let increment = self.baselines.take(self.now, point);
            if in_overflow == 0 && self.baselines.counters.overflow > 0 {
                self.note_overflow(point);
            }
            let Some(increment) = increment else { continue };
            let (from, to) = (point.uses.0 as usize, point.uses.1 as usize);
            for (slo, role) in &batch.uses[from..to] {
                changed.entry(*slo as usize).or_default().push((point.time, *role, increment));
            }
        }
        for (slo, increments) in changed {
            self.count_increments(slo, &increments, effects);
        }
    }

    fn count_increments(
        &mut self,
        index: usize,
        increments: &[(EventTime, Role, Increment)],
        effects: &mut Effects,
    ) {
        let Some(level) = self.levels.get_mut(index) else { return };
        let plan = &self.plan.slos[index];
        let mut changes = Changes::new();
        // Totals first: then a part finds the total of its own second.
        for totals in [true, false] {
            for (time, role, increment) in increments {
                if totals == (*role != Role::Good && *role != Role::Bad) {
                    level.unfold(&plan.indicator, &mut changes, *time, *role, increment);
                }
            }
        }
        let mut late = Late::default();
        for (second, change) in &changes {
            level.change(index as u32, *second, change, self.now, &mut late);
        }
        effects.facts.extend(late.amendment().map(|what| level.fact(&plan.slo, what)));
        let is_half = |(_, role, _): &(EventTime, Role, Increment)| *role == Role::Total;
        let is_half =
            matches!(plan.indicator, Indicator::GoodOfTotal { .. }) && increments.iter().all(is_half);
        let uncertain = level.becomes_uncertain();
        let unsettled = level.unsettled.take();
        level.unsettled = is_half.then(|| unsettled.unwrap_or(self.now));
        if uncertain {
            self.note_uncertain(index);
        }
        self.evaluate(index, !is_half, effects);
    }

    /// Decides what waited for the other half of its events.
    pub(super) fn settle_counters(&mut self, index: usize, effects: &mut Effects) {
        let level = &mut self.levels[index];
        if level.unsettled.is_some_and(|since| since.plus_ns(SETTLE_NS) <= self.now) {
            level.unsettled = None;
            self.evaluate(index, true, effects);
        }
    }

    fn note_overflow(&mut self, point: &SeriesPoint) {
        let body = format!(
            "more than {} series of metrics: those beyond share `overflow`, where deltas count and cumulative \
             points can not",
            self.baselines.limit()
        );
        self.events.keep(vec![EventRecord::own(point.time, "EvenkeelCardinality", body)]);
    }

    fn note_uncertain(&mut self, index: usize) {
        let (slo, level) = (&self.plan.slos[index].slo, &self.levels[index]);
        let (low, high) = level.interval_seen().unwrap_or_default();
        let body = format!(
            "the limit of `{}` lies inside a bucket: between {low} and {high} events are good, which differ by \
             more than 20 %; put a bucket's bound at the limit",
            slo.name
        );
        self.events.keep(vec![EventRecord::own(level.clock, "EvenkeelUncertain", body)]);
    }
}

impl Level {
    fn unfold(
        &mut self,
        indicator: &Indicator,
        changes: &mut Changes,
        time: EventTime,
        role: Role,
        increment: &Increment,
    ) {
        let (second, total) = (time.seconds(), i128::from(increment.total));
        let part_is_good = matches!(indicator, Indicator::GoodOfTotal { .. });
        let paired = part_is_good || matches!(indicator, Indicator::BadOfTotal { .. });
        match role {
            Role::Threshold => {
                let bad = (increment.total - increment.good).into();
                let change = at(changes, second, time);
                change.add(increment.good.into(), bad);
                change.low = change.low.saturating_add(increment.low);
                change.high = change.high.saturating_add(increment.high);
            }
            Role::Total => {
                let part = i128::from(self.balance.total(second, increment.total));
                at(changes, second, time).add_part(part_is_good, part, total - part);
            }
            Role::Good | Role::Bad if paired => {
                self.balance.part(second, increment.total, &mut |turned, count| {
                    let count = i128::from(count);
                    let edge =
                        if turned == second { time } else { EventTime(turned.saturating_mul(SECOND_NS)) };
                    at(changes, turned, edge).add_part(part_is_good, count, -count);
                });
            }
            Role::Good => at(changes, second, time).add(total, 0),
            Role::Bad => at(changes, second, time).add(0, total),
        }
    }

    fn change(&mut self, slo: u32, second: u64, change: &Change, now: Now, late: &mut Late) {
        // What turned moves within what was there; the rest is new.
        let most = |count: i128| u64::try_from(count.clamp(0, u64::MAX.into())).unwrap_or(u64::MAX);
        let (to_good, to_bad) = (most(-change.bad), most(-change.good));
        let new = |count: i128, turned: u64| most(count - i128::from(turned));
        let delta = SloDelta {
            slo,
            second,
            good: new(change.good, to_good),
            bad: new(change.bad, to_bad),
            oldest: change.oldest,
            newest: change.newest,
        };
        self.turn(second, to_good, true);
        self.turn(second, to_bad, false);
        if self.observe_interval(&delta, (change.low, change.high), now) {
            late.add(&delta);
        }
    }
}

fn at(changes: &mut Changes, second: u64, time: EventTime) -> &mut Change {
    let none = Change { good: 0, bad: 0, low: 0, high: 0, oldest: time, newest: time };
    let change = changes.entry(second).or_insert(none);
    change.oldest = change.oldest.min(time);
    change.newest = change.newest.max(time);
    change
}

impl Change {
    fn add(&mut self, good: i128, bad: i128) {
        self.good += good;
        self.bad += bad;
    }

    fn add_part(&mut self, part_is_good: bool, part: i128, other: i128) {
        match part_is_good {
            true => self.add(part, other),
            false => self.add(other, part),
        }
    }
}

#[cfg(test)]
mod tests;
