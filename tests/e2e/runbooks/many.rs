//! Many triggers at once.

use std::collections::BTreeMap;

use super::canary::Canary;
use super::{RULE, all_ended, in_trouble};
use crate::program::Daemon;
use crate::sink::Sink;

const ALERTS: usize = 400;

fn counted(runs: &[serde_json::Value]) -> BTreeMap<String, usize> {
    let mut states = BTreeMap::new();
    for run in runs {
        *states.entry(run["state"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    states
}

/// Guarantees: each of 400 alerts in one request has its run, each run is one call, and each page is out.
#[tokio::test]
async fn four_hundred_alerts_at_once_are_four_hundred_runs() {
    let (mut sink, canary) = (Sink::start().await, Canary::new());
    let more = "  triggers: [{}]\n  params: {host: {from: label.host_name, pattern: '[a-z0-9-]{1,40}'}}\n  target: host\n";
    let documents = RULE.replace("RECEIVER", &sink.url).replace("CANARY", canary.program().to_str().unwrap())
        + &canary.runbook("restart", ", '{{ host }}'", "exit 0", more);
    let daemon = Daemon::start(&documents).await;
    let of: Vec<_> = (0..ALERTS).map(|one| ("shop".to_owned(), format!("web-{one}"))).collect();
    assert_eq!(daemon.export("traces", "application/json", in_trouble(&of)).await.0, 200);
    for _ in 0..ALERTS {
        sink.next().await;
    }
    let runs = all_ended(&daemon, ALERTS).await;
    assert_eq!(counted(&runs), BTreeMap::from([("succeeded".to_owned(), ALERTS)]));
    let calls = canary.calls();
    assert!(calls.len() == ALERTS && !calls.keys().any(|key| key.ends_with(".again")));
    assert_eq!(daemon.stop().await, Some(0));
}

/// Guarantees: what the limits bar is refused with the reason, and counted; no more is acted upon than they allow.
#[tokio::test]
async fn a_blast_radius_holds_under_four_hundred_alerts() {
    let (sink, canary) = (Sink::start().await, Canary::new());
    let more = "  triggers: [{}]\n  params: {host: {from: label.host_name, pattern: '[a-z0-9-]{1,40}'}}\n  target: host\n  limits: {blast_radius: {targets: 7, within: 1h}}\n";
    let documents = RULE.replace("RECEIVER", &sink.url).replace("CANARY", canary.program().to_str().unwrap())
        + &canary.runbook("restart", ", '{{ host }}'", "exit 0", more);
    let daemon = Daemon::start(&documents).await;
    let of: Vec<_> = (0..ALERTS).map(|one| ("shop".to_owned(), format!("web-{one}"))).collect();
    assert_eq!(daemon.export("traces", "application/json", in_trouble(&of)).await.0, 200);
    let runs = all_ended(&daemon, ALERTS).await;
    let states = counted(&runs);
    assert_eq!((states["succeeded"], states["refused"]), (7, ALERTS - 7));
    assert_eq!(canary.calls().len(), 7);
    let refused = runs.iter().find(|run| run["state"] == "refused").unwrap();
    assert!(refused["text"].as_str().unwrap().contains("7 targets within 3600 s"), "{refused}");
    let runbook = daemon.get("/api/v1/runbooks/restart").await;
    assert_eq!(
        (&runbook["triggered"], &runbook["refused"]),
        (&serde_json::json!(ALERTS), &serde_json::json!(ALERTS - 7))
    );
    assert_eq!(daemon.stop().await, Some(0));
}
