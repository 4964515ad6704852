//! One made-up item as an OTLP export request: what an SDK would have sent.

use prost::Message;

use crate::decode::otlp::collector::logs::v1::ExportLogsServiceRequest;
use crate::decode::otlp::collector::trace::v1::ExportTraceServiceRequest;
use crate::decode::otlp::common::v1::any_value::Value;
use crate::decode::otlp::common::v1::{AnyValue, KeyValue};
use crate::decode::otlp::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use crate::decode::otlp::resource::v1::Resource;
use crate::decode::otlp::trace::v1::status::StatusCode;
use crate::decode::otlp::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use crate::model::{SECOND_NS, Signal, SpanKind};

/// An item without its time.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    pub signal: Signal,
    pub service: String,
    /// A span's name, or a log record's event name.
    pub name: String,
    pub kind: SpanKind,
    pub failed: bool,
    pub duration_ns: u64,
    /// OpenTelemetry's number.
    pub severity: i32,
    pub body: String,
    pub attributes: Vec<(String, Attribute)>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Attribute {
    Text(String),
    Int(i64),
    Double(f64),
    Bool(bool),
}

impl Sample {
    /// A server span that took 20 ms and did not fail.
    pub fn span(service: &str) -> Self {
        Self {
            signal: Signal::Traces,
            service: service.to_owned(),
            name: "request".to_owned(),
            kind: SpanKind::Server,
            failed: false,
            duration_ns: 20_000_000,
            severity: 0,
            body: String::new(),
            attributes: Vec::new(),
        }
    }

    /// A log record of severity INFO.
    pub fn log(service: &str) -> Self {
        Self { signal: Signal::Logs, name: String::new(), severity: 9, ..Self::span(service) }
    }

    /// An export request of `count` of it, all at one second.
    pub(super) fn request(&self, second: u64, count: u64) -> Vec<u8> {
        match self.signal {
            Signal::Logs => self.logs(second, count),
            Signal::Traces | Signal::Metrics => self.spans(second, count),
        }
    }

    fn spans(&self, second: u64, count: u64) -> Vec<u8> {
        let end = second.saturating_mul(SECOND_NS);
        let status = self.failed.then(|| Status { code: StatusCode::Error.into(), ..Default::default() });
        let span = |number: u64| Span {
            trace_id: u128::from(number + 1).to_be_bytes().to_vec(),
            span_id: (number + 1).to_be_bytes().to_vec(),
            name: self.name.clone(),
            kind: self.kind as i32,
            start_time_unix_nano: end.saturating_sub(self.duration_ns),
            end_time_unix_nano: end,
            attributes: self.attributes(),
            status: status.clone(),
            ..Default::default()
        };
        let scope_spans = ScopeSpans { spans: (0..count).map(span).collect(), ..Default::default() };
        let resource_spans = ResourceSpans {
            resource: Some(self.resource()),
            scope_spans: vec![scope_spans],
            ..Default::default()
        };
        ExportTraceServiceRequest { resource_spans: vec![resource_spans] }.encode_to_vec()
    }

    fn logs(&self, second: u64, count: u64) -> Vec<u8> {
        let record = || LogRecord {
            time_unix_nano: second.saturating_mul(SECOND_NS),
            severity_number: self.severity,
            event_name: self.name.clone(),
            body: (!self.body.is_empty())
                .then(|| AnyValue { value: Some(Value::StringValue(self.body.clone())) }),
            attributes: self.attributes(),
            ..Default::default()
        };
        let scope_logs =
            ScopeLogs { log_records: (0..count).map(|_| record()).collect(), ..Default::default() };
        let resource_logs = ResourceLogs {
            resource: Some(self.resource()),
            scope_logs: vec![scope_logs],
            ..Default::default()
        };
        ExportLogsServiceRequest { resource_logs: vec![resource_logs] }.encode_to_vec()
    }

    fn resource(&self) -> Resource {
        let name = Attribute::Text(self.service.clone());
        Resource { attributes: vec![name.encoded("service.name")], ..Default::default() }
    }

    fn attributes(&self) -> Vec<KeyValue> {
        self.attributes.iter().map(|(key, value)| value.encoded(key)).collect()
    }
}

impl Attribute {
    fn encoded(&self, key: &str) -> KeyValue {
        let value = match self {
            Self::Text(text) => Value::StringValue(text.clone()),
            Self::Int(number) => Value::IntValue(*number),
            Self::Double(number) => Value::DoubleValue(*number),
            Self::Bool(truth) => Value::BoolValue(*truth),
        };
        KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }) }
    }
}
