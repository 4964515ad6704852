//! CPU time of each hot step, one thread: `cargo bench --bench steps`.
//! CPU-seconds per million spans; the median of the rounds, and the fastest and slowest.

#[allow(dead_code, reason = "the other benches use the rest")]
mod common;

use common::traffic::{ITEMS as SPANS, spans};
use common::{config, documents, thread_cpu_ns};
use evenkeel::decode::{Encoding, Limits, decode};
use evenkeel::engine::{AckToken, Batch, Effects, Engine, Input, Plan, Request, fold};
use evenkeel::model::{Now, SECOND_NS, Signal};
use prost::Message;
use std::sync::Arc;

const ROUNDS: usize = 15;
const REQUESTS: u64 = 200;
const NOW_NS: u64 = 1_700_000_000 * SECOND_NS;

fn main() {
    let bodies: Vec<Vec<u8>> = (0..REQUESTS).map(|number| spans(number, NOW_NS).encode_to_vec()).collect();
    let bytes = bodies[0].len() as u64 / SPANS;
    println!(
        "{REQUESTS} requests of {SPANS} spans, {bytes} B a span; CPU-seconds per million spans, one thread\n"
    );
    println!("{:44} {:>8} {:>8} {:>8}", "step", "median", "min", "max");

    let [plain, ruled, whole] = [String::new(), documents(Signal::Traces, 0), documents(Signal::Traces, 20)]
        .map(|text| config(text).plan);
    for (name, plan) in [
        ("decode, no attribute wanted", &plain),
        ("decode, 10 attributes wanted", &ruled),
        ("decode, those of 20 rules and 20 SLOs", &whole),
    ] {
        measure(name, || {
            for body in &bodies {
                let mut seen = 0;
                let decoded = decode(
                    Signal::Traces,
                    Encoding::Protobuf,
                    body,
                    &plan.wanted,
                    Limits::DEFAULT,
                    &mut |item| {
                        seen += item.duration_ns.unwrap_or(0);
                    },
                );
                assert_eq!(decoded.expect("well formed").items, SPANS);
                std::hint::black_box(seen);
            }
        });
    }
    for (name, plan) in
        [("fold, defaults only", &plain), ("fold, 20 rules", &ruled), ("fold, 20 rules and 20 SLOs", &whole)]
    {
        measure(name, || {
            for body in &bodies {
                std::hint::black_box(folded(plan, body));
            }
        });
    }
    ledger(whole, &bodies);
}

fn folded(plan: &Plan, body: &[u8]) -> Batch {
    let request = Request { signal: Signal::Traces, encoding: Encoding::Protobuf, body, now: Now(NOW_NS) };
    fold(plan, 7, &request).expect("well formed")
}

/// The ledger's share: batches that were folded before.
fn ledger(plan: Plan, bodies: &[Vec<u8>]) {
    let batches: Vec<Batch> = bodies.iter().map(|body| folded(&plan, body)).collect();
    let plan = Arc::new(plan);
    measure("ledger, 20 SLOs with 3 buckets a request", || {
        let mut engine = Engine::new(plan.clone(), Now(NOW_NS));
        let mut effects = Effects::default();
        for (number, batch) in batches.iter().enumerate() {
            let token = AckToken(number as u64);
            engine.step(Now(NOW_NS), Input::Observed { token, batch: Box::new(batch.clone()) }, &mut effects);
        }
        assert_eq!(engine.counts().items["spans"].accepted, REQUESTS * SPANS);
    });
}

fn measure(name: &str, mut work: impl FnMut()) {
    work();
    let mut rounds: Vec<u64> = (0..ROUNDS)
        .map(|_| {
            let begin = thread_cpu_ns();
            work();
            thread_cpu_ns() - begin
        })
        .collect();
    rounds.sort_unstable();
    // Nanoseconds a span are milliseconds a million spans.
    let per_million = |ns: u64| ns as f64 / (REQUESTS * SPANS) as f64 / 1_000.0;
    let [median, min, max] = [rounds[ROUNDS / 2], rounds[0], rounds[ROUNDS - 1]].map(per_million);
    println!("{name:44} {median:8.3} {min:8.3} {max:8.3}");
}
