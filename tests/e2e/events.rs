//! What becomes of events: alerts of rules, merging, correlation, and the questions about them.

use serde_json::{Value, json};

use crate::program::{Daemon, assert_books_balance};
use crate::sink::{Sink, wall_s};

/// One request of log records: seconds ago, host, severity and text of each.
pub fn logs(records: &[(u64, &str, i32, &str)]) -> String {
    let record = |(ago, host, severity, text): &(u64, &str, i32, &str)| {
        json!({
            "timeUnixNano": ((wall_s() - ago) * 1_000_000_000).to_string(),
            "severityNumber": severity,
            "body": {"stringValue": text},
            "attributes": [{"key": "host.name", "value": {"stringValue": host}}]
        })
    };
    let records: Vec<Value> = records.iter().map(record).collect();
    let resource = json!({"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]});
    json!({"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": records}]}]}).to_string()
}

pub async fn log(daemon: &Daemon, records: &[(u64, &str, i32, &str)]) {
    let (status, answer) = daemon.export("logs", "application/json", logs(records)).await;
    assert_eq!(status, 200, "{answer}");
}

fn config(rules: &str, sink: &Sink) -> String {
    format!(
        "apiVersion: evenkeel/v1\nkind: Config\nspec:\n  classify:\n{rules}\n  alerting:\n    \
         route: {{receiver: oncall}}\n    receivers: [{{name: oncall, webhook_configs: [{{url: '{}', format: evenkeel}}]}}]\n",
        sink.url
    )
}

/// Scenario: two hosts report a full disk, one of them five times; later it reports that all is well.
/// Guarantees: one page a host with the rule, its key and the text; the other host's stays open.
#[tokio::test]
async fn a_rule_pages_once_a_key_and_closes_at_the_event_that_ends_it() {
    let mut sink = Sink::start().await;
    let rule = r#"    - {name: disk-full, when: 'log && body.contains("No space left")', category: exception,
       alert: {key: [service.name, host.name], quiet: 10m, priority: P2, until: 'log && body == "space again"'}}"#;
    let daemon = Daemon::start(&config(rule, &sink)).await;
    let full = "write /var/7: No space left on device";
    log(&daemon, &[(5, "a", 9, full), (4, "a", 9, full), (4, "b", 9, full)]).await;
    log(&daemon, &[(3, "a", 9, full), (2, "a", 9, full), (2, "a", 9, full)]).await;
    let mut keys = Vec::new();
    for host in ["a", "b"] {
        let post = sink.next().await.body;
        let labels = &post["alert"]["labels"];
        assert_eq!((&post["transition"], &labels["host_name"]), (&json!("trigger"), &json!(host)), "{post}");
        assert_eq!((&post["alert"]["rule"], &post["alert"]["slo"]), (&json!("disk-full"), &Value::Null));
        assert_eq!((&post["alert"]["priority"], &post["alert"]["severity"]), (&json!("P2"), &json!("page")));
        let said = post["explain"]["text"].as_str().unwrap();
        assert_eq!(
            said,
            format!("disk-full (host.name={host}, service.name=shop): an event came: \"{full}\"")
        );
        keys.push(post["dedup_key"].clone());
    }
    assert_ne!(keys[0], keys[1]);
    log(&daemon, &[(1, "a", 9, "space again"), (1, "c", 9, "space again")]).await;
    let post = sink.next().await.body;
    assert_eq!((&post["transition"], &post["dedup_key"]), (&json!("resolve"), &keys[0]), "{post}");
    let alerts = daemon.get("/api/v1/alerts").await;
    let state = |host: &str| {
        let all = alerts["alerts"].as_array().unwrap();
        all.iter().find(|one| one["group"]["host.name"] == host).map(|one| one["state"].clone())
    };
    assert_eq!((state("a"), state("b"), state("c")), (Some(json!("closed")), Some(json!("open")), None));
    assert!(sink.is_quiet());
    assert_books_balance(&daemon.counts().await);
}
