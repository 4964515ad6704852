//! What a good sender feels while another one floods: `cargo bench --bench flood`.
//! Latency of its requests, from the first byte sent to the answer, beside each flood and alone in turns; the flood runs
//! on the same cores, in a thread of its own, from another address of the loopback. Words choose: `-- stall 1000`.

#[allow(dead_code, reason = "the other benches use the rest")]
mod common;
#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../tests/e2e/program.rs"]
mod program;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use common::wire::{Line, Packet, Packing, Transport, Way};
use common::{documents, is_asked_for, wall_ns, words};
use evenkeel::model::Signal;
use program::{Daemon, Scratch};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpSocket;
use tokio::task::JoinSet;

const TURNS: usize = 5;
const REQUESTS: u64 = 150;
/// From the beginning of one good request to that of the next.
const PACE: Duration = Duration::from_millis(15);
const FLOODER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
/// Of the loud token; its flood offers ten times as much.
const RATE: u64 = 10_000;

const TOKENS: &str = "
  auth:
    tokens:
      - {name: good, file: good.token, role: ingest}
      - {name: loud, file: loud.token, role: ingest, limits: {items_per_second: 10000}}
      - {name: viewer, file: viewer.token, role: viewer}
";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flood {
    /// A token at ten times its rate.
    LoudToken,
    /// Requests without a token, as fast as they are answered.
    NoToken,
    /// Bodies of 19 MiB as fast as they are taken, sixteen at a time, where nobody has a token.
    Large,
    /// The same, but they stop before their end.
    Stalled,
}

impl Flood {
    const ALL: [Self; 4] = [Self::LoudToken, Self::NoToken, Self::Large, Self::Stalled];

    fn name(self) -> &'static str {
        match self {
            Self::LoudToken => "a token at 10 times its rate",
            Self::NoToken => "requests without a token",
            Self::Large => "large bodies",
            Self::Stalled => "large bodies that stall",
        }
    }

    fn has_tokens(self) -> bool {
        matches!(self, Self::LoudToken | Self::NoToken)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let words = words();
    let pace = PACE.as_millis();
    println!(
        "{TURNS} turns of {REQUESTS} good requests alone and {REQUESTS} beside the flood, one each {pace} ms\n"
    );
    println!(
        "{:42} {:>20} {:>24} {:>10} {:>8} {:>8}",
        "p50, p99 and most, in milliseconds", "alone", "beside the flood", "p99 times", "refused", "floods/s"
    );
    for flood in Flood::ALL {
        for spans in [100, 1_000] {
            let name = format!("{}, {spans} spans", flood.name());
            if is_asked_for(&name, &words) {
                measure(&name, flood, spans).await;
            }
        }
    }
}

async fn start(tokens: bool) -> Daemon {
    let scratch = Scratch::new();
    for name in ["good", "loud", "viewer"] {
        scratch.write(&format!("{name}.token"), &format!("token-of-{name}"));
    }
    let documents = documents(Signal::Traces, 20);
    let documents =
        if tokens { documents.replacen("spec:\n", &format!("spec:{TOKENS}"), 1) } else { documents };
    let file = scratch.write("evenkeel.yaml", &documents);
    Daemon::start_with(scratch, ["run".as_ref(), "-c".as_ref(), file.as_os_str()]).await
}

async fn measure(name: &str, flood: Flood, spans: u64) {
    let daemon = start(flood.has_tokens()).await;
    let address: SocketAddr = daemon.address("otlp_http").parse().expect("an address");
    let line = line(address, None, flood.has_tokens().then_some("good"));
    let (mut alone, mut beside, mut floods) = (Felt::default(), Felt::default(), 0.0);
    for turn in 0..TURNS as u64 {
        let packets =
            |first: u64| (first..first + REQUESTS).map(|one| packet(one, spans)).collect::<Vec<_>>();
        alone.feel(&line, &packets(2 * turn * REQUESTS)).await;
        let packets = packets((2 * turn + 1) * REQUESTS);
        let (over, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let flooding = std::thread::spawn({
            let (over, answered) = (Arc::clone(&over), Arc::clone(&answered));
            move || run_flood(flood, address, &over, &answered)
        });
        // The first requests find the flood under way, and the next turn finds nothing of it.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let (begin, before) = (Instant::now(), answered.load(Ordering::Relaxed));
        beside.feel(&line, &packets).await;
        floods += (answered.load(Ordering::Relaxed) - before) as f64 / begin.elapsed().as_secs_f64();
        over.store(true, Ordering::Relaxed);
        flooding.join().expect("the flood ends");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let (times, floods) = (beside.at(0.99) / alone.at(0.99), floods / TURNS as f64);
    let refused = alone.refused + beside.refused;
    println!("{name:42} {:>20} {:>24} {times:10.1} {refused:8} {floods:8.0}", alone.shown(), beside.shown());
    assert_eq!(daemon.stop().await, Some(0));
}

/// What the good sender felt.
#[derive(Default)]
struct Felt {
    took: Vec<Duration>,
    refused: u64,
}

impl Felt {
    async fn feel(&mut self, line: &Line, packets: &[Packet]) {
        let mut pace = tokio::time::interval(PACE);
        for packet in packets {
            pace.tick().await;
            let asked = Instant::now();
            match line.send(packet).await {
                Ok(()) => self.took.push(asked.elapsed()),
                Err(_) => self.refused += 1,
            }
        }
        self.took.sort_unstable();
    }

    fn at(&self, share: f64) -> f64 {
        let index = (self.took.len() as f64 * share).ceil() as usize;
        self.took.get(index.saturating_sub(1)).map_or(f64::NAN, |one| one.as_secs_f64() * 1e3)
    }

    fn shown(&self) -> String {
        format!("{:.1} {:.1} {:.1}", self.at(0.5), self.at(0.99), self.at(1.0))
    }
}

fn line(address: SocketAddr, from: Option<IpAddr>, token: Option<&str>) -> Line {
    let client = reqwest::Client::builder().local_address(from).build().expect("a client");
    let way = Way(Transport::Http, Packing::Plain);
    Line::Http {
        client,
        endpoint: format!("http://{address}"),
        way,
        token: token.map(|one| format!("token-of-{one}")),
    }
}

/// A request of so many spans: the first ones of one that holds a thousand.
fn packet(sequence: u64, spans: u64) -> Packet {
    use prost::Message;
    let mut request = common::traffic::spans(sequence, wall_ns());
    let each = (spans / common::traffic::SERVICES / 2) as usize;
    request
        .resource_spans
        .iter_mut()
        .flat_map(|one| &mut one.scope_spans)
        .for_each(|one| one.spans.truncate(each));
    Packet { signal: Signal::Traces, body: request.encode_to_vec().into() }
}

fn run_flood(flood: Flood, address: SocketAddr, over: &AtomicBool, answered: &Arc<AtomicU64>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut senders = JoinSet::new();
        match flood {
            Flood::LoudToken => {
                // Four connections share the pace.
                let each = Duration::from_secs(4_000) / (10 * RATE) as u32;
                for number in 0..4 {
                    let line = line(address, Some(FLOODER), Some("loud"));
                    let packets = (0..64).map(|one| packet(1_000_000 + number * 64 + one, 1_000)).collect();
                    senders.spawn(on_and_on(line, packets, Some(each), Arc::clone(answered)));
                }
            }
            Flood::NoToken => {
                for number in 0..8 {
                    let line = line(address, Some(FLOODER), None);
                    let packets = vec![packet(2_000_000 + number, 100)];
                    senders.spawn(on_and_on(line, packets, None, Arc::clone(answered)));
                }
            }
            Flood::Large => {
                let body = bytes::Bytes::from(large());
                for _ in 0..16 {
                    let line = line(address, Some(FLOODER), None);
                    let packets = vec![Packet { signal: Signal::Traces, body: body.clone() }];
                    senders.spawn(on_and_on(line, packets, None, Arc::clone(answered)));
                }
            }
            Flood::Stalled => {
                for _ in 0..16 {
                    senders.spawn(stall(address, Arc::clone(answered)));
                }
            }
        }
        while !over.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        senders.shutdown().await;
    });
}

async fn on_and_on(line: Line, packets: Vec<Packet>, each: Option<Duration>, answered: Arc<AtomicU64>) {
    let mut pace = tokio::time::interval(each.unwrap_or(Duration::from_nanos(1)));
    for packet in packets.iter().cycle() {
        if each.is_some() {
            pace.tick().await;
        }
        let _refused = line.send(packet).await;
        answered.fetch_add(1, Ordering::Relaxed);
    }
}

/// One request again and again, up to 19 MiB.
fn large() -> Vec<u8> {
    let one = packet(3_000_000, 1_000).body;
    one.repeat((19 << 20) / one.len())
}

/// All of a body but its end, again and again as we are cut.
async fn stall(address: SocketAddr, answered: Arc<AtomicU64>) {
    const LENGTH: usize = 19 << 20;
    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ncontent-length: {LENGTH}\r\n\r\n"
    );
    loop {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(SocketAddr::new(FLOODER, 0)).expect("an address of the loopback");
        let Ok(mut stream) = socket.connect(address).await else { continue };
        let _cut = stream.write_all(head.as_bytes()).await;
        let _cut = stream.write_all(&vec![b' '; LENGTH - 1]).await;
        let mut answer = [0; 256];
        let _ended = tokio::io::AsyncReadExt::read(&mut stream, &mut answer).await;
        answered.fetch_add(1, Ordering::Relaxed);
    }
}
