//! Budget arithmetic on counts: shares, burn rates, coverage. Exact, by integers.
//!
//! Formulas: burn = (bad / total) / budget; spent = burn over the whole budget window. What decides is scaled by
//! coverage, the share of the window that has been seen: time not seen counts as clean at the same traffic, so that one
//! failure in a young window can not page. With `no-data: bad`, time that went by without events counts as bad at it.

use borsh::{BorshDeserialize, BorshSerialize};

use super::objective::Objective;
use crate::model::{Parts, Quotient, SECOND_NS};

/// Good and bad events, or slices, of one window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Count {
    pub good: u64,
    pub bad: u64,
}

impl Count {
    pub fn total(self) -> u64 {
        self.good + self.bad
    }

    /// good / total; `None` without events, for then it is unknown.
    pub fn sli(self) -> Option<Quotient> {
        let total = self.total();
        (total > 0).then(|| Quotient::new((u128::from(self.good), 1), (u128::from(total), 1)))
    }
}

/// One window of a series as it stands at the SLO's clock.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    pub count: Count,
    /// The bad share of what was seen.
    raw: Share,
    /// The bad share that decides: of the whole window.
    scaled: Share,
    /// How much of the window was seen.
    covered: Share,
}

/// How much of a window has been looked at, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cover {
    pub window_ns: u64,
    /// After the first event, less what is excluded.
    pub covered_ns: u64,
    /// Of which time without events that counts as bad.
    pub missing_ns: u64,
}

#[derive(Clone, Copy, Debug)]
struct Share {
    part: u128,
    of: u128,
}

/// Sums over the complete slices of a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SliceSum {
    /// With events, or counted without.
    pub known: u64,
    /// Of which not wholly good.
    pub bad: u64,
    /// Billionths of badness of all of them.
    pub badness: u128,
}

impl Cover {
    /// A window of so many seconds, seen for so long.
    pub fn new(window_s: u64, seen_ns: u64) -> Self {
        let window_ns = window_s.saturating_mul(SECOND_NS);
        Self { window_ns, covered_ns: seen_ns.min(window_ns), missing_ns: 0 }
    }
}

impl Seen {
    /// `scale` units make one event.
    pub fn of_events(units: Count, scale: u64, cover: Cover) -> Self {
        let (bad, total) = (u128::from(units.bad), u128::from(units.total()));
        let missing = u128::from(cover.missing_ns.min(cover.covered_ns));
        let (covered, window) = (u128::from(cover.covered_ns), u128::from(cover.window_ns));
        let scaled = match total {
            0 => Share { part: missing, of: window },
            _ => Share { part: bad * (covered - missing) + total * missing, of: total * window },
        };
        Self {
            count: Count { good: units.good / scale, bad: units.bad / scale },
            raw: Share { part: bad, of: total },
            scaled,
            covered: Share { part: covered, of: window },
        }
    }

    /// `slices`: how many the whole window has.
    pub fn of_slices(sum: SliceSum, slices: u64, cover: Cover) -> Self {
        let whole = |slices: u64| u128::from(slices) * u128::from(Parts::ONE.0);
        Self {
            count: Count { good: sum.known - sum.bad, bad: sum.bad },
            raw: Share { part: sum.badness, of: whole(sum.known) },
            scaled: Share { part: sum.badness, of: whole(slices) },
            covered: Share { part: u128::from(cover.covered_ns), of: u128::from(cover.window_ns) },
        }
    }

    pub fn coverage(self) -> Quotient {
        Quotient::new((self.covered.part, 1), (self.covered.of, 1))
    }

    /// The good share of what was seen; `None` where nothing was.
    pub fn sli(self) -> Option<Quotient> {
        let Share { part, of } = self.raw;
        (of > 0).then(|| Quotient::new((of - part, 1), (of, 1)))
    }

    /// Scaled by coverage: this is what decides.
    pub fn burn(self, objective: Objective) -> Quotient {
        self.scaled.over(objective)
    }

    /// As if the whole window had looked like the part that was seen.
    pub fn raw_burn(self, objective: Objective) -> Quotient {
        self.raw.over(objective)
    }
}

impl Share {
    fn over(self, objective: Objective) -> Quotient {
        let one = u128::from(Parts::ONE.0);
        Quotient::new((self.part, one), (self.of, u128::from(objective.budget().0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::parse_parts;

    fn objective(target: &str) -> Objective {
        Objective::new(parse_parts(target).unwrap()).unwrap()
    }

    fn seen(good: u64, bad: u64, window_s: u64, seen_ns: u64) -> Seen {
        Seen::of_events(Count { good, bad }, 1, Cover::new(window_s, seen_ns))
    }

    /// A 28-day window that has seen one minute, 1 bad of 8.
    #[test]
    fn a_young_window_is_scaled_by_what_it_has_seen() {
        let seen = |window_s| seen(7, 1, window_s, 60 * SECOND_NS);
        let three_nines = objective("0.999");
        assert_eq!(seen(28 * 86_400).coverage().decimal(), "0.000025");
        assert_eq!(seen(28 * 86_400).burn(three_nines).decimal(), "0.0031");
        assert_eq!(seen(28 * 86_400).burn(three_nines).decimal_of_rest(), "0.9969");
        assert_eq!(seen(3_600).burn(three_nines).decimal(), "2.083333");
        assert_eq!(seen(300).burn(three_nines).decimal(), "25");
        assert_eq!(seen(3_600).raw_burn(three_nines).decimal(), "125");
        assert_eq!(seen(28 * 86_400).burn(objective("0.995")).decimal_of_rest(), "0.99938");
    }

    #[test]
    fn a_million_events_with_four_hundred_bad_leave_six_tenths() {
        let four_hundred = seen(999_600, 400, 60, u64::MAX);
        assert_eq!(four_hundred.burn(objective("0.999")).decimal(), "0.4");
        assert_eq!(four_hundred.burn(objective("0.999")).decimal_of_rest(), "0.6");
        assert_eq!(four_hundred.sli().unwrap().decimal(), "0.9996");
        let more = seen(998_600, 1_400, 60, u64::MAX);
        assert_eq!(
            more.burn(objective("0.999")).decimal_of_rest(),
            "-0.4",
            "an overspent budget is not clipped"
        );
    }

    /// 99.95 % of a week in slices of a minute allow 5.04 bad ones, whatever has been seen of it.
    #[test]
    fn slices_are_held_against_the_whole_window_from_the_first_minute() {
        let three = SliceSum { known: 60, bad: 3, badness: 3 * u128::from(Parts::ONE.0) };
        let seen = Seen::of_slices(three, 10_080, Cover::new(7 * 86_400, 3_600 * SECOND_NS));
        assert_eq!(seen.burn(objective("0.9995")).decimal_of_rest(), "0.404762");
        assert_eq!(seen.sli().unwrap().decimal(), "0.95");
        assert_eq!(seen.coverage().decimal(), "0.005952");
    }

    #[test]
    fn time_without_events_that_counts_as_bad_weighs_as_much_as_it_lasted() {
        let hour = 3_600;
        let cover =
            |missing_s: u64| Cover { missing_ns: missing_s * SECOND_NS, ..Cover::new(hour, u64::MAX) };
        let burn = |good, bad, missing_s| {
            let seen = Seen::of_events(Count { good, bad }, 1, cover(missing_s));
            seen.burn(objective("0.9")).decimal()
        };
        assert_eq!(burn(100, 0, 360), "1", "a tenth of the hour");
        assert_eq!(burn(90, 10, 1_800), "5.5");
        assert_eq!(burn(0, 0, 3_600), "10", "nothing at all came");
        assert_eq!(burn(0, 0, 0), "0");
    }

    #[test]
    fn a_burn_equal_to_the_factor_does_not_exceed_it() {
        let at = |bad| seen(100_000 - bad, bad, 3_600, u64::MAX).burn(objective("0.999"));
        let factor = parse_parts("14.4").unwrap();
        assert!(!at(1_440).is_above(factor) && at(1_440).is_at_least(factor));
        assert!(at(1_441).is_above(factor) && !at(1_439).is_at_least(factor));
    }

    #[test]
    fn without_events_the_sli_is_unknown_and_nothing_burns() {
        let none = seen(0, 0, 3_600, u64::MAX);
        assert!(none.sli().is_none() && none.count.sli().is_none());
        assert_eq!(none.burn(objective("0.999")).decimal(), "0");
    }
}
