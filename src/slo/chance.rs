//! How likely so many bad events are by chance, for services of little traffic: the upper tail of the binomial
//! distribution, P(X >= bad | total, budget), in fixed point.

use crate::model::Parts;

/// 2^62 stands for 1.
const ONE: u128 = 1 << 62;
/// From so many bad events on that are to be expected, chance is no longer the question.
const EXPECTED_MAX: u128 = 32;

/// Whether a service that meets its target has so many bad events with a probability below `limit`.
pub fn is_unlikely(bad: u64, total: u64, budget: Parts, limit: Parts) -> bool {
    let expected = u128::from(total) * u128::from(budget.0) / u128::from(Parts::ONE.0);
    expected >= EXPECTED_MAX
        || tail(bad, total, budget) * u128::from(Parts::ONE.0) < u128::from(limit.0) * ONE
}

/// In parts of 2^62. `total x budget` must be below [`EXPECTED_MAX`].
fn tail(bad: u64, total: u64, budget: Parts) -> u128 {
    let share = u128::from(budget.0) * ONE / u128::from(Parts::ONE.0);
    let rest = ONE - share;
    let mut exactly = power(rest, total);
    let mut fewer = 0;
    for count in 0..bad.min(total) {
        fewer += exactly;
        // Fits: the next probability is at most 1, so this product is at most 2^124.
        exactly = exactly * (u128::from(total - count) * share / u128::from(count + 1)) / rest;
        if exactly == 0 && count > 64 {
            break;
        }
    }
    if bad > total { 0 } else { ONE.saturating_sub(fewer) }
}

fn power(base: u128, mut exponent: u64) -> u128 {
    let (mut square, mut result) = (base, ONE);
    while exponent > 0 {
        if exponent % 2 == 1 {
            result = result * square / ONE;
        }
        square = square * square / ONE;
        exponent /= 2;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    const THOUSANDTH: Parts = Parts(1_000_000);

    /// Traffic of an hour, the failures that exceed 14.4 times a budget of 0.1 %, and how likely they are.
    #[test]
    fn the_tail_is_that_of_the_worked_numbers() {
        for (total, bad, expected) in [
            (10, 1, 1.0e-2),
            (50, 1, 4.9e-2),
            (70, 2, 2.3e-3),
            (100, 2, 4.6e-3),
            (500, 8, 5.9e-8),
            (1_000, 15, 2.7e-13),
        ] {
            let share = tail(bad, total, THOUSANDTH) as f64 / ONE as f64;
            assert!((share / expected - 1.0).abs() < 0.03, "{total} {bad}: {share:e}");
        }
    }

    #[test]
    fn the_tail_begins_at_one_and_ends_at_nothing() {
        assert_eq!(tail(0, 1_000, THOUSANDTH), ONE);
        assert_eq!(tail(0, 0, THOUSANDTH), ONE);
        assert_eq!(tail(1, 0, THOUSANDTH), 0);
        let all = tail(1_000, 1_000, THOUSANDTH);
        assert!(all < 1 << 20, "{all}");
        let half = Parts(500_000_000);
        assert_eq!(tail(3, 4, half), ONE * 5 / 16);
    }

    #[test]
    fn what_is_a_matter_of_chance_is_told_from_what_is_not() {
        let limit = Parts(100_000);
        assert!(!is_unlikely(1, 10, THOUSANDTH, limit), "one in a hundred hours");
        assert!(!is_unlikely(2, 70, THOUSANDTH, limit));
        assert!(is_unlikely(4, 70, THOUSANDTH, limit));
        assert!(is_unlikely(8, 500, THOUSANDTH, limit));
        assert!(is_unlikely(1, 40_000, THOUSANDTH, limit), "enough traffic to trust the rate");
        assert!(is_unlikely(u64::MAX, u64::MAX, THOUSANDTH, limit));
    }
}
