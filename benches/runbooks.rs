//! Whether runbooks delay pages: `cargo bench --bench runbooks`. 400 alerts of a rule in one request, each of which starts a
//! program, beside the same without a runbook, in turns; from the request to each webhook.

#[allow(dead_code, reason = "the other benches use the rest")]
mod common;
#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../tests/e2e/program.rs"]
mod program;
#[allow(dead_code, unused_imports, reason = "the tests use the rest")]
#[path = "../tests/e2e/sink.rs"]
mod sink;

use std::time::{Duration, Instant};

use common::wall_ns;
use program::Daemon;
use serde_json::{Value, json};
use sink::Sink;

const ALERTS: usize = 400;
const ROUNDS: usize = 7;
const PATIENCE: Duration = Duration::from_secs(60);
const RUNBOOK: &str = "---
apiVersion: evenkeel/v1
kind: Runbook
metadata: {name: restart}
spec:
  triggers: [{}]
  params: {host: {from: label.host_name, pattern: '[a-z0-9-]{1,40}'}}
  target: host
  steps: [{name: restart, command: {argv: [/usr/bin/true, '{{ host }}']}}]
";

#[tokio::main]
async fn main() {
    let mut took = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (with, took) in [false, true].into_iter().zip(&mut took) {
            storm(with, took).await;
        }
    }
    println!(
        "{ALERTS} alerts in one request, {ROUNDS} rounds each, from the request to the webhook, in milliseconds"
    );
    for (name, took) in ["without", "with"].into_iter().zip(&mut took) {
        took.sort_unstable();
        let at =
            |share: f64| took[((took.len() as f64 * share).ceil() as usize).max(1) - 1].as_secs_f64() * 1e3;
        println!("{name:8} runbook: p50 {:.1}  p99 {:.1}  max {:.1}", at(0.5), at(0.99), at(1.0));
    }
}

async fn storm(with: bool, took: &mut Vec<Duration>) {
    let mut sink = Sink::start().await;
    let rule = "{name: in-trouble, when: 'span && has(host.name)', category: exception, alert: {key: [host.name], quiet: 1h, priority: P2}}";
    let mut documents = format!(
        "apiVersion: evenkeel/v1\nkind: Config\nspec:\n  classify: [{rule}]\n  alerting:\n    route: {{receiver: oncall}}\n    receivers:\n      - {{name: oncall, webhook_configs: [{{url: '{}', format: evenkeel}}]}}\n  runbooks: {{commands: [/usr/bin/true]}}\n",
        sink.url
    );
    if with {
        documents += RUNBOOK;
    }
    let daemon = Daemon::start(&documents).await;
    let begun = Instant::now();
    assert_eq!(daemon.export("traces", "application/json", trouble()).await.0, 200);
    for _ in 0..ALERTS {
        took.push(sink.next().await.at - begun);
    }
    if with {
        all_run(&daemon).await;
    }
    assert_eq!(daemon.stop().await, Some(0));
}

/// Each has run, once.
async fn all_run(daemon: &Daemon) {
    let begun = Instant::now();
    loop {
        let runbook = daemon.get("/api/v1/runbooks/restart").await;
        if runbook["succeeded"] == json!(ALERTS) {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{runbook}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn trouble() -> String {
    let now = wall_ns();
    let span = |number: usize| {
        json!({
            "traceId": format!("{:032x}", number + 1), "spanId": format!("{:016x}", number + 1), "name": "GET /", "kind": 2,
            "startTimeUnixNano": now.to_string(), "endTimeUnixNano": now.to_string(), "status": {"code": 2},
            "attributes": [{"key": "host.name", "value": {"stringValue": format!("web-{number}")}}],
        })
    };
    let spans: Vec<Value> = (0..ALERTS).map(span).collect();
    let service = json!([{"key": "service.name", "value": {"stringValue": "shop"}}]);
    json!({"resourceSpans": [{"resource": {"attributes": service}, "scopeSpans": [{"spans": spans}]}]})
        .to_string()
}
