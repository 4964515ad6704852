//! `evenkeel replay`: what a configuration makes of files, by the time of their events.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::golden::{CPU, DOCUMENTS, requests_and_failed, slo, spans_and_slow, spans_by_service};
use crate::program::{Daemon, Ran, Scratch, assert_books_balance, program, ran};
use crate::requests::{Counted, Event, Request, SECOND_NS, as_frames, as_lines, counters, gzip, logs, spans};
use crate::shared;

/// Midnight UTC, 14 November 2023.
const START: u64 = 1_699_920_000;

const SHOP: &str = r#"
apiVersion: evenkeel/v1
kind: Config
spec:
  filter: [{name: probes, drop: 'span && service.name == "probe"'}]
  classify:
    - {name: log-errors, when: 'log && severity >= 17', category: exception, alert: {key: [service.name], count: 3, within: 1m, quiet: 5m}}
    - {name: stock-lives, when: 'span && service.name == "stock"', category: informational, alert: {absent: 10m}}
  alerting:
    route: {receiver: oncall}
    receivers: [{name: oncall, webhook_configs: [{url: 'http://127.0.0.1:9/hook'}]}]
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: shop}
spec:
  service: shop
  indicator: {metadata: {name: shop}, spec: {ratioMetric: {counter: true,
    bad: {metricSource: {type: evenkeel, spec: {spans: 'status == "error"'}}},
    total: {metricSource: {type: evenkeel, spec: {spans: 'service.name == "shop"'}}}}}}
  timeWindow: [{duration: 28d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.999}]
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: everything}
spec:
  service: shop
  indicator: {metadata: {name: everything}, spec: {ratioMetric: {counter: true,
    bad: {metricSource: {type: evenkeel, spec: {spans: 'status == "error"'}}},
    total: {metricSource: {type: evenkeel, spec: {spans: 'true'}}}}}}
  timeWindow: [{duration: 7d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.99}]
"#;

const WORKED: &str = r#"
apiVersion: openslo/v1
kind: SLO
metadata: {name: worked}
spec:
  service: shop
  indicator: {metadata: {name: worked}, spec: {ratioMetric: {counter: true,
    bad: {metricSource: {type: evenkeel, spec: {metrics: 'name == "failed"'}}},
    total: {metricSource: {type: evenkeel, spec: {metrics: 'name == "requests"'}}}}}}
  timeWindow: [{duration: 30d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.999}]
"#;

fn replay(files: &[impl AsRef<Path>], config: &Path, more: &[&str]) -> Ran {
    let mut command = program();
    command.arg("replay").args(files.iter().map(AsRef::as_ref)).arg("-c").arg(config).args(more);
    ran(&mut command)
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

/// Facts, and the counts that come last.
fn facts_and_counts(replayed: &Ran) -> (Vec<Value>, Value) {
    assert_eq!(replayed.code, Some(0), "{}", replayed.err);
    let mut facts = lines(&replayed.out);
    let mut counts = facts.pop().unwrap();
    assert_eq!(counts["fact"], "counts");
    assert_books_balance(&counts);
    counts.as_object_mut().unwrap().remove("fact");
    (facts, counts)
}

/// Numbers that are the same for the same seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// Half an hour of calls in order of time, with seconds of failures and with silences, then hours and days of them.
fn calls(seed: u64) -> Vec<Event> {
    let mut chance = Chance(seed);
    let (mut second, mut events, mut failing) = (START, Vec::new(), false);
    while events.len() < 6_000 {
        failing = if chance.below(50) == 0 { !failing } else { failing };
        for _ in 0..chance.below(8) {
            let failed = failing && chance.below(3) > 0;
            let at_ns = second * SECOND_NS + chance.below(SECOND_NS);
            events.push(Event { at_ns, failed, number: events.len() as u64 + 1 });
        }
        second += match chance.below(1_000) {
            0 => chance.below(20_000),
            1..10 => chance.below(400),
            _ => 1,
        };
    }
    events.sort_by_key(|event| event.at_ns);
    let days = second + 5 * 86_400;
    events.extend((0..60).map(|n| Event {
        at_ns: (days + n) * SECOND_NS,
        failed: n > 30,
        number: 100_000 + n,
    }));
    events
}

/// Requests of whole seconds each, at most so many seconds from the first to the last event.
fn cut(events: &[Event], seconds: u64) -> Vec<Request> {
    let block = |event: &Event| (event.at_ns / SECOND_NS - START) / seconds;
    events.chunk_by(|a, b| block(a) == block(b)).map(|events| spans("shop", events)).collect()
}

/// All that a sender may do: three signals, items without a time, requests twice, old events, probes.
fn mixed() -> Vec<Request> {
    let mut chance = Chance(7);
    let mut requests = Vec::new();
    for events in calls(1).chunks(23) {
        requests.push(spans(["shop", "stock", "probe"][chance.below(3) as usize], events));
        let mut lines = events.to_vec();
        lines.iter_mut().filter(|_| chance.below(4) == 0).for_each(|line| line.at_ns = 0);
        requests.push(logs("shop", &lines));
        let second = events[0].at_ns / SECOND_NS;
        let counted =
            Counted { from_s: second - 60, at_s: second, requests: 23, failed: chance.below(3) as i64 };
        requests.push(counters("shop", &[counted]));
        if chance.below(5) == 0 {
            let earlier = chance.below(requests.len() as u64) as usize;
            requests.push(requests[earlier].clone());
        }
    }
    requests
}

#[test]
fn every_run_prints_the_same_bytes_with_any_number_of_workers() {
    let scratch = Scratch::new();
    let config = scratch.write("shop.yaml", &format!("{SHOP}---{WORKED}"));
    let requests = mixed();
    let (first, second) = requests.split_at(requests.len() / 2);
    let files = |name: &str, write: fn(&[Request]) -> Vec<u8>| -> [PathBuf; 2] {
        let file = |part, requests| scratch.file(&format!("{part}.{name}"), &write(requests));
        [file(1, first), file(2, second)]
    };
    let frames = files("otlp.pb", as_frames);
    let once = replay(&frames, &config, &["-o", "jsonl", "--counts", "--workers", "1"]);
    let (facts, counts) = facts_and_counts(&once);
    let names: Vec<&str> = facts.iter().map(|fact| fact["fact"].as_str().unwrap()).collect();
    for name in [
        "alert.fired",
        "alert.resolved",
        "budget.amended",
        "episode.opened",
        "episode.closed",
        "notification.queued",
    ] {
        assert!(names.contains(&name), "{name}: {names:?}");
    }
    for subject in ["slo", "rule"] {
        assert!(facts.iter().any(|fact| fact.get(subject).is_some()), "{subject}");
    }
    assert!(counts["items"]["spans"]["duplicate"].as_u64() > Some(0), "{counts}");
    assert!(counts["events"]["filtered"].as_u64() > Some(0), "{counts}");
    assert_eq!((&counts["events"]["future"], &counts["notifications"]["delivered"]), (&0.into(), &0.into()));
    assert_eq!(
        counts["notifications"]["pending"].as_u64(),
        Some(names.iter().filter(|name| **name == "notification.queued").count() as u64)
    );
    for workers in ["1", "2", "8", "64"] {
        let again = replay(&frames, &config, &["-o", "jsonl", "--counts", "--workers", workers]);
        assert!(again.out == once.out, "{workers} workers");
    }
    let zipped = files("otlp.pb.gz", |requests| gzip(&as_frames(requests)));
    assert!(replay(&zipped, &config, &["-o", "jsonl", "--counts"]).out == once.out);
    for (name, write) in [
        ("otlp.jsonl", as_lines as fn(&[Request]) -> Vec<u8>),
        ("otlp.jsonl.gz", |requests| gzip(&as_lines(requests))),
        ("dos.jsonl", |requests| {
            String::from_utf8(as_lines(requests)).unwrap().replace('\n', "\r\n\r\n").into_bytes()
        }),
    ] {
        let in_json = replay(&files(name, write), &config, &["-o", "jsonl", "--counts"]);
        assert!(in_json.out == once.out, "{name}: {}", in_json.err);
    }
}

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
        let requests: Vec<Request> = all.chunks(60).map(|counted| counters("shop", counted)).collect();
        let scratch = Scratch::new();
        let config = scratch.write("worked.yaml", WORKED);
        let file = scratch.file("outage.otlp.pb.gz", &gzip(&as_frames(&requests)));
        let (facts, counts) = facts_and_counts(&replay(&[file], &config, &["-o", "jsonl", "--counts"]));
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

#[tokio::test]
async fn a_daemon_that_was_sent_the_same_has_the_same_counts() {
    let daemon = Daemon::start(SHOP).await;
    let requests = mixed();
    for request in &requests {
        let (status, answer) =
            daemon.export(request.signal, "application/x-protobuf", request.protobuf.clone()).await;
        assert_eq!(status, 200, "{answer}");
    }
    let live = daemon.counts().await;
    let scratch = Scratch::new();
    let config = scratch.write("shop.yaml", SHOP);
    let file = scratch.file("all.otlp.jsonl.gz", &gzip(&as_lines(&requests)));
    let (_, replayed) = facts_and_counts(&replay(&[file], &config, &["-o", "jsonl", "--counts"]));
    for part in ["slos", "items", "services", "rules"] {
        let count_only = |value: &Value| {
            let mut value = value.clone();
            // Whether likes are merged and alerts open depends on when things come.
            for rule in value["classify"].as_array_mut().into_iter().flatten() {
                rule.as_object_mut().unwrap().retain(|key, _| key == "name" || key == "hits");
            }
            value
        };
        assert_eq!(count_only(&replayed[part]), count_only(&live[part]), "{part}");
    }
    assert!(
        live["slos"][0]["total"].as_u64() > Some(1_000) && live["slos"][0]["bad"].as_u64() > Some(100),
        "{live}"
    );
    assert_eq!(
        live.as_object().unwrap().keys().collect::<Vec<_>>(),
        replayed.as_object().unwrap().keys().collect::<Vec<_>>()
    );
}

/// Facts and counts of both twins of a recorded file, which are the same.
fn of_twins(config: &Path, path: &Path, name: &str) -> (Vec<Value>, Value) {
    let file = |ending: &str| path.join(format!("{name}.otlp.{ending}.gz"));
    let json = replay(&[file("jsonl")], config, &["-o", "jsonl", "--counts"]);
    let protobuf = replay(&[file("pb")], config, &["-o", "jsonl", "--counts"]);
    assert!(json.out == protobuf.out, "{name}");
    facts_and_counts(&json)
}

#[test]
fn recorded_telemetry_counts_exactly_in_both_encodings() {
    let Some(shared) = shared() else { return };
    let scratch = Scratch::new();
    let (config, cpu) = (scratch.write("documents.yaml", DOCUMENTS), scratch.write("cpu.yaml", CPU));
    let access = of_twins(&config, &shared.join("data/access"), "apache-2015-05-17").1;
    let (total, failed) = requests_and_failed(&shared);
    let robots = access["events"]["filtered"].as_u64().unwrap();
    assert_eq!(slo(&access, "access")["total"].as_u64().unwrap() + robots, total);
    assert_eq!(slo(&access, "access")["bad"], failed);
    for system in ["onlineboutique-2022-08-22", "trainticket-2023-01-29"] {
        let counts = of_twins(&config, &shared.join("data/nezha"), &format!("{system}.traces")).1;
        let (services, slow) = spans_and_slow(&shared, system);
        assert_eq!(spans_by_service(&counts), services, "{system}");
        assert_eq!(slo(&counts, "fast")["bad"], slow, "{system}");
    }
    let logs = of_twins(&config, &shared.join("data/nezha"), "trainticket-2023-01-29.logs").1;
    assert_eq!((&logs["events"]["exception"], &logs["events"]["warning"]), (&245.into(), &1_633.into()));
    let (facts, counts) = of_twins(&cpu, &shared.join("data/nab"), "ec2_cpu_utilization_24ae8d");
    assert_eq!((&slo(&counts, "cpu")["total"], &slo(&counts, "cpu")["bad"]), (&4_032.into(), &24.into()));
    assert!(facts.iter().any(|fact| fact["fact"] == "alert.fired"), "its labelled windows are seen");
}

#[test]
fn all_outputs_tell_the_same_facts() {
    let scratch = Scratch::new();
    let config = scratch.write("shop.yaml", SHOP);
    let file = scratch.file("calls.otlp.pb", &as_frames(&cut(&calls(3), 60)));
    let of = |more: &[&str]| replay(&[&file], &config, more);
    let (facts, counts) = facts_and_counts(&of(&["-o", "jsonl", "--counts"]));
    let object: Value = serde_json::from_str(&of(&["-o", "json", "--counts"]).out).unwrap();
    assert_eq!((object["facts"].as_array(), &object["counts"]), (Some(&facts), &counts));
    let object: Value = serde_json::from_str(&of(&["-o", "json"]).out).unwrap();
    assert_eq!((object["facts"].as_array(), object.get("counts")), (Some(&facts), None));
    assert_eq!(lines(&of(&["-o", "jsonl"]).out), facts);
    let human = of(&["--counts"]);
    for (line, fact) in human.out.lines().zip(&facts) {
        let starts = line.starts_with(fact["at"].as_str().unwrap());
        assert!(starts && line.contains(fact["fact"].as_str().unwrap()), "{line}");
    }
    let shop = slo(&counts, "shop");
    let last = format!("slo        shop: {} good, {} bad of {}", shop["good"], shop["bad"], shop["total"]);
    assert!(human.out.contains(&last), "{}", human.out);
    assert!(human.err.starts_with("replayed ") && of(&["-q"]).err.is_empty(), "{}", human.err);
}

#[test]
fn without_a_configuration_the_defaults_classify() {
    let scratch = Scratch::new();
    let file = scratch.file("calls.otlp.pb", &as_frames(&cut(&calls(3), 60)));
    let empty = scratch.file("empty.otlp.jsonl", b"\n{}\n{\"resourceLogs\":[]}\n");
    let bare = ran(program().args(["replay", "-o", "jsonl", "--counts"]).args([&empty, &file, &empty]));
    let (facts, counts) = facts_and_counts(&bare);
    assert_eq!((facts.len(), &counts["slos"]), (0, &serde_json::json!([])));
    assert!(counts["events"]["exception"].as_u64() > Some(0), "{counts}");
    assert_eq!(ran(program().arg("replay").arg(&empty)).code, Some(0));
}

#[test]
fn a_broken_record_is_told_with_its_place_after_what_came_before_it() {
    let scratch = Scratch::new();
    let config = scratch.write("shop.yaml", SHOP);
    let requests = cut(&calls(3), 600);
    let first = scratch.file("first.otlp.pb", &as_frames(&requests));
    let whole = replay(&[&first], &config, &["-o", "jsonl"]);
    let (lines, frames) = (as_lines(&requests[..2]), as_frames(&requests[..2]));
    let offset = as_frames(&requests[..1]).len();
    let span = |id: &str| {
        format!("{{\"resourceSpans\":[{{\"scopeSpans\":[{{\"spans\":[{{\"traceId\":{id}}}]}}]}}]}}\n")
    };
    for (name, bytes, told) in [
        ("a.otlp.jsonl", [&lines[..], b"{\"resourceSpans\"\n{}\n"].concat(), "a.otlp.jsonl:3: "),
        (
            "b.otlp.jsonl",
            [span("\"ab\"").as_bytes(), b"\n", span("7").as_bytes()].concat(),
            "b.otlp.jsonl:3: resourceSpans[0]",
        ),
        ("c.otlp.jsonl.gz", gzip(&lines)[..200].to_vec(), "c.otlp.jsonl.gz:1: it can not be read on: "),
        (
            "d.otlp.pb",
            frames[..frames.len() - 1].to_vec(),
            &format!("d.otlp.pb: record 2 at byte {offset}: the file ends "),
        ),
        (
            "e.otlp.pb.gz",
            gzip(&[&frames[..offset], b"\x02\x0a\x7f"].concat()),
            &format!("e.otlp.pb.gz: record 2 at byte {offset}: protobuf, byte "),
        ),
        (
            "f.otlp.pb",
            b"\xff\xff\xff\xff\x7f".to_vec(),
            "f.otlp.pb: record 1 at byte 0: a request of more than ",
        ),
    ] {
        let file = scratch.file(name, &bytes);
        for workers in ["1", "8"] {
            let broken =
                replay(&[&first, &file, &first], &config, &["-o", "jsonl", "--counts", "--workers", workers]);
            let place = format!("error: {}", scratch.path("").join(told).display());
            assert_eq!(broken.code, Some(1), "{name}: {}", broken.err);
            assert!(broken.err.starts_with(&place), "{told}: {}", broken.err);
            assert!(broken.out.starts_with(&whole.out), "{name}: what came before is printed");
            assert!(!broken.out.contains("\"fact\":\"counts\""), "{name}: counts of a part are no counts");
        }
    }
    let object = replay(&[scratch.path("f.otlp.pb")], &config, &["-o", "json"]);
    assert_eq!(serde_json::from_str::<Value>(&object.out).unwrap(), serde_json::json!({"facts": []}));
}

#[test]
fn what_can_not_be_replayed_is_refused_before_anything_is() {
    let scratch = Scratch::new();
    let config = scratch.write("shop.yaml", SHOP);
    let bad = scratch.write("bad.yaml", &SHOP.replace("service: shop", "servise: shop"));
    let good = scratch.file("calls.otlp.pb", &as_frames(&cut(&calls(3), 600)));
    let recording = scratch.file("a.ekrec", b"");
    for (files, told) in [
        (vec![good.clone(), scratch.path("none.otlp.pb")], "none.otlp.pb: No such file"),
        (vec![good.clone(), scratch.folder().to_owned()], "it is a folder"),
        (vec![good.clone(), recording], "a.ekrec: recordings can not be replayed yet"),
    ] {
        let refused = replay(&files, &config, &["-o", "jsonl"]);
        assert_eq!((refused.code, refused.out.as_str()), (Some(2), ""), "{told}");
        assert!(refused.err.starts_with("error: ") && refused.err.contains(told), "{told}: {}", refused.err);
    }
    let refused = replay(&[&good], &bad, &["-o", "jsonl"]);
    assert_eq!((refused.code, refused.out.as_str()), (Some(78), ""));
    assert!(refused.err.starts_with("error[") && refused.err.contains("bad.yaml:21:3"), "{}", refused.err);
    for more in [
        &["--until", "yesterday"][..],
        &["--until", "1969-12-31T00:00:00Z"],
        &["--workers", "0"],
        &["--workers", "65"],
    ] {
        let refused = replay(&[&good], &config, more);
        assert_eq!((refused.code, refused.out.as_str()), (Some(2), ""), "{more:?}: {}", refused.err);
    }
    assert_eq!(ran(program().arg("replay")).code, Some(2), "no file");
}

/// Scenario: a file that would be hundreds of times larger unpacked than the memory that is allowed, as one line.
/// Guarantees: it is refused at the bound, not held.
#[test]
fn a_line_without_end_is_refused_at_the_bound() {
    let scratch = Scratch::new();
    let bomb: Vec<u8> = gzip(&vec![b' '; 64 << 20]).repeat(40);
    let file = scratch.file("bomb.otlp.jsonl.gz", &bomb);
    let refused = ran(program().arg("replay").arg(&file));
    assert_eq!(refused.code, Some(1), "{}", refused.err);
    assert!(
        refused.err.contains("bomb.otlp.jsonl.gz:1: a request of more than 20971520 bytes"),
        "{}",
        refused.err
    );
}
