//! Made-up export requests, the same in both encodings, and files of them.

use std::io::Write;
use std::path::PathBuf;

use evenkeel::decode::otlp::collector::logs::v1::ExportLogsServiceRequest;
use evenkeel::decode::otlp::collector::metrics::v1::ExportMetricsServiceRequest;
use evenkeel::decode::otlp::collector::trace::v1::ExportTraceServiceRequest;
use evenkeel::decode::otlp::common::v1::any_value::Value as Any;
use evenkeel::decode::otlp::common::v1::{AnyValue, KeyValue};
use evenkeel::decode::otlp::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use evenkeel::decode::otlp::metrics::v1::number_data_point::Value as Number;
use evenkeel::decode::otlp::metrics::v1::{
    Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, metric,
};
use evenkeel::decode::otlp::resource::v1::Resource;
use evenkeel::decode::otlp::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;
use serde_json::{Value, json};

use crate::program::Scratch;

pub const SECOND_NS: u64 = 1_000_000_000;

/// One export request.
#[derive(Clone)]
pub struct Request {
    /// As in the path of OTLP/HTTP.
    pub signal: &'static str,
    pub json: String,
    pub protobuf: Vec<u8>,
}

/// A call of a service, or a line of its log. At 0 the sender knew no time.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    pub at_ns: u64,
    pub failed: bool,
    /// Different for different events.
    pub number: u64,
}

/// Points of delta counters in one second: how many requests there were, and how many of them failed.
#[derive(Clone, Copy, Debug)]
pub struct Counted {
    pub from_s: u64,
    pub at_s: u64,
    pub requests: i64,
    pub failed: i64,
}

fn resource(service: &str) -> Option<Resource> {
    let value = Some(AnyValue { value: Some(Any::StringValue(service.to_owned())) });
    let attributes = vec![KeyValue { key: "service.name".to_owned(), value }];
    Some(Resource { attributes, ..Resource::default() })
}

fn in_json(resources: &str, scopes: &str, items: &str, service: &str, all: Vec<Value>) -> String {
    let resource = json!({"attributes": [{"key": "service.name", "value": {"stringValue": service}}]});
    json!({resources: [{"resource": resource, scopes: [{items: all}]}]}).to_string()
}

/// Server spans of a millisecond.
pub fn spans(service: &str, events: &[Event]) -> Request {
    let id = |number: u64| number.to_be_bytes();
    let trace_id = |number: u64| [id(7), id(number)].concat();
    let start = |event: &Event| event.at_ns.saturating_sub(1_000_000);
    let span = |event: &Event| Span {
        trace_id: trace_id(event.number),
        span_id: id(event.number).to_vec(),
        name: "GET /".to_owned(),
        kind: 2,
        start_time_unix_nano: start(event),
        end_time_unix_nano: event.at_ns,
        status: Some(Status { code: if event.failed { 2 } else { 0 }, ..Status::default() }),
        ..Span::default()
    };
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let as_json = |event: &Event| {
        json!({
            "traceId": hex(&trace_id(event.number)), "spanId": hex(&id(event.number)), "name": "GET /", "kind": 2,
            "startTimeUnixNano": start(event).to_string(), "endTimeUnixNano": event.at_ns.to_string(),
            "status": {"code": if event.failed { 2 } else { 0 }},
        })
    };
    let scope = ScopeSpans { spans: events.iter().map(span).collect(), ..ScopeSpans::default() };
    let spans = ResourceSpans { resource: resource(service), scope_spans: vec![scope], ..Default::default() };
    Request {
        signal: "traces",
        json: in_json("resourceSpans", "scopeSpans", "spans", service, events.iter().map(as_json).collect()),
        protobuf: ExportTraceServiceRequest { resource_spans: vec![spans] }.encode_to_vec(),
    }
}

pub fn logs(service: &str, events: &[Event]) -> Request {
    let severity = |event: &Event| if event.failed { 17 } else { 9 };
    let record = |event: &Event| LogRecord {
        time_unix_nano: event.at_ns,
        severity_number: severity(event),
        body: Some(AnyValue { value: Some(Any::StringValue(format!("line {}", event.number))) }),
        ..LogRecord::default()
    };
    let as_json = |event: &Event| {
        json!({
            "timeUnixNano": event.at_ns.to_string(), "severityNumber": severity(event),
            "body": {"stringValue": format!("line {}", event.number)},
        })
    };
    let scope = ScopeLogs { log_records: events.iter().map(record).collect(), ..ScopeLogs::default() };
    let logs = ResourceLogs { resource: resource(service), scope_logs: vec![scope], ..Default::default() };
    Request {
        signal: "logs",
        json: in_json(
            "resourceLogs",
            "scopeLogs",
            "logRecords",
            service,
            events.iter().map(as_json).collect(),
        ),
        protobuf: ExportLogsServiceRequest { resource_logs: vec![logs] }.encode_to_vec(),
    }
}

type Read = fn(&Counted) -> i64;

/// The counters `requests` and `failed`.
pub fn counters(service: &str, counted: &[Counted]) -> Request {
    let point = |one: &Counted, count| NumberDataPoint {
        start_time_unix_nano: one.from_s * SECOND_NS,
        time_unix_nano: one.at_s * SECOND_NS,
        value: Some(Number::AsInt(count)),
        ..NumberDataPoint::default()
    };
    let as_json = |one: &Counted, count: i64| {
        json!({
            "startTimeUnixNano": (one.from_s * SECOND_NS).to_string(), "timeUnixNano": (one.at_s * SECOND_NS).to_string(),
            "asInt": count.to_string(),
        })
    };
    let of: [(&str, Read); 2] = [("requests", |one| one.requests), ("failed", |one| one.failed)];
    let metric = |(name, count): (&str, Read)| Metric {
        name: name.to_owned(),
        data: Some(metric::Data::Sum(Sum {
            data_points: counted.iter().map(|one| point(one, count(one))).collect(),
            aggregation_temporality: 1,
            is_monotonic: true,
        })),
        ..Metric::default()
    };
    let metric_as_json = |(name, count): (&str, Read)| {
        let points: Vec<Value> = counted.iter().map(|one| as_json(one, count(one))).collect();
        json!({"name": name, "sum": {"dataPoints": points, "aggregationTemporality": 1, "isMonotonic": true}})
    };
    let scope = ScopeMetrics { metrics: of.into_iter().map(metric).collect(), ..ScopeMetrics::default() };
    let metrics =
        ResourceMetrics { resource: resource(service), scope_metrics: vec![scope], ..Default::default() };
    let all = of.into_iter().map(metric_as_json).collect();
    Request {
        signal: "metrics",
        json: in_json("resourceMetrics", "scopeMetrics", "metrics", service, all),
        protobuf: ExportMetricsServiceRequest { resource_metrics: vec![metrics] }.encode_to_vec(),
    }
}

pub fn as_lines(requests: &[Request]) -> Vec<u8> {
    requests.iter().flat_map(|one| format!("{}\n", one.json).into_bytes()).collect()
}

pub fn as_frames(requests: &[Request]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for one in requests {
        prost::encode_length_delimiter(one.protobuf.len(), &mut bytes).unwrap();
        bytes.extend_from_slice(&one.protobuf);
    }
    bytes
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

impl Scratch {
    pub fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}
