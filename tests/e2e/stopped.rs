//! A process that stands still for a while and goes on, as one on a machine that is paused or starved does.
//!
//! `EVENKEEL_E2E_STOPPED_S=60 cargo test --release --test e2e stopped -- --nocapture` stops it for a minute.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::program::{Daemon, PATIENCE, assert_books_balance, until};
use crate::sink::Sink;

const SPANS: u64 = 3;
/// Between two requests. Who sends does not wait for the answer to the one before.
const PACE: Duration = Duration::from_millis(100);

/// `gone` opens when nothing came for less than the process stands still; `seen` closes by the clock alone.
fn documents(pages: &str, beats: &str) -> String {
    format!(
        "{}---
apiVersion: evenkeel/v1
kind: Config
spec:
  classify:
    - {{name: seen, when: 'span && has(host.name)', category: exception, alert: {{key: [host.name], quiet: 2s, priority: P2}}}}
    - {{name: gone, when: 'span && kind == \"server\"', category: informational, alert: {{absent: 3s, priority: P2}}}}
  alerting:
    route: {{receiver: oncall}}
    receivers: [{{name: oncall, webhook_configs: [{{url: '{pages}', format: evenkeel}}]}}]
    heartbeat: {{url: '{beats}', every: 5s}}
",
        include_str!("shop.yaml")
    )
}

pub fn request(number: u64, at_ns: u128, host: Option<&str>) -> String {
    let span = |span: u64| {
        let id = number * SPANS + span + 1;
        let mut one = json!({
            "traceId": format!("{id:032x}"), "spanId": format!("{id:016x}"), "name": "GET /", "kind": 2,
            "startTimeUnixNano": (at_ns - 1_000_000).to_string(), "endTimeUnixNano": at_ns.to_string(),
        });
        if let (0, Some(host)) = (span, host) {
            one["attributes"] = json!([{"key": "host.name", "value": {"stringValue": host}}]);
        }
        one
    };
    let spans: Vec<Value> = (0..SPANS).map(span).collect();
    json!({"resourceSpans": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
        "scopeSpans": [{"spans": spans}],
    }]})
    .to_string()
}

pub fn wall_ns() -> u128 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos()
}

/// The same bytes until they are acknowledged.
async fn send(url: String, body: String) {
    let client = evenkeel::respond::client().unwrap();
    loop {
        let post = client.post(&url).header("content-type", "application/json").body(body.clone());
        match post.timeout(PATIENCE * 4).send().await {
            Ok(answer) if answer.status() == 200 => return,
            Ok(answer) => assert_eq!(answer.status(), 503),
            Err(_broken_off) => {}
        }
        tokio::time::sleep(PACE).await;
    }
}

/// Sends at its pace until it is over, and waits for all answers; how many requests that were.
async fn traffic(url: String, over: Arc<AtomicBool>) -> u64 {
    let (mut under_way, mut number, mut pace) = (JoinSet::new(), 0, tokio::time::interval(PACE));
    while !over.load(Ordering::SeqCst) {
        pace.tick().await;
        under_way.spawn(send(url.clone(), request(number, wall_ns(), None)));
        number += 1;
    }
    under_way.join_all().await;
    number
}

/// Scenario: SIGSTOP under traffic that goes on, for longer than the silence that a rule pages for; then SIGCONT.
/// Guarantees: everything that was sent is counted once; nobody is paged for a silence that was ours; alerts, pages and
/// signs of life go on.
#[tokio::test]
async fn a_process_that_stood_still_goes_on_and_pages_nobody_for_it() {
    let stopped_s = std::env::var("EVENKEEL_E2E_STOPPED_S").map_or(4, |text| text.parse().expect("a number"));
    let (mut pages, mut beats) = (Sink::start().await, Sink::start().await);
    let daemon = Daemon::start(&documents(&pages.url, &beats.url)).await;
    let url = format!("http://{}/v1/traces", daemon.address("otlp_http"));
    let over = Arc::new(AtomicBool::new(false));
    let sending = tokio::spawn(traffic(url.clone(), Arc::clone(&over)));
    beats.next().await;
    send(url.clone(), request(1 << 32, wall_ns(), Some("before"))).await;
    let before = pages.next().await.body;
    assert_eq!(
        (&before["transition"], &before["alert"]["labels"]["host_name"]),
        (&json!("trigger"), &json!("before"))
    );

    daemon.signal("STOP");
    // The pause itself is what is tried.
    tokio::time::sleep(Duration::from_secs(stopped_s)).await;
    beats.heard();
    daemon.signal("CONT");

    let resolve = pages.next().await.body;
    assert_eq!(
        (&resolve["transition"], &resolve["dedup_key"]),
        (&json!("resolve"), &before["dedup_key"]),
        "{resolve}"
    );
    send(url, request(2 << 32, wall_ns(), Some("after"))).await;
    let after = pages.next().await.body;
    assert_eq!(
        (&after["transition"], &after["alert"]["labels"]["host_name"]),
        (&json!("trigger"), &json!("after"))
    );
    beats.next().await;
    over.store(true, Ordering::SeqCst);
    let sent = (sending.await.unwrap() + 2) * SPANS;
    let counts = daemon.counts().await;
    assert_books_balance(&counts);
    assert_eq!(counts["items"]["spans"]["accepted"], sent);
    assert_eq!(
        (&counts["slos"][0]["total"], &counts["events"]["late"]["expired"]),
        (&json!(sent), &Value::Null)
    );
    until("all is told", || async { (daemon.counts().await["notifications"]["pending"] == 0).then_some(()) })
        .await;
    let more = pages.heard();
    let false_alarm = more.iter().find(|post| post.body["alert"]["labels"]["alertname"] == "gone");
    assert!(false_alarm.is_none(), "{}", false_alarm.unwrap().body);
    assert!(!daemon.said().contains("ERROR"), "{}", daemon.said());
    println!("stopped for {stopped_s} s: {sent} spans counted once, nobody paged for it");
}
