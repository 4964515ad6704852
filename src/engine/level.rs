//! One service level: its windows, its clock, which of its conditions are true.

use super::balance::Balance;
use super::batch::SloDelta;
use super::fact::{Fact, Subject, What};
use super::plan::SloPlan;
use crate::alert::{Assessment, Episode, Situation, assess};
use crate::model::{EventTime, Labels, Now, SECOND_NS};
use crate::sli::{COUNT_MAX, Layout, Series, WindowId};
use crate::slo::{Count, Pace, Seen, Slo};

/// Behind the clock by more than this is `late`; and once nothing newer has come for this long,
/// the clock follows ours.
pub const LATE_NS: u64 = 10 * SECOND_NS;

#[derive(Debug)]
pub(super) struct Level {
    layout: Layout,
    series: Series,
    /// Long and short window of each condition.
    windows: Vec<(WindowId, Option<WindowId>)>,
    budget: WindowId,
    /// The newest event time; in quiet times our own.
    pub(super) clock: EventTime,
    moved_at: Now,
    /// The oldest event since the windows were empty.
    first: Option<EventTime>,
    pub(super) firing: Vec<bool>,
    pub(super) spent: bool,
    pub(super) episode: Option<Episode>,
    /// Totals since the state began, injected history apart.
    pub(super) counted: Count,
    pub(super) injected: u64,
    /// Came when no window held their time any more.
    pub(super) expired: u64,
    /// Good or bad counters and their total, where they come apart.
    pub(super) balance: Balance,
    /// Since when totals wait for their good ones.
    pub(super) unsettled: Option<Now>,
    /// The lowest and highest count of good events that the buckets of histograms allow.
    interval: Option<Series>,
    uncertain: bool,
}

/// Events of one batch that came after the clock had passed them: one amendment for all.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Late {
    good: u64,
    bad: u64,
    oldest: Option<EventTime>,
}

impl Late {
    pub(super) fn add(&mut self, delta: &SloDelta) {
        self.good = self.good.saturating_add(delta.good);
        self.bad = self.bad.saturating_add(delta.bad);
        self.oldest = Some(self.oldest.map_or(delta.oldest, |oldest| oldest.min(delta.oldest)));
    }

    pub(super) fn amendment(self) -> Option<What> {
        let Self { good, bad, oldest } = self;
        oldest.map(|oldest| What::BudgetAmended { good, bad, oldest })
    }
}

/// What is true now where it differs from what was, or matters to an open episode.
#[derive(Debug)]
pub(super) struct Verdict {
    pub(super) firing: Vec<bool>,
    pub(super) spent: bool,
    /// The condition that decides, by its place, and what it all amounts to. `None` when none is true.
    pub(super) decisive: Option<(usize, Assessment)>,
}

impl Level {
    pub(super) fn new(plan: &SloPlan) -> Self {
        let mut layout = Layout::default();
        let conditions = &plan.slo.conditions;
        let windows = conditions
            .iter()
            .map(|one| (layout.window(one.long_s), one.short_s.map(|short| layout.window(short))))
            .collect();
        let budget = layout.window(plan.slo.window.seconds);
        Self {
            series: Series::new(&layout),
            windows,
            budget,
            clock: EventTime::default(),
            moved_at: Now::default(),
            first: None,
            firing: vec![false; conditions.len()],
            spent: false,
            episode: None,
            counted: Count::default(),
            injected: 0,
            expired: 0,
            balance: Balance::default(),
            unsettled: None,
            interval: plan.indicator.may_read_buckets().then(|| Series::new(&layout)),
            uncertain: false,
            layout,
        }
    }

    /// The same events under other objectives, windows or conditions. What is true is to be decided anew.
    pub(super) fn reconfigured(self, plan: &SloPlan) -> Self {
        let mut new = Self::new(plan);
        let clock_s = self.clock.seconds();
        let known_s = self.layout.seconds(self.budget);
        new.series.advance(&new.layout, clock_s);
        for (second, (good, bad)) in self.series.held(&self.layout) {
            new.series.add(&new.layout, second, good, bad);
        }
        if let (Some(from), Some(to)) = (&self.interval, &mut new.interval) {
            to.advance(&new.layout, clock_s);
            for (second, (low, high)) in from.held(&self.layout) {
                to.add(&new.layout, second, low, high);
            }
        }
        let oldest = EventTime(clock_s.saturating_sub(known_s) * SECOND_NS);
        Self {
            clock: self.clock,
            moved_at: self.moved_at,
            first: self.first.map(|first| first.max(oldest)),
            episode: self.episode,
            counted: self.counted,
            injected: self.injected,
            expired: self.expired,
            balance: self.balance,
            unsettled: self.unsettled,
            uncertain: self.uncertain,
            ..new
        }
    }

    pub(super) fn fact(&self, slo: &Slo, what: What) -> Fact {
        Fact { at: self.clock, subject: Subject::Slo(slo.name.clone()), group: Labels::new(), what }
    }

    /// Takes events in. Whether the clock had passed them, so that what is known of the past changes.
    pub(super) fn observe(&mut self, delta: &SloDelta, now: Now) -> bool {
        self.observe_interval(delta, (delta.good, delta.good), now)
    }

    /// As `observe`, where the good ones are an estimate between two counts.
    pub(super) fn observe_interval(&mut self, delta: &SloDelta, (low, high): (u64, u64), now: Now) -> bool {
        let late = self.clock.since_ns(delta.newest) > LATE_NS;
        self.move_clock(delta.newest, now);
        self.counted.good = self.counted.good.saturating_add(delta.good).min(COUNT_MAX);
        self.counted.bad = self.counted.bad.saturating_add(delta.bad).min(COUNT_MAX);
        if !self.series.add(&self.layout, delta.second, delta.good, delta.bad) {
            self.expired = self.expired.saturating_add(delta.good).saturating_add(delta.bad);
            return false;
        }
        if let Some(interval) = &mut self.interval {
            interval.add(&self.layout, delta.second, low, high);
        }
        self.first = Some(self.first.map_or(delta.oldest, |first| first.min(delta.oldest)));
        late
    }

    /// Events of a second turn out to be good, or bad.
    pub(super) fn turn(&mut self, second: u64, count: u64, to_good: bool) {
        self.series.turn(&self.layout, second, count, to_good);
        let Count { good, bad } = &mut self.counted;
        let (from, to) = if to_good { (bad, good) } else { (good, bad) };
        let count = count.min(*from);
        (*from, *to) = (*from - count, to.saturating_add(count).min(COUNT_MAX));
    }

    /// The lowest and highest count of good events in the budget's window.
    pub(super) fn interval_seen(&self) -> Option<(u64, u64)> {
        self.interval.as_ref().map(|interval| interval.sum(self.budget))
    }

    /// True once: when the two first differ by more than 20 %.
    pub(super) fn becomes_uncertain(&mut self) -> bool {
        let (low, high) = self.interval_seen().unwrap_or_default();
        let first = !self.uncertain && high.saturating_mul(5) > low.saturating_mul(6);
        self.uncertain |= first;
        first
    }

    pub(super) fn inject(&mut self, counts: &[(u64, u64, u64)], now: Now) {
        let newest = counts.iter().map(|(second, _, _)| *second).max().unwrap_or(0);
        self.move_clock(EventTime(newest.saturating_mul(SECOND_NS)), now);
        for (second, good, bad) in counts {
            if self.series.add(&self.layout, *second, *good, *bad) {
                let at = EventTime(second.saturating_mul(SECOND_NS));
                self.first = Some(self.first.map_or(at, |first| first.min(at)));
                self.injected += good + bad;
            }
        }
    }

    /// In quiet times the clock follows ours, so that an episode can end without events.
    /// Whether it moved.
    pub(super) fn follow(&mut self, now: Now) -> bool {
        let quiet = self.moved_at.plus_ns(LATE_NS) <= now;
        if self.first.is_none() || !quiet || now.0 <= self.clock.0 {
            return false;
        }
        self.clock = EventTime(now.0);
        self.advance();
        true
    }

    fn move_clock(&mut self, newest: EventTime, now: Now) {
        if newest > self.clock {
            self.clock = newest;
            self.moved_at = now;
            self.advance();
        }
    }

    /// What lies before an empty window vouches for nothing in it: one event with a wrong date, or
    /// one from long ago, does not make a level look watched ever since.
    fn advance(&mut self) {
        let clock_s = self.clock.seconds();
        self.series.advance(&self.layout, clock_s);
        if let Some(interval) = &mut self.interval {
            interval.advance(&self.layout, clock_s);
        }
        if self.series.is_empty() {
            self.first = None;
        }
    }

    /// `None` where nothing changes. A condition that is not true yet becomes true by events alone.
    pub(super) fn decide(&self, slo: &Slo, may_fire: bool) -> Option<Verdict> {
        let is_true = |index: usize| (may_fire || self.firing[index]) && self.holds(slo, index);
        let firing: Vec<bool> = (0..slo.conditions.len()).map(is_true).collect();
        let spent = self.budget_seen().burn(slo.objective).reaches(1);
        let calm = !firing.contains(&true) && self.episode.as_ref().is_none_or(|last| !last.is_open());
        if calm && firing == self.firing && spent == self.spent {
            return None;
        }
        let decisive = most_urgent(slo, &firing).map(|index| (index, self.assess(slo, &firing, spent)));
        Some(Verdict { firing, spent, decisive })
    }

    /// The plain truth of one condition: both windows burn above its factor, coverage-scaled,
    /// and the long one holds enough bad events to speak of.
    fn holds(&self, slo: &Slo, index: usize) -> bool {
        let condition = &slo.conditions[index];
        let (long, short) = self.condition_seen(index);
        long.count.bad >= condition.min_bad
            && long.burns_above(condition.factor, slo.objective)
            && short.is_none_or(|short| short.burns_above(condition.factor, slo.objective))
    }

    fn assess(&self, slo: &Slo, firing: &[bool], spent: bool) -> Assessment {
        let at_pace = |pace| firing.iter().zip(&slo.conditions).any(|(on, one)| *on && one.pace == pace);
        assess(Situation {
            tier: slo.tier,
            fast: at_pace(Pace::Fast),
            slow: at_pace(Pace::Slow),
            spent,
            sla_breached: slo.sla.is_some_and(|sla| self.budget_seen().burn(sla).reaches(1)),
            written: None,
        })
    }

    pub(super) fn condition_seen(&self, index: usize) -> (Seen, Option<Seen>) {
        let (long, short) = self.windows[index];
        (self.seen(long), short.map(|short| self.seen(short)))
    }

    pub(super) fn budget_seen(&self) -> Seen {
        self.seen(self.budget)
    }

    fn seen(&self, window: WindowId) -> Seen {
        let (good, bad) = self.series.sum(window);
        let since_first = self.first.map_or(0, |first| self.clock.since_ns(first));
        Seen::new(Count { good, bad }, self.layout.seconds(window), since_first)
    }

    pub(super) fn bytes(&self) -> usize {
        self.series.bytes() + self.interval.as_ref().map_or(0, Series::bytes)
    }

    pub(super) fn apply(&mut self, what: &What) {
        match what {
            What::AlertFired(change) => self.firing[change.index] = true,
            What::AlertResolved(change) => self.firing[change.index] = false,
            What::BudgetSpent { .. } => self.spent = true,
            What::BudgetRestored { .. } => self.spent = false,
            What::EpisodeOpened(change) | What::EpisodeEscalated(change) | What::EpisodeClosed(change) => {
                self.episode = Some(change.episode.clone());
            }
            What::BudgetAmended { .. }
            | What::ConfigApplied { .. }
            | What::FlappingStarted { .. }
            | What::FlappingEnded
            | What::NotificationQueued { .. }
            | What::NotificationSettled { .. } => {}
        }
    }
}

/// The condition that decides: the most urgent severity, then the faster pace, then the first.
fn most_urgent(slo: &Slo, firing: &[bool]) -> Option<usize> {
    let is_true = (0..firing.len()).filter(|index| firing[*index]);
    is_true.min_by_key(|index| {
        let condition = &slo.conditions[*index];
        (condition.severity, std::cmp::Reverse(condition.pace), *index)
    })
}
