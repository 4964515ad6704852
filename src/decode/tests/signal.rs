//! Which signal a request is of, where nobody says.

use prost::Message;

use crate::decode::otlp::collector::logs::v1::ExportLogsServiceRequest;
use crate::decode::otlp::collector::metrics::v1::ExportMetricsServiceRequest;
use crate::decode::otlp::collector::trace::v1::ExportTraceServiceRequest;
use crate::decode::otlp::common::v1::{AnyValue, KeyValue, any_value};
use crate::decode::otlp::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use crate::decode::otlp::metrics::v1::{
    ExponentialHistogram, Gauge, Histogram, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum,
    Summary, metric,
};
use crate::decode::otlp::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use crate::decode::{Encoding, Malformed, signal_of};
use crate::model::Signal;

fn traces(spans: Vec<Span>) -> Vec<u8> {
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }],
    }
    .encode_to_vec()
}

fn logs(log_records: Vec<LogRecord>) -> Vec<u8> {
    let scope_logs = vec![ScopeLogs { log_records, ..ScopeLogs::default() }];
    ExportLogsServiceRequest { resource_logs: vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }] }
        .encode_to_vec()
}

fn metrics(metrics: Vec<Metric>) -> Vec<u8> {
    let scope_metrics = vec![ScopeMetrics { metrics, ..ScopeMetrics::default() }];
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics { scope_metrics, ..ResourceMetrics::default() }],
    }
    .encode_to_vec()
}

fn value(text: &str) -> Option<AnyValue> {
    Some(AnyValue { value: Some(any_value::Value::StringValue(text.to_owned())) })
}

fn attributes() -> Vec<KeyValue> {
    vec![KeyValue { key: "a".to_owned(), value: value("b") }]
}

fn protobuf(body: &[u8]) -> Option<Signal> {
    signal_of(Encoding::Protobuf, body).unwrap()
}

fn json(text: &str) -> Option<Signal> {
    signal_of(Encoding::Json, text.as_bytes()).unwrap()
}

#[test]
fn a_span_is_known_by_its_times_or_its_trace_id() {
    let id = || vec![0xab; 16];
    for span in [
        Span { start_time_unix_nano: 1, ..Span::default() },
        Span { end_time_unix_nano: 1, name: "sixteen.letters_".to_owned(), ..Span::default() },
        Span { trace_id: id(), span_id: vec![1; 8], name: "GET /".to_owned(), ..Span::default() },
        Span { trace_id: id(), attributes: attributes(), ..Span::default() },
        Span { trace_id: b"abcdefghijklmnop".to_vec(), kind: 2, ..Span::default() },
        Span { trace_id: b"abcdefghijklmnop".to_vec(), status: Some(Status::default()), ..Span::default() },
        Span { trace_id: b"0123456789abcdef".to_vec(), ..Span::default() },
    ] {
        assert_eq!(protobuf(&traces(vec![span.clone()])), Some(Signal::Traces), "{span:?}");
    }
}

#[test]
fn a_log_record_is_known_by_its_times_or_by_what_it_lacks() {
    for record in [
        LogRecord { time_unix_nano: 1, body: value("text"), ..LogRecord::default() },
        LogRecord { observed_time_unix_nano: 1, ..LogRecord::default() },
        LogRecord { severity_number: 17, ..LogRecord::default() },
        LogRecord { body: value("text"), ..LogRecord::default() },
        LogRecord { body: value("text"), attributes: attributes(), ..LogRecord::default() },
        LogRecord { trace_id: vec![7; 16], span_id: vec![7; 8], ..LogRecord::default() },
        LogRecord { flags: 1, ..LogRecord::default() },
    ] {
        assert_eq!(protobuf(&logs(vec![record.clone()])), Some(Signal::Logs), "{record:?}");
    }
}

#[test]
fn a_metric_has_a_name_and_no_time() {
    use metric::Data;
    for name in ["m", "requests_counter", "http.server.request.duration", "job:requests:sum"] {
        for data in [
            Data::Gauge(Gauge {
                data_points: vec![NumberDataPoint { time_unix_nano: 1, ..Default::default() }],
            }),
            Data::Sum(Sum::default()),
            Data::Histogram(Histogram::default()),
            Data::ExponentialHistogram(ExponentialHistogram::default()),
            Data::Summary(Summary::default()),
        ] {
            let about = "8 letters".to_owned();
            let metric =
                Metric { name: name.to_owned(), description: about, data: Some(data), ..Metric::default() };
            assert_eq!(protobuf(&metrics(vec![metric.clone()])), Some(Signal::Metrics), "{metric:?}");
        }
    }
}

#[test]
fn the_first_item_that_tells_decides() {
    let none = LogRecord::default;
    let some = LogRecord { time_unix_nano: 1, ..none() };
    assert_eq!(protobuf(&logs(vec![none(), none(), some])), Some(Signal::Logs));
}

#[test]
fn where_nothing_is_any_signal_does() {
    for body in [&[][..], &traces(vec![]), &metrics(vec![]), &logs(vec![LogRecord::default()])] {
        assert_eq!(protobuf(body), None);
    }
    for text in
        ["{}", "{\"resourceSpans\":[]}", "{\"resource_logs\":null,\"other\":{\"resourceSpans\":[{}]}}"]
    {
        assert_eq!(json(text), None, "{text}");
    }
}

#[test]
fn json_names_its_signal_at_the_top() {
    for (text, signal) in [
        ("{\"resourceSpans\":[{}]}", Signal::Traces),
        ("{\"resource_spans\":[{", Signal::Traces),
        ("{\"resourceLogs\": [ {} ]}", Signal::Logs),
        ("{\"resource_logs\":[{}]}", Signal::Logs),
        ("{\"resourceMetrics\":[{}]}", Signal::Metrics),
        ("\u{feff}{\"x\":[{\"resourceSpans\":[{}]}],\"resource_metrics\":[{}]}", Signal::Metrics),
        ("{\"resourceSpans\":[],\"resourceLogs\":null,\"resourceMetrics\":[{}]}", Signal::Metrics),
    ] {
        assert_eq!(json(text), Some(signal), "{text}");
    }
}

#[test]
fn what_can_not_be_read_is_told() {
    for (encoding, body) in [
        (Encoding::Json, &b"[]"[..]),
        (Encoding::Json, b"{\"a\":"),
        (Encoding::Json, b"{\"resourceSpans\":[1]}"),
        (Encoding::Json, b"\xff\xfe{"),
        (Encoding::Protobuf, b"\x0a\x05\x12"),
        (Encoding::Protobuf, b"\x08\x01"),
    ] {
        let told = signal_of(encoding, body);
        assert!(matches!(told, Err(Malformed::Undecodable(_))), "{told:?}");
    }
}
