//! When things are decided.

use std::path::PathBuf;

use serde_json::Value;

use super::{SHOP, START, WORKED, calls, cut, facts_and_counts, replay};
use crate::program::Scratch;
use crate::requests::{Counted, Event, Request, SECOND_NS, as_frames, as_lines, counters, gzip, logs, spans};

/// Scenario: the same calls in requests of a second each, of a few, of minutes, and all in one.
/// Guarantees: the same decisions at the same times, silences between and within requests included.
#[test]
fn how_calls_are_cut_into_requests_decides_nothing() {
    for seed in 0..6 {
        let scratch = Scratch::new();
        let config = scratch.write("shop.yaml", SHOP);
        let events = calls(seed);
        let told = |seconds: u64| {
            let file = scratch.file(&format!("{seconds}.otlp.pb"), &as_frames(&cut(&events, seconds)));
            let (facts, counts) = facts_and_counts(&replay(&[file], &config, &["-o", "jsonl", "--counts"]));
            (facts, counts["slos"].clone(), counts["services"].clone())
        };
        let by_second = told(1);
        assert!(by_second.0.len() > 10, "{seed}: {}", by_second.0.len());
        for seconds in [3, 60, 3_600, u64::MAX] {
            let other = told(seconds);
            let differs = other.0.iter().zip(&by_second.0).find(|(a, b)| a != b);
            assert!(differs.is_none(), "seed {seed}, {seconds} s: {differs:#?}");
            assert!(other == by_second, "seed {seed}, {seconds} s");
        }
    }
}

/// `alert.fired` and `alert.resolved` of each condition, in seconds after `begin`.
fn times(facts: &[Value], name: &str, begin: u64) -> Vec<(String, u64)> {
    let of_name = facts.iter().filter(|fact| fact["fact"] == name);
    let seconds = |fact: &Value| {
        let at: jiff::Timestamp = fact["at"].as_str().unwrap().parse().unwrap();
        at.as_second() as u64 - begin
    };
    of_name.map(|fact| (fact["condition"].as_str().unwrap().to_owned(), seconds(fact))).collect()
}

/// Scenario: three clean days, an outage in which so many percent of the requests fail until every pair has fired, and
/// clean hours after it; 100 requests a second, all as delta counters.
/// Guarantees: each pair fires l x long / e after the beginning, and resets short x (1 - l / e) after the end.
#[test]
fn an_outage_fires_and_resolves_at_the_worked_times() {
    const PAIRS: [(&str, f64, f64, f64); 4] = [
        ("1h/5m", 14.4, 3_600.0, 300.0),
        ("6h/30m", 6.0, 21_600.0, 1_800.0),
        ("1d/2h", 3.0, 86_400.0, 7_200.0),
        ("3d/6h", 1.0, 259_200.0, 21_600.0),
    ];
    for (percent, outage) in [(100, 300), (50, 600), (10, 2_700)] {
        let begin = START + 4 * 86_400;
        let (second, end) = (begin - 7 * 3_600, begin + outage);
        let minutes = (begin - 3 * 86_400 + 60..=second).step_by(60);
        let past = minutes.map(|at_s| Counted { from_s: at_s - 60, at_s, requests: 6_000, failed: 0 });
        let fine = (second + 1..=end + 21_700).map(|at_s| {
            let failed = if begin < at_s && at_s <= end { percent } else { 0 };
            Counted { from_s: at_s - 1, at_s, requests: 100, failed }
        });
        let all: Vec<Counted> = past.chain(fine).collect();
        let scratch = Scratch::new();
        let config = scratch.write("worked.yaml", WORKED);
        let told = |each: usize| {
            let requests: Vec<Request> = all.chunks(each).map(|counted| counters("shop", counted)).collect();
            let file = scratch.file("outage.otlp.pb.gz", &gzip(&as_frames(&requests)));
            facts_and_counts(&replay(&[file], &config, &["-o", "jsonl", "--counts"]))
        };
        let (facts, counts) = told(60);
        assert!(told(7) == (facts.clone(), counts.clone()), "however the points are cut into requests");
        assert_eq!(counts["slos"][0]["bad"].as_u64(), Some(outage * percent as u64));
        let share = f64::from(percent as u32) / 100.0;
        let (fired, resolved) = (times(&facts, "alert.fired", begin), times(&facts, "alert.resolved", end));
        assert_eq!((fired.len(), resolved.len()), (4, 4), "{facts:#?}");
        for (pair, factor, long, short) in PAIRS {
            let limit = factor * 0.001;
            let at = |of: &[(String, u64)]| of.iter().find(|(name, _)| name == pair).unwrap().1 as f64;
            let (detect, reset) = (limit * long / share, short * (1.0 - limit / share));
            // One bucket of the short window's tier at each edge: seconds up to an hour, then ten.
            let bucket = if short > 3_600.0 { 10.0 } else { 1.0 };
            let late = [at(&fired) - detect, at(&resolved) - reset];
            assert!(
                (0.0..=1.0 + detect * 0.002).contains(&late[0]),
                "{percent} % {pair} fired {late:?} late"
            );
            assert!((-bucket..=1.0 + bucket).contains(&late[1]), "{percent} % {pair} resolved {late:?} late");
        }
    }
}

/// Scenario: a page, then nothing at all for days, with one probe at the end that a filter drops.
/// Guarantees: silence ends the page when the windows have become clean, not when something comes again; `--until`
/// lets time go on without any event.
#[test]
fn what_ends_in_silence_ends_at_its_time() {
    let scratch = Scratch::new();
    let config = scratch.write("shop.yaml", SHOP);
    let good = (0..4_000).map(|n| Event { at_ns: (START + n) * SECOND_NS, failed: false, number: n + 1 });
    let bad = (4_000..4_120).map(|n| Event { at_ns: (START + n) * SECOND_NS, failed: true, number: n + 1 });
    let outage = spans("shop", &good.chain(bad).collect::<Vec<_>>());
    let probe =
        spans("probe", &[Event { at_ns: (START + 4 * 86_400) * SECOND_NS, failed: false, number: 9_000 }]);
    let (alone, followed) = (
        scratch.file("alone.otlp.pb", &as_frames(std::slice::from_ref(&outage))),
        scratch.file("followed.otlp.pb", &as_frames(&[outage, probe])),
    );
    let told = |file: &PathBuf, more: &[&str]| {
        facts_and_counts(&replay(&[file], &config, &[&["-o", "jsonl", "--counts"], more].concat())).0
    };
    let resolved = |facts: &[Value]| {
        let of_shop: Vec<Value> = facts.iter().filter(|fact| fact["slo"] == "shop").cloned().collect();
        times(&of_shop, "alert.resolved", START + 4_119)
    };
    assert_eq!(resolved(&told(&alone, &[])), []);
    let by_probe = told(&followed, &[]);
    assert_eq!(resolved(&by_probe)[0], ("1h/5m".to_owned(), 300), "{by_probe:#?}");
    let by_time = told(&alone, &["--until", "2023-11-18T00:00:00Z"]);
    assert_eq!(by_time, by_probe);
    let earlier = told(&alone, &["--until", "2023-11-14T01:13:59.5Z"]);
    assert_eq!(resolved(&earlier), [("1h/5m".to_owned(), 300)]);
    assert!(by_probe.starts_with(&earlier), "the same, but not as far");
}

#[test]
fn until_ends_before_the_first_request_with_a_later_event() {
    let scratch = Scratch::new();
    let config = scratch.write("shop.yaml", SHOP);
    let at = |second: u64, number: u64| Event { at_ns: (START + second) * SECOND_NS, failed: false, number };
    let requests =
        [spans("shop", &[at(10, 1)]), spans("shop", &[at(5, 2), at(20, 3)]), spans("shop", &[at(1, 4)])];
    let file = scratch.file("three.otlp.jsonl", &as_lines(&requests));
    for (until, counted) in [
        ("2023-11-14T00:00:20Z", 4),
        ("2023-11-14T00:00:19.999999999Z", 1),
        ("2023-11-14T01:00:19+01:00", 1),
        ("2023-11-14T00:00:09Z", 0),
        ("2030-01-01T00:00:00Z", 4),
    ] {
        let (_, counts) =
            facts_and_counts(&replay(&[&file], &config, &["-o", "jsonl", "--counts", "--until", until]));
        assert_eq!(counts["items"]["spans"]["accepted"], counted, "{until}");
    }
}

/// Guarantees: items without a time have that of the newest event before their request.
#[test]
fn items_without_a_time_are_at_the_event_clock() {
    let scratch = Scratch::new();
    let documents = SHOP.replace("28d", "1d");
    let config = scratch.write("shop.yaml", &documents);
    let at = |second: u64, number: u64| Event { at_ns: (START + second) * SECOND_NS, failed: false, number };
    let timeless = |number| Event { at_ns: 0, failed: true, number };
    let errors: Vec<Event> = (1..4).map(timeless).collect();
    let requests = [spans("shop", &[at(7, 1)]), logs("shop", &errors), spans("shop", &[at(9, 2)])];
    let file = scratch.file("timeless.otlp.pb", &as_frames(&requests));
    let (facts, counts) = facts_and_counts(&replay(&[file], &config, &["-o", "jsonl", "--counts"]));
    assert_eq!(facts[0]["fact"], "episode.opened");
    assert_eq!((&facts[0]["at"], &facts[0]["rule"]), (&"2023-11-14T00:00:07Z".into(), &"log-errors".into()));
    assert_eq!((&counts["events"]["late"], &counts["events"]["expired"]), (&0.into(), &0.into()));
}
