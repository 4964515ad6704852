//! Made-up telemetry of a usual size and mix: five services, a thousand items a request, one in fifty failed.
//! Typed, so that protobuf and JSON are two forms of the same.

use evenkeel::decode::otlp::collector::logs::v1::ExportLogsServiceRequest;
use evenkeel::decode::otlp::collector::metrics::v1::ExportMetricsServiceRequest;
use evenkeel::decode::otlp::collector::trace::v1::ExportTraceServiceRequest;
use evenkeel::decode::otlp::common::v1::any_value::Value;
use evenkeel::decode::otlp::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use evenkeel::decode::otlp::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use evenkeel::decode::otlp::metrics::v1::metric::Data;
use evenkeel::decode::otlp::metrics::v1::number_data_point::Value as Number;
use evenkeel::decode::otlp::metrics::v1::{
    Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum,
};
use evenkeel::decode::otlp::resource::v1::Resource;
use evenkeel::decode::otlp::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use evenkeel::model::SECOND_NS;

/// Items of one request, as the batch processors of SDK and Collector send them at most.
pub const ITEMS: u64 = 1_000;
pub const SERVICES: u64 = 5;
/// Two scopes a service.
const EACH: u64 = ITEMS / SERVICES / 2;

/// Senders of points, each with series of its own: what one sends stays in order.
pub const SENDERS: u64 = 2;
const BOUNDS: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

fn text(key: &str, value: &str) -> KeyValue {
    entry(key, Value::StringValue(value.to_owned()))
}

fn number(key: &str, value: u64) -> KeyValue {
    entry(key, Value::IntValue(value as i64))
}

fn entry(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }) }
}

/// A well-mixed number of a number.
pub fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// The `sequence`-th request of spans: their ends are spread over two seconds before `now_ns`.
pub fn spans(sequence: u64, now_ns: u64) -> ExportTraceServiceRequest {
    let scope_spans = |service, scope| {
        let first = first_of(sequence, service, scope);
        let at = |id: u64| now_ns - (id % ITEMS) * (2 * SECOND_NS / ITEMS);
        let spans = (first..first + EACH).map(|id| span(id, at(id))).collect();
        ScopeSpans { scope: Some(named(scope)), spans, ..ScopeSpans::default() }
    };
    let block = |service| ResourceSpans {
        resource: Some(resource(service, 17)),
        scope_spans: (0..2).map(|scope| scope_spans(service, scope)).collect(),
        ..ResourceSpans::default()
    };
    ExportTraceServiceRequest { resource_spans: (0..SERVICES).map(block).collect() }
}

/// The `sequence`-th request of log records, with times as spans have them.
pub fn logs(sequence: u64, now_ns: u64) -> ExportLogsServiceRequest {
    let scope_logs = |service, scope| {
        let first = first_of(sequence, service, scope);
        let at = |id: u64| now_ns - (id % ITEMS) * (2 * SECOND_NS / ITEMS);
        let log_records = (first..first + EACH).map(|id| log_record(id, at(id))).collect();
        ScopeLogs { scope: Some(named(scope)), log_records, ..ScopeLogs::default() }
    };
    let block = |service| ResourceLogs {
        resource: Some(resource(service, 17)),
        scope_logs: (0..2).map(|scope| scope_logs(service, scope)).collect(),
        ..ResourceLogs::default()
    };
    ExportLogsServiceRequest { resource_logs: (0..SERVICES).map(block).collect() }
}

/// The `sequence`-th request of metric points: cumulative counters (four of ten), cumulative histograms (three) and
/// gauges (three), of the sender `sequence % SENDERS`, ten milliseconds after its last ones.
pub fn points(sequence: u64, now_ns: u64) -> ExportMetricsServiceRequest {
    let at = now_ns - 60 * SECOND_NS + sequence * SECOND_NS / 100;
    let turn = 1 + sequence / SENDERS;
    let begin = now_ns - 90 * SECOND_NS;
    let scope_metrics = |scope| {
        let kinds =
            [("http.server.requests", 40), ("http.server.request.duration", 30), ("system.memory.usage", 30)];
        let metrics = kinds.map(|(name, points)| {
            let series = (scope * EACH)..(scope * EACH + points);
            metric(name, series.map(|series| Reading { series, turn, begin, at }))
        });
        ScopeMetrics { scope: Some(named(scope)), metrics: metrics.into(), ..ScopeMetrics::default() }
    };
    let block = |service| ResourceMetrics {
        resource: Some(resource(service, sequence % SENDERS)),
        scope_metrics: (0..2).map(scope_metrics).collect(),
        ..ResourceMetrics::default()
    };
    ExportMetricsServiceRequest { resource_metrics: (0..SERVICES).map(block).collect() }
}

fn first_of(sequence: u64, service: u64, scope: u64) -> u64 {
    sequence * ITEMS + (service * 2 + scope) * EACH
}

fn named(scope: u64) -> InstrumentationScope {
    InstrumentationScope { name: format!("shop.http{scope}"), ..InstrumentationScope::default() }
}

fn resource(service: u64, node: u64) -> Resource {
    let attributes = vec![
        text("service.name", &format!("svc-{service}")),
        text("service.version", "1.4.2"),
        text("host.name", &format!("node-{node}.shop.example.com")),
        text("telemetry.sdk.language", "go"),
    ];
    Resource { attributes, ..Resource::default() }
}

/// A server span with 12 attributes.
fn span(id: u64, end_ns: u64) -> Span {
    let chance = mixed(id);
    let failed = chance.is_multiple_of(50);
    let duration_ns = 1_000_000 + chance % 400_000_000;
    Span {
        trace_id: [mixed(id ^ 1).to_be_bytes(), chance.to_be_bytes()].concat(),
        span_id: mixed(id ^ 2).to_be_bytes().to_vec(),
        parent_span_id: mixed(id ^ 3).to_be_bytes().to_vec(),
        name: "GET /api/v1/items/{id}".to_owned(),
        kind: 2,
        start_time_unix_nano: end_ns - duration_ns,
        end_time_unix_nano: end_ns,
        attributes: vec![
            text("http.request.method", "GET"),
            text("http.route", "/api/v1/items/{id}"),
            text("url.scheme", "https"),
            text("url.path", &format!("/api/v1/items/{}", chance % 100_000)),
            number("http.response.status_code", if failed { 503 } else { 200 }),
            text("server.address", "shop.example.com"),
            number("server.port", 443),
            text("client.address", "192.0.2.17"),
            text("user_agent.original", "Mozilla/5.0 (X11; Linux x86_64) Shop/3.1"),
            text("network.protocol.version", "1.1"),
            number("http.response.body.size", chance % 20_000),
            text("shop.cart.id", &format!("{chance:016x}")),
        ],
        status: Some(Status { code: if failed { 2 } else { 0 }, ..Status::default() }),
        ..Span::default()
    }
}

/// A line of an access log with 8 attributes, in the context of a trace.
fn log_record(id: u64, time_ns: u64) -> LogRecord {
    let chance = mixed(id);
    let failed = chance.is_multiple_of(50);
    let (code, item, took) = (if failed { 503 } else { 200 }, chance % 100_000, chance % 400);
    let body = format!("GET /api/v1/items/{item} answered {code} in {took} ms for cart {chance:016x}");
    LogRecord {
        time_unix_nano: time_ns,
        observed_time_unix_nano: time_ns + 1_000_000,
        severity_number: if failed { 17 } else { 9 },
        severity_text: if failed { "ERROR" } else { "INFO" }.to_owned(),
        body: Some(AnyValue { value: Some(Value::StringValue(body)) }),
        attributes: vec![
            text("http.request.method", "GET"),
            text("http.route", "/api/v1/items/{id}"),
            text("url.path", &format!("/api/v1/items/{item}")),
            number("http.response.status_code", code),
            text("client.address", "192.0.2.17"),
            text("thread.name", "worker-7"),
            text("code.function.name", "shop.items.Handler.get"),
            text("shop.cart.id", &format!("{chance:016x}")),
        ],
        trace_id: [mixed(id ^ 1).to_be_bytes(), chance.to_be_bytes()].concat(),
        span_id: mixed(id ^ 2).to_be_bytes().to_vec(),
        ..LogRecord::default()
    }
}

/// What one series says at one time.
struct Reading {
    series: u64,
    turn: u64,
    begin: u64,
    at: u64,
}

fn metric(name: &str, readings: impl Iterator<Item = Reading>) -> Metric {
    const CUMULATIVE: i32 = 2;
    let data = match name {
        "http.server.requests" => Data::Sum(Sum {
            data_points: readings.map(|one| one.counter()).collect(),
            aggregation_temporality: CUMULATIVE,
            is_monotonic: true,
        }),
        "http.server.request.duration" => Data::Histogram(Histogram {
            data_points: readings.map(|one| one.histogram()).collect(),
            aggregation_temporality: CUMULATIVE,
        }),
        _ => Data::Gauge(Gauge { data_points: readings.map(|one| one.gauge()).collect() }),
    };
    Metric { name: name.to_owned(), unit: "1".to_owned(), data: Some(data), ..Metric::default() }
}

impl Reading {
    /// Each tenth series is one of failures.
    fn attributes(&self) -> Vec<KeyValue> {
        vec![
            text("http.request.method", "GET"),
            text("http.route", &format!("/api/v1/{}", self.series)),
            number("http.response.status_code", if self.series.is_multiple_of(10) { 503 } else { 200 }),
            text("network.protocol.version", "1.1"),
            text("server.address", "shop.example.com"),
        ]
    }

    fn counter(&self) -> NumberDataPoint {
        NumberDataPoint {
            attributes: self.attributes(),
            start_time_unix_nano: self.begin,
            time_unix_nano: self.at,
            value: Some(Number::AsInt((self.turn * (3 + self.series % 7)) as i64)),
            ..NumberDataPoint::default()
        }
    }

    fn gauge(&self) -> NumberDataPoint {
        let value = Some(Number::AsDouble((mixed(self.turn ^ self.series) % 1_000_000) as f64 / 1e3));
        NumberDataPoint {
            attributes: self.attributes(),
            time_unix_nano: self.at,
            value,
            ..Default::default()
        }
    }

    fn histogram(&self) -> HistogramDataPoint {
        let bucket_counts: Vec<u64> =
            (0..=BOUNDS.len() as u64).map(|bucket| self.turn * ((bucket + self.series) % 4)).collect();
        let count = bucket_counts.iter().sum();
        HistogramDataPoint {
            attributes: self.attributes(),
            start_time_unix_nano: self.begin,
            time_unix_nano: self.at,
            count,
            sum: Some(count as f64 * 0.21),
            bucket_counts,
            explicit_bounds: BOUNDS.to_vec(),
            ..HistogramDataPoint::default()
        }
    }
}
