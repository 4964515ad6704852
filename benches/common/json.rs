//! The JSON form of what [`super::traffic`] makes, as SDKs write it: ids in hex, 64-bit numbers as text.

use evenkeel::decode::otlp::collector::logs::v1::ExportLogsServiceRequest;
use evenkeel::decode::otlp::collector::metrics::v1::ExportMetricsServiceRequest;
use evenkeel::decode::otlp::collector::trace::v1::ExportTraceServiceRequest;
use evenkeel::decode::otlp::common::v1::any_value::Value as Any;
use evenkeel::decode::otlp::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use evenkeel::decode::otlp::logs::v1::LogRecord;
use evenkeel::decode::otlp::metrics::v1::metric::Data;
use evenkeel::decode::otlp::metrics::v1::number_data_point::Value as Number;
use evenkeel::decode::otlp::metrics::v1::{HistogramDataPoint, Metric, NumberDataPoint};
use evenkeel::decode::otlp::resource::v1::Resource;
use evenkeel::decode::otlp::trace::v1::Span;
use serde_json::{Value, json};

pub fn spans(request: &ExportTraceServiceRequest) -> Vec<u8> {
    let blocks = request.resource_spans.iter().map(|block| {
        let scopes = block.scope_spans.iter().map(|one| {
            json!({"scope": scope(&one.scope), "spans": one.spans.iter().map(span).collect::<Vec<_>>()})
        });
        json!({"resource": resource(&block.resource), "scopeSpans": scopes.collect::<Vec<_>>()})
    });
    json!({"resourceSpans": blocks.collect::<Vec<_>>()}).to_string().into_bytes()
}

pub fn logs(request: &ExportLogsServiceRequest) -> Vec<u8> {
    let blocks = request.resource_logs.iter().map(|block| {
        let scopes = block.scope_logs.iter().map(|one| {
            json!({"scope": scope(&one.scope), "logRecords": one.log_records.iter().map(log_record).collect::<Vec<_>>()})
        });
        json!({"resource": resource(&block.resource), "scopeLogs": scopes.collect::<Vec<_>>()})
    });
    json!({"resourceLogs": blocks.collect::<Vec<_>>()}).to_string().into_bytes()
}

pub fn points(request: &ExportMetricsServiceRequest) -> Vec<u8> {
    let blocks = request.resource_metrics.iter().map(|block| {
        let scopes = block.scope_metrics.iter().map(|one| {
            json!({"scope": scope(&one.scope), "metrics": one.metrics.iter().map(metric).collect::<Vec<_>>()})
        });
        json!({"resource": resource(&block.resource), "scopeMetrics": scopes.collect::<Vec<_>>()})
    });
    json!({"resourceMetrics": blocks.collect::<Vec<_>>()}).to_string().into_bytes()
}

fn resource(resource: &Option<Resource>) -> Value {
    json!({"attributes": resource.iter().flat_map(|one| &one.attributes).map(attribute).collect::<Vec<_>>()})
}

fn scope(scope: &Option<InstrumentationScope>) -> Value {
    json!({"name": scope.as_ref().map_or("", |one| &one.name)})
}

fn attributes(pairs: &[KeyValue]) -> Vec<Value> {
    pairs.iter().map(attribute).collect()
}

fn attribute(pair: &KeyValue) -> Value {
    json!({"key": pair.key, "value": any(&pair.value)})
}

fn any(value: &Option<AnyValue>) -> Value {
    match value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(Any::StringValue(text)) => json!({"stringValue": text}),
        Some(Any::IntValue(number)) => json!({"intValue": number.to_string()}),
        other => unreachable!("nothing else is made: {other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn span(span: &Span) -> Value {
    json!({
        "traceId": hex(&span.trace_id), "spanId": hex(&span.span_id), "parentSpanId": hex(&span.parent_span_id),
        "name": span.name, "kind": span.kind,
        "startTimeUnixNano": span.start_time_unix_nano.to_string(),
        "endTimeUnixNano": span.end_time_unix_nano.to_string(),
        "attributes": attributes(&span.attributes),
        "status": {"code": span.status.as_ref().map_or(0, |status| status.code)},
    })
}

fn log_record(record: &LogRecord) -> Value {
    json!({
        "timeUnixNano": record.time_unix_nano.to_string(),
        "observedTimeUnixNano": record.observed_time_unix_nano.to_string(),
        "severityNumber": record.severity_number, "severityText": record.severity_text,
        "body": any(&record.body), "attributes": attributes(&record.attributes),
        "traceId": hex(&record.trace_id), "spanId": hex(&record.span_id),
    })
}

fn metric(metric: &Metric) -> Value {
    let (kind, data) = match metric.data.as_ref() {
        Some(Data::Sum(sum)) => {
            let points: Vec<Value> = sum.data_points.iter().map(number_point).collect();
            let temporality = sum.aggregation_temporality;
            ("sum", json!({"dataPoints": points, "aggregationTemporality": temporality, "isMonotonic": true}))
        }
        Some(Data::Gauge(gauge)) => {
            ("gauge", json!({"dataPoints": gauge.data_points.iter().map(number_point).collect::<Vec<_>>()}))
        }
        Some(Data::Histogram(histogram)) => {
            let points: Vec<Value> = histogram.data_points.iter().map(histogram_point).collect();
            (
                "histogram",
                json!({"dataPoints": points, "aggregationTemporality": histogram.aggregation_temporality}),
            )
        }
        other => unreachable!("nothing else is made: {other:?}"),
    };
    json!({"name": metric.name, "unit": metric.unit, kind: data})
}

fn number_point(point: &NumberDataPoint) -> Value {
    let (name, value) = match point.value {
        Some(Number::AsInt(number)) => ("asInt", json!(number.to_string())),
        Some(Number::AsDouble(number)) => ("asDouble", json!(number)),
        None => unreachable!("each has a value"),
    };
    json!({
        "attributes": attributes(&point.attributes), "startTimeUnixNano": point.start_time_unix_nano.to_string(),
        "timeUnixNano": point.time_unix_nano.to_string(), name: value,
    })
}

fn histogram_point(point: &HistogramDataPoint) -> Value {
    json!({
        "attributes": attributes(&point.attributes), "startTimeUnixNano": point.start_time_unix_nano.to_string(),
        "timeUnixNano": point.time_unix_nano.to_string(), "count": point.count.to_string(), "sum": point.sum,
        "bucketCounts": point.bucket_counts.iter().map(u64::to_string).collect::<Vec<_>>(),
        "explicitBounds": point.explicit_bounds,
    })
}
