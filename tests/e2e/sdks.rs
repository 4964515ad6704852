//! OpenTelemetry's SDKs for Java and JavaScript through the real listeners: all three signals, over each of their
//! transports, with gzip and without. What they send is counted exactly, and they have nothing to complain about.

use std::process::Command;

use serde_json::{Value, json};

use crate::missing;
use crate::program::{Daemon, assert_books_balance};

const DOCUMENTS: &str = "
apiVersion: openslo/v1
kind: SLO
metadata: {name: served}
spec:
  service: shop
  indicator: {metadata: {name: served}, spec: {ratioMetric: {counter: true,
    good: {metricSource: {type: evenkeel, spec: {metrics: 'name == \"requests\" && code < 500'}}},
    total: {metricSource: {type: evenkeel, spec: {metrics: 'name == \"requests\"'}}}}}}
  timeWindow: [{duration: 28d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.999}]
";

/// Sends by each transport and compression; `command` begins the program, which takes the usual four words.
async fn is_counted_exactly(protocols: &[&str], command: impl Fn() -> Command) {
    let daemon = Daemon::start(DOCUMENTS).await;
    for protocol in protocols {
        for compression in ["none", "gzip"] {
            let listener = if *protocol == "grpc" { "otlp_grpc" } else { "otlp_http" };
            let endpoint = format!("http://{}", daemon.address(listener));
            let service = format!("shop-{protocol}-{compression}");
            let mut command = command();
            command.args([*protocol, &endpoint, compression, &service]);
            let said = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
            let complaints = String::from_utf8_lossy(&said.stderr);
            assert!(said.status.success() && complaints.is_empty(), "{service}: {complaints}");
            let counts = daemon.counts().await;
            assert_books_balance(&counts);
            let services = counts["services"].as_array().unwrap();
            let seen = services.iter().find(|one| one["name"] == service.as_str());
            let expected = json!({
                "name": service, "spans": 100, "logs": 100, "metrics": 2,
                "informational": 172, "warning": 10, "exception": 20,
            });
            assert_eq!(seen, Some(&expected), "{service}");
        }
    }
    let counts = daemon.counts().await;
    let runs = protocols.len() as u64 * 2;
    let slo: &Value = &counts["slos"][0];
    assert_eq!((&slo["good"], &slo["bad"]), (&json!(90 * runs), &json!(10 * runs)), "{}", counts["series"]);
    let metrics = daemon.text("/metrics").await;
    assert!(
        !metrics.contains("outcome=\"partial\"") && !metrics.contains("outcome=\"abandoned\""),
        "{metrics}"
    );
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test]
async fn the_java_sdk_is_counted_exactly_over_every_transport() {
    let Some(jars) = std::env::var_os("EVENKEEL_E2E_JAVA") else {
        return missing("EVENKEEL_E2E_JAVA names no jars of OpenTelemetry's SDK; tests/run prepares them");
    };
    let jars = std::path::PathBuf::from(jars);
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/sdks/java/Sdk.java");
    is_counted_exactly(&["grpc", "http"], || {
        let mut command = Command::new("java");
        command.arg("-cp").arg(jars.join("*")).arg(program);
        command
    })
    .await;
}

#[tokio::test]
async fn the_javascript_sdk_is_counted_exactly_over_every_transport() {
    let Some(modules) = std::env::var_os("EVENKEEL_E2E_JAVASCRIPT") else {
        return println!("skipped: EVENKEEL_E2E_JAVASCRIPT names no modules of OpenTelemetry's SDK");
    };
    let modules = std::path::PathBuf::from(modules).join("node_modules");
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/sdks/javascript/sdk.js");
    is_counted_exactly(&["grpc", "http", "json"], || {
        let mut command = Command::new("node");
        command.env("NODE_PATH", &modules).arg(program);
        command
    })
    .await;
}
