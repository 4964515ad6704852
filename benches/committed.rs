//! What it costs that an answer means committed: `cargo bench --bench committed`. Two daemons, one with `ack: memory`,
//! take the same requests of spans in turns, with 20 rules and 20 SLOs. CPU-seconds per million spans, and the time from
//! a request to its answer.

#[allow(dead_code, reason = "the other benches use the rest")]
mod common;
#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../tests/e2e/program.rs"]
mod program;

use std::time::{Duration, Instant};

use common::traffic::ITEMS;
use common::wire::{Line, Packet, Packing, Transport, Way};
use common::{cpu_s, documents, median, wall_ns};
use evenkeel::model::Signal;
use program::Daemon;

const REQUESTS: u64 = 300;
const ROUNDS: u64 = 9;
const WAY: Way = Way(Transport::Http, Packing::Plain);

struct Side {
    daemon: Daemon,
    lines: Vec<Line>,
    cpu: Vec<f64>,
    took: Vec<Duration>,
}

impl Side {
    async fn new(documents: &str, connections: usize) -> Self {
        let daemon = Daemon::start(documents).await;
        let mut lines = Vec::new();
        for _ in 0..connections {
            lines.push(WAY.open(daemon.address("otlp_http"), daemon.address("otlp_grpc")).await);
        }
        Self { daemon, lines, cpu: Vec::new(), took: Vec::new() }
    }

    async fn round(&mut self, packets: &[Packet]) {
        let begin = cpu_s(self.daemon.pid());
        let share = packets.len().div_ceil(self.lines.len());
        let senders = self.lines.iter().cloned().zip(packets.chunks(share)).map(|(line, packets)| {
            let packets = packets.to_vec();
            tokio::spawn(async move {
                let mut took = Vec::new();
                for packet in packets {
                    let begin = Instant::now();
                    line.send(&packet).await.expect("it is taken");
                    took.push(begin.elapsed());
                }
                took
            })
        });
        for sender in senders.collect::<Vec<_>>() {
            self.took.extend(sender.await.expect("all was sent"));
        }
        self.cpu.push((cpu_s(self.daemon.pid()) - begin) / ((REQUESTS * ITEMS) as f64 / 1e6));
    }

    fn shown(&mut self) -> String {
        self.took.sort_unstable();
        let at = |share: f64| self.took[((self.took.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
        format!("{:.2} CPU-s, p50 {:.1} ms, p99 {:.1} ms", median(self.cpu.clone()), at(0.5), at(0.99))
    }
}

#[tokio::main]
async fn main() {
    println!(
        "{ROUNDS} rounds of {REQUESTS} requests of {ITEMS} spans in turns; CPU-seconds per million spans\n"
    );
    let committed = documents(Signal::Traces, 20);
    let memory = committed.replacen("spec:\n", "spec:\n  ack: memory\n", 1);
    for connections in [1, 2, 16] {
        let mut sides = [Side::new(&committed, connections).await, Side::new(&memory, connections).await];
        let begin_ns = wall_ns();
        for round in 0..ROUNDS {
            let sequences = round * REQUESTS..(round + 1) * REQUESTS;
            let packets: Vec<Packet> =
                sequences.map(|one| WAY.packet(Signal::Traces, one, begin_ns)).collect();
            for side in &mut sides {
                side.round(&packets).await;
            }
        }
        let [committed, memory] = &mut sides;
        let times = median(committed.cpu.clone()) / median(memory.cpu.clone());
        println!("{connections:2} connections  committed  {}", committed.shown());
        println!("{connections:2} connections  memory     {}", memory.shown());
        println!("{connections:2} connections  CPU of committed is {times:.3} times that of memory\n");
        for side in sides {
            assert_eq!(side.daemon.stop().await, Some(0));
        }
    }
}
