//! The workers' half of metrics: which service levels a point counts for, and how. What a point means depends
//! on those before it, so counters and histograms leave the worker as they are, for the ledger to unfold.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;

use super::plan::{Indicator, Operator, Plan};
use super::tally::Tally;
use crate::model::{EventTime, Item, Point, PointData, Temporality};

/// A point of a counter or histogram, not yet unfolded.
#[derive(Clone, Copy, Debug, PartialEq)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Total,
    Good,
    Bad,
    /// A histogram: the tally says how much of it is good.
    Threshold,
}

/// Points of one request times the service levels that they count for.
pub(super) const USES_MAX: usize = 1_000_000;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Points {
    pub points: Vec<SeriesPoint>,
    /// Service levels by their place in the plan.
    pub uses: Vec<(u32, Role)>,
    /// Points that a selector took and that its service level can not count, such as gauges of a ratio.
    pub unusable: u64,
}

impl Points {
    /// Takes one point in. Where each is an event of its own (gauges), `judged` hears of it.
    pub(super) fn take(
        &mut self,
        plan: &Plan,
        item: &Item<'_>,
        time: EventTime,
        mismatches: &mut [u64],
        judged: &mut dyn FnMut(usize, bool),
    ) {
        let Some(point) = item.point.filter(|point| !point.has_no_value()) else { return };
        let slos = || (0..).zip(&plan.slos).zip(plan.rules.len()..);
        for ((index, slo), place) in slos() {
            let Indicator::Threshold { of, measure, op, limit } = &slo.indicator else { continue };
            if !of.selects(item, &mut mismatches[place]) {
                continue;
            }
            if measure.is_value() && !matches!(point.data, PointData::Gauge(_) | PointData::Sum { .. }) {
                let key = FixedState::default().hash_one((&slo.slo.name, *op as u8, limit.to_bits()));
                let first = self.uses.len();
                self.uses.push((index, Role::Threshold));
                self.unfolded(point, time, key, tally_below(&point.data, *op, *limit), first);
            } else if let Some(value) = measure.of(item) {
                judged(index as usize, op.holds(value, *limit));
            }
        }
        let first = self.uses.len();
        for ((index, slo), place) in slos() {
            slo.indicator.roles(item, &mut mismatches[place], &mut |role| self.uses.push((index, role)));
        }
        if first < self.uses.len() {
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
