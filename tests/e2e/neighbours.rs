//! OpenTelemetry's own generator and Collector before Evenkeel, where `benches/peers/build` has made them: whatever the
//! transport, encoding and compression, what they send is counted exactly, and they have nothing to complain about.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::collector::{Collector, built};
use crate::program::{Daemon, assert_books_balance, until};

/// What `generate_all` sends.
pub const SPANS: u64 = 200;
pub const LOGS: u64 = 150;
pub const ALL_POINTS: u64 = POINTS * KINDS_OF_METRICS.len() as u64;
const POINTS: u64 = 100;
const KINDS_OF_METRICS: [&str; 4] = ["Gauge", "Sum", "Histogram", "ExponentialHistogram"];

/// Where telemetrygen sends to, and how.
pub struct Target<'a> {
    pub address: &'a str,
    pub http: bool,
    pub compression: &'a str,
    pub service: &'a str,
}

/// Sends one signal to its end.
async fn generate(program: &Path, target: &Target<'_>, signal: &str, more: &[&str]) {
    let mut command = Command::new(program);
    command.args([signal, "--otlp-insecure", "--rate", "0", "--otlp-endpoint", target.address]);
    command.args(["--service", target.service]).args(more);
    command.env("OTEL_EXPORTER_OTLP_COMPRESSION", target.compression);
    if target.http {
        command.arg("--otlp-http");
    }
    let said = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let told = [said.stdout, said.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert!(said.status.success(), "{signal} to {}: {told}", target.service);
    for complaint in ["\tERROR\t", "\tWARN\t", "failed", "rejected"] {
        assert!(!told.contains(complaint), "{signal} to {}: {told}", target.service);
    }
}

/// All three signals, each kind of metric.
pub async fn generate_all(program: &Path, target: &Target<'_>) {
    let traces = (SPANS / 4).to_string();
    generate(program, target, "traces", &["--traces", &traces, "--child-spans", "3"]).await;
    generate(program, target, "logs", &["--logs", &LOGS.to_string()]).await;
    for kind in KINDS_OF_METRICS {
        generate(program, target, "metrics", &["--metrics", &POINTS.to_string(), "--metric-type", kind])
            .await;
    }
}

fn all_of(service: &str) -> Value {
    json!({
        "name": service, "spans": SPANS, "logs": LOGS, "metrics": ALL_POINTS,
        "informational": SPANS + LOGS + ALL_POINTS, "warning": 0, "exception": 0,
    })
}

/// What was counted of a service.
async fn counted(daemon: &Daemon, service: &str) -> Value {
    let counts = daemon.counts().await;
    assert_books_balance(&counts);
    let services = counts["services"].as_array().unwrap();
    services.iter().find(|one| one["name"] == service).cloned().unwrap_or_default()
}

#[tokio::test]
async fn telemetrygen_is_counted_exactly_over_every_transport() {
    let Some(telemetrygen) = built("telemetrygen") else { return };
    let daemon = Daemon::start("").await;
    for (listener, http) in [("otlp_grpc", false), ("otlp_http", true)] {
        for compression in ["none", "gzip"] {
            let service = format!("{listener}-{compression}");
            let target = Target { address: daemon.address(listener), http, compression, service: &service };
            generate_all(&telemetrygen, &target).await;
            assert_eq!(counted(&daemon, &service).await, all_of(&service));
        }
    }
    let target =
        Target { address: daemon.address("otlp_grpc"), http: false, compression: "none", service: "failing" };
    generate(&telemetrygen, &target, "traces", &["--traces", "20", "--status-code", "Error"]).await;
    let failing = counted(&daemon, "failing").await;
    // The half that is of kind client is a warning: it is for the server to say whether a user was hurt.
    let numbers = ["spans", "exception", "warning"].map(|number| &failing[number]);
    assert_eq!(numbers, [&json!(40), &json!(20), &json!(20)], "{failing}");
    let metrics = daemon.text("/metrics").await;
    assert!(!metrics.contains("outcome=\"abandoned\"") && !metrics.contains("outcome=\"malformed\""));
    assert_eq!(daemon.stop().await, Some(0));
}

/// Scenario: telemetrygen, a Collector that batches, and then us, by each exporter of OTLP that a Collector has.
#[tokio::test]
async fn a_collector_in_front_is_counted_exactly_by_every_exporter() {
    let (Some(telemetrygen), Some(peer)) = (built("telemetrygen"), built("otelcol-peer")) else { return };
    let daemon = Daemon::start("").await;
    for exporter in [
        "otlp_grpc/none",
        "otlp_grpc/gzip",
        "otlp_grpc/zstd",
        "otlp_http/none",
        "otlp_http/gzip",
        "otlp_http/zstd",
        "otlp_http/json",
        "otlp_http/json-gzip",
    ] {
        let to = [("TO_GRPC", daemon.address("otlp_grpc")), ("TO_HTTP", daemon.address("otlp_http"))];
        let variables = [&to[..], &[("EXPORTER", exporter)]].concat();
        let collector = Collector::start(&peer, "forward.yaml", &variables).await;
        let address = collector.grpc();
        let target = Target { address: &address, http: false, compression: "gzip", service: exporter };
        generate_all(&telemetrygen, &target).await;
        let said = collector.stop().await;
        assert_eq!(counted(&daemon, exporter).await, all_of(exporter), "{said}");
        assert_eq!(said, "", "{exporter}");
    }
    assert_eq!(daemon.stop().await, Some(0));
}

/// Scenario: what a Collector sends is beyond the rate that Evenkeel allows, and so it is told to come back.
/// Guarantees: it does, and in the end everything has been counted, once.
#[tokio::test]
async fn a_collector_that_is_told_to_wait_loses_nothing() {
    let (Some(telemetrygen), Some(peer)) = (built("telemetrygen"), built("otelcol-peer")) else { return };
    let limits = "apiVersion: evenkeel/v1\nkind: Config\nspec:\n  limits: {items_per_second: 80}\n";
    let daemon = Daemon::start(limits).await;
    for exporter in ["otlp_grpc/gzip", "otlp_http/gzip"] {
        let to = [("TO_GRPC", daemon.address("otlp_grpc")), ("TO_HTTP", daemon.address("otlp_http"))];
        let variables = [&to[..], &[("EXPORTER", exporter)]].concat();
        let collector = Collector::start(&peer, "forward.yaml", &variables).await;
        let address = collector.grpc();
        let target = Target { address: &address, http: false, compression: "gzip", service: exporter };
        // Batches that come at one moment all pass, and what they overdraw is owed when the second run comes.
        generate(&telemetrygen, &target, "logs", &["--logs", "300"]).await;
        let overdrawn = || async { (counted(&daemon, exporter).await["logs"] != 0).then_some(()) };
        until("the first logs have come", overdrawn).await;
        generate(&telemetrygen, &target, "logs", &["--logs", "100"]).await;
        let all = || async { (counted(&daemon, exporter).await["logs"] == 400).then_some(()) };
        until("all logs have come", all).await;
        collector.stop().await;
        assert_eq!(counted(&daemon, exporter).await["logs"], 400);
    }
    let metrics = daemon.text("/metrics").await;
    let limited = metrics.lines().filter(|line| line.contains("reason=\"rate_limited\"} "));
    let limited: Vec<&str> = limited.filter(|line| !line.ends_with(" 0")).collect();
    assert_eq!(limited.len(), 2, "both transports were told to wait: {limited:?}");
}
