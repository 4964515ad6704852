//! OpenTelemetry's SDK for Python through the real listeners: traces and logs, over gRPC and HTTP,
//! with gzip and without.

use std::process::Command;

use serde_json::Value;

use crate::missing;
use crate::program::{Daemon, assert_books_balance};

const DOCUMENTS: &str = "
apiVersion: openslo/v1
kind: SLO
metadata: {name: served}
spec:
  service: shop
  indicator: {metadata: {name: served}, spec: {ratioMetric: {counter: true,
    bad: {metricSource: {type: evenkeel, spec: {spans: 'http.response.status_code >= 500'}}},
    total: {metricSource: {type: evenkeel, spec: {spans: 'kind == \"server\"'}}}}}}
  timeWindow: [{duration: 28d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.999}]
";

#[tokio::test]
async fn the_python_sdk_is_counted_exactly_over_every_transport() {
    let Some(python) = std::env::var_os("EVENKEEL_E2E_PYTHON") else {
        return missing(
            "EVENKEEL_E2E_PYTHON names no Python with OpenTelemetry's SDK; tests/run prepares it",
        );
    };
    let daemon = Daemon::start(DOCUMENTS).await;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/sdk.py");
    let mut runs = 0;
    for (protocol, listener) in [("grpc", "otlp_grpc"), ("http", "otlp_http")] {
        for compression in ["none", "gzip"] {
            let endpoint = format!("http://{}", daemon.address(listener));
            let service = format!("shop-{protocol}-{compression}");
            let said = Command::new(&python)
                .args([script, protocol, &endpoint, compression, &service])
                .output()
                .unwrap();
            assert!(said.status.success(), "{service}: {}", String::from_utf8_lossy(&said.stderr));
            runs += 1;
            let counts = daemon.counts().await;
            assert_books_balance(&counts);
            let seen =
                counts["services"].as_array().unwrap().iter().find(|one| one["name"] == service.as_str());
            let expected = serde_json::json!({
                "name": service, "spans": 100, "logs": 100, "metrics": 0,
                "informational": 170, "warning": 10, "exception": 20,
            });
            assert_eq!(seen, Some(&expected), "{service}");
            let slo: &Value = &counts["slos"][0];
            assert_eq!((&slo["good"], &slo["bad"]), (&(90 * runs).into(), &(10 * runs).into()), "{service}");
        }
    }
    assert_eq!(daemon.stop().await, Some(0));
}
