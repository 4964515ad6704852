//! One service level and group: what was counted, its clock, which of its conditions are true.

mod ahead;
mod decide;
mod excluded;
mod groups;
mod history;
mod seen;
mod shape;
mod track;

pub(super) use decide::Verdict;
pub(super) use excluded::{Excluded, Passed};
pub(super) use groups::{Groups, GroupsNote};
pub(super) use history::Snapshot;
pub(super) use seen::{RAW_UNITS, Reading};
pub(super) use shape::Shape;

use std::collections::VecDeque;

use borsh::{BorshDeserialize, BorshSerialize};

use super::batch::SloDelta;
use super::fact::{Fact, Subject, What};
use super::plan::{Indicator, SloPlan};
use crate::alert::Episode;
use crate::model::{EventTime, Labels, Now, SECOND_NS};
use crate::sli::{self, Slices};
use crate::slo::{Count, Evidence, NoData, Period, Slice, Window};
use decide::Judge;
use excluded::Exclusions;
use history::History;
use track::Track;

/// Behind the clock by more than this is `late`; and once nothing newer has come for this long,
/// the clock follows ours.
pub const LATE_NS: u64 = 10 * SECOND_NS;

/// What every level of a service level goes by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cx<'a> {
    pub(super) plan: &'a SloPlan,
    pub(super) shape: &'a Shape,
}

impl Cx<'_> {
    /// The calendar's period of a second.
    fn period(self, second: u64) -> Option<Period> {
        match &self.plan.slo.window {
            Window::Rolling { .. } => None,
            Window::Calendar(calendar) => Some(calendar.period(second)),
        }
    }
}

#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub(super) struct Level {
    pub(super) group: Labels,
    /// Its number among the levels that its service level has had.
    serial: u64,
    /// Since the last image of the state.
    #[borsh(skip)]
    changed: bool,
    /// By indicator.
    tracks: Vec<Track>,
    /// By goal.
    slices: Vec<Option<Slices>>,
    evidence: Vec<Evidence>,
    /// By goal, then the composite.
    pub(super) judges: Vec<Judge>,
    /// The newest event time; in quiet times our own.
    pub(super) clock: EventTime,
    moved_at: Now,
    pub(super) episode: Option<Episode>,
    /// Since when totals wait for their good ones.
    pub(super) unsettled: Option<Now>,
    exclusions: Exclusions,
    passed: Vec<Passed>,
    period: Option<Period>,
    history: History,
    /// The newest few.
    amendments: VecDeque<Amendment>,
}

/// Events that came after the clock had passed them, and when that was known.
#[derive(Clone, Copy, Debug, BorshSerialize, BorshDeserialize)]
pub(super) struct Amendment {
    pub(super) known_at: EventTime,
    pub(super) oldest: EventTime,
    pub(super) count: Count,
}

const AMENDMENTS_MAX: usize = 64;

/// Events of one batch that came after the clock had passed them: one amendment for all.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Late {
    count: Count,
    oldest: Option<EventTime>,
}

impl Late {
    pub(super) fn add(&mut self, delta: &SloDelta) {
        self.count.good = self.count.good.saturating_add(delta.good);
        self.count.bad = self.count.bad.saturating_add(delta.bad);
        self.oldest = Some(self.oldest.map_or(delta.oldest, |oldest| oldest.min(delta.oldest)));
    }
}

fn judged(slice: Slice) -> impl Fn(u64, u64) -> sli::Verdict {
    move |good, bad| {
        let badness = slice.badness(good, bad);
        sli::Verdict { known: 1, bad: u64::from(badness > 0), badness }
    }
}

impl Level {
    pub(super) fn new(cx: Cx<'_>, group: Labels) -> Self {
        let slo = &cx.plan.slo;
        let slices = slo.goals.iter().zip(&cx.shape.goals).map(|(goal, shape)| {
            let slice = goal.slice?;
            let kept = cx.shape.longest_s.div_ceil(slice.seconds);
            Some(Slices::new(slice.seconds, &shape.slices, u32::try_from(kept).unwrap_or(u32::MAX)))
        });
        let mut judges: Vec<Judge> = slo.goals.iter().map(|goal| Judge::new(goal.conditions.len())).collect();
        judges.extend(slo.composite.iter().map(|composite| Judge::new(composite.conditions.len())));
        Self {
            group,
            serial: 0,
            changed: true,
            tracks: cx.plan.indicators.iter().map(|one| Track::new(cx, one)).collect(),
            slices: slices.collect(),
            evidence: vec![Evidence::default(); slo.goals.len()],
            judges,
            clock: EventTime::default(),
            moved_at: Now::default(),
            episode: None,
            unsettled: None,
            exclusions: Exclusions::default(),
            passed: Vec::new(),
            period: None,
            history: History::new(slo.goals.len()),
            amendments: VecDeque::new(),
        }
    }

    /// The same events under other objectives, windows or conditions. What is true is to be decided anew.
    pub(super) fn reconfigured(self, old: Cx<'_>, cx: Cx<'_>) -> Self {
        let mut new = self.refilled(old, cx, self.clock);
        new.moved_at = self.moved_at;
        for (from, to) in self.tracks.into_iter().zip(&mut new.tracks) {
            to.counted = from.counted;
            to.injected = from.injected;
            to.expired = from.expired;
            to.excluded = from.excluded;
            to.balance = from.balance;
            to.uncertain = from.uncertain;
        }
        new.amendments = self.amendments;
        new.episode = self.episode;
        new.unsettled = self.unsettled;
        new
    }

    /// What is held up to a time, under these objectives and windows, at that time.
    fn refilled(&self, old: Cx<'_>, cx: Cx<'_>, clock: EventTime) -> Self {
        let mut new = Self::new(cx, self.group.clone());
        new.clock = clock;
        new.advance(cx);
        new.passed.clear();
        for (index, (from, to)) in self.tracks.iter().zip(&mut new.tracks).enumerate() {
            let mut held = from.sums.series.held(&old.shape.layout);
            let mut intervals = from.interval.as_ref().map(|sums| sums.series.held(&old.shape.layout));
            if held.is_empty() {
                held = self.slices_held(old, index);
            }
            let mut last = None;
            for (second, (good, bad)) in held.into_iter().take_while(|(second, _)| *second <= clock.seconds())
            {
                let interval =
                    intervals.as_mut().and_then(|held| held.remove(&second)).unwrap_or((good, good));
                to.add(cx, second, Count { good, bad }, interval);
                for (goal, slices) in cx.plan.slo.goals.iter().zip(&mut new.slices) {
                    if let (Some(slices), Some(slice), true) = (slices, goal.slice, goal.track == index) {
                        slices.add(second, good, bad, &judged(slice));
                    }
                }
                last = Some(EventTime(second * SECOND_NS));
            }
            let oldest_s = clock.seconds().saturating_sub(old.shape.longest_s);
            let first = from.first.filter(|first| *first <= clock);
            to.first = first.map(|first| first.max(EventTime(oldest_s * SECOND_NS)));
            to.newest = if from.newest <= clock { from.newest } else { last.unwrap_or_default() };
        }
        new
    }

    /// As it was at a time, to the width of the buckets that still hold it, with what came late for it. What it said of
    /// conditions is not in it.
    pub(super) fn as_of(&self, cx: Cx<'_>, at: EventTime) -> Self {
        self.refilled(cx, cx, at)
    }

    /// Units of the first indicator by the first second of the finest bucket that has them.
    pub(super) fn units_by_time(&self, cx: Cx<'_>) -> Vec<(u64, u64, u64)> {
        let mut held = self.tracks[0].sums.series.held(&cx.shape.layout);
        if held.is_empty() {
            held = self.slices_held(cx, 0);
        }
        held.into_iter().map(|(second, (good, bad))| (second, good, bad)).collect()
    }

    /// The width in seconds of the finest buckets that all goals still have at a second.
    pub(super) fn resolution_s(&self, cx: Cx<'_>, at_s: u64) -> Option<u64> {
        let clock_s = self.clock.seconds();
        let widths = cx.plan.slo.goals.iter().zip(&self.slices).map(|(_, slices)| match slices {
            Some(slices) => (at_s + cx.shape.longest_s > clock_s).then_some(slices.width()),
            None => cx.shape.layout.width_at(clock_s, at_s),
        });
        widths.collect::<Option<Vec<u64>>>()?.into_iter().max()
    }

    /// Events by the first second of their slice, where nothing finer is kept.
    fn slices_held(&self, cx: Cx<'_>, track: usize) -> std::collections::BTreeMap<u64, (u64, u64)> {
        let goals = cx.plan.slo.goals.iter().zip(&self.slices);
        let of_track = goals.filter(|(goal, _)| goal.track == track).find_map(|(_, slices)| slices.as_ref());
        of_track.into_iter().flat_map(Slices::held).map(|(second, good, bad)| (second, (good, bad))).collect()
    }

    pub(super) fn fact(&self, cx: Cx<'_>, what: What) -> Fact {
        let subject = Subject::Slo(cx.plan.slo.name.clone());
        Fact { at: self.clock, subject, group: self.group.clone(), what }
    }

    /// Takes events in. Whether the clock had passed them, so that what is known of the past changes.
    pub(super) fn observe(&mut self, cx: Cx<'_>, delta: &SloDelta, now: Now) -> bool {
        self.observe_interval(cx, delta, (delta.good, delta.good), now)
    }

    /// As `observe`, where the good ones are an estimate between two counts.
    pub(super) fn observe_interval(
        &mut self,
        cx: Cx<'_>,
        delta: &SloDelta,
        interval: (u64, u64),
        now: Now,
    ) -> bool {
        let late = self.clock.since_ns(delta.newest) > LATE_NS;
        self.move_clock(cx, delta.newest, now);
        let (index, count) = (usize::from(delta.track), Count { good: delta.good, bad: delta.bad });
        if self.exclusions.take(&cx.plan.slo.exclusions, delta.second, count) {
            let excluded = &mut self.tracks[index].excluded;
            excluded.good = excluded.good.saturating_add(count.good);
            excluded.bad = excluded.bad.saturating_add(count.bad);
            return false;
        }
        if let Indicator::Freshness { .. } = cx.plan.indicators[index] {
            self.tracks[index].seen_at(delta.oldest, delta.newest);
            return false;
        }
        self.tracks[index].count(count);
        if !self.add(cx, index, delta.second, count, interval) {
            let expired = &mut self.tracks[index].expired;
            *expired = expired.saturating_add(count.good).saturating_add(count.bad);
            return false;
        }
        self.tracks[index].seen_at(delta.oldest, delta.newest);
        if late {
            self.amend(cx, index, delta.second, count);
        } else {
            self.weigh(cx, index, delta.newest, count);
        }
        late
    }

    /// Whether something holds their time.
    fn add(&mut self, cx: Cx<'_>, track: usize, second: u64, count: Count, interval: (u64, u64)) -> bool {
        let mut held = self.tracks[track].add(cx, second, count, interval);
        for (goal, slices) in cx.plan.slo.goals.iter().zip(&mut self.slices) {
            if let (Some(slices), Some(slice), true) = (slices, goal.slice, goal.track == track) {
                held |= slices.add(second, count.good, count.bad, &judged(slice));
            }
        }
        held
    }

    fn amend(&mut self, cx: Cx<'_>, track: usize, second: u64, count: Count) {
        for (place, _) in cx.plan.slo.goals.iter().enumerate().filter(|(_, goal)| goal.track == track) {
            self.history.amend(place, second, count);
        }
    }

    /// What came late of one request, `scale` units an event; `None` if nothing did.
    pub(super) fn amended(&mut self, late: Late, scale: u64) -> Option<What> {
        let Late { count: Count { good, bad }, oldest } = late;
        let (good, bad, oldest) = (good / scale, bad / scale, oldest?);
        if self.amendments.len() == AMENDMENTS_MAX {
            self.amendments.pop_front();
        }
        self.amendments.push_back(Amendment { known_at: self.clock, oldest, count: Count { good, bad } });
        Some(What::BudgetAmended { good, bad, oldest })
    }

    /// Adds to what a sequential test knows.
    fn weigh(&mut self, cx: Cx<'_>, track: usize, at: EventTime, count: Count) {
        let scale = cx.plan.indicators[track].scale();
        for (place, goal) in cx.plan.slo.goals.iter().enumerate().filter(|(_, goal)| goal.track == track) {
            for early in goal.conditions.iter().filter_map(decide::early) {
                early.observe(&mut self.evidence[place], at, count.good / scale, count.bad / scale);
            }
        }
    }

    /// Events of a second turn out to be good, or bad.
    pub(super) fn turn(&mut self, cx: Cx<'_>, track: usize, second: u64, count: u64, to_good: bool) {
        self.tracks[track].turn(cx, second, count, to_good);
        for (goal, slices) in cx.plan.slo.goals.iter().zip(&mut self.slices) {
            if let (Some(slices), Some(slice), true) = (slices, goal.slice, goal.track == track) {
                slices.turn(second, count, to_good, &judged(slice));
            }
        }
    }

    pub(super) fn inject(&mut self, cx: Cx<'_>, counts: &[(u64, u64, u64)], now: Now) {
        let newest = counts.iter().map(|(second, _, _)| *second).max().unwrap_or(0);
        self.move_clock(cx, EventTime(newest.saturating_mul(SECOND_NS)), now);
        for (second, good, bad) in counts {
            for track in 0..self.tracks.len() {
                let scale = cx.plan.indicators[track].scale();
                let count = Count { good: good.saturating_mul(scale), bad: bad.saturating_mul(scale) };
                if self.add(cx, track, *second, count, (count.good, count.good)) {
                    let at = EventTime(second.saturating_mul(SECOND_NS));
                    self.tracks[track].seen_at(at, at);
                    self.tracks[track].injected += good + bad;
                }
            }
        }
    }

    /// In quiet times the clock follows ours, so that an episode can end without events.
    /// Whether it moved.
    pub(super) fn follow(&mut self, cx: Cx<'_>, now: Now) -> bool {
        let follows = self.is_behind(now);
        if follows {
            self.go_to(cx, EventTime(now.0));
        }
        follows
    }

    pub(super) fn is_behind(&self, now: Now) -> bool {
        let quiet = self.moved_at.plus_ns(LATE_NS) <= now;
        let seen = self.tracks.iter().any(|track| track.first.is_some());
        seen && quiet && now.0 > self.clock.0
    }

    fn move_clock(&mut self, cx: Cx<'_>, newest: EventTime, now: Now) {
        if newest > self.clock {
            self.moved_at = now;
            self.go_to(cx, newest);
        }
    }

    /// Full hours on the way are noted as they were.
    fn go_to(&mut self, cx: Cx<'_>, clock: EventTime) {
        if self.tracks.iter().any(|track| track.first.is_some()) {
            for hour in History::due(self.clock.seconds(), clock.seconds()) {
                self.clock = EventTime(hour * SECOND_NS);
                self.advance(cx);
                self.note_hour(cx);
            }
        }
        self.clock = clock;
        self.advance(cx);
    }

    fn note_hour(&mut self, cx: Cx<'_>) {
        for goal in 0..cx.plan.slo.goals.len() {
            let (at_s, reading) = (self.clock.seconds(), self.budget(cx, goal));
            let parts = |share: u128| u64::try_from(share).unwrap_or(u64::MAX);
            let from_s = match self.period {
                Some(period) => period.start_s,
                None => at_s.saturating_sub(cx.shape.longest_s) + 1,
            };
            let snapshot = Snapshot {
                at_s,
                count: reading.count,
                spent: parts(reading.burn.rounded(1_000_000_000)),
                coverage: parts(reading.coverage.rounded(1_000_000_000)),
                late: Count::default(),
                from_s,
            };
            self.history.note(goal, snapshot);
        }
    }

    /// Brings everything up to the clock. What lies before an empty window vouches for nothing in it: one event with a
    /// wrong date, or one from long ago, does not make a level look watched ever since.
    fn advance(&mut self, cx: Cx<'_>) {
        let (clock_s, slo) = (self.clock.seconds(), &cx.plan.slo);
        for track in &mut self.tracks {
            track.advance(cx, clock_s);
        }
        for (goal, slices) in slo.goals.iter().zip(&mut self.slices) {
            if let (Some(slices), Some(slice)) = (slices, goal.slice) {
                slices.advance(clock_s, &judged(slice));
            }
        }
        if self.period.is_none_or(|period| !period.holds(clock_s)) {
            self.begin_period(cx);
        }
        let oldest_s = clock_s.saturating_sub(cx.shape.longest_s);
        self.passed.extend(self.exclusions.advance(&slo.exclusions, clock_s, oldest_s));
        self.look_at_ages(cx);
        for track in 0..self.tracks.len() {
            if self.is_empty(cx, track) {
                self.tracks[track].first = None;
            }
        }
    }

    fn begin_period(&mut self, cx: Cx<'_>) {
        self.period = cx.period(self.clock.seconds());
        let Some(period) = self.period else { return };
        self.tracks.iter_mut().for_each(|track| track.begin(period));
        for (goal, slices) in cx.plan.slo.goals.iter().zip(&mut self.slices) {
            if let (Some(slices), Some(slice)) = (slices, goal.slice) {
                slices.begin(period.start_s, &judged(slice));
            }
        }
    }

    /// Freshness is good or bad at moments of the clock, not at those of events.
    fn look_at_ages(&mut self, cx: Cx<'_>) {
        for index in 0..self.tracks.len() {
            let Indicator::Freshness { op, limit, .. } = &cx.plan.indicators[index] else { continue };
            for (moment, age_s) in self.tracks[index].ages(self.clock.seconds(), cx.shape.longest_s) {
                let good = op.holds(age_s as f64, *limit);
                let count = Count { good: u64::from(good), bad: u64::from(!good) };
                if !self.exclusions.take(&cx.plan.slo.exclusions, moment, Count::default()) {
                    self.tracks[index].count(count);
                    self.add(cx, index, moment, count, (count.good, count.good));
                }
            }
        }
    }

    /// Nothing that it counted is held any more. Where silence counts for something, it never ends.
    fn is_empty(&self, cx: Cx<'_>, track: usize) -> bool {
        let fresh = matches!(cx.plan.indicators[track], Indicator::Freshness { .. });
        if fresh || cx.plan.slo.no_data != NoData::Ignore {
            return self.tracks[track].first.is_none();
        }
        let held = &self.tracks[track];
        let period = self.period.map_or((0, 0), |period| held.sums.period(period));
        let goals = cx.plan.slo.goals.iter().zip(&self.slices).filter(|(goal, _)| goal.track == track);
        let mut slices = goals.filter_map(|(_, slices)| slices.as_ref());
        held.sums.series.is_empty() && period == (0, 0) && slices.all(|one| one.held().next().is_none())
    }

    /// No event is held, and nothing is to be remembered of an alert.
    pub(super) fn is_idle(&self, cx: Cx<'_>) -> bool {
        let counted = |track| !self.is_empty(cx, track);
        self.episode.is_none() && !(0..self.tracks.len()).any(counted)
    }

    /// True once a track: when the two bounds of its good events first differ by more than 20 %.
    pub(super) fn becomes_uncertain(&mut self, cx: Cx<'_>) -> Option<(u64, u64)> {
        for index in 0..self.tracks.len() {
            let bounds = self.interval_of_track(cx, index).unwrap_or_default();
            let track = &mut self.tracks[index];
            if !track.uncertain && bounds.1.saturating_mul(5) > bounds.0.saturating_mul(6) {
                track.uncertain = true;
                return Some(bounds);
            }
        }
        None
    }

    pub(super) fn track_mut(&mut self, track: usize) -> &mut Track {
        &mut self.tracks[track]
    }

    /// Stretches that began or ended since this was last asked.
    pub(super) fn take_passed(&mut self) -> Vec<Passed> {
        std::mem::take(&mut self.passed)
    }

    pub(super) fn bytes(&self) -> usize {
        let slices = self.slices.iter().flatten().map(Slices::bytes).sum::<usize>();
        self.tracks.iter().map(Track::bytes).sum::<usize>() + slices + self.history.bytes()
    }
}
