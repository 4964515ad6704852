//! The workers' half of metrics: which service levels a point counts for, and how. What a point means depends
//! on those before it, so counters and histograms leave the worker as they are, for the ledger to unfold.

use borsh::{BorshDeserialize, BorshSerialize};

use super::fold::{Counter, Groups};
use super::plan::{Indicator, Marks, Operator, Plan};
use super::tally::Tally;
use crate::classify::Finder;
use crate::model::{EventTime, Item, Point, PointData, Temporality};

/// A point of a counter or histogram, not yet unfolded.
#[derive(Clone, Copy, Debug, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct SeriesPoint {
    pub series: u128,
    /// 0 where the sender does not know it.
    pub start_ns: u64,
    pub time: EventTime,
    pub cumulative: bool,
    pub tally: Tally,
    /// From where in `uses` to where.
    pub uses: (u32, u32),
}

/// What a point counts as for a service level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Role {
    Total,
    Good,
    Bad,
    /// A histogram: the tally says how much of it is good.
    Threshold,
}

/// Which indicator of which service level and group a point counts for, and as what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Use {
    /// A place in the plan.
    pub slo: u32,
    pub track: u16,
    /// A place in the batch's `groups`.
    pub group: u32,
    pub role: Role,
}

/// Points of one request times the service levels that they count for.
pub(super) const USES_MAX: usize = 1_000_000;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Points {
    pub points: Vec<SeriesPoint>,
    pub uses: Vec<Use>,
    /// Points that a selector took and that its service level can not count, such as gauges of a ratio.
    pub unusable: u64,
}

impl Points {
    /// Takes one point in that the finder has read. Where each is an event of its own (gauges), `judged` hears of it.
    pub(super) fn take(
        &mut self,
        (plan, finder): (&Plan, &Finder<'_>),
        item: &Item<'_>,
        time: EventTime,
        (groups, mismatches, of_ratios): (&mut Groups, &mut [u64], &mut Vec<Use>),
        judged: &mut dyn FnMut(Counter, Marks),
    ) {
        let Some(point) = item.point.filter(|point| !point.has_no_value()) else { return };
        of_ratios.clear();
        for index in plan.concerned(finder) {
            let slo = &plan.slos[index];
            let flat = plan.numbered().tracks_before[index];
            let counter = &mut mismatches[plan.rules.len() + index];
            for (track, indicator) in slo.indicators.iter().enumerate() {
                let mut to = || Counter {
                    slo: index as u32,
                    track: track as u16,
                    group: groups.of(index, slo, item),
                    flat: flat + track,
                };
                let mut selects = plan.selects(finder, flat + track, item, counter);
                match indicator {
                    Indicator::Threshold { of, measure, op, limit } => {
                        if !selects(0, of) {
                            continue;
                        }
                        if measure.is_value() && is_histogram(&point.data) {
                            let key = plan.numbered().histogram_keys[flat + track];
                            let first = self.uses.len();
                            self.uses.push(to().as_a(Role::Threshold));
                            self.unfolded(point, time, key, tally_below(&point.data, *op, *limit), first);
                        } else if let Some(value) = measure.of(item) {
                            let good = op.holds(value, *limit);
                            judged(to(), Marks { good: u64::from(good), bad: u64::from(!good) });
                        }
                    }
                    Indicator::Raw { .. } | Indicator::Freshness { .. } => {
                        if let Some(marks) = indicator.judge(item, selects) {
                            judged(to(), marks);
                        }
                    }
                    Indicator::GoodOfTotal { .. }
                    | Indicator::BadOfTotal { .. }
                    | Indicator::GoodAndBad { .. } => {
                        indicator.roles(selects, &mut |role| of_ratios.push(to().as_a(role)));
                    }
                    Indicator::Foreign => {}
                }
            }
        }
        if !of_ratios.is_empty() {
            let first = self.uses.len();
            self.uses.append(of_ratios);
            self.unfolded(point, time, 0, tally_of_counter(&point.data), first);
        }
    }

    /// A histogram under another limit is another series of counts, hence the key.
    fn unfolded(&mut self, point: &Point<'_>, time: EventTime, key: u64, tally: Option<Tally>, first: usize) {
        let Some((tally, cumulative)) = tally.zip(is_cumulative(&point.data)) else {
            self.uses.truncate(first);
            self.unusable += 1;
            return;
        };
        self.points.push(SeriesPoint {
            series: point.series ^ u128::from(key),
            start_ns: point.start_ns,
            time,
            cumulative,
            tally,
            uses: (first as u32, self.uses.len() as u32),
        });
    }
}

impl Counter {
    fn as_a(self, role: Role) -> Use {
        Use { slo: self.slo, track: self.track, group: self.group, role }
    }
}

fn is_histogram(data: &PointData<'_>) -> bool {
    !matches!(data, PointData::Gauge(_) | PointData::Sum { .. })
}

/// A counter, or the number of values that a histogram holds.
fn tally_of_counter(data: &PointData<'_>) -> Option<Tally> {
    match data {
        PointData::Sum { value, monotonic: true, .. } => Tally::of_number((*value)?),
        PointData::Histogram { histogram, .. } => Some(Tally::of_count(histogram.count)),
        PointData::Exponential { histogram, .. } => Some(Tally::of_count(histogram.count)),
        PointData::Sum { .. } | PointData::Gauge(_) | PointData::Summary { .. } => None,
    }
}

/// A summary has quantiles, of which nobody can say how many values lay below a limit.
fn tally_below(data: &PointData<'_>, op: Operator, limit: f64) -> Option<Tally> {
    match data {
        PointData::Histogram { histogram, .. } => Tally::of_histogram(histogram, op, limit),
        PointData::Exponential { histogram, .. } => Tally::of_exponential(histogram, op, limit),
        PointData::Sum { .. } | PointData::Gauge(_) | PointData::Summary { .. } => None,
    }
}

fn is_cumulative(data: &PointData<'_>) -> Option<bool> {
    match data {
        PointData::Sum { temporality, .. }
        | PointData::Histogram { temporality, .. }
        | PointData::Exponential { temporality, .. } => match temporality {
            Temporality::Cumulative => Some(true),
            Temporality::Delta => Some(false),
            Temporality::Unspecified => None,
        },
        PointData::Gauge(_) | PointData::Summary { .. } => None,
    }
}
