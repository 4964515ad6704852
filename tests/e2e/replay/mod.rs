//! `evenkeel replay`: what a configuration makes of files, by the time of their events.

mod against;
mod mistakes;
mod output;
mod time;

use std::path::Path;

use serde_json::Value;

use crate::program::{Ran, assert_books_balance, program, ran};
use crate::requests::{Counted, Event, Request, SECOND_NS, counters, logs, spans};

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
metadata: {name: everything, annotations: {evenkeel.dev/no-data: bad}}
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
    counts.as_object_mut().unwrap().shift_remove("fact");
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
            requests.push(requests[requests.len() - 1 - chance.below(3) as usize].clone());
        }
    }
    requests
}
