//! Series by timelines in text, and by seeds against a twin that sees all points at once.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::model::{EventTime, Number};

const BEGAN: u64 = 1_000;

fn point(series: u128, start: u64, at: u64, value: f64, cumulative: bool) -> SeriesPoint {
    let tally = Tally::of_number(Number::Double(value)).unwrap();
    SeriesPoint { series, start_ns: start, time: EventTime(at), cumulative, tally, uses: (0, 0) }
}

/// Points as `start time value`, and what each adds.
fn added(cumulative: bool, points: &str) -> (String, SeriesCounters) {
    let mut baselines = Baselines::new(Now(BEGAN), SERIES_MAX);
    let added: Vec<String> = points
        .split(',')
        .map(|words| {
            let numbers: Vec<f64> = words.split_whitespace().map(|word| word.parse().unwrap()).collect();
            let point = point(1, numbers[0] as u64, numbers[1] as u64, numbers[2], cumulative);
            let added = baselines.take(Now(BEGAN), &point);
            added.map_or("-".to_owned(), |added| added.total.to_string())
        })
        .collect();
    (added.join(" "), baselines.counters)
}

#[test]
fn cumulative_points_follow_the_rules_of_resets() {
    for (points, expected) in [
        // The first point counts if the series began after our state did.
        ("2000 2010 7, 2000 2020 9", "7 2"),
        ("500 2010 7, 500 2020 9", "- 2"),
        ("0 2010 7, 0 2020 9", "- 2"),
        ("2010 2010 7, 2010 2020 9", "- 2"),
        // A changed start is a reset, also where the value grew: 100, restart, 120 gives 120.
        ("500 2010 100, 2015 2020 120", "- 120"),
        // Without a start only a smaller value tells.
        ("0 2010 100, 0 2020 120, 0 2030 5", "- 20 5"),
        ("2000 2010 100, 2000 2020 5", "100 5"),
        // Seen before, or older than what was seen.
        ("2000 2010 7, 2000 2010 7, 2000 2005 3", "7 - -"),
        // From before a reset that came first.
        ("2000 2010 7, 2050 2060 5, 2000 2040 9", "7 5 2"),
        ("2050 2060 5, 2000 2040 9, 2000 2040 9", "5 9 -"),
        // A start that becomes known on the way.
        ("0 2010 7, 2000 2020 9, 2015 2030 4", "- 2 4"),
    ] {
        assert_eq!(added(true, points).0, expected, "{points}");
    }
    let (_, counters) = added(true, "500 2010 7, 2020 2030 5, 2020 2030 5");
    assert_eq!((counters.baselines, counters.resets, counters.duplicates), (1, 1, 1));
}

#[test]
fn deltas_count_once_for_each_stretch_of_time() {
    for (points, expected, gaps) in [
        ("10 20 3, 20 30 4", "3 4", 0),
        ("10 20 3, 15 30 4, 10 20 3", "3 - -", 0),
        ("10 20 3, 30 40 4", "3 4", 1),
        ("10 20 3, 30 40 4, 20 30 5, 20 30 5", "3 4 5 -", 0),
        ("20 30 3, 10 20 4", "3 4", 0),
        ("0 20 3, 0 30 4, 0 30 4", "3 4 -", 0),
    ] {
        let (seen, counters) = added(false, points);
        assert_eq!((&*seen, counters.gaps), (expected, gaps), "{points}");
    }
}

#[test]
fn parts_of_events_are_kept_until_they_make_a_whole_one() {
    assert_eq!(added(false, "10 20 0.4, 20 30 0.4, 30 40 0.4").0, "- - 1");
    assert_eq!(added(true, "2000 2010 0.9, 2000 2020 1.1, 2000 2030 2.05").0, "- 1 1");
}

#[test]
fn beyond_the_limit_deltas_count_and_cumulative_points_can_not() {
    let mut baselines = Baselines::new(Now(BEGAN), SERIES_MAX);
    baselines.limit = 2;
    let mut take = |series, cumulative| {
        let added = baselines.take(Now(BEGAN), &point(series, 2_000, 2_010, 5.0, cumulative));
        added.map(|added| added.total)
    };
    assert_eq!([take(1, true), take(2, false)], [Some(5), Some(5)]);
    assert_eq!([take(3, true), take(4, false)], [None, Some(5)]);
    assert_eq!(take(1, true), None, "a duplicate of a series that is held");
    let seen = baselines.view(0);
    assert_eq!((seen.held, seen.counters.overflow, seen.counters.uncounted), (2, 2, 1));
}

#[test]
fn a_silent_series_gives_way_and_is_not_counted_again_when_it_comes_back() {
    let mut baselines = Baselines::new(Now(BEGAN), SERIES_MAX);
    baselines.limit = 1;
    let take = |baselines: &mut Baselines, series, now, start, at, value| {
        let added = baselines.take(Now(now), &point(series, start, at, value, true));
        added.map(|added| added.total)
    };
    assert_eq!(take(&mut baselines, 1, 2_010, 2_000, 2_010, 7.0), Some(7));
    let (soon, later) = (2_009 + SILENT_NS, 2_010 + SILENT_NS + SWEEP_NS);
    assert_eq!(take(&mut baselines, 2, soon, 2_000, soon, 7.0), None, "no room yet");
    assert_eq!(take(&mut baselines, 2, later, 2_000, later, 7.0), Some(7), "a new one counts from its start");
    assert_eq!((baselines.view(0).held, baselines.counters.expired), (1, 1));
    let later = later + SILENT_NS + SWEEP_NS;
    assert_eq!(take(&mut baselines, 1, later, 2_000, later, 9.0), None);
    assert_eq!(take(&mut baselines, 1, later + 10, 2_000, later + 10, 12.0), Some(3));
    assert_eq!(take(&mut baselines, 1, later + 30, later + 20, later + 30, 4.0), Some(4), "a restart counts");
}

#[test]
fn a_series_is_kept_for_as_long_as_there_is_room() {
    let mut baselines = Baselines::new(Now(BEGAN), SERIES_MAX);
    let much_later = 2_010 + 9 * SILENT_NS;
    for (now, value, expected) in [(2_010, 7.0, Some(7)), (much_later, 9.0, Some(2))] {
        let added = baselines.take(Now(now), &point(1, 2_000, now, value, true));
        assert_eq!(added.map(|added| added.total), expected);
    }
}

/// The life of a counter: runs of its process, in each the increments of successive exports.
fn lives() -> impl Strategy<Value = Vec<Vec<u64>>> {
    vec(vec(0..50_u64, 1..6), 1..4)
}

/// `(start, time, value)` of every export.
fn exports(lives: &[Vec<u64>], cumulative: bool) -> Vec<(u64, u64, u64)> {
    let (mut clock, mut exports) = (BEGAN + 10, Vec::new());
    for life in lives {
        clock += 5;
        let (began, mut sum) = (clock, 0);
        for increment in life {
            let from = clock;
            clock += 10;
            sum += increment;
            exports.push(if cumulative { (began, clock, sum) } else { (from, clock, *increment) });
        }
    }
    exports
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_increment_counts_once_in_any_order_and_with_repeats(
        lives in lives(),
        cumulative in any::<bool>(),
        repeats in vec(any::<prop::sample::Index>(), 0..8),
        order in any::<u64>(),
    ) {
        let all = exports(&lives, cumulative);
        let mut sent = all.clone();
        sent.extend(repeats.iter().map(|index| *index.get(&all)));
        sent.sort_by_key(|(start, at, _)| (at ^ start).wrapping_mul(order | 1).rotate_left(17));
        let mut baselines = Baselines::new(Now(BEGAN), SERIES_MAX);
        let mut seen = 0;
        for (start, at, value) in &sent {
            let point = point(1, *start, *at, *value as f64, cumulative);
            seen += baselines.take(Now(BEGAN), &point).map_or(0, |added| added.total);
        }
        prop_assert_eq!(seen, lives.iter().flatten().sum::<u64>());
    }
}
