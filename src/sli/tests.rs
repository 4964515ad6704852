//! Windows against a plain sum over the events.

use proptest::prelude::*;

use super::{Layout, Series, TIERS, width_for};
use crate::sli::COUNT_MAX;

const WINDOWS: [u64; 9] = [60, 300, 1_800, 3_600, 7_200, 21_600, 86_400, 259_200, 2_419_200];

#[test]
fn a_window_takes_the_coarsest_width_that_divides_it() {
    for (window, width) in [
        (300, 1),
        (3_600, 1),
        (7_200, 10),
        (21_600, 10),
        (86_400, 60),
        (259_200, 300),
        (2_419_200, 900),
        (7_201, 1),
        (4 * 86_400 + 60, 60),
    ] {
        assert_eq!(width_for(window), width, "{window}");
    }
    assert!(TIERS.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 < pair[1].1));
}

/// What a plain sum over whole buckets gives.
fn naive(events: &[(u64, u64, u64)], clock: u64, window: u64) -> (u64, u64) {
    let width = width_for(window);
    let inside = |at: u64| at / width + window / width > clock / width;
    let kept = events.iter().filter(|(at, _, _)| inside(*at));
    kept.fold((0, 0), |sum, (_, good, bad)| (sum.0 + good, sum.1 + bad))
}

fn exact(events: &[(u64, u64, u64)], clock: u64, window: i64) -> u64 {
    let inside = |at: u64| at as i64 > clock as i64 - window;
    events.iter().filter(|(at, _, _)| inside(*at)).map(|(_, good, bad)| good + bad).sum()
}

/// Scenario: a counter that was set to the largest number, as a broken or hostile sender may.
/// Guarantees: it takes the memory of one bucket, the sum says as much as it can, and it leaves with its window.
#[test]
fn a_count_of_any_size_takes_one_bucket_and_leaves_as_it_came() {
    let mut layout = Layout::default();
    let window = layout.window(300);
    let mut series = Series::new(&layout);
    series.advance(&layout, 1_000);
    series.add(&layout, 999, 1, 1);
    let bytes = series.bytes();
    for _ in 0..3 {
        series.add(&layout, 1_000, u64::MAX, u64::MAX - 5);
    }
    assert!(series.bytes() < bytes + 1_000, "{} bytes", series.bytes());
    assert_eq!(series.sum(window), (COUNT_MAX, COUNT_MAX));
    series.turn(&layout, 1_000, u64::MAX, true);
    series.advance(&layout, 1_299);
    assert_eq!(series.sum(window), (COUNT_MAX, COUNT_MAX));
    series.advance(&layout, 1_300);
    assert_eq!(series.sum(window), (0, 0));
    series.add(&layout, 1_300, 7, 2);
    assert_eq!(series.sum(window), (7, 2));
}

proptest! {
    /// Guarantees: for any order, lateness and gaps, each window equals a plain sum over the events
    /// that came, and lies between the exact windows one bucket shorter and one bucket longer.
    #[test]
    fn windows_agree_with_a_plain_sum(
        steps in prop::collection::vec((0_u64..5_000, -4_000_i64..1, 0_u64..5, 0_u64..3), 1..200),
        jump in 0_u64..3_000_000,
    ) {
        let mut layout = Layout::default();
        let ids = WINDOWS.map(|window| layout.window(window));
        let mut series = Series::new(&layout);
        let (mut clock, mut events) = (1_700_000_000_u64, Vec::new());
        series.advance(&layout, clock);
        for (step, (gap, offset, good, bad)) in steps.iter().enumerate() {
            clock += if step == steps.len() / 2 { jump } else { gap * u64::from(*gap > 4_000) + gap % 7 };
            series.advance(&layout, clock);
            let at = clock.saturating_add_signed(*offset);
            let held = series.add(&layout, at, *good, *bad);
            prop_assert!(held, "the longest window holds four weeks");
            events.push((at, *good, *bad));
            for (id, window) in ids.iter().zip(WINDOWS) {
                prop_assert_eq!(series.sum(*id), naive(&events, clock, window));
                let width = width_for(window) as i64;
                let total = series.sum(*id).0 + series.sum(*id).1;
                prop_assert!(exact(&events, clock, window as i64 - width) <= total);
                prop_assert!(total <= exact(&events, clock, window as i64 + width));
            }
        }
    }
}

#[test]
fn what_no_window_holds_any_more_is_not_taken() {
    let mut layout = Layout::default();
    let hour = layout.window(3_600);
    let mut series = Series::new(&layout);
    series.advance(&layout, 10_000);
    assert!(series.add(&layout, 6_401, 1, 0));
    assert!(!series.add(&layout, 6_400, 1, 0));
    assert_eq!(series.sum(hour), (1, 0));
}

#[test]
fn a_bucket_takes_more_than_four_billion_events() {
    let mut layout = Layout::default();
    let hour = layout.window(3_600);
    let mut series = Series::new(&layout);
    series.advance(&layout, 10_000);
    let many = u64::from(u32::MAX) * 3;
    series.add(&layout, 9_999, many, 7);
    series.add(&layout, 9_999, 1, many);
    assert_eq!(series.sum(hour), (many + 1, many + 7));
    series.advance(&layout, 9_999 + 3_600);
    assert_eq!(series.sum(hour), (0, 0));
}
