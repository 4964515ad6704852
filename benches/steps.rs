//! What each hot step costs, on one thread: `cargo bench --bench steps`.
//! CPU-seconds per million items: the median of the rounds, the fastest and the slowest; allocations and allocated bytes
//! an item. Words choose parts: `-- fold logs`.

#[allow(dead_code, reason = "the other benches use the rest")]
mod common;

use std::sync::Arc;

use common::traffic::{ITEMS, logs, points, spans};
use common::wire::{Packing, Transport, Way};
use common::{config, documents, is_asked_for, many, thread_cpu_ns, words};
use evenkeel::decode::{Encoding, Limits, decode};
use evenkeel::engine::{AckToken, Batch, Effects, Engine, Input, Plan, Request, fold};
use evenkeel::model::{Now, SECOND_NS, Signal};
use prost::Message;

const ROUNDS: usize = 15;
const REQUESTS: u64 = 200;
const NOW_NS: u64 = 1_700_000_000 * SECOND_NS;

fn main() {
    let steps = Steps { words: words() };
    println!("{REQUESTS} requests of {ITEMS} items; CPU-seconds per million items, one thread\n");
    println!("{:44} {:>8} {:>8} {:>8} {:>12} {:>9}", "step", "median", "min", "max", "allocations", "bytes");
    for signal in Signal::ALL.iter().copied() {
        let bodies: Vec<Vec<u8>> = (0..REQUESTS).map(|number| body(signal, number)).collect();
        steps.signal(signal, &bodies);
    }
    let bodies: Vec<Vec<u8>> = (0..REQUESTS).map(|number| body(Signal::Traces, number)).collect();
    steps.many(&bodies);
    steps.alone();
}

fn body(signal: Signal, number: u64) -> Vec<u8> {
    match signal {
        Signal::Traces => spans(number, NOW_NS).encode_to_vec(),
        Signal::Logs => logs(number, NOW_NS).encode_to_vec(),
        Signal::Metrics => points(number, NOW_NS).encode_to_vec(),
    }
}

fn folded(plan: &Plan, signal: Signal, body: &[u8]) -> Batch {
    let request = Request { signal, encoding: Encoding::Protobuf, body, now: Now(NOW_NS) };
    fold(plan, 7, &request).expect("well formed")
}

struct Steps {
    words: Vec<String>,
}

impl Steps {
    fn signal(&self, signal: Signal, bodies: &[Vec<u8>]) {
        let items = common::wire::items(signal);
        let [plain, ruled, whole] = [String::new(), documents(signal, 0), documents(signal, 20)]
            .map(|text| Arc::new(config(text).plan));
        for (name, plan) in [
            ("decode, no attribute wanted", &plain),
            ("decode, those of 20 rules", &ruled),
            ("decode, those of 20 rules and 20 SLOs", &whole),
        ] {
            self.measure(&format!("{items}: {name}"), bodies.len() as u64 * ITEMS, || {
                bodies.iter().for_each(|body| decoded(signal, Encoding::Protobuf, body, plan));
            });
        }
        for (name, plan) in [
            ("fold, defaults only", &plain),
            ("fold, 20 rules", &ruled),
            ("fold, 20 rules and 20 SLOs", &whole),
        ] {
            self.measure(&format!("{items}: {name}"), bodies.len() as u64 * ITEMS, || {
                bodies.iter().for_each(|body| drop(std::hint::black_box(folded(plan, signal, body))));
            });
        }
        self.ledger(&format!("{items}: ledger, 20 SLOs"), (signal, ITEMS), &whole, bodies);
        self.json(&format!("{items}: decode, JSON"), signal, &whole);
    }

    /// JSON, decoded with those of 20 rules and 20 SLOs.
    fn json(&self, name: &str, signal: Signal, plan: &Plan) {
        if !is_asked_for(name, &self.words) {
            return;
        }
        let way = Way(Transport::Json, Packing::Plain);
        let bodies: Vec<_> = (0..REQUESTS / 2).map(|one| way.packet(signal, one, NOW_NS).body).collect();
        self.measure(name, bodies.len() as u64 * ITEMS, || {
            bodies.iter().for_each(|body| decoded(signal, Encoding::Json, body, plan));
        });
    }

    /// Twenty, and a hundred times as many, of which as many concern a span.
    fn many(&self, bodies: &[Vec<u8>]) {
        for each in [20, 200, 2_000] {
            let plan = Arc::new(config(many(each)).plan);
            self.measure(
                &format!("spans: fold, {each} rules and {each} SLOs"),
                bodies.len() as u64 * ITEMS,
                || {
                    bodies
                        .iter()
                        .for_each(|body| drop(std::hint::black_box(folded(&plan, Signal::Traces, body))));
                },
            );
            self.ledger(
                &format!("spans: ledger, {each} rules and SLOs"),
                (Signal::Traces, ITEMS),
                &plan,
                bodies,
            );
        }
    }

    /// Requests of one span each.
    fn alone(&self) {
        let whole = Arc::new(config(documents(Signal::Traces, 20)).plan);
        let of_many = Arc::new(config(many(2_000)).plan);
        let mut bodies = Vec::new();
        for number in 0..10 {
            let all = spans(number, NOW_NS);
            for resource in all.resource_spans {
                let mut scope = resource.scope_spans[0].clone();
                for span in std::mem::take(&mut scope.spans) {
                    let mut one = resource.clone();
                    one.scope_spans = vec![scope.clone()];
                    one.scope_spans[0].spans = vec![span];
                    let request = evenkeel::decode::otlp::collector::trace::v1::ExportTraceServiceRequest {
                        resource_spans: vec![one],
                    };
                    bodies.push(request.encode_to_vec());
                }
            }
        }
        for (name, plan) in [("20 rules and SLOs", &whole), ("2,000 rules and SLOs", &of_many)] {
            self.measure(&format!("one-span requests: fold, {name}"), bodies.len() as u64, || {
                bodies.iter().for_each(|body| drop(std::hint::black_box(folded(plan, Signal::Traces, body))));
            });
            self.ledger(&format!("one-span requests: ledger, {name}"), (Signal::Traces, 1), plan, &bodies);
        }
    }

    /// The ledger's share: batches that were folded before.
    fn ledger(&self, name: &str, (signal, each): (Signal, u64), plan: &Arc<Plan>, bodies: &[Vec<u8>]) {
        if !is_asked_for(name, &self.words) {
            return;
        }
        let batches: Vec<Batch> = bodies.iter().map(|body| folded(plan, signal, body)).collect();
        let mut rounds = Vec::new();
        let mut counted = Counted::default();
        for _ in 0..ROUNDS {
            let mut engine = Engine::new(Arc::clone(plan), Now(NOW_NS));
            let mut effects = Effects::default();
            let inputs: Vec<Box<Batch>> = batches.iter().map(|batch| Box::new(batch.clone())).collect();
            let mut took = 0;
            counted = Counted::of(|| {
                let begin = thread_cpu_ns();
                for (number, batch) in inputs.into_iter().enumerate() {
                    let token = AckToken(number as u64);
                    engine.step(Now(NOW_NS), Input::Observed { token, batch }, &mut effects);
                }
                took = thread_cpu_ns() - begin;
            });
            rounds.push(took);
            let accepted: u64 = engine.counts().items.values().map(|counts| counts.accepted).sum();
            assert_eq!(accepted, bodies.len() as u64 * each);
        }
        show(name, bodies.len() as u64 * each, rounds, &counted);
    }

    fn measure(&self, name: &str, items: u64, mut work: impl FnMut()) {
        if !is_asked_for(name, &self.words) {
            return;
        }
        work();
        let counted = Counted::of(&mut work);
        let rounds = (0..ROUNDS).map(|_| {
            let begin = thread_cpu_ns();
            work();
            thread_cpu_ns() - begin
        });
        show(name, items, rounds.collect(), &counted);
    }
}

fn decoded(signal: Signal, encoding: Encoding, body: &[u8], plan: &Plan) {
    let mut seen = 0;
    let each = &mut |item: &evenkeel::model::Item<'_>| seen += item.duration_ns.unwrap_or(1);
    let decoded = decode(signal, encoding, body, &plan.wanted, Limits::DEFAULT, each);
    assert_eq!(decoded.expect("well formed").items, ITEMS);
    std::hint::black_box(seen);
}

/// What a piece of work allocated.
#[derive(Default)]
struct Counted {
    allocations: u64,
    bytes: u64,
}

impl Counted {
    fn of(work: impl FnOnce()) -> Self {
        let info = allocation_counter::measure(work);
        Self { allocations: info.count_total, bytes: info.bytes_total }
    }
}

fn show(name: &str, items: u64, mut rounds: Vec<u64>, counted: &Counted) {
    rounds.sort_unstable();
    // Nanoseconds an item are milliseconds a million items.
    let per_million = |ns: u64| ns as f64 / items as f64 / 1_000.0;
    let [median, min, max] = [rounds[ROUNDS / 2], rounds[0], rounds[ROUNDS - 1]].map(per_million);
    let [allocations, bytes] = [counted.allocations, counted.bytes].map(|all| all as f64 / items as f64);
    println!("{name:44} {median:8.3} {min:8.3} {max:8.3} {allocations:12.4} {bytes:9.1}");
}
