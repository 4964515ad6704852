//! Bad input to Evenkeel and to an OpenTelemetry Collector (`plain.yaml`), one case at a time: what each answers, how
//! long it takes, how much it grows, whether it lives. `benches/peers/build`, then `cargo bench --bench hostile`.
//! Words choose cases: `-- gzip`. A process that died is started again for the next case.

#[allow(dead_code, reason = "the other benches use the rest")]
#[path = "../tests/e2e/collector.rs"]
mod collector;
#[allow(dead_code, reason = "the other benches use the rest")]
mod common;
#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../tests/e2e/program.rs"]
mod program;

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use collector::{Collector, built};
use common::{is_asked_for, peak_memory_mib, watch_memory, words};
use program::Daemon;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";
/// How long slow clients are watched, and how many there are.
const WATCHED: Duration = Duration::from_secs(60);
const SLOW: usize = 50;

struct Case {
    name: &'static str,
    kind: &'static str,
    encoding: Option<&'static str>,
    body: Vec<u8>,
    /// So many at once.
    at_once: usize,
}

enum Process {
    Ours(Daemon),
    Theirs(Collector),
}

impl Process {
    async fn ours() -> Self {
        Self::Ours(Daemon::start("").await)
    }

    async fn theirs(peer: &Path) -> Self {
        Self::Theirs(Collector::start(peer, "plain.yaml", &[]).await)
    }

    fn http(&self) -> String {
        match self {
            Self::Ours(daemon) => daemon.address("otlp_http").to_owned(),
            Self::Theirs(collector) => collector.http(),
        }
    }

    fn pid(&self) -> u32 {
        match self {
            Self::Ours(daemon) => daemon.pid(),
            Self::Theirs(collector) => collector.pid(),
        }
    }

    /// Whether it is there, and not merely a process that nobody has waited for.
    fn lives(&self) -> bool {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap_or_default();
        status.lines().any(|line| line.starts_with("State:") && !line.contains('Z'))
    }
}

#[tokio::main]
async fn main() {
    let (words, Some(peer)) = (words(), built("otelcol-peer")) else { return };
    println!("{:32} {:60} {:50}", "", "Evenkeel", "Collector");
    let (mut ours, mut theirs) = (Process::ours().await, Process::theirs(&peer).await);
    for case in cases().into_iter().filter(|case| is_asked_for(case.name, &words)) {
        let told = (meet(&ours, &case).await, meet(&theirs, &case).await);
        println!("{:32} {:60} {:50}", case.name, told.0, told.1);
        if !ours.lives() {
            ours = Process::ours().await;
        }
        if !theirs.lives() {
            theirs = Process::theirs(&peer).await;
        }
    }
    if is_asked_for("slow clients", &words) {
        let (ours, theirs) = tokio::join!(slow(ours.http()), slow(theirs.http()));
        println!("{:32} {ours:60} {theirs:50}", "slow clients");
    }
}

fn cases() -> Vec<Case> {
    let case = |name, kind, encoding, body| Case { name, kind, encoding, body, at_once: 1 };
    let bomb = |mib| gzip((0..mib).map(|_| vec![b' '; 1 << 20]));
    vec![
        case("a value nested 19 MB deep", PROTOBUF, None, nested(19_000_000)),
        case(
            "20 KB of gzip, 10 M empty spans",
            PROTOBUF,
            Some("gzip"),
            gzip(std::iter::once(empty_spans(10_000_000))),
        ),
        case("100 MiB as gzip", JSON, Some("gzip"), bomb(100)),
        case("1 GiB as gzip", JSON, Some("gzip"), bomb(1024)),
        Case { at_once: 16, ..case("16 times 1 GiB as gzip", JSON, Some("gzip"), bomb(1024)) },
        case("1 GiB as zstd", JSON, Some("zstd"), zstd(1024)),
        case("21 MiB, plain", JSON, None, vec![b' '; 21 << 20]),
        case("JSON with a byte order mark", JSON, None, b"\xef\xbb\xbf{}".to_vec()),
        case("JSON in UTF-16", JSON, None, b"\xff\xfe{\0}\0".to_vec()),
        case("protobuf as JSON", JSON, None, b"\x0a\x00".to_vec()),
        case("JSON as protobuf", PROTOBUF, None, b"{\"resourceSpans\":[]}".to_vec()),
        case("gzip twice", JSON, Some("gzip, gzip"), gzip(std::iter::once(b"{}".to_vec()))),
        case("half of gzip", JSON, Some("gzip"), gzip(std::iter::once(b"{}".to_vec()))[..15].to_vec()),
    ]
}

/// What came of it: the answer, the time, the growth, and how a good request fares right afterwards.
async fn meet(process: &Process, case: &Case) -> String {
    let url = format!("http://{}/v1/traces", process.http());
    let client = evenkeel::respond::client().expect("a client");
    let post = |kind: &str, encoding: Option<&str>, body: Vec<u8>| {
        let request =
            client.post(&url).timeout(Duration::from_secs(60)).header("content-type", kind).body(body);
        encoding
            .map_or(request.try_clone().expect("bytes"), |one| request.header("content-encoding", one))
            .send()
    };
    let before = watch_memory(process.pid());
    let begin = Instant::now();
    let mut flights = JoinSet::new();
    (0..case.at_once).for_each(|_| drop(flights.spawn(post(case.kind, case.encoding, case.body.clone()))));
    let mut answers = Vec::new();
    while let Some(answer) = flights.join_next().await {
        answers.push(told(answer.expect("no panic")));
    }
    let took = begin.elapsed();
    answers.sort_unstable();
    let answers: Vec<String> = answers
        .chunk_by(|a, b| a == b)
        .map(
            |same| {
                if same.len() == 1 { same[0].clone() } else { format!("{} times {}", same.len(), same[0]) }
            },
        )
        .collect();
    let good = told(post(JSON, None, b"{}".to_vec()).await);
    if !process.lives() {
        return format!("{}, dead", answers.join(", "));
    }
    let growth = peak_memory_mib(process.pid()) - before;
    let after = if good == "200" { String::new() } else { format!(", then {good} for a good one") };
    format!("{}, {} ms, +{:.0} MiB{after}", answers.join(", "), took.as_millis(), growth.max(0.0))
}

fn told(answer: reqwest::Result<reqwest::Response>) -> String {
    match answer {
        Err(_) => "cut".to_owned(),
        Ok(answer) => {
            let again = answer.headers().get("retry-after").and_then(|value| value.to_str().ok());
            format!(
                "{}{}",
                answer.status().as_u16(),
                again.map_or(String::new(), |s| format!(" (again in {s} s)"))
            )
        }
    }
}

/// Of clients that send a head a byte a second, a head and half a body, or nothing: how many are cut.
async fn slow(address: String) -> String {
    const HEAD: &[u8] = b"POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{";
    let mut clients = JoinSet::new();
    for (kind, sent) in [("trickling heads", &b""[..]), ("half bodies", HEAD), ("silent", b"")] {
        for _ in 0..SLOW {
            let (address, trickles) = (address.clone(), kind == "trickling heads");
            clients.spawn(async move {
                let (mut read, mut write) =
                    TcpStream::connect(address).await.expect("it listens").into_split();
                let begin = Instant::now();
                write.write_all(sent).await.expect("it takes a few bytes");
                let ends =
                    async move { while read.read(&mut [0; 4096]).await.is_ok_and(|length| length > 0) {} };
                let trickle = async {
                    for byte in HEAD.iter().filter(|_| trickles) {
                        let _closed = write.write_all(&[*byte]).await;
                        tokio::time::sleep(Duration::from_secs(1)).await;
                    }
                    std::future::pending::<()>().await
                };
                let cut = tokio::select! {
                    () = ends => Some(begin.elapsed()),
                    () = trickle => None,
                    () = tokio::time::sleep(WATCHED) => None,
                };
                (kind, cut)
            });
        }
    }
    let all = clients.join_all().await;
    let cut: Vec<Duration> = all.iter().filter_map(|(_, cut)| *cut).collect();
    let latest =
        cut.iter().max().map_or(String::new(), |most| format!(", the last after {} s", most.as_secs()));
    format!("{} of {} cut in {} s{latest}", cut.len(), all.len(), WATCHED.as_secs())
}

fn gzip(pieces: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    pieces.for_each(|piece| encoder.write_all(&piece).expect("memory takes all"));
    encoder.finish().expect("memory takes all")
}

fn zstd(mib: usize) -> Vec<u8> {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).expect("a level");
    (0..mib).for_each(|_| encoder.write_all(&[b' '; 1 << 20]).expect("memory takes all"));
    encoder.finish().expect("memory takes all")
}

fn head(number: u8, length: usize) -> Vec<u8> {
    let mut bytes = vec![number << 3 | 2];
    prost::encoding::encode_varint(length as u64, &mut bytes);
    bytes
}

fn field(number: u8, content: &[u8]) -> Vec<u8> {
    [&head(number, content.len())[..], content].concat()
}

fn empty_spans(spans: usize) -> Vec<u8> {
    field(1, &field(2, &b"\x12\x00".repeat(spans)))
}

/// A span with an attribute that is a list that holds a list, and so on, so many bytes in all.
fn nested(bytes: usize) -> Vec<u8> {
    let (mut heads, mut length) = (Vec::new(), 0);
    while length < bytes {
        let values = head(1, length);
        let list = head(5, values.len() + length);
        length += values.len() + list.len();
        heads.push([list, values].concat());
    }
    heads.reverse();
    let attribute = [field(1, b"deep"), field(2, &heads.concat())].concat();
    field(1, &field(2, &field(2, &field(9, &attribute))))
}
