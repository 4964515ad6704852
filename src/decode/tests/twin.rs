//! The naive twin: walks the generated types and says what items a request has.

use super::{NAMES, ORIGINS};
use crate::decode::otlp::collector::logs::v1::ExportLogsServiceRequest;
use crate::decode::otlp::collector::metrics::v1::ExportMetricsServiceRequest;
use crate::decode::otlp::collector::trace::v1::ExportTraceServiceRequest;
use crate::decode::otlp::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use crate::decode::otlp::metrics::v1::{exponential_histogram_data_point, metric, number_data_point};
use crate::decode::otlp::resource::v1::Resource;
use crate::model::{
    Buckets, EventTime, Exponential, Histogram, Item, ItemKind, Number, Origin, Packed, Point, PointData,
    Slots, SpanKind, SpanStatus, Temporality, Value,
};

/// The attributes around one item, as the sender grouped them.
struct Around<'a> {
    resource: &'a [KeyValue],
    scope: &'a [KeyValue],
    item: &'a [KeyValue],
}

pub fn spans(request: &ExportTraceServiceRequest) -> Vec<String> {
    let mut seen = Vec::new();
    for block in &request.resource_spans {
        for inner in &block.scope_spans {
            for span in &inner.spans {
                let around = around(block.resource.as_ref(), inner.scope.as_ref(), &span.attributes);
                let status = span.status.as_ref().map_or(0, |status| status.code);
                let (start, end) = (span.start_time_unix_nano, span.end_time_unix_nano);
                seen.push(around.item(Item {
                    time: time(end).or(time(start)),
                    duration_ns: if start == 0 || end == 0 { None } else { end.checked_sub(start) },
                    name: &span.name,
                    span_kind: SpanKind::from_number(u64::from(span.kind.cast_unsigned())),
                    status: SpanStatus::from_number(u64::from(status.cast_unsigned())),
                    has_exception_event: span.events.iter().any(|event| event.name == "exception"),
                    trace_id: &span.trace_id,
                    span_id: &span.span_id,
                    ..blank(ItemKind::Span)
                }));
            }
        }
    }
    seen
}

pub fn logs(request: &ExportLogsServiceRequest) -> Vec<String> {
    let mut seen = Vec::new();
    for block in &request.resource_logs {
        for inner in &block.scope_logs {
            for record in &inner.log_records {
                let around = around(block.resource.as_ref(), inner.scope.as_ref(), &record.attributes);
                seen.push(around.item(Item {
                    time: time(record.time_unix_nano).or(time(record.observed_time_unix_nano)),
                    name: &record.event_name,
                    severity: record.severity_number,
                    body: record.body.as_ref().and_then(value),
                    trace_id: &record.trace_id,
                    span_id: &record.span_id,
                    ..blank(ItemKind::Log)
                }));
            }
        }
    }
    seen
}

pub fn points(request: &ExportMetricsServiceRequest) -> Vec<String> {
    let mut seen = Vec::new();
    for block in &request.resource_metrics {
        for inner in &block.scope_metrics {
            for metric in &inner.metrics {
                for Seen { attributes, time_ns, value, start_ns, flags, data } in
                    metric.data.iter().flat_map(data)
                {
                    let around = around(block.resource.as_ref(), inner.scope.as_ref(), attributes);
                    let (time, name) = (time(time_ns), &metric.name);
                    let point = Point { start_ns, flags, series: 0, data };
                    let point = Some(&point);
                    seen.push(around.item(Item { time, name, value, point, ..blank(ItemKind::Metric) }));
                }
            }
        }
    }
    seen
}

struct Seen<'a> {
    attributes: &'a [KeyValue],
    time_ns: u64,
    value: Option<f64>,
    start_ns: u64,
    flags: u32,
    data: PointData<'static>,
}

/// The fields that all kinds of point have under the same names.
macro_rules! seen {
    ($at:expr, $value:expr, $data:expr) => {
        Seen {
            attributes: &$at.attributes,
            time_ns: $at.time_unix_nano,
            value: $value,
            start_ns: $at.start_time_unix_nano,
            flags: $at.flags,
            data: $data,
        }
    };
}

fn data(data: &metric::Data) -> Vec<Seen<'_>> {
    let number = |value: number_data_point::Value| match value {
        number_data_point::Value::AsDouble(double) => Number::Double(double),
        number_data_point::Value::AsInt(int) => Number::Int(int),
    };
    let temporality = |number: i32| Temporality::from_number(u64::from(number.cast_unsigned()));
    match data {
        metric::Data::Gauge(it) => {
            let seen = it.data_points.iter().map(|at| (at, at.value.map(number)));
            seen.map(|(at, value)| seen!(at, value.map(Number::double), PointData::Gauge(value))).collect()
        }
        metric::Data::Sum(it) => {
            let (monotonic, temporality) = (it.is_monotonic, temporality(it.aggregation_temporality));
            let seen = it.data_points.iter().map(|at| (at, at.value.map(number)));
            seen.map(|(at, value)| {
                seen!(at, value.map(Number::double), PointData::Sum { value, monotonic, temporality })
            })
            .collect()
        }
        metric::Data::Histogram(it) => {
            let temporality = temporality(it.aggregation_temporality);
            let histogram = |at: &crate::decode::otlp::metrics::v1::HistogramDataPoint| Histogram {
                count: at.count,
                bounds: fixed(at.explicit_bounds.iter().map(|bound| bound.to_bits())),
                counts: fixed(at.bucket_counts.iter().copied()),
            };
            let data = |at| PointData::Histogram { temporality, histogram: histogram(at) };
            it.data_points.iter().map(|at| seen!(at, at.sum, data(at))).collect()
        }
        metric::Data::ExponentialHistogram(it) => {
            let temporality = temporality(it.aggregation_temporality);
            let histogram =
                |at: &crate::decode::otlp::metrics::v1::ExponentialHistogramDataPoint| Exponential {
                    count: at.count,
                    scale: at.scale,
                    zero_count: at.zero_count,
                    zero_threshold: at.zero_threshold,
                    positive: buckets(at.positive.as_ref()),
                    negative: buckets(at.negative.as_ref()),
                };
            let data = |at| PointData::Exponential { temporality, histogram: histogram(at) };
            it.data_points.iter().map(|at| seen!(at, at.sum, data(at))).collect()
        }
        metric::Data::Summary(it) => {
            let data = |count| PointData::Summary { count };
            it.data_points.iter().map(|at| seen!(at, Some(at.sum), data(at.count))).collect()
        }
    }
}

fn fixed(numbers: impl Iterator<Item = u64>) -> Packed<'static> {
    Packed(numbers.flat_map(u64::to_le_bytes).collect::<Vec<u8>>().into())
}

fn buckets(buckets: Option<&exponential_histogram_data_point::Buckets>) -> Buckets<'static> {
    let Some(buckets) = buckets else { return Buckets::default() };
    let mut counts = Vec::new();
    for count in &buckets.bucket_counts {
        prost::encoding::encode_varint(*count, &mut counts);
    }
    Buckets { offset: buckets.offset, counts: Packed(counts.into()) }
}

fn around<'a>(
    resource: Option<&'a Resource>,
    scope: Option<&'a InstrumentationScope>,
    item: &'a [KeyValue],
) -> Around<'a> {
    Around {
        resource: resource.map_or(&[], |it| &it.attributes),
        scope: scope.map_or(&[], |it| &it.attributes),
        item,
    }
}

impl<'a> Around<'a> {
    fn item(&self, item: Item<'_>) -> String {
        let wanted = super::wanted();
        let mut slots = Slots::with_len(wanted.len());
        for name in NAMES {
            for origin in ORIGINS {
                let found = match origin {
                    Origin::Item => last(self.item, name),
                    Origin::Resource => last(self.resource, name),
                    Origin::Nearest => last(self.item, name)
                        .or_else(|| last(self.scope, name))
                        .or_else(|| last(self.resource, name)),
                };
                if let Some(value) = found {
                    slots.set(wanted.clone().slot(origin, name), value);
                }
            }
        }
        let service = match last(self.resource, "service.name") {
            Some(Value::Str(name)) if !name.is_empty() => {
                let fits = |(at, c): &(usize, char)| at + c.len_utf8() <= 256;
                let end = name.char_indices().take_while(fits).last().map_or(0, |(at, c)| at + c.len_utf8());
                &name[..end]
            }
            _ => "unknown_service",
        };
        format!("{:?}", Item { service, slots: &slots, ..item })
    }
}

fn last<'a>(pairs: &'a [KeyValue], name: &str) -> Option<Value<'a>> {
    pairs.iter().filter(|pair| pair.key == name).filter_map(|pair| value(pair.value.as_ref()?)).next_back()
}

fn value(any: &AnyValue) -> Option<Value<'_>> {
    Some(match any.value.as_ref()? {
        any_value::Value::StringValue(text) => Value::Str(text),
        any_value::Value::BoolValue(bool) => Value::Bool(*bool),
        any_value::Value::IntValue(int) => Value::Int(*int),
        any_value::Value::DoubleValue(double) => Value::Double(*double),
        _ => Value::Other,
    })
}

fn time(ns: u64) -> Option<EventTime> {
    (ns != 0).then_some(EventTime(ns))
}

/// An item without anything. Its slots are replaced before anybody looks.
fn blank(kind: ItemKind) -> Item<'static> {
    static NONE: std::sync::LazyLock<Slots<'static>> = std::sync::LazyLock::new(Slots::default);
    Item {
        kind,
        time: None,
        duration_ns: None,
        name: "",
        span_kind: SpanKind::Unspecified,
        status: SpanStatus::Unset,
        severity: 0,
        body: None,
        value: None,
        point: None,
        has_exception_event: false,
        trace_id: &[],
        span_id: &[],
        service: "",
        slots: &NONE,
    }
}
