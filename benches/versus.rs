//! Evenkeel beside an OpenTelemetry Collector: `benches/peers/build`, then `cargo bench --bench versus`.
//! The same batches go to both in turns, each in a process of its own on two cores. CPU-seconds per million items and
//! peak memory of each, and how many times ours theirs is. `classify`: 20 rules and 20 SLOs of ours, filter, transform
//! and spanmetrics of theirs (benches/peers/classify.yaml). `decode`: neither has anything to do with what comes in.
//! Words choose parts: `-- decode spans grpc`.

#[allow(dead_code, reason = "the other benches use the rest")]
#[path = "../tests/e2e/collector.rs"]
mod collector;
#[allow(dead_code, reason = "the other benches use the rest")]
mod common;
#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../tests/e2e/program.rs"]
mod program;

use std::path::Path;

use collector::{Collector, built};
use common::traffic::ITEMS;
use common::wire::{Line, Packet, Packing, Transport, Way, items, send_all};
use common::{cpu_s, documents, is_asked_for, median, peak_memory_mib, wall_ns, words};
use evenkeel::model::Signal;
use program::Daemon;

const REQUESTS: u64 = 300;
const ROUNDS: u64 = 5;
const CONNECTIONS: u64 = 8;

const CASES: [(Signal, Way); 7] = [
    (Signal::Traces, Way(Transport::Http, Packing::Plain)),
    (Signal::Traces, Way(Transport::Http, Packing::Gzip)),
    (Signal::Traces, Way(Transport::Grpc, Packing::Plain)),
    (Signal::Traces, Way(Transport::Grpc, Packing::Gzip)),
    (Signal::Traces, Way(Transport::Json, Packing::Plain)),
    (Signal::Logs, Way(Transport::Http, Packing::Plain)),
    (Signal::Metrics, Way(Transport::Http, Packing::Plain)),
];

#[tokio::main]
async fn main() {
    let (words, Some(peer)) = (words(), built("otelcol-peer")) else { return };
    println!(
        "{ROUNDS} rounds of {REQUESTS} requests of {ITEMS} items in turns, over {CONNECTIONS} connections"
    );
    println!("CPU-seconds per million items: median, fastest and slowest round; peak memory\n");
    println!("{:31} {:>31} {:>31} {:>6}", "", "Evenkeel", "Collector", "times");
    for work in ["classify", "decode"] {
        for (signal, way) in CASES {
            let name = format!("{work} {} {}", items(signal), way.name());
            if is_asked_for(&name, &words) {
                compare(&name, work, (signal, way), &peer).await;
            }
        }
    }
}

/// One of the two, and what each round cost it.
struct Side {
    pid: u32,
    lines: Vec<Line>,
    rounds: Vec<f64>,
}

impl Side {
    async fn new(pid: u32, way: Way, http: &str, grpc: &str) -> Self {
        let mut lines = Vec::new();
        for _ in 0..CONNECTIONS {
            lines.push(way.open(http, grpc).await);
        }
        Self { pid, lines, rounds: Vec::new() }
    }

    async fn round(&mut self, packets: Vec<Packet>) {
        let begin = cpu_s(self.pid);
        send_all(&self.lines, packets).await;
        self.rounds.push((cpu_s(self.pid) - begin) / ((REQUESTS * ITEMS) as f64 / 1e6));
    }

    fn shown(&self) -> String {
        let least = self.rounds.iter().copied().fold(f64::INFINITY, f64::min);
        let most = self.rounds.iter().copied().fold(0.0, f64::max);
        let median = median(self.rounds.clone());
        format!("{median:6.2} ({least:.2} to {most:.2}) {:5.0} MiB", peak_memory_mib(self.pid))
    }
}

async fn compare(name: &str, work: &str, (signal, way): (Signal, Way), peer: &Path) {
    let (ours, theirs) = match work {
        "classify" => (documents(signal, 20), "classify.yaml"),
        _ => (String::new(), "plain.yaml"),
    };
    let daemon = Daemon::start(&ours).await;
    let collector = Collector::start(peer, theirs, &[]).await;
    let addresses = (daemon.address("otlp_http"), daemon.address("otlp_grpc"));
    let mut evenkeel = Side::new(daemon.pid(), way, addresses.0, addresses.1).await;
    let mut other = Side::new(collector.pid(), way, &collector.http(), &collector.grpc()).await;
    let begin_ns = wall_ns();
    for round in 0..ROUNDS {
        let sequences = round * REQUESTS..(round + 1) * REQUESTS;
        let packets: Vec<Packet> = sequences.map(|one| way.packet(signal, one, begin_ns)).collect();
        evenkeel.round(packets.clone()).await;
        other.round(packets).await;
    }
    let counts = daemon.counts().await;
    let counted = if signal == Signal::Metrics { "metrics" } else { items(signal) };
    assert_eq!(counts["items"][counted]["accepted"], ROUNDS * REQUESTS * ITEMS, "{counts}");
    let times = median(other.rounds.clone()) / median(evenkeel.rounds.clone());
    println!("{name:31} {:>31} {:>31} {times:6.2}", evenkeel.shown(), other.shown());
    assert_eq!(daemon.stop().await, Some(0));
}
