//! What the hot path may cost, counted and not timed: allocations of a request and of each item, and instructions an item
//! where valgrind is there to count them.

use std::process::Command;
use std::sync::Arc;

use evenkeel::decode::Encoding;
use evenkeel::engine::{AckToken, Batch, Effects, Engine, Input, Plan, Request, fold};
use evenkeel::model::{Now, SECOND_NS, Signal};
use prost::Message;

#[allow(dead_code, reason = "the benches use the rest")]
#[path = "../benches/common/mod.rs"]
mod common;

use common::traffic::{ITEMS, logs, points, spans};
use common::{config, documents, many};

const NOW_NS: u64 = 1_700_000_000 * SECOND_NS;

/// One request of so many thousand items: a request of protobuf after another is one that has the items of both.
fn body(signal: Signal, thousands: u64) -> Vec<u8> {
    let one = |number| match signal {
        Signal::Traces => spans(number, NOW_NS).encode_to_vec(),
        Signal::Logs => logs(number, NOW_NS).encode_to_vec(),
        Signal::Metrics => points(number, NOW_NS).encode_to_vec(),
    };
    (0..thousands).flat_map(one).collect()
}

fn folded(plan: &Plan, signal: Signal, body: &[u8]) -> Batch {
    let request = Request { signal, encoding: Encoding::Protobuf, body, now: Now(NOW_NS) };
    fold(plan, 7, &request).expect("well formed")
}

fn allocations(work: impl FnOnce()) -> u64 {
    allocation_counter::measure(work).count_total
}

/// Guarantees: a request allocates a few hundred times, and eight times as large a one as often, but for what grows.
#[test]
fn no_item_costs_an_allocation() {
    for signal in Signal::ALL.iter().copied() {
        let plan = config(documents(signal, 20)).plan;
        let [few, more] = [1, 8].map(|thousands| {
            let body = body(signal, thousands);
            drop(folded(&plan, signal, &body));
            allocations(|| drop(std::hint::black_box(folded(&plan, signal, &body))))
        });
        assert!(few < 400, "{signal}: {few} allocations of a request");
        let an_item = (more as f64 - few as f64) / (7 * ITEMS) as f64;
        assert!(an_item < 0.02, "{signal}: {few} allocations of a thousand items, {more} of eight thousand");
    }
}

/// Guarantees: a request of one span is no cliff, however many rules there are.
#[test]
fn a_request_of_one_span_allocates_little_and_with_two_thousand_rules_as_little() {
    let mut request = spans(0, NOW_NS);
    request.resource_spans.truncate(1);
    request.resource_spans[0].scope_spans.truncate(1);
    request.resource_spans[0].scope_spans[0].spans.truncate(1);
    let body = request.encode_to_vec();
    for plan in [config(documents(Signal::Traces, 20)).plan, config(many(2_000)).plan] {
        drop(folded(&plan, Signal::Traces, &body));
        let of_fold = allocations(|| drop(std::hint::black_box(folded(&plan, Signal::Traces, &body))));
        assert!(of_fold < 120, "{of_fold}");
        let mut engine = Engine::new(Arc::new(plan.clone()), Now(NOW_NS));
        let mut effects = Effects::default();
        let mut step = |token| {
            let batch = Box::new(Batch { fingerprint: None, ..folded(&plan, Signal::Traces, &body) });
            allocations(|| {
                engine.step(Now(NOW_NS), Input::Observed { token: AckToken(token), batch }, &mut effects)
            })
        };
        for token in 0..10 {
            step(token);
        }
        let of_ledger = step(10);
        assert!(of_ledger < 60, "{of_ledger}");
    }
}

/// For valgrind, which the test below starts with this one alone.
#[test]
#[ignore = "it is work to be counted, not a test"]
fn work() {
    let signal = Signal::ALL.iter().copied().find(|one| asked("EVENKEEL_COUNT_SIGNAL") == one.as_str());
    let signal = signal.expect("a signal");
    let thousands: u64 = asked("EVENKEEL_COUNT_THOUSANDS").parse().expect("a number");
    let plan = config(documents(signal, 20)).plan;
    let body = body(signal, 4);
    for _ in 0..thousands / 4 {
        drop(std::hint::black_box(folded(&plan, signal, &body)));
    }
}

fn asked(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

fn instructions(signal: Signal, thousands: u64) -> u64 {
    let program = std::env::current_exe().expect("this one");
    let counted = Command::new("valgrind")
        .args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"])
        .arg(program)
        .args(["--exact", "counts::work", "--ignored", "--test-threads=1"])
        .env("EVENKEEL_COUNT_SIGNAL", signal.as_str())
        .env("EVENKEEL_COUNT_THOUSANDS", thousands.to_string())
        .output()
        .expect("valgrind runs");
    let said = String::from_utf8_lossy(&counted.stderr).into_owned();
    let refs =
        said.lines().find_map(|line| line.split_once("I refs:").or_else(|| line.split_once("I   refs:")));
    let (_, number) = refs.unwrap_or_else(|| panic!("{said}"));
    number.trim().replace(',', "").parse().expect("a number of instructions")
}

/// Guarantees: decoding, rules, service levels and counting stay within so many instructions an item, in the build of the
/// tests (its optimization is weak: the release build takes about half).
#[test]
fn an_item_costs_a_bounded_number_of_instructions() {
    if Command::new("valgrind").arg("--version").output().is_err() {
        eprintln!("skipped: no valgrind to count instructions with");
        return;
    }
    for (signal, most) in [(Signal::Traces, 11_500), (Signal::Logs, 9_700), (Signal::Metrics, 9_900)] {
        let an_item = (instructions(signal, 12) - instructions(signal, 4)) / 8_000;
        eprintln!("{signal}: {an_item} instructions an item");
        assert!(an_item <= most, "{signal}: {an_item} instructions an item");
    }
}
