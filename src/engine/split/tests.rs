//! What goes where, and that nothing is lost.

use crate::engine::points::Use;
use crate::engine::tally::Tally;
use crate::engine::{Batch, Points, Role, SeriesPoint, SloDelta};
use crate::model::{EventTime, SECOND_NS, Signal};

fn time(second: u64) -> EventTime {
    EventTime(second * SECOND_NS + 5)
}

fn delta(slo: u32, group: u32, second: u64) -> SloDelta {
    SloDelta { slo, track: 0, group, second, good: 1, bad: 0, oldest: time(second), newest: time(second) }
}

fn point(series: u128, second: u64, uses: (u32, u32)) -> SeriesPoint {
    let tally = Tally::of_count(second);
    SeriesPoint { series, start_ns: 1, time: time(second), cumulative: true, tally, uses }
}

fn batch() -> Batch {
    Batch {
        plan_version: 7,
        signal: Signal::Metrics,
        fingerprint: Some(1),
        items: 6,
        rejected: 1,
        repeated: 0,
        identities: Vec::new(),
        offsets: None,
        reason: Some("why".to_owned()),
        newest: Some(time(12)),
        timeless: 0,
        future: 0,
        filtered: vec![(0, 1)],
        decided: Vec::new(),
        services: Vec::new(),
        seconds: vec![(9, 1), (10, 2), (11, 1), (12, 1)],
        groups: vec![vec![], vec!["a".to_owned()], vec!["b".to_owned()]],
        slos: vec![
            delta(0, 0, 9),
            delta(0, 0, 11),
            delta(1, 1, 10),
            delta(1, 1, 12),
            delta(1, 2, 11),
            delta(1, 2, 12),
        ],
        points: Points::default(),
        hits: Vec::new(),
        events: Vec::new(),
        mismatches: vec![(0, 3)],
    }
}

fn told(part: &Batch) -> Vec<(u32, String, u64)> {
    part.slos.iter().map(|one| (one.slo, part.groups[one.group as usize].concat(), one.second)).collect()
}

#[test]
fn what_is_not_later_stays_together_with_all_that_has_no_time() {
    let (whole, parts) = batch().by_second(10);
    assert_eq!((whole.items, whole.rejected, whole.fingerprint), (6, 1, None));
    assert_eq!((parts[0].1.fingerprint, parts[1].1.fingerprint), (None, Some(1)), "it comes with the newest");
    assert_eq!((whole.seconds.as_slice(), whole.mismatches.len()), (&[(9, 1), (10, 2)][..], 1));
    assert_eq!(told(&whole), [(0, String::new(), 9), (1, "a".to_owned(), 10)]);
    let seconds: Vec<u64> = parts.iter().map(|(second, _)| *second).collect();
    assert_eq!(seconds, [11, 12]);
    assert_eq!(told(&parts[0].1), [(0, String::new(), 11), (1, "b".to_owned(), 11)]);
    assert_eq!(told(&parts[1].1), [(1, "a".to_owned(), 12), (1, "b".to_owned(), 12)]);
    for (second, part) in &parts {
        assert_eq!((part.plan_version, part.signal), (7, Signal::Metrics));
        assert_eq!((part.items, part.filtered.len()), (0, 0));
        assert_eq!(part.seconds, [(*second, 1)]);
    }
}

#[test]
fn nothing_later_is_nothing_to_part() {
    assert_eq!(batch().by_second(12), (batch(), Vec::new()));
    let empty = Batch { seconds: Vec::new(), slos: Vec::new(), ..batch() };
    assert_eq!(empty.clone().by_second(0), (empty, Vec::new()));
}

/// Scenario: the points of one series are out of order in the request.
/// Guarantees: they come in the order of the request all the same, so that baselines see what they would have seen.
#[test]
fn points_of_a_series_stay_in_their_order() {
    let use_of = |slo, group| Use { slo, track: 0, group, role: Role::Total };
    let points = Points {
        points: vec![point(1, 12, (0, 2)), point(1, 11, (2, 3)), point(2, 11, (3, 4)), point(2, 9, (4, 4))],
        uses: vec![use_of(0, 0), use_of(1, 2), use_of(1, 1), use_of(1, 1)],
        unusable: 4,
    };
    let (whole, parts) = Batch { points, slos: Vec::new(), ..batch() }.by_second(10);
    assert_eq!((whole.points.unusable, whole.points.points.len()), (4, 0));
    let seen = |part: &Batch| {
        let uses = |point: &SeriesPoint| {
            let of = &part.points.uses[point.uses.0 as usize..point.uses.1 as usize];
            of.iter().map(|one| (one.slo, part.groups[one.group as usize].concat())).collect::<Vec<_>>()
        };
        let points = part.points.points.iter();
        points.map(|point| (point.series, point.time.seconds(), uses(point))).collect::<Vec<_>>()
    };
    let (a, b) = ("a".to_owned(), "b".to_owned());
    assert_eq!(seen(&parts[0].1), [(2, 11, vec![(1, a.clone())]), (2, 9, vec![])]);
    assert_eq!(seen(&parts[1].1), [(1, 12, vec![(0, String::new()), (1, b)]), (1, 11, vec![(1, a)])]);
}
