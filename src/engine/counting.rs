//! Points into windows: increments of series to good and bad of service levels, then a decision for each.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::balance::Balance;
use super::baselines::Increment;
use super::batch::SloDelta;
use super::level::{Cx, Late, Level};
use super::plan::Indicator;
use super::points::{Points, Role, SeriesPoint};
use super::record::EventRecord;
use super::{At, Effects, Engine};
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

/// By second and track.
type Changes = BTreeMap<(u64, u16), Change>;

/// The increments that one request brings to one level.
type Increments = Vec<(EventTime, u16, Role, Increment)>;

impl Engine {
    pub(super) fn count_points(&mut self, batch: &Points, groups: &[Vec<String>], effects: &mut Effects) {
        self.baselines.counters.unusable += batch.unusable;
        let mut changed: BTreeMap<(u32, &[String]), Increments> = BTreeMap::new();
        for point in &batch.points {
            let in_overflow = self.baselines.counters.overflow;
            let increment = self.baselines.take(self.now, point);
            if in_overflow == 0 && self.baselines.counters.overflow > 0 {
                self.note_overflow(point);
            }
            let Some(increment) = increment else { continue };
            let (from, to) = (point.uses.0 as usize, point.uses.1 as usize);
            for one in &batch.uses[from..to] {
                let group = groups[one.group as usize].as_slice();
                let of_level = changed.entry((one.slo, group)).or_default();
                of_level.push((point.time, one.track, one.role, increment));
            }
        }
        for ((slo, group), increments) in changed {
            self.count_increments(slo, group, &increments, effects);
        }
    }

    fn count_increments(
        &mut self,
        slo: u32,
        group: &[String],
        increments: &Increments,
        effects: &mut Effects,
    ) {
        let newest = increments.iter().map(|(time, ..)| *time).max().unwrap_or_default();
        let newest = SloDelta {
            slo,
            track: 0,
            group: 0,
            second: newest.seconds(),
            good: 0,
            bad: 0,
            oldest: newest,
            newest,
        };
        let at = self.level_of(slo, group, &newest);
        let (plan, now) = (Arc::clone(&self.plan), self.now);
        let (cx, level) = self.level(&plan, at);
        let mut changes = Changes::new();
        // Totals first: then a part finds the total of its own second.
        for totals in [true, false] {
            for (time, track, role, increment) in increments {
                if totals == (*role != Role::Good && *role != Role::Bad) {
                    let indicator = &cx.plan.indicators[usize::from(*track)];
                    let balance = &mut level.track_mut(usize::from(*track)).balance;
                    unfold(balance, indicator, &mut changes, (*track, *time), *role, increment);
                }
            }
        }
        let mut late = Late::default();
        for ((second, track), change) in &changes {
            change_level(level, cx, (*track, *second), change, now, &mut late);
        }
        let amended = level.amended(late, 1);
        effects.facts.extend(amended.map(|what| level.fact(cx, what)));
        let is_half = increments.iter().all(|(_, track, role, _)| {
            let indicator = &cx.plan.indicators[usize::from(*track)];
            *role == Role::Total && matches!(indicator, Indicator::GoodOfTotal { .. })
        });
        let uncertain = level.becomes_uncertain(cx);
        let unsettled = level.unsettled.take();
        level.unsettled = is_half.then(|| unsettled.unwrap_or(now));
        if let Some(bounds) = uncertain {
            let clock = level.clock;
            self.note_uncertain(at, bounds, clock);
        }
        self.evaluate(at, !is_half, effects);
    }

    /// Decides what waited for the other half of its events.
    pub(super) fn settle_counters(&mut self, at: At, effects: &mut Effects) {
        let groups = &mut self.levels[at.slo];
        if groups.levels[at.place].unsettled.is_some_and(|since| since.plus_ns(SETTLE_NS) <= self.now) {
            groups.level_mut(at.place).1.unsettled = None;
            self.evaluate(at, true, effects);
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

    fn note_uncertain(&mut self, at: At, (low, high): (u64, u64), clock: EventTime) {
        let name = &self.plan.slos[at.slo].slo.name;
        let body = format!(
            "the limit of `{name}` lies inside a bucket: between {low} and {high} events are good, which differ by \
             more than 20 %; put a bucket's bound at the limit"
        );
        self.events.keep(vec![EventRecord::own(clock, "EvenkeelUncertain", body)]);
    }
}

fn unfold(
    balance: &mut Balance,
    indicator: &Indicator,
    changes: &mut Changes,
    (track, time): (u16, EventTime),
    role: Role,
    increment: &Increment,
) {
    let (second, total) = (time.seconds(), i128::from(increment.total));
    let part_is_good = matches!(indicator, Indicator::GoodOfTotal { .. });
    let paired = part_is_good || matches!(indicator, Indicator::BadOfTotal { .. });
    match role {
        Role::Threshold => {
            let bad = (increment.total - increment.good).into();
            let change = at(changes, (second, track), time);
            change.add(increment.good.into(), bad);
            change.low = change.low.saturating_add(increment.low);
            change.high = change.high.saturating_add(increment.high);
        }
        Role::Total => {
            let part = i128::from(balance.total(second, increment.total));
            at(changes, (second, track), time).add_part(part_is_good, part, total - part);
        }
        Role::Good | Role::Bad if paired => {
            balance.part(second, increment.total, &mut |turned, count| {
                let count = i128::from(count);
                let edge = if turned == second { time } else { EventTime(turned.saturating_mul(SECOND_NS)) };
                at(changes, (turned, track), edge).add_part(part_is_good, count, -count);
            });
        }
        Role::Good => at(changes, (second, track), time).add(total, 0),
        Role::Bad => at(changes, (second, track), time).add(0, total),
    }
}

fn change_level(
    level: &mut Level,
    cx: Cx<'_>,
    (track, second): (u16, u64),
    change: &Change,
    now: Now,
    late: &mut Late,
) {
    // What turned moves within what was there; the rest is new.
    let most = |count: i128| u64::try_from(count.clamp(0, u64::MAX.into())).unwrap_or(u64::MAX);
    let (to_good, to_bad) = (most(-change.bad), most(-change.good));
    let new = |count: i128, turned: u64| most(count - i128::from(turned));
    let delta = SloDelta {
        slo: 0,
        track,
        group: 0,
        second,
        good: new(change.good, to_good),
        bad: new(change.bad, to_bad),
        oldest: change.oldest,
        newest: change.newest,
    };
    level.turn(cx, usize::from(track), second, to_good, true);
    level.turn(cx, usize::from(track), second, to_bad, false);
    if level.observe_interval(cx, &delta, (change.low, change.high), now) {
        late.add(&delta);
    }
}

fn at(changes: &mut Changes, place: (u64, u16), time: EventTime) -> &mut Change {
    let none = Change { good: 0, bad: 0, low: 0, high: 0, oldest: time, newest: time };
    let change = changes.entry(place).or_insert(none);
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
