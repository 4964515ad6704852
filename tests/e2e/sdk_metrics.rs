//! Counters and histograms of OpenTelemetry's SDK for Python, over gRPC and HTTP, in both temporalities.

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
    good: {metricSource: {type: evenkeel, spec: {metrics: 'name == \"requests\" && code < 500'}}},
    total: {metricSource: {type: evenkeel, spec: {metrics: 'name == \"requests\"'}}}}}}
  timeWindow: [{duration: 28d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.999}]
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: fast}
spec:
  service: shop
  indicator: {metadata: {name: fast}, spec: {thresholdMetric: {metricSource: {type: evenkeel, spec: {metrics: 'name == \"duration\"'}}}}}
  timeWindow: [{duration: 28d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.99, op: lte, value: 0.65}]
";

fn slo<'a>(counts: &'a Value, name: &str) -> [&'a Value; 2] {
    let slo = counts["slos"].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap();
    [&slo["good"], &slo["bad"]]
}

/// Three collections, the last by a process that began again: 90 of 100 requests are good in each, and
/// 10, 20, 30 and 5 durations lie in the buckets up to 0.1, 0.3, 1 and above.
#[tokio::test]
async fn counters_and_histograms_of_the_python_sdk_count_exactly_in_both_temporalities() {
    let Some(python) = std::env::var_os("EVENKEEL_E2E_PYTHON") else {
        return missing(
            "EVENKEEL_E2E_PYTHON names no Python with OpenTelemetry's SDK; tests/run prepares it",
        );
    };
    let daemon = Daemon::start(DOCUMENTS).await;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/sdk_metrics.py");
    let mut runs = 0_u64;
    for (protocol, listener) in [("grpc", "otlp_grpc"), ("http", "otlp_http")] {
        for temporality in ["cumulative", "delta"] {
            let endpoint = format!("http://{}", daemon.address(listener));
            let service = format!("shop-{protocol}-{temporality}");
            let said = Command::new(&python)
                .args([script, protocol, &endpoint, temporality, &service])
                .output()
                .unwrap();
            assert!(said.status.success(), "{service}: {}", String::from_utf8_lossy(&said.stderr));
            runs += 1;
            let counts = daemon.counts().await;
            assert_books_balance(&counts);
            let [good, bad] = [270, 30].map(|count| Value::from(count * runs));
            assert_eq!(slo(&counts, "served"), [&good, &bad], "{service}: {}", counts["series"]);
            let [good, bad] = [135, 60].map(|count| Value::from(count * runs));
            assert_eq!(slo(&counts, "fast"), [&good, &bad], "{service}: {}", counts["series"]);
        }
    }
    let shown = daemon.get("/api/v1/slos/fast").await;
    let group = &shown["objectives"][0]["groups"][0];
    assert_eq!((&group["sli_low"], &group["sli_high"]), (&"0.461538".into(), &"0.923077".into()));
    assert_eq!(daemon.stop().await, Some(0));
}
