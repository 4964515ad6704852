//! Clients that stop half way, come in crowds, or never read: nobody else notices.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;

use crate::hostile::Siege;
use crate::program::{Daemon, until};
use crate::sink::{spans, wall_s};

const HEAD: &str = "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";

/// A request, whole.
fn whole() -> String {
    let body = spans(1_000..1_010, true);
    format!("{HEAD}content-length: {}\r\n\r\n{body}", body.len())
}

#[tokio::test]
async fn half_a_request_is_no_request() {
    let mut siege = Siege::start().await;
    let whole = whole();
    for end in [0, 1, 20, HEAD.len(), HEAD.len() + 30, whole.len() / 2, whole.len() - 1] {
        let mut stream = siege.raw("otlp_http", &whole.as_bytes()[..end]).await;
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let closed = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await;
        closed.expect("the daemon closes too").unwrap();
        assert!(!answer.starts_with(b"HTTP/1.1 200"), "cut at {end}: {}", String::from_utf8_lossy(&answer));
        drop(siege.raw("otlp_http", &whole.as_bytes()[..end]).await);
    }
    siege.goes_on("half requests over HTTP").await;
    for bytes in
        [&b"PRI * HTTP/2.0\r\n\r\nSM"[..], b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x06\x04", whole.as_bytes()]
    {
        let mut stream = siege.raw("otlp_grpc", bytes).await;
        stream.shutdown().await.unwrap();
        let ended = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut Vec::new())).await;
        ended.expect("the daemon closes too").ok();
    }
    for listener in ["otlp_http", "http"] {
        let mut stream =
            siege.raw(listener, b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03 this is TLS\r\n\r\n").await;
        let mut answer = Vec::new();
        let closed = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await;
        closed.expect("the daemon closes").unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 400"), "{}", String::from_utf8_lossy(&answer));
    }
    siege.goes_on("bytes of other protocols").await;
}

/// Scenario: three hundred clients at once; a third of them refused, a third cut, a third good.
/// Guarantees: the good ones are counted, each once, and nothing else.
#[tokio::test]
async fn a_crowd_of_bad_clients_costs_the_good_ones_nothing() {
    let mut siege = Siege::start().await;
    let url = format!("http://{}/v1/traces", siege.daemon.address("otlp_http"));
    let client = evenkeel::respond::client().unwrap();
    let (now, whole) = (wall_s(), whole());
    let mut crowd = JoinSet::new();
    for each in 0..100 {
        let post = client.post(&url).header("content-type", "application/json");
        let good = post.try_clone().unwrap().body(spans(now - 10 * each - 10..now - 10 * each, false));
        let bad = post.body(whole.clone());
        crowd.spawn(async move { good.send().await.unwrap().status().as_u16() });
        crowd.spawn(async move { bad.send().await.unwrap().status().as_u16() });
        drop(siege.raw("otlp_http", &whole.as_bytes()[..whole.len() - 1]).await);
    }
    let mut answers = crowd.join_all().await;
    answers.sort_unstable();
    assert_eq!(answers, [[200; 100], [400; 100]].concat());
    siege.good = 1_000;
    siege.goes_on("a crowd").await;
}

/// Scenario: when the daemon is told to stop, one client has sent half a head, one half a body, one
/// nothing at all, and one asks on and on and reads no answer.
/// Guarantees: exit 0 within ten seconds.
#[tokio::test]
async fn clients_that_do_not_finish_do_not_hold_up_the_end() {
    let siege = Siege::start().await;
    let now = wall_s();
    let failed = spans(now - 1_000..now, true);
    assert_eq!(siege.daemon.export("traces", "application/json", failed).await.0, 200);
    let whole = whole();
    let mut held = Vec::new();
    for listener in ["otlp_http", "otlp_grpc", "http"] {
        for bytes in [&b""[..], b"GET /livez HT", &whole.as_bytes()[..whole.len() - 1]] {
            held.push(siege.raw(listener, bytes).await);
        }
    }
    let mut deaf = siege.raw("http", b"").await;
    let asked = "GET /api/v1/events?limit=1000 HTTP/1.1\r\nhost: x\r\n\r\n".repeat(200);
    deaf.write_all(asked.as_bytes()).await.unwrap();
    // Some of the answer is here: the daemon is at it.
    deaf.read_exact(&mut [0; 1024]).await.unwrap();
    let Siege { daemon, .. } = siege;
    until("the daemon answers others", || answers(&daemon)).await;
    let begin = Instant::now();
    assert_eq!(daemon.stop().await, Some(0));
    assert!(begin.elapsed() < Duration::from_secs(10), "took {:?}", begin.elapsed());
    drop((held, deaf));
}

async fn answers(daemon: &Daemon) -> Option<()> {
    (daemon.status("/livez").await.0 == 200).then_some(())
}
