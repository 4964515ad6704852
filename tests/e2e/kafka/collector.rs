//! The Collector that `deploy/kafka` ships a configuration for, where `benches/peers/build` has made it.

use evenkeel::decode::otlp::collector::logs::v1::ExportLogsServiceRequest;
use evenkeel::decode::otlp::collector::metrics::v1::ExportMetricsServiceRequest;
use evenkeel::decode::otlp::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;

use super::broker::shared;
use super::client::Record;
use crate::collector::{Collector, built};
use crate::neighbours::{self, Target};
use crate::program::Scratch;

/// Scenario: telemetrygen, and a Collector with the shipped configuration.
/// Guarantees: each signal is on its topic, as export requests, whole.
#[tokio::test]
async fn what_the_shipped_collector_writes_are_export_requests() {
    let (Some(telemetrygen), Some(peer)) = (built("telemetrygen"), built("otelcol-kafka")) else { return };
    let Some(broker) = shared().await else { return };
    let client = broker.client();
    let topics = ["spans", "logs", "metrics"].map(|signal| format!("collector.{signal}"));
    for topic in &topics {
        client.create(topic, 2, &[]).await;
    }
    let shipped = include_str!("../../../deploy/kafka/collector.yaml");
    let quiet = "service:\n  telemetry: {metrics: {level: none}, logs: {level: warn}}\n";
    let config = shipped.replace("topic: otlp_", "topic: collector.").replace("service:\n", quiet);
    let scratch = Scratch::new();
    let config = scratch.write("collector.yaml", &config);
    let brokers = broker.plain();
    let collector =
        Collector::start(&peer, config.to_str().unwrap(), &[("KAFKA_BROKERS", brokers.as_str())]).await;
    let address = collector.grpc();
    let target = Target { address: &address, http: false, compression: "gzip", service: "kafka" };
    neighbours::generate_all(&telemetrygen, &target).await;
    assert_eq!(collector.stop().await, "");

    let mut counted = [0, 0, 0];
    for (topic, counted) in topics.iter().zip(&mut counted) {
        *counted = client.read(topic).await.iter().map(|record| items(topic, record)).sum();
    }
    assert_eq!(counted, [neighbours::SPANS, neighbours::LOGS, neighbours::ALL_POINTS]);
}

/// How many items the export request of a record has.
fn items(topic: &str, record: &Record) -> u64 {
    let value = record.value.as_deref().unwrap();
    let count = match topic {
        "collector.spans" => ExportTraceServiceRequest::decode(value)
            .unwrap()
            .resource_spans
            .iter()
            .flat_map(|one| &one.scope_spans)
            .map(|one| one.spans.len())
            .sum::<usize>(),
        "collector.logs" => ExportLogsServiceRequest::decode(value)
            .unwrap()
            .resource_logs
            .iter()
            .flat_map(|one| &one.scope_logs)
            .map(|one| one.log_records.len())
            .sum(),
        // telemetrygen sends one point a metric.
        _ => ExportMetricsServiceRequest::decode(value)
            .unwrap()
            .resource_metrics
            .iter()
            .flat_map(|one| &one.scope_metrics)
            .map(|one| one.metrics.len())
            .sum(),
    };
    count as u64
}
