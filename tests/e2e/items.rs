//! `dedup: items`: a span counts once, whatever requests it comes in, over restarts of both kinds.

use serde_json::{Value, json};

use crate::program::{Daemon, Scratch, assert_books_balance};
use crate::sink::wall_s;

const CONFIG: &str = "apiVersion: evenkeel/v1\nkind: Config\nspec: {dedup: items}\n";

/// Server spans whose ids are these numbers.
fn spans(numbers: impl Iterator<Item = u64>, kind: u64) -> String {
    let end_ns = wall_s() * 1_000_000_000;
    let span = |id: u64| {
        json!({
            "traceId": format!("{id:032x}"), "spanId": format!("{id:016x}"), "name": "GET /", "kind": kind,
            "startTimeUnixNano": (end_ns - 1_000_000).to_string(), "endTimeUnixNano": end_ns.to_string(),
        })
    };
    let spans: Vec<Value> = numbers.map(span).collect();
    json!({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).to_string()
}

/// Scenario: requests that overlap, one that has a span twice, a client's span under its server's id; a process that
/// dies, and one that is stopped.
/// Guarantees: each span is accepted once, each copy is a duplicate, each request is answered as taken.
#[tokio::test]
async fn a_span_counts_once_whatever_requests_it_comes_in() {
    let folder = Scratch::new();
    let mut daemon = Daemon::start_on(&folder, CONFIG).await;
    let send = async |daemon: &Daemon, body: String| {
        let (status, text) = daemon.export("traces", "application/json", body).await;
        assert_eq!(status, 200, "{text}");
        let counts = daemon.counts().await;
        assert_books_balance(&counts);
        let spans = &counts["items"]["spans"];
        (spans["accepted"].as_u64().unwrap(), spans["duplicate"].as_u64().unwrap())
    };
    assert_eq!(send(&daemon, spans(1..11, 2)).await, (10, 0));
    assert_eq!(send(&daemon, spans((6..16).chain(15..16), 2)).await, (15, 6));
    assert_eq!(send(&daemon, spans(1..11, 3)).await, (25, 6), "a client may share its server's id");
    drop(daemon);
    daemon = Daemon::start_on(&folder, CONFIG).await;
    assert_eq!(send(&daemon, spans(11..21, 2)).await, (30, 11));
    assert_eq!(daemon.stop().await, Some(0));
    daemon = Daemon::start_on(&folder, CONFIG).await;
    assert_eq!(send(&daemon, spans(1..22, 2)).await, (31, 31));
}

/// Guarantees: of many copies that are sent at once each span is counted once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn copies_that_come_at_once_count_once() {
    let daemon = std::sync::Arc::new(Daemon::start(CONFIG).await);
    let senders = (0..16_u64).map(|sender| {
        let daemon = std::sync::Arc::clone(&daemon);
        tokio::spawn(async move {
            for first in (1..201).step_by(20) {
                // Each of other bytes, so that no request repeats another.
                let body = spans((first..first + 40).chain([1_000 + sender * 1_000 + first]), 2);
                loop {
                    match daemon.export("traces", "application/json", body.clone()).await.0 {
                        200 => break,
                        503 => {}
                        other => panic!("{other}"),
                    }
                }
            }
        })
    });
    for sender in senders.collect::<Vec<_>>() {
        sender.await.unwrap();
    }
    let counts = daemon.counts().await;
    assert_books_balance(&counts);
    assert_eq!(counts["items"]["spans"]["accepted"], 220 + 16 * 10);
}
