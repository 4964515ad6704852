//! What one indicator has counted for one group: sums by window, and totals.

use borsh::{BorshDeserialize, BorshSerialize};

use super::Cx;
use crate::engine::balance::Balance;
use crate::engine::plan::Indicator;
use crate::model::EventTime;
use crate::sli::{COUNT_MAX, Periods, Series, Slices, Verdict, WindowId};
use crate::slo::{Count, NoData, Period, Window};

/// Freshness is looked at once in so many seconds of event time.
pub(super) const SAMPLE_S: u64 = 10;
const PRESENCE_S: u64 = 60;

#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub(in crate::engine) struct Track {
    pub(super) sums: Sums,
    /// The lowest and highest count of good events that the buckets of histograms allow.
    pub(super) interval: Option<Sums>,
    pub(super) uncertain: bool,
    /// Minutes with events, where those without count as bad.
    pub(super) presence: Option<Slices>,
    /// The oldest event since the windows were empty.
    pub(super) first: Option<EventTime>,
    /// The newest event, whatever the clock says.
    pub(super) newest: EventTime,
    /// Totals since the state began, injected history apart.
    pub(super) counted: Count,
    pub(super) injected: u64,
    /// Came when no window held their time any more.
    pub(super) expired: u64,
    /// Came in a time that is excluded.
    pub(super) excluded: Count,
    /// Good or bad counters and their total, where they come apart.
    pub(in crate::engine) balance: Balance,
    /// Of freshness: up to where the clock has been looked at.
    sampled_s: u64,
}

#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub(super) struct Sums {
    pub(super) series: Series,
    periods: Option<Periods>,
}

impl Sums {
    fn new(cx: Cx<'_>) -> Self {
        let by_calendar = matches!(cx.plan.slo.window, Window::Calendar(_));
        Self { series: Series::new(&cx.shape.layout), periods: by_calendar.then(Periods::default) }
    }

    pub(super) fn add(&mut self, cx: Cx<'_>, second: u64, good: u64, bad: u64) -> bool {
        let held = self.series.add(&cx.shape.layout, second, good, bad);
        let kept = self
            .periods
            .as_mut()
            .zip(cx.period(second))
            .is_some_and(|(periods, period)| periods.add(period.start_s, good, bad));
        held || kept
    }

    fn turn(&mut self, cx: Cx<'_>, second: u64, count: u64, to_good: bool) {
        self.series.turn(&cx.shape.layout, second, count, to_good);
        if let Some((periods, period)) = self.periods.as_mut().zip(cx.period(second)) {
            periods.turn(period.start_s, count, to_good);
        }
    }

    pub(super) fn window(&self, window: WindowId) -> (u64, u64) {
        self.series.sum(window)
    }

    pub(super) fn period(&self, period: Period) -> (u64, u64) {
        self.periods.as_ref().map_or((0, 0), |periods| periods.sum(period.start_s))
    }

    fn bytes(&self) -> usize {
        self.series.bytes() + self.periods.as_ref().map_or(0, Periods::bytes)
    }
}

impl Track {
    pub(super) fn new(cx: Cx<'_>, indicator: &Indicator) -> Self {
        let counts_absence =
            cx.plan.slo.no_data == NoData::Bad && cx.plan.slo.goals.iter().all(|goal| goal.slice.is_none());
        Self {
            sums: Sums::new(cx),
            interval: indicator.may_read_buckets().then(|| Sums::new(cx)),
            uncertain: false,
            presence: counts_absence.then(|| presence(cx)),
            first: None,
            newest: EventTime::default(),
            counted: Count::default(),
            injected: 0,
            expired: 0,
            excluded: Count::default(),
            balance: Balance::default(),
            sampled_s: 0,
        }
    }

    /// Takes events in that are within no exclusion. Whether something holds their time.
    pub(super) fn add(&mut self, cx: Cx<'_>, second: u64, count: Count, interval: (u64, u64)) -> bool {
        let held = self.sums.add(cx, second, count.good, count.bad);
        if let Some(sums) = &mut self.interval {
            sums.add(cx, second, interval.0, interval.1);
        }
        if let Some(presence) = &mut self.presence {
            presence.add(second, count.good, count.bad, &is_present);
        }
        held
    }

    pub(super) fn count(&mut self, count: Count) {
        let add = |sum: &mut u64, more: u64| *sum = sum.saturating_add(more).min(COUNT_MAX);
        add(&mut self.counted.good, count.good);
        add(&mut self.counted.bad, count.bad);
    }

    /// Events of a second turn out to be good, or bad.
    pub(super) fn turn(&mut self, cx: Cx<'_>, second: u64, count: u64, to_good: bool) {
        self.sums.turn(cx, second, count, to_good);
        let Count { good, bad } = &mut self.counted;
        let (from, to) = if to_good { (bad, good) } else { (good, bad) };
        let count = count.min(*from);
        (*from, *to) = (*from - count, to.saturating_add(count).min(COUNT_MAX));
    }

    pub(super) fn seen_at(&mut self, oldest: EventTime, newest: EventTime) {
        self.first = Some(self.first.map_or(oldest, |first| first.min(oldest)));
        self.newest = self.newest.max(newest);
    }

    pub(super) fn advance(&mut self, cx: Cx<'_>, clock_s: u64) {
        self.sums.series.advance(&cx.shape.layout, clock_s);
        if let Some(sums) = &mut self.interval {
            sums.series.advance(&cx.shape.layout, clock_s);
        }
        if let Some(presence) = &mut self.presence {
            presence.advance(clock_s, &is_present);
        }
    }

    /// The calendar's period begins.
    pub(super) fn begin(&mut self, period: Period) {
        if let Some(presence) = &mut self.presence {
            presence.begin(period.start_s, &is_present);
        }
    }

    /// The moments at which freshness is to be looked at, up to the clock, each with the age of the newest event.
    pub(super) fn ages(&mut self, clock_s: u64, longest_s: u64) -> Vec<(u64, u64)> {
        if self.first.is_none() {
            return Vec::new();
        }
        let newest_s = self.newest.seconds();
        let from = self.sampled_s.max(newest_s).max(clock_s.saturating_sub(longest_s)) / SAMPLE_S + 1;
        let moments = (from..=clock_s / SAMPLE_S).map(|step| (step * SAMPLE_S, step * SAMPLE_S - newest_s));
        let moments: Vec<(u64, u64)> = moments.collect();
        self.sampled_s = self.sampled_s.max(clock_s);
        moments
    }

    /// The lowest and highest count of good events in the budget's window.
    pub(super) fn interval_of(&self, window: Option<WindowId>, period: Option<Period>) -> Option<(u64, u64)> {
        let sums = self.interval.as_ref()?;
        match (window, period) {
            (Some(window), _) => Some(sums.window(window)),
            (None, Some(period)) => Some(sums.period(period)),
            (None, None) => None,
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.sums.bytes()
            + self.interval.as_ref().map_or(0, Sums::bytes)
            + self.presence.as_ref().map_or(0, Slices::bytes)
    }
}

fn presence(cx: Cx<'_>) -> Slices {
    let layout = &cx.shape.layout;
    let minutes = |seconds: u64| u32::try_from(seconds / PRESENCE_S).unwrap_or(u32::MAX);
    let windows: Vec<u32> = layout.lengths().map(minutes).collect();
    Slices::new(PRESENCE_S, &windows, minutes(cx.shape.longest_s))
}

pub(super) fn is_present(_good: u64, _bad: u64) -> Verdict {
    Verdict { known: 1, bad: 0, badness: 0 }
}
