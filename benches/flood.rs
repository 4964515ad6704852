//! What a good sender feels while another one floods: `cargo bench --bench flood`.
//! Latency of its requests, from the first byte sent to the answer, alone and beside each flood; the flood runs on the
//! same two cores, in a thread of its own, from another address of the loopback. Words choose floods: `-- token`.

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

const REQUESTS: u64 = 600;
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
    None,
    /// A token at ten times its rate.
    LoudToken,
    /// Requests without a token, as fast as they are answered.
    NoToken,
    /// Bodies of 19 MiB as fast as they are taken, sixteen at a time.
    Large,
    /// Bodies of 19 MiB that stop before their end, sixteen at a time.
    Stalled,
}

impl Flood {
    const WITH_TOKENS: [Self; 3] = [Self::None, Self::LoudToken, Self::NoToken];
    const WITHOUT: [Self; 3] = [Self::None, Self::Large, Self::Stalled];

    fn name(self) -> &'static str {
        match self {
            Self::None => "alone",
            Self::LoudToken => "a token at 10 times its rate",
            Self::NoToken => "requests without a token",
            Self::Large => "large bodies",
            Self::Stalled => "large bodies that stall",
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let words = words();
    println!("{REQUESTS} good requests of each size, one each {} ms; milliseconds\n", PACE.as_millis());
    println!("{:44} {:>7} {:>7} {:>7} {:>8} {:>8}", "", "p50", "p99", "most", "refused", "flood/s");
    for (tokens, floods) in [(true, Flood::WITH_TOKENS), (false, Flood::WITHOUT)] {
        for flood in floods {
            let settings = if tokens { "tokens" } else { "no tokens" };
            for spans in [100, 1_000] {
                let name = format!("{settings}, {spans} spans: {}", flood.name());
                if is_asked_for(&name, &words) {
                    measure(&name, tokens, flood, spans).await;
                }
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

async fn measure(name: &str, tokens: bool, flood: Flood, spans: u64) {
    let daemon = start(tokens).await;
    let address: SocketAddr = daemon.address("otlp_http").parse().expect("an address");
    let line = line(address, None, tokens.then_some("good"));
    let packets: Vec<Packet> = (0..REQUESTS).map(|one| packet(one, spans)).collect();
    let (over, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let flooding = std::thread::spawn({
        let (over, answered) = (Arc::clone(&over), Arc::clone(&answered));
        move || run_flood(flood, address, &over, &answered)
    });
    // The first requests find the flood under way.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (begin, before) = (Instant::now(), answered.load(Ordering::Relaxed));
    let (mut took, mut refused) = (Vec::new(), 0);
    let mut pace = tokio::time::interval(PACE);
    for packet in &packets {
        pace.tick().await;
        let asked = Instant::now();
        match line.send(packet).await {
            Ok(()) => took.push(asked.elapsed()),
            Err(_) => refused += 1,
        }
    }
    let floods = (answered.load(Ordering::Relaxed) - before) as f64 / begin.elapsed().as_secs_f64();
    over.store(true, Ordering::Relaxed);
    flooding.join().expect("the flood ends");
    took.sort_unstable();
    let at = |share: f64| {
        let index = (took.len() as f64 * share).ceil() as usize;
        took.get(index.saturating_sub(1)).map_or(f64::NAN, |one| one.as_secs_f64() * 1e3)
    };
    println!("{name:44} {:7.2} {:7.2} {:7.2} {refused:8} {floods:8.0}", at(0.5), at(0.99), at(1.0));
    assert_eq!(daemon.stop().await, Some(0));
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
            Flood::None => {}
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

/// Spans of 1970, which touch no window: 19 MiB of them.
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
