//! Structure-aware fuzzing of decode, classify, fold and ledger, without a nightly compiler: requests of all three
//! signals are made by a seed, damaged as senders and networks do, and read by ours and by the generated types.
//!
//! `EVENKEEL_FUZZ_EXECUTIONS=10000000 cargo test --release --test fuzz` is the long form; without it there are
//! as many as fit into every run. `EVENKEEL_FUZZ_SEED` chooses others; a failure tells the seed of its case.

mod damage;
mod events;
mod make;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use evenkeel::config::{self, World};
use evenkeel::decode::otlp::collector::logs::v1::ExportLogsServiceRequest;
use evenkeel::decode::otlp::collector::metrics::v1::ExportMetricsServiceRequest;
use evenkeel::decode::otlp::collector::trace::v1::ExportTraceServiceRequest;
use evenkeel::decode::{Encoding, Malformed};
use evenkeel::engine::{AckToken, Batch, Effects, Engine, Input, Plan, Request, fold};
use evenkeel::model::{Now, SECOND_NS, Signal};
use prost::Message;

use make::Chance;

const NOW_NS: u64 = 1_790_000_000 * SECOND_NS;
const EXECUTIONS: u64 = 1_000_000;
/// An engine takes so many batches, then another begins: state of every age is met.
const ENGINE_BATCHES: u64 = 2_000;

const DOCUMENTS: &str = r#"
apiVersion: evenkeel/v1
kind: Config
spec:
  filter:
    - {name: health, drop: 'name == "GET /healthz" || a == "drop"'}
  classify:
    - {name: text, when: 'log && body.contains("fail")', category: exception, alert: {key: [a], count: 2, within: 1m}}
    - {name: number, when: 'b > 3 || b in [1, 2]', category: warning}
    - {name: regex, when: 'a.matches("^[a-z]+[0-9]*$") && has(c)', category: informational}
    - {name: quiet, when: 'span && status == "error" && duration > duration("1s")', category: exception, alert: {absent: 5m}}
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: spans}
spec:
  service: shop
  indicator: {metadata: {name: spans}, spec: {ratioMetric: {counter: true,
    bad: {metricSource: {type: evenkeel, spec: {spans: 'status == "error" || b >= 500'}}},
    total: {metricSource: {type: evenkeel, spec: {spans: 'true'}}}}}}
  timeWindow: [{duration: 28d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.99}]
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: points}
spec:
  service: shop
  indicator: {metadata: {name: points}, spec: {ratioMetric: {counter: true,
    good: {metricSource: {type: evenkeel, spec: {metrics: 'a != "bad"'}}},
    total: {metricSource: {type: evenkeel, spec: {metrics: 'true'}}}}}}
  timeWindow: [{duration: 1d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.9}]
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: fast}
spec:
  service: shop
  indicator: {metadata: {name: fast}, spec: {thresholdMetric: {metricSource: {type: evenkeel, spec: {metrics: 'true'}}}}}
  timeWindow: [{duration: 1d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{op: lte, value: 0.5, target: 0.9}]
"#;

struct Text;

impl World for Text {
    fn read(&self, _path: &Path) -> Result<String, String> {
        Ok(DOCUMENTS.to_owned())
    }

    fn env(&self, _name: &str) -> Option<String> {
        None
    }

    fn expand(&self, pattern: &Path) -> Result<Vec<PathBuf>, String> {
        Ok(vec![pattern.to_owned()])
    }
}

fn plan() -> Plan {
    let loaded = config::load(&["fuzz.yaml".into()], &Text);
    assert_eq!(loaded.errors(), 0, "{:?}", loaded.findings);
    loaded.config.expect("no errors").plan
}

fn wanted(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

/// Says which case it was, whatever goes wrong in it.
struct Case(u64);

impl Drop for Case {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("EVENKEEL_FUZZ_EXECUTIONS=1 EVENKEEL_FUZZ_SEED={} repeats it", self.0);
        }
    }
}

#[test]
fn whatever_comes_is_read_or_refused_and_the_books_balance() {
    let (executions, seed) =
        (wanted("EVENKEEL_FUZZ_EXECUTIONS", EXECUTIONS), wanted("EVENKEEL_FUZZ_SEED", 1));
    let plan = Arc::new(plan());
    let mut engine = Engine::new(Arc::clone(&plan), Now(NOW_NS));
    let (mut read, mut refused, mut items) = (0_u64, 0_u64, 0_u64);
    for number in 0..executions {
        let case = Case(seed + number);
        let mut chance = Chance::new(case.0);
        let signal = *chance.one_of(Signal::ALL);
        let encoding = if chance.is_one_in(4) { Encoding::Json } else { Encoding::Protobuf };
        let whole = make::request(&mut chance, signal, encoding, NOW_NS);
        let body = if chance.is_one_in(8) { whole } else { damage::damaged(&mut chance, whole) };
        let request = Request { signal, encoding, body: &body, now: Now(NOW_NS) };
        let folded = fold(&plan, 7, &request);
        if encoding == Encoding::Protobuf {
            agrees_with_the_generated_types(signal, &body, &folded);
        }
        match folded {
            Ok(batch) => {
                items += batch.items;
                balances(&batch);
                let age = read % ENGINE_BATCHES;
                read += 1;
                if age == 0 {
                    engine = Engine::new(Arc::clone(&plan), Now(NOW_NS));
                }
                let (token, mut effects) = (AckToken(number), Effects::default());
                let input = Input::Observed { token, batch: Box::new(batch) };
                engine.step(Now(NOW_NS + age * SECOND_NS), input, &mut effects);
            }
            Err(_) => refused += 1,
        }
    }
    println!("{executions} executions: {read} read with {items} items, {refused} refused");
    assert!(executions < 1_000 || (read > executions / 10 && refused > executions / 10), "both are met");
}

/// Guarantees: a record that is no OTLP is refused and leaves nothing behind, or becomes a request of which nothing is
/// rejected.
#[test]
fn whatever_an_event_is_it_is_read_or_refused() {
    let executions = wanted("EVENKEEL_FUZZ_EXECUTIONS", EXECUTIONS) / 4;
    let seed = wanted("EVENKEEL_FUZZ_SEED", 1);
    let plan = plan();
    let (mut read, mut refused, mut out) = (0_u64, 0_u64, Vec::new());
    for number in 0..executions.max(1) {
        let case = Case(seed + number);
        let before = out.len();
        match events::read(&mut Chance::new(case.0), &mut out) {
            Ok(()) => read += 1,
            Err(_) => {
                refused += 1;
                assert_eq!(out.len(), before);
                continue;
            }
        }
        let body = &out[before..];
        let request = Request { signal: Signal::Logs, encoding: Encoding::Protobuf, body, now: Now(NOW_NS) };
        let batch = fold(&plan, 7, &request).expect("a request");
        assert_eq!((Some(batch.items), batch.rejected), (naive_items(Signal::Logs, body), 0));
        balances(&batch);
        if out.len() > 1 << 20 {
            out.clear();
        }
    }
    println!("{executions} executions: {read} read, {refused} refused");
    assert!(executions < 1_000 || (read > executions / 10 && refused > executions / 10), "both are met");
}

fn balances(batch: &Batch) {
    let filtered: u64 = batch.filtered.iter().map(|(_, count)| count).sum();
    let decided: u64 = batch.decided.iter().map(|(_, _, count)| count).sum();
    assert_eq!(batch.accepted(), filtered + decided + batch.future);
    let of_services: u64 = batch.services.iter().map(|one| one.items).sum();
    assert!(of_services <= batch.accepted());
    assert_eq!(batch.reason.is_some(), batch.rejected > 0);
}

/// What the generated types read, ours reads as well, and finds as many items. The other way round does not hold:
/// a text that nobody asks for is not looked at here.
fn agrees_with_the_generated_types(signal: Signal, body: &[u8], ours: &Result<Batch, Malformed>) {
    let Some(items) = naive_items(signal, body) else { return };
    match ours {
        Ok(batch) => assert_eq!(batch.items, items),
        Err(Malformed::TooMuch(_)) => {}
        Err(Malformed::Undecodable(why)) => panic!("the generated types read it: {why}"),
    }
}

fn naive_items(signal: Signal, body: &[u8]) -> Option<u64> {
    let items: usize = match signal {
        Signal::Traces => {
            let request = ExportTraceServiceRequest::decode(body).ok()?;
            request.resource_spans.iter().flat_map(|one| &one.scope_spans).map(|one| one.spans.len()).sum()
        }
        Signal::Logs => {
            let request = ExportLogsServiceRequest::decode(body).ok()?;
            request
                .resource_logs
                .iter()
                .flat_map(|one| &one.scope_logs)
                .map(|one| one.log_records.len())
                .sum()
        }
        Signal::Metrics => {
            let request = ExportMetricsServiceRequest::decode(body).ok()?;
            let scopes = request.resource_metrics.iter().flat_map(|one| &one.scope_metrics);
            scopes.flat_map(|one| &one.metrics).map(make::points).sum()
        }
    };
    Some(items as u64)
}
