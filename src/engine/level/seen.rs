//! What the windows of a level say, for those who decide and for those who look.

use super::history::Snapshot;
use super::shape::At;
use super::track::Track;
use super::{Amendment, Cx, Excluded, Level};
use crate::engine::plan::Indicator;
use crate::model::{EventTime, Parts, Quotient, SECOND_NS};
use crate::slo::{Count, Cover, NoData, Objective, Period, Seen, SliceSum, Together};

/// One window as one judge sees it.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine) struct Reading {
    /// Events, or slices.
    pub(in crate::engine) count: Count,
    /// Scaled by coverage: this decides.
    pub(in crate::engine) burn: Quotient,
    pub(in crate::engine) raw: Quotient,
    pub(in crate::engine) coverage: Quotient,
    pub(in crate::engine) sli: Option<Quotient>,
}

impl Level {
    /// The long and the short window of a condition; without a short one the long one twice.
    pub(in crate::engine) fn condition(
        &self,
        cx: Cx<'_>,
        judge: usize,
        condition: usize,
    ) -> (Reading, Reading) {
        let parts = &cx.shape.pairs[judge][condition];
        if parts.is_empty() {
            let none = self.budget(cx, judge);
            return (none, none);
        }
        let long = parts.iter().map(|(goal, pair)| (*goal, pair.long));
        let long = self.together(cx, long);
        let has_short = parts.iter().all(|(_, pair)| pair.short.is_some());
        if !has_short {
            return (long, long);
        }
        let short = parts.iter().filter_map(|(goal, pair)| Some((*goal, pair.short?)));
        (long, self.together(cx, short))
    }

    /// The budget's window. The composite comes after the goals.
    pub(in crate::engine) fn budget(&self, cx: Cx<'_>, judge: usize) -> Reading {
        self.over(cx, judge, |goal| cx.shape.goals[goal].budget)
    }

    /// The last hour, for forecasts.
    pub(in crate::engine) fn last_hour(&self, cx: Cx<'_>, judge: usize) -> Reading {
        self.over(cx, judge, |goal| cx.shape.goals[goal].hour)
    }

    fn over(&self, cx: Cx<'_>, judge: usize, window: impl Fn(usize) -> At) -> Reading {
        let goals = cx.plan.slo.goals.len();
        let about = if judge < goals { judge..judge + 1 } else { 0..goals };
        self.together(cx, about.map(|goal| (goal, window(goal))))
    }

    /// The budget's window held against what was promised.
    pub(in crate::engine) fn sla(&self, cx: Cx<'_>, goal: usize, sla: Objective) -> Quotient {
        self.seen(cx, goal, cx.shape.goals[goal].budget).burn(sla)
    }

    pub(in crate::engine) fn sla_last_hour(&self, cx: Cx<'_>, goal: usize, sla: Objective) -> Quotient {
        self.seen(cx, goal, cx.shape.goals[goal].hour).raw_burn(sla)
    }

    /// What decides of the long windows of a condition, or of its short ones.
    pub(super) fn deciding(
        &self,
        cx: Cx<'_>,
        judge: usize,
        condition: usize,
        is_long: bool,
    ) -> (Count, Quotient) {
        let parts = cx.shape.pairs[judge][condition].iter();
        self.burn(
            cx,
            parts.filter_map(|(goal, pair)| Some((*goal, if is_long { pair.long } else { pair.short? }))),
        )
    }

    /// Of the budget's window, scaled by coverage.
    pub(super) fn spent(&self, cx: Cx<'_>, judge: usize) -> Quotient {
        let goals = cx.plan.slo.goals.len();
        let about = if judge < goals { judge..judge + 1 } else { 0..goals };
        self.burn(cx, about.map(|goal| (goal, cx.shape.goals[goal].budget))).1
    }

    /// As [`Level::together`], without what only people look at.
    fn burn(&self, cx: Cx<'_>, mut about: impl Iterator<Item = (usize, At)>) -> (Count, Quotient) {
        if cx.plan.slo.composite.is_some() {
            let reading = self.together(cx, about);
            return (reading.count, reading.burn);
        }
        let Some((goal, window)) = about.next() else { return (Count::default(), Quotient::ZERO) };
        let seen = self.seen(cx, goal, window);
        (seen.count, seen.burn(cx.plan.slo.goals[goal].objective))
    }

    fn together(&self, cx: Cx<'_>, mut about: impl Iterator<Item = (usize, At)>) -> Reading {
        let read = |(goal, window): (usize, At)| {
            let goal_plan = &cx.plan.slo.goals[goal];
            let seen = self.seen(cx, goal, window);
            let reading = Reading {
                count: seen.count,
                burn: seen.burn(goal_plan.objective),
                raw: seen.raw_burn(goal_plan.objective),
                coverage: seen.coverage(),
                sli: seen.sli(),
            };
            (reading, goal_plan.weight)
        };
        let none = Reading {
            count: Count::default(),
            burn: Quotient::ZERO,
            raw: Quotient::ZERO,
            coverage: Quotient::ZERO,
            sli: None,
        };
        let Some(first) = about.next() else { return none };
        let first = read(first);
        let Some(composite) = &cx.plan.slo.composite else { return first.0 };
        let all: Vec<(Reading, Parts)> = std::iter::once(first).chain(about.map(read)).collect();
        if all.len() == 1 && cx.plan.slo.goals.len() > 1 {
            return all[0].0;
        }
        joined(&all, composite.how)
    }

    fn seen(&self, cx: Cx<'_>, goal: usize, window: At) -> Seen {
        let goal_plan = &cx.plan.slo.goals[goal];
        let track = &self.tracks[goal_plan.track];
        match (window, &self.slices[goal]) {
            (At::Events(id), _) => {
                let (good, bad) = track.sums.window(id);
                let cover = self.cover(track, cx.shape.layout.seconds(id), Some(id.place()), None);
                Seen::of_events(Count { good, bad }, cx.plan.indicators[goal_plan.track].scale(), cover)
            }
            (At::Period, None) => {
                let period = self.period.unwrap_or(Period { start_s: 0, end_s: 1 });
                let (good, bad) = track.sums.period(period);
                let cover = self.cover(track, period.seconds(), None, Some(period));
                Seen::of_events(Count { good, bad }, cx.plan.indicators[goal_plan.track].scale(), cover)
            }
            (At::Slices(_) | At::Period, Some(slices)) => {
                let place = if let At::Slices(place) = window { Some(place) } else { None };
                let period = self.period.filter(|_| place.is_none());
                let count = match (place, period) {
                    (Some(place), _) => u64::from(cx.shape.goals[goal].slices[place]),
                    (None, Some(period)) => slices.in_period(period.start_s, period.end_s),
                    (None, None) => 1,
                };
                let sum = place.map_or_else(|| slices.sum_since(), |place| slices.sum(place));
                let mut sum = SliceSum { known: sum.known, bad: sum.bad, badness: sum.badness };
                let seconds = period.map_or(count * slices.width(), Period::seconds);
                let cover = self.cover(track, seconds, None, period);
                self.fill(
                    cx,
                    track,
                    place.map_or(slices.complete_since(first_s(track), None), |place| {
                        slices.complete_since(first_s(track), Some(place))
                    }),
                    slices.width(),
                    cover,
                    &mut sum,
                );
                Seen::of_slices(sum, count, cover)
            }
            (At::Slices(_), None) => Seen::of_slices(SliceSum::default(), 1, Cover::default()),
        }
    }

    /// Slices without events, where they count for something.
    fn fill(&self, cx: Cx<'_>, track: &Track, complete: u64, width: u64, cover: Cover, sum: &mut SliceSum) {
        let no_data = cx.plan.slo.no_data;
        if no_data == NoData::Ignore || track.first.is_none() {
            return;
        }
        let clock_s = self.clock.seconds();
        let covered_s = cover.window_ns / SECOND_NS;
        let excluded = self.exclusions.seconds((clock_s + 1).saturating_sub(covered_s), clock_s + 1) / width;
        let empty = complete.saturating_sub(sum.known).saturating_sub(excluded);
        sum.known += empty;
        if no_data == NoData::Bad {
            sum.bad += empty;
            sum.badness += u128::from(empty) * u128::from(Parts::ONE.0);
        }
    }

    fn cover(&self, track: &Track, window_s: u64, window: Option<usize>, period: Option<Period>) -> Cover {
        let Some(first) = track.first else { return Cover::new(window_s, 0) };
        let begin =
            period.map_or(first, |period| first.max(EventTime(period.start_s.saturating_mul(SECOND_NS))));
        let mut cover = Cover::new(window_s, self.clock.since_ns(begin));
        let clock_s = self.clock.seconds();
        let mut excluded_s = 0;
        if !self.exclusions.is_empty() {
            let covered_s = cover.covered_ns.div_ceil(SECOND_NS);
            excluded_s = self.exclusions.seconds((clock_s + 1).saturating_sub(covered_s), clock_s + 1);
            cover.covered_ns = cover.covered_ns.saturating_sub(excluded_s * SECOND_NS);
        }
        if let Some(presence) = &track.presence {
            let sum = window.map_or_else(|| presence.sum_since(), |window| presence.sum(window));
            let empty = presence.complete_since(first_s(track), window).saturating_sub(sum.known);
            let missing_s = (empty * presence.width()).saturating_sub(excluded_s);
            cover.missing_ns = (missing_s * SECOND_NS).min(cover.covered_ns);
        }
        cover
    }

    /// The lowest and highest count of good events in the budget's window of a goal.
    pub(in crate::engine) fn interval_of(&self, cx: Cx<'_>, goal: usize) -> Option<(u64, u64)> {
        self.interval_of_track(cx, cx.plan.slo.goals[goal].track)
    }

    pub(super) fn interval_of_track(&self, cx: Cx<'_>, track: usize) -> Option<(u64, u64)> {
        let goal = cx.plan.slo.goals.iter().position(|goal| goal.track == track)?;
        let window = if let At::Events(id) = cx.shape.goals[goal].budget { Some(id) } else { None };
        self.tracks[track].interval_of(window, self.period)
    }

    /// Totals of an indicator since the state began, in events; history that was put in apart.
    pub(in crate::engine) fn counted(&self, cx: Cx<'_>, track: usize) -> Count {
        let (scale, counted) = (cx.plan.indicators[track].scale(), self.tracks[track].counted);
        Count { good: counted.good / scale, bad: counted.bad / scale }
    }

    pub(in crate::engine) fn sum_of(&self, of: impl Fn(&Track) -> u64) -> u64 {
        self.tracks.iter().map(of).sum()
    }

    pub(in crate::engine) fn injected(&self) -> u64 {
        self.sum_of(|track| track.injected)
    }

    pub(in crate::engine) fn expired(&self) -> u64 {
        self.sum_of(|track| track.expired)
    }

    pub(in crate::engine) fn excluded(&self) -> u64 {
        self.sum_of(|track| track.excluded.good + track.excluded.bad)
    }

    pub(in crate::engine) fn unmatched(&self) -> u64 {
        self.sum_of(|track| track.balance.unmatched)
    }

    /// The oldest event that still vouches for the windows.
    pub(in crate::engine) fn first(&self) -> Option<EventTime> {
        self.tracks.iter().filter_map(|track| track.first).min()
    }

    /// The newest event of any indicator.
    pub(in crate::engine) fn newest(&self) -> Option<EventTime> {
        let seen = self.tracks.iter().filter(|track| track.first.is_some());
        seen.map(|track| track.newest).max()
    }

    pub(in crate::engine) fn period(&self) -> Option<Period> {
        self.period
    }

    pub(in crate::engine) fn snapshot(&self, goal: usize, at_s: u64) -> Option<&Snapshot> {
        self.history.at(goal, at_s)
    }

    pub(in crate::engine) fn amendments(&self) -> impl Iterator<Item = &Amendment> {
        self.amendments.iter()
    }

    pub(in crate::engine) fn exclusions(&self) -> impl Iterator<Item = &Excluded> {
        self.exclusions.all()
    }

    /// Good and bad events of a goal by the start of the finest stretch of time that is still told apart.
    pub(in crate::engine) fn by_time(&self, cx: Cx<'_>, goal: usize) -> Vec<(u64, u64, u64)> {
        let track = cx.plan.slo.goals[goal].track;
        match &self.slices[goal] {
            Some(slices) => slices.held().collect(),
            None => {
                let held = self.tracks[track].sums.series.held(&cx.shape.layout);
                let scale = cx.plan.indicators[track].scale();
                held.into_iter().map(|(at, (good, bad))| (at, good / scale, bad / scale)).collect()
            }
        }
    }
}

fn first_s(track: &Track) -> u64 {
    track.first.map_or(u64::MAX, EventTime::seconds)
}

/// Burn rates of several objectives as one, in billionths.
fn joined(all: &[(Reading, Parts)], how: Together) -> Reading {
    const BILLION: u64 = Parts::ONE.0;
    let whole = |sum: u128| Quotient::new((sum, 1), (u128::from(BILLION), 1));
    let join = |of: fn(&Reading) -> Quotient| {
        let rounded = all.iter().map(|(one, weight)| (of(one).rounded(BILLION), u128::from(weight.0)));
        whole(match how {
            Together::Max => rounded.map(|(burn, _)| burn).max().unwrap_or(0),
            Together::WeightedSum => rounded
                .map(|(burn, weight)| burn.saturating_mul(weight) / u128::from(BILLION))
                .fold(0, u128::saturating_add),
        })
    };
    let sum =
        |of: fn(Count) -> u64| all.iter().fold(0_u64, |sum, (one, _)| sum.saturating_add(of(one.count)));
    let coverage = all.iter().map(|(one, _)| one.coverage.rounded(BILLION)).min().unwrap_or(0);
    Reading {
        count: Count { good: sum(|count| count.good), bad: sum(|count| count.bad) },
        burn: join(|one| one.burn),
        raw: join(|one| one.raw),
        coverage: whole(coverage),
        sli: None,
    }
}

impl Indicator {
    /// Units that make one event.
    pub fn scale(&self) -> u64 {
        match self {
            Self::Raw { .. } => RAW_UNITS,
            _ => 1,
        }
    }
}

/// A ratio that is given counts as one event, in millionths.
pub(in crate::engine) const RAW_UNITS: u64 = 1_000_000;
