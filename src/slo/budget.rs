//! Budget arithmetic on counts: shares, burn rates, coverage. Exact, by integers.
//!
//! Formulas: burn = (bad / total) / budget; spent = burn over the whole budget window. Both are
//! scaled by coverage, the share of the window that has been seen: time not seen counts as clean
//! at the same traffic, so that one failure in a young window can not page.

use super::objective::Objective;
use crate::model::{Parts, Quotient, SECOND_NS};

/// Good and bad events of one window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
    pub window_s: u64,
    /// How much of the window lies after the first event; at most the window.
    pub covered_ns: u64,
}

impl Seen {
    pub fn new(count: Count, window_s: u64, since_first_ns: u64) -> Self {
        Self { count, window_s, covered_ns: since_first_ns.min(window_s.saturating_mul(SECOND_NS)) }
    }

    pub fn coverage(self) -> Quotient {
        Quotient::new((u128::from(self.covered_ns), 1), (self.window_ns(), 1))
    }

    /// Scaled by coverage: this is what decides.
    pub fn burn(self, objective: Objective) -> Quotient {
        self.burn_with_scale(objective, 1)
    }

    /// As if the whole window had looked like the part that was seen.
    pub fn raw_burn(self, objective: Objective) -> Quotient {
        Quotient::new(
            (u128::from(self.count.bad), u128::from(Parts::ONE.0)),
            (u128::from(self.count.total()), u128::from(objective.budget().0)),
        )
    }

    /// Strictly: a burn rate equal to the factor does not exceed it.
    pub fn burns_above(self, factor: Parts, objective: Objective) -> bool {
        self.burn_with_scale(objective, u128::from(Parts::ONE.0)).exceeds(factor.0)
    }

    fn burn_with_scale(self, objective: Objective, scale: u128) -> Quotient {
        let bad_seen = u128::from(self.count.bad) * u128::from(self.covered_ns);
        let all = u128::from(self.count.total()) * self.window_ns();
        Quotient::new((bad_seen, u128::from(Parts::ONE.0) * scale), (all, u128::from(objective.budget().0)))
    }

    fn window_ns(self) -> u128 {
        u128::from(self.window_s) * u128::from(SECOND_NS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::parse_parts;

    fn objective(target: &str) -> Objective {
        Objective::new(parse_parts(target).unwrap()).unwrap()
    }

    /// A 28-day window that has seen one minute, 1 bad of 8.
    #[test]
    fn a_young_window_is_scaled_by_what_it_has_seen() {
        let seen = |window_s| Seen::new(Count { good: 7, bad: 1 }, window_s, 60 * SECOND_NS);
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
        let seen = Seen::new(Count { good: 999_600, bad: 400 }, 60, u64::MAX);
        assert_eq!(seen.burn(objective("0.999")).decimal(), "0.4");
        assert_eq!(seen.burn(objective("0.999")).decimal_of_rest(), "0.6");
        let more = Seen::new(Count { good: 998_600, bad: 1_400 }, 60, u64::MAX);
        assert_eq!(
            more.burn(objective("0.999")).decimal_of_rest(),
            "-0.4",
            "an overspent budget is not clipped"
        );
    }

    #[test]
    fn a_burn_equal_to_the_factor_does_not_exceed_it() {
        let at = |bad| Seen::new(Count { good: 100_000 - bad, bad }, 3_600, u64::MAX);
        let factor = parse_parts("14.4").unwrap();
        assert!(!at(1_440).burns_above(factor, objective("0.999")));
        assert!(at(1_441).burns_above(factor, objective("0.999")));
    }

    #[test]
    fn without_events_the_sli_is_unknown_and_nothing_burns() {
        let none = Seen::new(Count::default(), 3_600, u64::MAX);
        assert!(none.count.sli().is_none());
        assert_eq!(none.burn(objective("0.999")).decimal(), "0");
    }
}
