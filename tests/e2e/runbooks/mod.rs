//! Runbooks of a running daemon: what starts them, what they call, how often, and what is told of it. The programs that are
//! started are real ones.

mod approving;
mod canary;
mod hostile;
mod kills;
mod many;
mod pages;
mod services;

use serde_json::{Value, json};

use crate::program::{Daemon, until};

/// Opens an alert for each host in trouble.
pub const RULE: &str = "
apiVersion: evenkeel/v1
kind: Config
spec:
  classify:
    - {name: in-trouble, when: 'span && has(host.name)', category: exception, alert: {key: [host.name], quiet: 1h, priority: P2}}
  alerting:
    route: {receiver: oncall}
    receivers: [{name: oncall, webhook_configs: [{url: 'RECEIVER', format: evenkeel}]}]
  runbooks: {commands: ['CANARY']}
";

/// One span each: of a service, of a host.
pub fn in_trouble(of: &[(String, String)]) -> String {
    let now = crate::sink::wall_s();
    let text = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    let resource = |(place, (service, host)): (usize, &(String, String))| {
        json!({
            "resource": {"attributes": [text("service.name", service)]},
            "scopeSpans": [{"spans": [{
                "traceId": format!("{:032x}", place + 1), "spanId": format!("{:016x}", place + 1), "name": "GET /", "kind": 2,
                "startTimeUnixNano": format!("{}", now * 1_000_000_000),
                "endTimeUnixNano": format!("{}", now * 1_000_000_000 + 1), "status": {"code": 2},
                "attributes": [text("host.name", host)],
            }]}],
        })
    };
    json!({"resourceSpans": of.iter().enumerate().map(resource).collect::<Vec<_>>()}).to_string()
}

pub async fn runs(daemon: &Daemon) -> Vec<Value> {
    daemon.get("/api/v1/runs?limit=1000").await["runs"].as_array().unwrap().clone()
}

/// Waits until so many runs are there and none is open.
pub async fn all_ended(daemon: &Daemon, count: usize) -> Vec<Value> {
    until("all runs end", || async {
        let runs = runs(daemon).await;
        let is_open = |run: &Value| {
            ["waiting", "running", "waits_for_approval"].contains(&run["state"].as_str().unwrap())
        };
        (runs.len() >= count && !runs.iter().any(is_open)).then_some(runs)
    })
    .await
}
