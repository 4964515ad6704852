//! Label values without end: totals stay exact, memory stays small, and one event says so.
//!
//! `EVENKEEL_E2E_SERIES=10000000 cargo test --release --test e2e cardinality` is the long form.

use evenkeel::decode::otlp::collector::metrics::v1::ExportMetricsServiceRequest;
use evenkeel::decode::otlp::common::v1::{AnyValue, KeyValue, any_value};
use evenkeel::decode::otlp::metrics::v1::{
    Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, metric, number_data_point,
};
use prost::Message;
use serde_json::json;

use crate::program::{Daemon, assert_books_balance};
use crate::sink::wall_s;

const SERIES: u64 = 200_000;
const POINTS: u64 = 1_000;
const GROWTH_MAX_KB: u64 = 64 * 1024;

const DOCUMENT: &str = "
apiVersion: openslo/v1
kind: SLO
metadata: {name: served}
spec:
  service: shop
  indicator: {metadata: {name: served}, spec: {ratioMetric: {counter: true,
    good: {metricSource: {type: evenkeel, spec: {metrics: 'name == \"requests\" && ok'}}},
    total: {metricSource: {type: evenkeel, spec: {metrics: 'name == \"requests\"'}}}}}}
  timeWindow: [{duration: 28d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.9}]
";

fn attribute(key: &str, value: any_value::Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }) }
}

/// One point of three events in each of so many series; each tenth series is bad.
fn request(first: u64, time_s: u64) -> Vec<u8> {
    let point = |series: u64| NumberDataPoint {
        attributes: vec![
            attribute("ok", any_value::Value::BoolValue(!series.is_multiple_of(10))),
            attribute("user.id", any_value::Value::StringValue(format!("user-{series}"))),
        ],
        start_time_unix_nano: (time_s - 1) * 1_000_000_000,
        time_unix_nano: time_s * 1_000_000_000,
        value: Some(number_data_point::Value::AsInt(3)),
        ..NumberDataPoint::default()
    };
    let data_points = (first..first + POINTS).map(point).collect();
    let sum = Sum { data_points, aggregation_temporality: 1, is_monotonic: true };
    let metric =
        Metric { name: "requests".to_owned(), data: Some(metric::Data::Sum(sum)), ..Metric::default() };
    let scope = ScopeMetrics { metrics: vec![metric], ..ScopeMetrics::default() };
    let block = ResourceMetrics { scope_metrics: vec![scope], ..ResourceMetrics::default() };
    ExportMetricsServiceRequest { resource_metrics: vec![block] }.encode_to_vec()
}

#[tokio::test]
async fn label_values_without_end_are_counted_in_bounded_memory() {
    let series = std::env::var("EVENKEEL_E2E_SERIES").map_or(SERIES, |text| text.parse().unwrap());
    let daemon = Daemon::start(DOCUMENT).await;
    let before = daemon.memory_kb("VmRSS:");
    let time_s = wall_s() - 30;
    for first in (0..series).step_by(POINTS as usize) {
        let answer = daemon.export("metrics", "application/x-protobuf", request(first, time_s)).await;
        assert_eq!(answer.0, 200, "{}", answer.1);
    }
    let growth = daemon.memory_kb("VmHWM:") - before;
    println!("{series} series: grew by {} MiB at most", growth / 1024);
    assert!(growth < GROWTH_MAX_KB, "grew by {growth} kB");
    let counts = daemon.counts().await;
    assert_books_balance(&counts);
    assert_eq!(counts["items"]["metrics"]["accepted"], series);
    let bad = series / 10 * 3;
    assert_eq!(
        (&counts["slos"][0]["good"], &counts["slos"][0]["bad"]),
        (&json!(series * 3 - bad), &json!(bad))
    );
    assert_eq!(counts["series"]["held"], 10_000);
    assert_eq!(counts["series"]["overflow"], series - 10_000);
    let events = daemon.get("/api/v1/events?category=warning").await;
    let told: Vec<_> = events["events"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one.to_string().contains("series"))
        .collect();
    assert_eq!(told.len(), 1, "{events}");
}
