//! CPU time and memory of the whole daemon, from the socket to the ledger: `cargo bench --bench end_to_end`.
//! CPU-seconds per million spans for each transport, with 20 rules and 20 SLOs; the client's time is not in it.

#[allow(dead_code, reason = "the other benches use the rest")]
mod common;
#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../tests/e2e/program.rs"]
mod program;

use std::time::{SystemTime, UNIX_EPOCH};

use common::{SPANS, cpu_s, documents, peak_memory_mib, request};
use evenkeel::send::{Credentials, Export, Wire, connect};
use program::Daemon;

const REQUESTS: u64 = 1_000;
const ROUNDS: u64 = 3;
const CONNECTIONS: u64 = 2;

#[tokio::main]
async fn main() {
    println!(
        "{ROUNDS} rounds of {REQUESTS} requests of {SPANS} spans over {CONNECTIONS} connections, 20 rules, 20 SLOs\n"
    );
    println!(
        "{:12} {:>34} {:>14} {:>12}",
        "transport", "CPU-seconds per million spans", "spans/s", "peak RSS"
    );
    for (name, grpc, gzip) in [
        ("HTTP", false, false),
        ("HTTP, gzip", false, true),
        ("gRPC", true, false),
        ("gRPC, gzip", true, true),
    ] {
        let daemon = Daemon::start(&documents(20)).await;
        let mut wires = Vec::new();
        for _ in 0..CONNECTIONS {
            wires.push(wire(&daemon, grpc, gzip).await);
        }
        let mut rounds = Vec::new();
        let mut fastest = 0.0_f64;
        for round in 0..ROUNDS {
            let exports = made(round * REQUESTS);
            let (cpu, begin) = (cpu_s(daemon.pid()), std::time::Instant::now());
            send(&wires, exports).await;
            fastest = fastest.max((REQUESTS * SPANS) as f64 / begin.elapsed().as_secs_f64());
            rounds.push((cpu_s(daemon.pid()) - cpu) / ((REQUESTS * SPANS) as f64 / 1e6));
        }
        let counts = daemon.counts().await;
        assert_eq!(counts["items"]["spans"]["accepted"], ROUNDS * REQUESTS * SPANS);
        let shown = rounds.iter().map(|cpu| format!("{cpu:8.2}")).collect::<String>();
        println!("{name:12} {shown:>34} {fastest:14.0} {:9.1} MiB", peak_memory_mib(daemon.pid()));
        assert_eq!(daemon.stop().await, Some(0));
    }
}

fn made(first: u64) -> Vec<Export> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    (first..first + REQUESTS).map(|sequence| request(sequence, now)).collect()
}

async fn wire(daemon: &Daemon, grpc: bool, gzip: bool) -> Wire {
    if grpc {
        let channel = connect(&format!("http://{}", daemon.address("otlp_grpc")), &Credentials::default())
            .await
            .unwrap();
        return Wire::Grpc { channel, gzip, authorization: None };
    }
    let endpoint = format!("http://{}", daemon.address("otlp_http"));
    Wire::Http { client: evenkeel::respond::client().unwrap(), endpoint, gzip }
}

async fn send(wires: &[Wire], exports: Vec<Export>) {
    let mut shares: Vec<Vec<Export>> = wires.iter().map(|_| Vec::new()).collect();
    for (index, export) in exports.into_iter().enumerate() {
        shares[index % wires.len()].push(export);
    }
    let senders = wires.iter().cloned().zip(shares).map(|(wire, share)| {
        tokio::spawn(async move {
            for export in share {
                let delivered = wire.deliver(&export).await.unwrap();
                assert_eq!(delivered.rejected, 0);
            }
        })
    });
    for sender in senders.collect::<Vec<_>>() {
        sender.await.unwrap();
    }
}
