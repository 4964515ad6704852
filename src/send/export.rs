//! Requests of a service -> OTLP export requests, in the names of OpenTelemetry's conventions.

use prost::Message;

use super::traffic::{Call, Traffic};
use crate::decode::otlp::collector::logs::v1::ExportLogsServiceRequest;
use crate::decode::otlp::collector::metrics::v1::ExportMetricsServiceRequest;
use crate::decode::otlp::collector::trace::v1::ExportTraceServiceRequest;
use crate::decode::otlp::common::v1::any_value::Value;
use crate::decode::otlp::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use crate::decode::otlp::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use crate::decode::otlp::metrics::v1::metric::Data;
use crate::decode::otlp::metrics::v1::number_data_point::Value as Number;
use crate::decode::otlp::metrics::v1::{
    AggregationTemporality, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum,
};
use crate::decode::otlp::resource::v1::Resource;
use crate::decode::otlp::trace::v1::span::{Event, SpanKind};
use crate::decode::otlp::trace::v1::status::StatusCode;
use crate::decode::otlp::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use crate::model::Signal;

/// One export request, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    pub signal: Signal,
    /// Spans, log records or data points in it.
    pub items: u64,
    /// Protobuf.
    pub body: Vec<u8>,
}

impl Traffic {
    /// What one signal tells of the requests that end in `from_ns..to_ns`. Nothing ended: no items.
    pub fn export(&self, signal: Signal, from_ns: u64, to_ns: u64) -> Export {
        match signal {
            Signal::Traces => self.spans(from_ns, to_ns),
            Signal::Logs => self.logs(from_ns, to_ns),
            Signal::Metrics => self.metrics(from_ns, to_ns),
        }
    }

    /// A server span of each request.
    pub fn spans(&self, from_ns: u64, to_ns: u64) -> Export {
        let spans: Vec<Span> = self.calls(from_ns, to_ns).into_iter().map(span).collect();
        let items = spans.len() as u64;
        let scope_spans = ScopeSpans { scope: scope(), spans, ..Default::default() };
        let resource_spans =
            ResourceSpans { resource: self.resource(), scope_spans: vec![scope_spans], ..Default::default() };
        let request = ExportTraceServiceRequest { resource_spans: vec![resource_spans] };
        Export { signal: Signal::Traces, items, body: request.encode_to_vec() }
    }

    /// An access record of each request, an error record where it failed.
    pub fn logs(&self, from_ns: u64, to_ns: u64) -> Export {
        let log_records: Vec<LogRecord> = self.calls(from_ns, to_ns).into_iter().map(log_record).collect();
        let items = log_records.len() as u64;
        let scope_logs = ScopeLogs { scope: scope(), log_records, ..Default::default() };
        let resource_logs =
            ResourceLogs { resource: self.resource(), scope_logs: vec![scope_logs], ..Default::default() };
        let request = ExportLogsServiceRequest { resource_logs: vec![resource_logs] };
        Export { signal: Signal::Logs, items, body: request.encode_to_vec() }
    }

    /// A counter of requests, one delta point for each status code that occurred.
    pub fn metrics(&self, from_ns: u64, to_ns: u64) -> Export {
        let mut counts = std::collections::BTreeMap::<u16, i64>::new();
        for call in self.calls(from_ns, to_ns) {
            *counts.entry(call.status).or_default() += 1;
        }
        let point = |(status, count): (u16, i64)| NumberDataPoint {
            attributes: vec![number("http.response.status_code", status.into())],
            start_time_unix_nano: from_ns,
            time_unix_nano: to_ns,
            value: Some(Number::AsInt(count)),
            ..Default::default()
        };
        let items = counts.len() as u64;
        let sum = Sum {
            data_points: counts.into_iter().map(point).collect(),
            aggregation_temporality: AggregationTemporality::Delta.into(),
            is_monotonic: true,
        };
        let metric = Metric {
            name: "http.server.requests".to_owned(),
            description: "Requests that ended".to_owned(),
            unit: "{request}".to_owned(),
            data: Some(Data::Sum(sum)),
            ..Default::default()
        };
        let scope_metrics = ScopeMetrics { scope: scope(), metrics: vec![metric], ..Default::default() };
        let resource_metrics = ResourceMetrics {
            resource: self.resource(),
            scope_metrics: vec![scope_metrics],
            ..Default::default()
        };
        let request = ExportMetricsServiceRequest { resource_metrics: vec![resource_metrics] };
        Export { signal: Signal::Metrics, items, body: request.encode_to_vec() }
    }

    fn resource(&self) -> Option<Resource> {
        let attributes = vec![
            text("service.name", &self.service),
            text("service.version", &self.version),
            text("service.instance.id", &format!("{}-1", self.service)),
            text("deployment.environment.name", "demo"),
            text("telemetry.sdk.name", "evenkeel-send"),
            text("telemetry.sdk.language", "rust"),
        ];
        Some(Resource { attributes, ..Default::default() })
    }
}

fn span(call: Call) -> Span {
    let mut attributes = http_attributes(&call);
    let mut events = Vec::new();
    let mut status = None;
    if let Some((kind, message)) = call.failure {
        attributes.push(text("error.type", kind));
        status = Some(Status { message: message.to_owned(), code: StatusCode::Error.into() });
        events.push(Event {
            time_unix_nano: call.end_ns,
            name: "exception".to_owned(),
            attributes: vec![text("exception.type", kind), text("exception.message", message)],
            ..Default::default()
        });
    }
    Span {
        trace_id: call.trace_id.to_vec(),
        span_id: call.span_id.to_vec(),
        name: format!("{} {}", call.method, call.route),
        kind: SpanKind::Server.into(),
        start_time_unix_nano: call.start_ns,
        end_time_unix_nano: call.end_ns,
        attributes,
        events,
        status,
        ..Default::default()
    }
}

fn log_record(call: Call) -> LogRecord {
    let mut attributes = http_attributes(&call);
    let what = format!("{} {}", call.method, call.path);
    let (severity_number, severity_text, body) = match call.failure {
        Some((kind, message)) => {
            attributes.extend([text("exception.type", kind), text("exception.message", message)]);
            (17, "ERROR", format!("{what} failed: {message}"))
        }
        None => (9, "INFO", format!("{what} answered {}", call.status)),
    };
    LogRecord {
        time_unix_nano: call.end_ns,
        observed_time_unix_nano: call.end_ns,
        severity_number,
        severity_text: severity_text.to_owned(),
        body: Some(AnyValue { value: Some(Value::StringValue(body)) }),
        attributes,
        trace_id: call.trace_id.to_vec(),
        span_id: call.span_id.to_vec(),
        ..Default::default()
    }
}

fn http_attributes(call: &Call) -> Vec<KeyValue> {
    vec![
        text("http.request.method", call.method),
        text("http.route", call.route),
        text("url.path", &call.path),
        text("url.scheme", "https"),
        number("http.response.status_code", call.status.into()),
    ]
}

fn scope() -> Option<InstrumentationScope> {
    let (name, version) = ("evenkeel.send".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
    Some(InstrumentationScope { name, version, ..Default::default() })
}

fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.to_owned()))
}

fn number(key: &str, value: i64) -> KeyValue {
    attribute(key, Value::IntValue(value))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }) }
}
