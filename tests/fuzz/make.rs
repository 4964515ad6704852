//! Requests by a seed: every field that we read, with values that are usual and values at the edge.

use evenkeel::decode::Encoding;
use evenkeel::decode::otlp::collector::logs::v1::ExportLogsServiceRequest;
use evenkeel::decode::otlp::collector::metrics::v1::ExportMetricsServiceRequest;
use evenkeel::decode::otlp::collector::trace::v1::ExportTraceServiceRequest;
use evenkeel::decode::otlp::common::v1::any_value::Value;
use evenkeel::decode::otlp::common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList};
use evenkeel::decode::otlp::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use evenkeel::decode::otlp::metrics::v1::exponential_histogram_data_point::Buckets;
use evenkeel::decode::otlp::metrics::v1::{
    ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint, Metric,
    NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary, SummaryDataPoint, metric,
    number_data_point,
};
use evenkeel::decode::otlp::resource::v1::Resource;
use evenkeel::decode::otlp::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span};
use evenkeel::model::Signal;
use prost::Message;

/// Numbers that are the same for the same seed (SplitMix64).
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Less than `bound`, which is not 0.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub fn is_one_in(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }

    pub fn one_of<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    fn number(&mut self) -> u64 {
        match self.below(4) {
            0 => *self.one_of(&[0, 1, u64::MAX, i64::MAX as u64, 1 << 63, u64::from(u32::MAX)]),
            1 => self.next(),
            _ => self.next() % 1_000,
        }
    }

    fn double(&mut self) -> f64 {
        match self.below(4) {
            0 => {
                *self.one_of(&[f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, f64::MAX, f64::MIN_POSITIVE])
            }
            1 => f64::from_bits(self.next()),
            _ => (self.next() % 10_000) as f64 / 1_000.0,
        }
    }

    fn text(&mut self) -> String {
        let words =
            ["", "shop", "GET /healthz", "exception", "drop", "bad", "request 17 failed", "é\u{1f600}", "a1"];
        (*self.one_of(&words)).to_owned()
    }

    fn times<T>(&mut self, most: usize, mut make: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.below(most + 1)).map(|_| make(self)).collect()
    }

    /// Near `now`, or anywhere.
    fn time(&mut self, now_ns: u64) -> u64 {
        match self.below(8) {
            0 => self.number(),
            1 => 0,
            _ => now_ns - self.next() % 7_200_000_000_000 + 600_000_000_000,
        }
    }
}

pub fn request(chance: &mut Chance, signal: Signal, encoding: Encoding, now_ns: u64) -> Vec<u8> {
    if encoding == Encoding::Json {
        return json(chance, signal, now_ns).into_bytes();
    }
    match signal {
        Signal::Traces => {
            let scope = |chance: &mut Chance| ScopeSpans {
                spans: chance.times(4, |chance| make_span(chance, now_ns)),
                ..ScopeSpans::default()
            };
            let block = |chance: &mut Chance| ResourceSpans {
                resource: resource(chance),
                scope_spans: blocks(chance, scope),
                ..ResourceSpans::default()
            };
            ExportTraceServiceRequest { resource_spans: blocks(chance, block) }.encode_to_vec()
        }
        Signal::Logs => {
            let scope = |chance: &mut Chance| ScopeLogs {
                log_records: chance.times(4, |chance| make_log(chance, now_ns)),
                ..ScopeLogs::default()
            };
            let block = |chance: &mut Chance| ResourceLogs {
                resource: resource(chance),
                scope_logs: blocks(chance, scope),
                ..ResourceLogs::default()
            };
            ExportLogsServiceRequest { resource_logs: blocks(chance, block) }.encode_to_vec()
        }
        Signal::Metrics => {
            let scope = |chance: &mut Chance| ScopeMetrics {
                metrics: chance.times(3, |chance| make_metric(chance, now_ns)),
                ..ScopeMetrics::default()
            };
            let block = |chance: &mut Chance| ResourceMetrics {
                resource: resource(chance),
                scope_metrics: blocks(chance, scope),
                ..ResourceMetrics::default()
            };
            ExportMetricsServiceRequest { resource_metrics: blocks(chance, block) }.encode_to_vec()
        }
    }
}

/// One or two, and none now and then.
fn blocks<T>(chance: &mut Chance, mut make: impl FnMut(&mut Chance) -> T) -> Vec<T> {
    if chance.is_one_in(16) {
        return Vec::new();
    }
    (0..=chance.below(2)).map(|_| make(chance)).collect()
}

fn resource(chance: &mut Chance) -> Option<Resource> {
    let mut attributes = attributes(chance);
    if !chance.is_one_in(4) {
        attributes.push(KeyValue {
            key: "service.name".to_owned(),
            value: Some(AnyValue { value: Some(Value::StringValue(chance.text())) }),
        });
    }
    Some(Resource { attributes, ..Resource::default() })
}

fn attributes(chance: &mut Chance) -> Vec<KeyValue> {
    chance.times(4, |chance| KeyValue {
        key: (*chance.one_of(&["a", "b", "c", "service.name", "", "http.route"])).to_owned(),
        value: (!chance.is_one_in(8)).then(|| any_value(chance, 3)),
    })
}

fn any_value(chance: &mut Chance, depth: usize) -> AnyValue {
    let value = match chance.below(if depth == 0 { 5 } else { 7 }) {
        0 => Value::StringValue(chance.text()),
        1 => Value::BoolValue(chance.is_one_in(2)),
        2 => Value::IntValue(chance.number() as i64),
        3 => Value::DoubleValue(chance.double()),
        4 => Value::BytesValue(vec![0xff; chance.below(9)]),
        5 => Value::ArrayValue(ArrayValue { values: chance.times(3, |chance| any_value(chance, depth - 1)) }),
        _ => {
            let entry = |chance: &mut Chance| KeyValue {
                key: chance.text(),
                value: Some(any_value(chance, depth - 1)),
            };
            Value::KvlistValue(KeyValueList { values: chance.times(3, entry) })
        }
    };
    AnyValue { value: (!chance.is_one_in(16)).then_some(value) }
}

fn id(chance: &mut Chance, length: usize) -> Vec<u8> {
    let length = if chance.is_one_in(6) { chance.below(20) } else { length };
    let byte = chance.below(4) as u8;
    vec![byte; length]
}

fn make_span(chance: &mut Chance, now_ns: u64) -> Span {
    Span {
        trace_id: id(chance, 16),
        span_id: id(chance, 8),
        name: chance.text(),
        kind: chance.below(8) as i32 - 1,
        start_time_unix_nano: chance.time(now_ns),
        end_time_unix_nano: chance.time(now_ns),
        attributes: attributes(chance),
        events: chance.times(2, |chance| span::Event { name: chance.text(), ..span::Event::default() }),
        status: (!chance.is_one_in(3))
            .then(|| Status { code: chance.below(4) as i32, message: chance.text() }),
        ..Span::default()
    }
}

fn make_log(chance: &mut Chance, now_ns: u64) -> LogRecord {
    LogRecord {
        time_unix_nano: chance.time(now_ns),
        observed_time_unix_nano: chance.time(now_ns),
        severity_number: chance.below(30) as i32 - 2,
        body: (!chance.is_one_in(4)).then(|| any_value(chance, 2)),
        attributes: attributes(chance),
        trace_id: id(chance, 16),
        span_id: id(chance, 8),
        event_name: chance.text(),
        ..LogRecord::default()
    }
}

fn make_metric(chance: &mut Chance, now_ns: u64) -> Metric {
    let temporality = chance.below(4) as i32;
    let number = |chance: &mut Chance| NumberDataPoint {
        attributes: attributes(chance),
        start_time_unix_nano: chance.time(now_ns),
        time_unix_nano: chance.time(now_ns),
        value: match chance.below(3) {
            0 => None,
            1 => Some(number_data_point::Value::AsInt(chance.number() as i64)),
            _ => Some(number_data_point::Value::AsDouble(chance.double())),
        },
        flags: chance.below(2) as u32,
        ..NumberDataPoint::default()
    };
    let data = match chance.below(6) {
        0 => None,
        1 => Some(metric::Data::Gauge(Gauge { data_points: chance.times(3, number) })),
        2 => Some(metric::Data::Sum(Sum {
            data_points: chance.times(3, number),
            aggregation_temporality: temporality,
            is_monotonic: chance.is_one_in(2),
        })),
        3 => Some(metric::Data::Histogram(Histogram {
            data_points: chance.times(2, |chance| histogram(chance, now_ns)),
            aggregation_temporality: temporality,
        })),
        4 => Some(metric::Data::ExponentialHistogram(ExponentialHistogram {
            data_points: chance.times(2, |chance| exponential(chance, now_ns)),
            aggregation_temporality: temporality,
        })),
        _ => {
            let point = |chance: &mut Chance| SummaryDataPoint {
                time_unix_nano: chance.time(now_ns),
                count: chance.number(),
                sum: chance.double(),
                ..SummaryDataPoint::default()
            };
            Some(metric::Data::Summary(Summary { data_points: chance.times(2, point) }))
        }
    };
    Metric { name: chance.text(), data, ..Metric::default() }
}

fn histogram(chance: &mut Chance, now_ns: u64) -> HistogramDataPoint {
    let mut explicit_bounds = chance.times(4, Chance::double);
    if !chance.is_one_in(4) {
        explicit_bounds.sort_by(f64::total_cmp);
    }
    let buckets = explicit_bounds.len() + 1;
    let bucket_counts: Vec<u64> = match chance.is_one_in(4) {
        true => chance.times(5, Chance::number),
        false => (0..buckets).map(|_| chance.next() % 9).collect(),
    };
    HistogramDataPoint {
        attributes: attributes(chance),
        start_time_unix_nano: chance.time(now_ns),
        time_unix_nano: chance.time(now_ns),
        count: if chance.is_one_in(4) { chance.number() } else { bucket_counts.iter().fold(0, |a, b| a ^ b) },
        sum: (!chance.is_one_in(3)).then(|| chance.double()),
        bucket_counts,
        explicit_bounds,
        ..HistogramDataPoint::default()
    }
}

fn exponential(chance: &mut Chance, now_ns: u64) -> ExponentialHistogramDataPoint {
    let buckets = |chance: &mut Chance| {
        (!chance.is_one_in(3)).then(|| Buckets {
            offset: chance.number() as i32,
            bucket_counts: chance.times(4, Chance::number),
        })
    };
    ExponentialHistogramDataPoint {
        attributes: attributes(chance),
        start_time_unix_nano: chance.time(now_ns),
        time_unix_nano: chance.time(now_ns),
        count: chance.number(),
        scale: if chance.is_one_in(4) { chance.number() as i32 } else { chance.below(30) as i32 - 10 },
        zero_count: chance.number(),
        zero_threshold: chance.double(),
        positive: buckets(chance),
        negative: buckets(chance),
        ..ExponentialHistogramDataPoint::default()
    }
}

/// Points of a metric; one without data holds no item.
pub fn points(metric: &Metric) -> usize {
    match &metric.data {
        None => 0,
        Some(metric::Data::Gauge(data)) => data.data_points.len(),
        Some(metric::Data::Sum(data)) => data.data_points.len(),
        Some(metric::Data::Histogram(data)) => data.data_points.len(),
        Some(metric::Data::ExponentialHistogram(data)) => data.data_points.len(),
        Some(metric::Data::Summary(data)) => data.data_points.len(),
    }
}

/// The shape of a request with members in any order, of the right type or of another.
fn json(chance: &mut Chance, signal: Signal, now_ns: u64) -> String {
    let [outer, inner, items] = match signal {
        Signal::Traces => ["resourceSpans", "scopeSpans", "spans"],
        Signal::Logs => ["resourceLogs", "scopeLogs", "logRecords"],
        Signal::Metrics => ["resourceMetrics", "scopeMetrics", "metrics"],
    };
    let item = chance.times(4, |chance| json_item(chance, signal, now_ns)).join(",");
    let attributes = json_attributes(chance);
    format!(
        r#"{{"{outer}":[{{"resource":{{"attributes":{attributes}}},"{inner}":[{{"{items}":[{item}]}}]}}]}}"#
    )
}

fn json_attributes(chance: &mut Chance) -> String {
    let one = |chance: &mut Chance| {
        let key = *chance.one_of(&["a", "b", "c", "service.name"]);
        let value = match chance.below(5) {
            0 => format!(r#""stringValue":"{}""#, chance.text()),
            1 => format!(r#""intValue":"{}""#, chance.number() as i64),
            2 => format!(r#""intValue":{}"#, chance.number() as i64),
            3 => format!(r#""doubleValue":{}"#, chance.below(9)),
            _ => r#""boolValue":true"#.to_owned(),
        };
        format!(r#"{{"key":"{key}","value":{{{value}}}}}"#)
    };
    format!("[{}]", chance.times(3, one).join(","))
}

fn json_item(chance: &mut Chance, signal: Signal, now_ns: u64) -> String {
    let (time, start, attributes) = (chance.time(now_ns), chance.time(now_ns), json_attributes(chance));
    let text = chance.text();
    match signal {
        Signal::Traces => {
            let kind = *chance.one_of(&["2", "99", "\"SPAN_KIND_SERVER\"", "-1"]);
            let code = *chance.one_of(&["0", "2", "\"STATUS_CODE_ERROR\""]);
            format!(
                r#"{{"traceId":"{:032x}","spanId":"{:016x}","name":"{text}","kind":{kind},"startTimeUnixNano":"{start}","endTimeUnixNano":{time},"status":{{"code":{code}}},"attributes":{attributes}}}"#,
                chance.next(),
                chance.next()
            )
        }
        Signal::Logs => format!(
            r#"{{"timeUnixNano":"{time}","severityNumber":{},"body":{{"stringValue":"{text}"}},"attributes":{attributes}}}"#,
            chance.below(30)
        ),
        Signal::Metrics => {
            let kind = *chance.one_of(&["gauge", "sum", "histogram", "summary", "exponentialHistogram"]);
            let temporality = chance.below(4);
            format!(
                r#"{{"name":"{text}","{kind}":{{"aggregationTemporality":{temporality},"isMonotonic":true,"dataPoints":[{{"startTimeUnixNano":"{start}","timeUnixNano":"{time}","asInt":"{}","count":"{}","bucketCounts":["1","2"],"explicitBounds":[0.5],"scale":1,"attributes":{attributes}}}]}}}}"#,
                chance.number() as i64,
                chance.number()
            )
        }
    }
}
