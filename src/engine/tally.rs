//! What one metric point says for a service level, in integers: billionths, so that counters of doubles add
//! up exactly. A histogram says between which two counts the good values lie, and an estimate.
//!
//! Inside a bucket (lo, hi] of c values the estimate is linear: n + c (x - lo) / (hi - lo), as in Prometheus'
//! `histogram_quantile`. The layouts are those of OpenTelemetry's data model.

use borsh::{BorshDeserialize, BorshSerialize};

use super::plan::Operator;
use crate::model::{Buckets, Exponential, Histogram, Number};

pub const UNIT: u128 = 1_000_000_000;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Tally {
    pub total: u128,
    /// The estimate; `total` and the three below are the same for a counter's value.
    pub good: u128,
    pub low: u128,
    pub high: u128,
    /// Differs where the buckets do, so that counts inside of them can not be subtracted.
    pub layout: u64,
}

impl Tally {
    /// A counter's value. `None` for what no counter can hold.
    pub fn of_number(number: Number) -> Option<Self> {
        let total = match number {
            Number::Int(int) => u128::try_from(int).ok()? * UNIT,
            Number::Double(double) if (0.0..=u64::MAX as f64).contains(&double) => {
                double.trunc() as u128 * UNIT + (double.fract() * 1e9).round() as u128
            }
            Number::Double(_) => return None,
        };
        Some(Self::of_total(total))
    }

    pub fn of_count(count: u64) -> Self {
        Self::of_total(u128::from(count) * UNIT)
    }

    fn of_total(total: u128) -> Self {
        Self { total, good: total, low: total, high: total, layout: 0 }
    }

    /// What came between `before` and now. The total must not have become less.
    pub fn since(&self, before: &Self) -> Self {
        let total = self.total.saturating_sub(before.total);
        let same = self.layout == before.layout;
        let (least, most) = if same { (before.low, before.high) } else { (before.high, before.low) };
        let low = self.low.saturating_sub(least).min(total);
        let high = self.high.saturating_sub(most).clamp(low, total);
        let good = self.good.saturating_sub(before.good).clamp(low, high);
        Self { total, good, low, high, layout: self.layout }
    }

    /// `None` where bounds and counts do not fit together, or where there are none.
    pub fn of_histogram(histogram: &Histogram<'_>, op: Operator, limit: f64) -> Option<Self> {
        let (bounds, counts) = (histogram.bounds.fixed().count(), histogram.counts.fixed().count());
        if counts != bounds + 1 {
            return None;
        }
        let mut below = Below::default();
        let (mut low, mut layout) = (f64::NEG_INFINITY, 0xcbf2_9ce4_8422_2325);
        let ends = histogram.bounds.doubles().chain([f64::INFINITY]);
        for (high, count) in ends.zip(histogram.counts.fixed()) {
            layout = (layout ^ high.to_bits()).wrapping_mul(0x0100_0000_01b3);
            below.add(count, part_below((low, high), limit));
            low = high;
        }
        Some(below.tally(op, layout))
    }

    pub fn of_exponential(histogram: &Exponential<'_>, op: Operator, limit: f64) -> Option<Self> {
        if !(-32..=32).contains(&histogram.scale) {
            return None;
        }
        let (size, resolution) = (limit.abs(), f64::from(histogram.scale).exp2());
        // Where the limit lies among the buckets: in bucket i if i < place <= i + 1.
        let place = size.log2() * resolution;
        let mut below = Below::default();
        let part = |index: f64| match (index + 1.0 <= place, place <= index) {
            (true, _) => Part::All,
            (_, true) => Part::None,
            _ => {
                let (low, high) = ((index / resolution).exp2(), ((index + 1.0) / resolution).exp2());
                Part::Some(share(size, low, high))
            }
        };
        let all = |buckets: &Buckets<'_>, below: &mut Below, judge: &dyn Fn(f64) -> Part| {
            for (index, count) in (i64::from(buckets.offset)..).zip(buckets.counts.varints()) {
                below.add(count, judge(index as f64));
            }
        };
        all(&histogram.positive, &mut below, &|index| if limit > 0.0 { part(index) } else { Part::None });
        all(&histogram.negative, &mut below, &|index| {
            if limit < 0.0 { part(index).mirrored() } else { Part::All }
        });
        let (zero, threshold) = (histogram.zero_count, histogram.zero_threshold);
        below.add(
            zero,
            match (limit >= threshold, limit < -threshold) {
                (true, _) => Part::All,
                (_, true) => Part::None,
                // What counts as zero is taken for zero.
                _ => Part::Some(if limit >= 0.0 { UNIT } else { 0 }),
            },
        );
        Some(below.tally(op, u64::from(histogram.scale.cast_unsigned()) ^ threshold.to_bits()))
    }
}

/// How much of a bucket lies at or below the limit.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Part {
    All,
    None,
    /// So many billionths of it, by estimate.
    Some(u128),
}

impl Part {
    fn mirrored(self) -> Self {
        match self {
            Self::All => Self::None,
            Self::None => Self::All,
            Self::Some(share) => Self::Some(UNIT - share),
        }
    }
}

fn part_below((low, high): (f64, f64), limit: f64) -> Part {
    if high <= limit {
        return Part::All;
    }
    if limit <= low {
        return Part::None;
    }
    // The first bucket has no lower end: as everywhere, it begins at 0 where that makes sense. The last has no
    // upper end, so nothing of it is taken for small.
    let low = if low == f64::NEG_INFINITY { 0.0 } else { low };
    match low < limit && high.is_finite() {
        true => Part::Some(share(limit, low, high)),
        false => Part::Some(0),
    }
}

fn share(limit: f64, low: f64, high: f64) -> u128 {
    let share = (limit - low) / (high - low) * UNIT as f64;
    (share.round() as u128).min(UNIT)
}

/// In whole values, but for the parts of buckets.
#[derive(Debug, Default)]
struct Below {
    total: u128,
    low: u128,
    /// What is above `low` at most, and billionths of it by estimate.
    open: u128,
    estimate: u128,
}

impl Below {
    #[inline]
    fn add(&mut self, count: u64, part: Part) {
        let count = u128::from(count);
        self.total += count;
        match part {
            Part::All => self.low += count,
            Part::None => {}
            Part::Some(share) => {
                self.open += count;
                self.estimate += count * share;
            }
        }
    }

    fn tally(self, op: Operator, layout: u64) -> Tally {
        let (total, low) = (self.total * UNIT, self.low * UNIT);
        let (good, high) = (low + self.estimate, low + self.open * UNIT);
        match op {
            Operator::Lte | Operator::Lt => Tally { total, good, low, high, layout },
            Operator::Gte | Operator::Gt => {
                Tally { total, good: total - good, low: total - high, high: total - low, layout }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Packed;

    fn fixed(numbers: impl Iterator<Item = u64>) -> Packed<'static> {
        Packed(numbers.flat_map(u64::to_le_bytes).collect::<Vec<u8>>().into())
    }

    fn histogram(bounds: &[f64], counts: &[u64]) -> Histogram<'static> {
        Histogram {
            count: counts.iter().sum(),
            bounds: fixed(bounds.iter().map(|bound| bound.to_bits())),
            counts: fixed(counts.iter().copied()),
        }
    }

    /// Low, estimate, high and total in whole events.
    fn seen(tally: Option<Tally>) -> [f64; 4] {
        let tally = tally.unwrap();
        [tally.low, tally.good, tally.high, tally.total].map(|one| one as f64 / UNIT as f64)
    }

    #[test]
    fn a_limit_inside_a_bucket_lies_in_an_interval_and_has_a_linear_estimate() {
        let example = histogram(&[0.1, 0.3, 1.0], &[10, 20, 30, 5]);
        let at = |op, limit| seen(Tally::of_histogram(&example, op, limit));
        assert_eq!(at(Operator::Lte, 0.65), [30.0, 45.0, 60.0, 65.0]);
        assert_eq!(at(Operator::Gt, 0.65), [5.0, 20.0, 35.0, 65.0]);
        assert_eq!(at(Operator::Lte, 0.3), [30.0, 30.0, 30.0, 65.0], "exact on a bound");
        assert_eq!(at(Operator::Lte, 0.05), [0.0, 5.0, 10.0, 65.0], "the first bucket begins at 0");
        assert_eq!(at(Operator::Lte, 5.0), [60.0, 60.0, 65.0, 65.0], "the last bucket has no end");
        assert_eq!(at(Operator::Lte, -1.0), [0.0, 0.0, 10.0, 65.0]);
        assert_eq!(Tally::of_histogram(&histogram(&[], &[]), Operator::Lte, 1.0), None);
        assert_eq!(Tally::of_histogram(&histogram(&[1.0], &[1]), Operator::Lte, 1.0), None);
    }

    #[test]
    fn exponential_buckets_have_bounds_at_powers_of_their_base() {
        let buckets = |offset, counts: &[u8]| Buckets { offset, counts: Packed(counts.to_vec().into()) };
        // Scale 0: 2 in (1, 2], 4 in (2, 4], 8 in (4, 8]; 1 at zero; 3 in [-2, -1).
        let example = Exponential {
            count: 18,
            scale: 0,
            zero_count: 1,
            zero_threshold: 0.0,
            positive: buckets(0, &[2, 4, 8]),
            negative: buckets(0, &[3]),
        };
        let at = |limit| seen(Tally::of_exponential(&example, Operator::Lte, limit));
        assert_eq!(at(4.0), [10.0, 10.0, 10.0, 18.0], "exact on a bound");
        assert_eq!(at(3.0), [6.0, 8.0, 10.0, 18.0]);
        assert_eq!(at(0.0), [4.0, 4.0, 4.0, 18.0]);
        assert_eq!(at(-1.25), [0.0, 2.25, 3.0, 18.0]);
        assert_eq!(at(-4.0), [0.0, 0.0, 0.0, 18.0]);
        let finer = Exponential { scale: 1, ..example.clone() };
        assert_eq!(seen(Tally::of_exponential(&finer, Operator::Gte, 2.0)), [8.0, 8.0, 8.0, 18.0]);
    }

    #[test]
    fn increments_keep_their_interval_and_widen_it_where_the_buckets_changed() {
        let of = |bounds: &[f64], counts: &[u64]| {
            Tally::of_histogram(&histogram(bounds, counts), Operator::Lte, 0.65).unwrap()
        };
        let before = of(&[0.1, 0.3, 1.0], &[10, 20, 30, 5]);
        let after = of(&[0.1, 0.3, 1.0], &[11, 22, 34, 5]);
        assert_eq!(seen(Some(after.since(&before))), [3.0, 5.0, 7.0, 7.0]);
        let coarser = of(&[1.0], &[67, 5]);
        assert_eq!(seen(Some(coarser.since(&before))), [0.0, 0.0, 7.0, 7.0]);
    }

    #[test]
    fn counters_are_kept_to_the_billionth() {
        let total = |number| Tally::of_number(number).map(|tally| tally.total);
        assert_eq!(total(Number::Int(7)), Some(7 * UNIT));
        assert_eq!(total(Number::Double(0.1)), Some(UNIT / 10));
        assert_eq!(total(Number::Double(9_007_199_254_740_993.0)), Some(9_007_199_254_740_992 * UNIT));
        for none in [Number::Int(-1), Number::Double(-0.5), Number::Double(f64::NAN), Number::Double(1e300)] {
            assert_eq!(total(none), None, "{none:?}");
        }
    }
}
