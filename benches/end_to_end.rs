//! CPU time and memory of the whole daemon, from the socket to the ledger: `cargo bench --bench end_to_end`.
//! CPU-seconds per million spans, log records and metric points for each transport, encoding and compression, with
//! 20 rules and 20 SLOs; the client's time is not in it. Words choose parts: `-- logs grpc` measures logs over gRPC.

#[allow(dead_code, reason = "the other benches use the rest")]
mod common;
#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../tests/e2e/program.rs"]
mod program;

use std::time::Instant;

use common::traffic::ITEMS;
use common::wire::{Packing, Transport, Way, items, send_all};
use common::{cpu_s, documents, is_asked_for, median, peak_memory_mib, resident_memory_mib, wall_ns, words};
use evenkeel::model::Signal;
use program::Daemon;

const REQUESTS: u64 = 400;
const ROUNDS: u64 = 3;
const CONNECTIONS: u64 = 8;

const WAYS: [Way; 8] = [
    Way(Transport::Http, Packing::Plain),
    Way(Transport::Http, Packing::Gzip),
    Way(Transport::Http, Packing::Zstd),
    Way(Transport::Json, Packing::Plain),
    Way(Transport::Json, Packing::Gzip),
    Way(Transport::Grpc, Packing::Plain),
    Way(Transport::Grpc, Packing::Gzip),
    Way(Transport::Grpc, Packing::Zstd),
];

#[tokio::main]
async fn main() {
    let words = words();
    println!(
        "{ROUNDS} rounds of {REQUESTS} requests of {ITEMS} items over {CONNECTIONS} connections, 20 rules, 20 SLOs\n"
    );
    println!(
        "{:22} {:>9} {:>34} {:>11} {:>9} {:>9} {:>9}",
        "", "bytes", "CPU-seconds per million items", "median", "items/s", "at rest", "peak"
    );
    for signal in Signal::ALL.iter().copied() {
        for way in WAYS {
            let name = format!("{} {}", items(signal), way.name());
            if is_asked_for(&name, &words) {
                measure(&name, signal, way).await;
            }
        }
    }
}

async fn measure(name: &str, signal: Signal, way: Way) {
    let daemon = Daemon::start(&documents(signal, 20)).await;
    let at_rest = resident_memory_mib(daemon.pid());
    let mut lines = Vec::new();
    for _ in 0..CONNECTIONS {
        lines.push(way.open(daemon.address("otlp_http"), daemon.address("otlp_grpc")).await);
    }
    let (begin_ns, million) = (wall_ns(), (REQUESTS * ITEMS) as f64 / 1e6);
    let (mut rounds, mut fastest, mut bytes) = (Vec::new(), 0.0_f64, 0);
    for round in 0..ROUNDS {
        let sequences = round * REQUESTS..(round + 1) * REQUESTS;
        let packets: Vec<_> = sequences.map(|one| way.packet(signal, one, begin_ns)).collect();
        bytes = packets.iter().map(|packet| packet.body.len() as u64).sum::<u64>() / (REQUESTS * ITEMS);
        let (cpu, begin) = (cpu_s(daemon.pid()), Instant::now());
        send_all(&lines, packets).await;
        fastest = fastest.max(million / begin.elapsed().as_secs_f64() * 1e6);
        rounds.push((cpu_s(daemon.pid()) - cpu) / million);
    }
    let counts = daemon.counts().await;
    let counted = if signal == Signal::Metrics { "metrics" } else { items(signal) };
    assert_eq!(counts["items"][counted]["accepted"], ROUNDS * REQUESTS * ITEMS, "{counts}");
    let shown = rounds.iter().map(|cpu| format!("{cpu:8.2}")).collect::<String>();
    let (median, peak) = (median(rounds), peak_memory_mib(daemon.pid()));
    println!("{name:22} {bytes:9} {shown:>34} {median:11.2} {fastest:9.0} {at_rest:5.1} MiB {peak:5.1} MiB");
    assert_eq!(daemon.stop().await, Some(0));
}
