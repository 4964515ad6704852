//! HTTP/2 as a hostile peer speaks it, peers that come too often, and peers that do not read.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::hostile::Siege;
use crate::program::{Daemon, until};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const SETTINGS: u8 = 4;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;

/// `:method POST`, `:scheme http`, `:path /`, `content-type application/grpc`, by HPACK's static table.
const POST: &[u8] = b"\x83\x86\x84\x5f\x10application/grpc";

fn frame(kind: u8, flags: u8, stream: u32, content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), content].concat()
}

/// A peer that writes frames by hand.
struct Peer(TcpStream);

impl Peer {
    async fn connect(daemon: &Daemon, listener: &str) -> Self {
        let mut stream = TcpStream::connect(daemon.address(listener)).await.unwrap();
        stream.write_all(&[PREFACE, &frame(SETTINGS, 0, 0, b"")].concat()).await.unwrap();
        Self(stream)
    }

    /// Writes, however little of it the daemon takes.
    async fn write(&mut self, bytes: &[u8]) {
        let _closed_on_us = self.0.write_all(bytes).await;
    }

    /// The next frame: type, stream and content. None: the daemon has closed.
    async fn next(&mut self) -> Option<(u8, u32, Vec<u8>)> {
        let mut head = [0; 9];
        self.0.read_exact(&mut head).await.ok()?;
        let [l0, l1, l2, kind, _flags, stream @ ..] = head;
        let mut content = vec![0; u32::from_be_bytes([0, l0, l1, l2]) as usize];
        self.0.read_exact(&mut content).await.ok()?;
        Some((kind, u32::from_be_bytes(stream), content))
    }

    /// Reads to the end; the types of the frames that came.
    async fn rest(&mut self) -> Vec<u8> {
        let mut kinds = Vec::new();
        let read = async {
            while let Some((kind, ..)) = self.next().await {
                kinds.push(kind);
            }
        };
        timeout(Duration::from_secs(20), read).await.expect("the daemon closes");
        kinds
    }
}

/// Scenario: frames that cost their sender nothing, many at once, on all three listeners.
/// Guarantees: the peer is told to go and cut; whoever else is there notices nothing.
#[tokio::test]
async fn who_floods_us_with_frames_is_told_to_go() {
    let mut siege = Siege::start().await;
    let opened_and_reset = (0..400).flat_map(|number| {
        let stream = 2 * number + 1;
        [frame(HEADERS, END_HEADERS, stream, POST), frame(RST_STREAM, 0, stream, b"\0\0\0\x08")].concat()
    });
    let floods = [
        ("resets", opened_and_reset.collect::<Vec<u8>>()),
        ("settings", frame(SETTINGS, 0, 0, b"").repeat(2_000)),
        ("pings", frame(PING, 0, 0, b"12345678").repeat(2_000)),
        ("empty data", [frame(HEADERS, END_HEADERS, 1, POST), frame(0, 0, 1, b"").repeat(2_000)].concat()),
        ("unknown types", frame(0xfa, 0, 0, b"?").repeat(2_000)),
    ];
    for listener in ["otlp_grpc", "otlp_http", "http"] {
        for (what, flood) in &floods {
            let mut peer = Peer::connect(&siege.daemon, listener).await;
            peer.write(flood).await;
            let kinds = peer.rest().await;
            assert!(kinds.contains(&GOAWAY), "{what} on {listener}: {kinds:?}");
        }
        siege.goes_on(listener).await;
    }
    let metrics = siege.daemon.text("/metrics").await;
    let cut = r#"evenkeel_connections_refused_total{listener="otlp_grpc",reason="cut"}"#;
    let count = metrics.lines().find_map(|line| line.strip_prefix(cut)).unwrap().trim();
    // h2 has told off the others itself.
    assert!(count.parse::<u32>().unwrap() >= 3, "{count}");
}

#[tokio::test]
async fn headers_without_an_end_are_refused() {
    let mut siege = Siege::start().await;
    let many: Vec<u8> = (0..3_000).flat_map(|_| *b"\x40\x04name\x10sixteen bytes...").collect();
    for listener in ["otlp_grpc", "otlp_http", "http"] {
        let mut peer = Peer::connect(&siege.daemon, listener).await;
        peer.write(&frame(HEADERS, 0, 1, POST)).await;
        for part in many.chunks(16_000) {
            peer.write(&frame(CONTINUATION, 0, 1, part)).await;
        }
        peer.write(&frame(CONTINUATION, 0, 1, b"").repeat(1_000)).await;
        assert!(peer.rest().await.contains(&GOAWAY), "{listener}");
    }
    for listener in ["otlp_http", "http"] {
        let head = |line: &str| format!("GET /livez{line}host: x\r\n\r\n");
        for (line, status) in [
            (format!("?{} HTTP/1.1\r\n", "u".repeat(9_000)), "414"),
            (format!(" HTTP/1.1\r\nlong: {}\r\n", "v".repeat(70_000)), "431"),
            (format!(" HTTP/1.1\r\n{}", "many: x\r\n".repeat(101)), "431"),
        ] {
            let mut stream = siege.raw(listener, head(&line).as_bytes()).await;
            let mut answer = [0; 12];
            let read = timeout(Duration::from_secs(5), stream.read_exact(&mut answer)).await;
            read.expect("an answer").unwrap();
            let answer = String::from_utf8_lossy(&answer).into_owned();
            assert_eq!(answer, format!("HTTP/1.1 {status}"), "{listener}");
        }
    }
    siege.goes_on("endless headers").await;
}

/// Scenario: a peer opens a hundred and one requests and ends none.
#[tokio::test]
async fn a_connection_has_a_hundred_requests_under_way_and_no_more() {
    let mut siege = Siege::start().await;
    let mut peer = Peer::connect(&siege.daemon, "otlp_grpc").await;
    let path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    let post = [b"\x83\x86\x04", &[path.len() as u8][..], path.as_bytes(), &POST[3..]].concat();
    for number in 0..101 {
        peer.write(&frame(HEADERS, END_HEADERS, 2 * number + 1, &post)).await;
    }
    let refused = async {
        loop {
            match peer.next().await {
                Some((RST_STREAM, stream, code)) => return (stream, code),
                Some(_) => {}
                None => panic!("closed"),
            }
        }
    };
    let refused = timeout(Duration::from_secs(10), refused).await.expect("the last one is refused");
    assert_eq!(refused, (201, b"\0\0\0\x07".to_vec()), "REFUSED_STREAM");
    siege.goes_on("open streams").await;
}

/// Scenario: two thousand requests that wait for bodies, with heads that HTTP/2 says in few bytes: one header again and
/// again, as often as the limit on bytes lets it, and as often as the one on headers does.
/// Guarantees: the peers of the former are told to go, the latter count as in flight, and little is held.
#[tokio::test]
async fn heads_that_repeat_themselves_take_little_memory() {
    let mut siege = Siege::start().await;
    let path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    let post = [b"\x83\x86\x04", &[path.len() as u8][..], path.as_bytes(), b"\x0f\x10", &POST[4..]].concat();
    let process = format!("/proc/{}", siege.daemon.pid());
    for (again, in_flight) in [(1_700, 0), (90, 2_000 * 8 * 1024)] {
        std::fs::write(format!("{process}/clear_refs"), "5").unwrap();
        let before = siege.daemon.memory_kb("VmRSS:");
        let mut peers = Vec::new();
        for _ in 0..20 {
            let mut peer = Peer::connect(&siege.daemon, "otlp_grpc").await;
            for number in 0..100 {
                let first = if number == 0 { &b"\x40\x01a\x01b"[..] } else { b"" };
                let head = [&post, first, &b"\xbe".repeat(again)].concat();
                peer.write(&frame(HEADERS, END_HEADERS, 2 * number + 1, &head)).await;
            }
            peers.push(peer);
        }
        let held = || async {
            let metrics = siege.daemon.text("/metrics").await;
            let held = metrics.lines().find_map(|line| line.strip_prefix("evenkeel_ingest_in_flight_bytes "));
            (held?.parse::<u64>().ok()? >= in_flight).then_some(())
        };
        until("they wait", held).await;
        siege.goes_on("heads that repeat themselves").await;
        let grown = siege.daemon.memory_kb("VmHWM:") - before;
        assert!(grown < 64 * 1024, "{again} headers each: grew by {grown} kB");
    }
}

/// Scenario: half a preface of HTTP/2, and one that is followed by nothing.
/// Guarantees: neither keeps its connection.
#[tokio::test]
async fn a_preface_that_does_not_end_is_cut() {
    let daemon = Daemon::start("").await;
    let begin = Instant::now();
    let mut held = Vec::new();
    for part in [&PREFACE[..1], &PREFACE[..20], PREFACE] {
        let mut stream = TcpStream::connect(daemon.address("otlp_grpc")).await.unwrap();
        stream.write_all(part).await.unwrap();
        held.push(stream);
    }
    for mut stream in held {
        timeout(Duration::from_secs(20), stream.read_to_end(&mut Vec::new())).await.expect("cut").ok();
    }
    assert!(begin.elapsed() < Duration::from_secs(15), "{:?}", begin.elapsed());
}

/// Scenario: a client asks for much, over HTTP/1 and HTTP/2, and reads nothing.
#[tokio::test]
async fn who_does_not_read_is_cut_within_half_a_minute() {
    let daemon = Daemon::start(include_str!("shop.yaml")).await;
    let begin = Instant::now();
    let mut deaf = TcpStream::connect(daemon.address("http")).await.unwrap();
    let asked = "GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n".repeat(2_000);
    deaf.write_all(asked.as_bytes()).await.unwrap();
    let mut peer = Peer::connect(&daemon, "http").await;
    // The window of the connection stays as it begins: 65,535 bytes.
    let path = "/metrics";
    let get = [b"\x82\x86\x04", &[path.len() as u8][..], path.as_bytes()].concat();
    for number in 0..16 {
        peer.write(&frame(HEADERS, END_HEADERS | 1, 2 * number + 1, &get)).await;
    }
    let cut = || async {
        let metrics = daemon.text("/metrics").await;
        metrics
            .contains(r#"evenkeel_connections_refused_total{listener="http",reason="cut"} 2"#)
            .then_some(())
    };
    until("both are cut", cut).await;
    assert!(begin.elapsed() < Duration::from_secs(30), "{:?}", begin.elapsed());
    drop((deaf, peer));
}

const LIMITED: &str = "apiVersion: evenkeel/v1\nkind: Config\nspec:\n  listen: {limits: {connections: 32, connections_per_peer: 6}}\n";

/// Whether a connection is kept open, and answered.
async fn is_let_in(daemon: &Daemon) -> Option<TcpStream> {
    let mut stream = TcpStream::connect(daemon.address("otlp_http")).await.ok()?;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.ok()?;
    let mut answer = [0; 12];
    timeout(Duration::from_secs(5), stream.read_exact(&mut answer)).await.ok()?.ok()?;
    answer.starts_with(b"HTTP/1.1 404").then_some(stream)
}

#[tokio::test]
async fn a_peer_that_has_its_share_of_connections_gets_no_more() {
    let daemon = Daemon::start(LIMITED).await;
    let mut held = Vec::new();
    for _ in 0..6 {
        held.push(is_let_in(&daemon).await.expect("within the share"));
    }
    assert!(is_let_in(&daemon).await.is_none(), "the seventh");
    held.pop();
    until("a place is free again", || is_let_in(&daemon)).await;
    drop(held);
    let told = || async {
        let metrics = reqwest::get(daemon.url("/metrics")).await.ok()?.text().await.ok()?;
        let refused = r#"evenkeel_connections_refused_total{listener="otlp_http",reason="peer"} "#;
        metrics.lines().any(|line| line.starts_with(refused) && !line.ends_with(" 0")).then_some(())
    };
    until("it is counted", told).await;
}

/// Scenario: senders take every connection that there is for them.
/// Guarantees: health answers, and one more sender is served as soon as one has gone.
#[tokio::test]
async fn senders_that_take_every_place_leave_health_its_own() {
    let daemon = Daemon::start(&LIMITED.replace("_peer: 6", "_peer: 32")).await;
    let mut held = Vec::new();
    while let Ok(Some(stream)) = timeout(Duration::from_secs(2), is_let_in(&daemon)).await {
        held.push(stream);
        assert!(held.len() < 32, "a limit on connections");
    }
    assert_eq!(daemon.status("/livez").await, (200, "ok\n".to_owned()));
    // One place is the other listener's, which waits for somebody.
    assert_eq!(held.len(), 27);
    held.pop();
    until("one more is served", || is_let_in(&daemon)).await;
}

#[tokio::test]
async fn profiles_are_not_taken_and_that_is_said() {
    use tonic::Code;
    let mut siege = Siege::start().await;
    for signal in ["profiles", "../v1development/profiles"] {
        let (status, _) = siege.daemon.export(signal, "application/x-protobuf", Vec::new()).await;
        assert_eq!(status, 404, "{signal}");
    }
    let channel = siege.channel().await;
    let path = "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export";
    let status = crate::hostile::call_at(path, &channel, &[], &crate::hostile::framed(0, b"")).await;
    assert_eq!(status.code(), Code::Unimplemented, "{status:?}");
    siege.goes_on("profiles").await;
}
