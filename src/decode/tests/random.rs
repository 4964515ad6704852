//! Random requests, written by prost, with the fields of their blocks in any order.

use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;

use super::{NAMES, items, twin};
use crate::decode::otlp::collector::logs::v1::ExportLogsServiceRequest;
use crate::decode::otlp::collector::metrics::v1::ExportMetricsServiceRequest;
use crate::decode::otlp::collector::trace::v1::ExportTraceServiceRequest;
use crate::decode::otlp::common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue, any_value};
use crate::decode::otlp::logs::v1::LogRecord;
use crate::decode::otlp::metrics::v1::{
    ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint, Metric,
    NumberDataPoint, Sum, Summary, SummaryDataPoint, exponential_histogram_data_point, metric,
    number_data_point,
};
use crate::decode::otlp::resource::v1::Resource;
use crate::decode::otlp::trace::v1::{Span, Status, span};
use crate::decode::{Encoding, Malformed};
use crate::model::Signal;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn spans_agree_with_the_generated_types(body in request(span().prop_map(|it| it.encode_to_vec()))) {
        let naive = twin::spans(&ExportTraceServiceRequest::decode(&body[..]).unwrap());
        let (seen, decoded) = items(Signal::Traces, Encoding::Protobuf, &body).unwrap();
        prop_assert_eq!(decoded.items, naive.len() as u64);
        prop_assert_eq!(seen, naive);
    }

    #[test]
    fn log_records_agree_with_the_generated_types(body in request(log().prop_map(|it| it.encode_to_vec()))) {
        let naive = twin::logs(&ExportLogsServiceRequest::decode(&body[..]).unwrap());
        let (seen, decoded) = items(Signal::Logs, Encoding::Protobuf, &body).unwrap();
        prop_assert_eq!(decoded.items, naive.len() as u64);
        prop_assert_eq!(seen, naive);
    }

    #[test]
    fn points_agree_with_the_generated_types(body in request(metric())) {
        let naive = twin::points(&ExportMetricsServiceRequest::decode(&body[..]).unwrap());
        let (seen, decoded) = items(Signal::Metrics, Encoding::Protobuf, &body).unwrap();
        prop_assert_eq!(decoded.items, naive.len() as u64);
        prop_assert_eq!(seen, naive);
    }

    #[test]
    fn a_truncated_request_gets_the_verdict_of_the_generated_types(
        body in request(span().prop_map(|it| it.encode_to_vec())),
    ) {
        for len in 0..body.len() {
            let naive = ExportTraceServiceRequest::decode(&body[..len]);
            match items(Signal::Traces, Encoding::Protobuf, &body[..len]) {
                Ok((seen, _)) => prop_assert_eq!(seen, twin::spans(&naive.unwrap())),
                Err(Malformed::Undecodable(_)) => prop_assert!(naive.is_err()),
                Err(other) => prop_assert!(false, "{:?}", other),
            }
        }
    }

    #[test]
    fn bytes_without_sense_never_panic(body in vec(any::<u8>(), 0..200), json in "[\\[\\]{}:,\"a-z0-9\\\\]{0,60}") {
        for signal in Signal::ALL {
            let _ = items(*signal, Encoding::Protobuf, &body);
            let _ = items(*signal, Encoding::Json, json.as_bytes());
        }
    }
}

/// One request of the shape that all signals share, around items that are encoded already.
fn request(item: impl Strategy<Value = Vec<u8>> + 'static) -> impl Strategy<Value = Vec<u8>> {
    let item = item.boxed();
    let scope = attributes().prop_map(|attributes| {
        InstrumentationScope { attributes, ..InstrumentationScope::default() }.encode_to_vec()
    });
    let inner = block(scope.boxed(), item).boxed();
    let resource =
        attributes().prop_map(|attributes| Resource { attributes, ..Resource::default() }.encode_to_vec());
    vec(block(resource.boxed(), inner), 0..3)
        .prop_map(|blocks| blocks.iter().flat_map(|block| field(1, block)).collect())
}

/// A head (in field 1, up to twice) and members (in field 2) in any order, among fields of the future.
fn block(head: BoxedStrategy<Vec<u8>>, member: BoxedStrategy<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let heads = vec(head.prop_map(|head| field(1, &head)), 0..3);
    let members = vec(member.prop_map(|member| field(2, &member)), 0..4);
    let unknown = vec(prop_oneof![Just(field(100, b"x")), Just(group())], 0..2);
    (heads, members, unknown)
        .prop_flat_map(|(heads, members, unknown)| Just([heads, members, unknown].concat()).prop_shuffle())
        .prop_map(|fields| fields.concat())
}

fn field(number: u32, bytes: &[u8]) -> Vec<u8> {
    let mut field = Vec::new();
    prost::encoding::encode_key(number, prost::encoding::WireType::LengthDelimited, &mut field);
    prost::encoding::encode_varint(bytes.len() as u64, &mut field);
    field.extend_from_slice(bytes);
    field
}

/// Group 9 with a varint, and group 10 with 4 bytes, inside.
fn group() -> Vec<u8> {
    vec![0x4b, 0x08, 0x01, 0x53, 0x0d, 1, 2, 3, 4, 0x54, 0x4c]
}

fn span() -> impl Strategy<Value = Span> {
    let event = prop_oneof![Just("exception"), Just("other")]
        .prop_map(|name| span::Event { name: name.to_owned(), ..span::Event::default() });
    let status = (-1..4).prop_map(|code| Status { code, message: "m".to_owned() });
    let about = (ids(), ".{0,8}", -2..8, proptest::option::of(status));
    (about, times(), attributes(), vec(event, 0..3)).prop_map(|(about, times, attributes, events)| {
        let ((trace_id, span_id), name, kind, status) = about;
        let (start_time_unix_nano, end_time_unix_nano) = times;
        Span {
            trace_id,
            span_id,
            name,
            kind,
            status,
            start_time_unix_nano,
            end_time_unix_nano,
            attributes,
            events,
            trace_state: "t=1".to_owned(),
            flags: 3,
            ..Span::default()
        }
    })
}

fn log() -> impl Strategy<Value = LogRecord> {
    (ids(), times(), attributes(), any::<i32>(), proptest::option::of(any_value()), ".{0,5}").prop_map(
        |((trace_id, span_id), times, attributes, severity_number, body, event_name)| LogRecord {
            trace_id,
            span_id,
            time_unix_nano: times.0,
            observed_time_unix_nano: times.1,
            attributes,
            severity_number,
            body,
            event_name,
            ..LogRecord::default()
        },
    )
}

/// A metric whose data may come before its name, and more than once.
fn metric() -> impl Strategy<Value = Vec<u8>> {
    let named = ".{0,5}".prop_map(|name| Metric { name, ..Metric::default() }.encode_to_vec());
    let data = data().prop_map(|data| Metric { data: Some(data), ..Metric::default() }.encode_to_vec());
    (vec(named, 0..3), vec(data, 0..3))
        .prop_flat_map(|(names, data)| Just([names, data].concat()).prop_shuffle())
        .prop_map(|fields| fields.concat())
}

fn data() -> impl Strategy<Value = metric::Data> {
    let number = prop_oneof![
        any::<f64>().prop_map(number_data_point::Value::AsDouble),
        any::<i64>().prop_map(number_data_point::Value::AsInt)
    ];
    let number = (attributes(), times(), proptest::option::of(number), any::<u32>())
        .prop_map(|(attributes, times, value, flags)| NumberDataPoint {
            attributes,
            start_time_unix_nano: times.1,
            time_unix_nano: times.0,
            value,
            flags,
            ..NumberDataPoint::default()
        })
        .boxed();
    let summary =
        (attributes(), times(), any::<f64>(), any::<u64>()).prop_map(|(attributes, times, sum, count)| {
            SummaryDataPoint {
                attributes,
                start_time_unix_nano: times.1,
                time_unix_nano: times.0,
                sum,
                count,
                ..SummaryDataPoint::default()
            }
        });
    let kind = || (-1..4, any::<bool>());
    prop_oneof![
        vec(number.clone(), 0..3).prop_map(|data_points| metric::Data::Gauge(Gauge { data_points })),
        (vec(number, 0..3), kind()).prop_map(|(data_points, (aggregation_temporality, is_monotonic))| {
            metric::Data::Sum(Sum { data_points, aggregation_temporality, is_monotonic })
        }),
        (vec(histogram(), 0..3), kind()).prop_map(|(data_points, (aggregation_temporality, _))| {
            metric::Data::Histogram(Histogram { data_points, aggregation_temporality })
        }),
        (vec(exponential(), 0..3), kind()).prop_map(|(data_points, (aggregation_temporality, _))| {
            metric::Data::ExponentialHistogram(ExponentialHistogram { data_points, aggregation_temporality })
        }),
        vec(summary, 0..3).prop_map(|data_points| metric::Data::Summary(Summary { data_points })),
    ]
}

fn histogram() -> impl Strategy<Value = HistogramDataPoint> {
    let buckets = (vec(any::<u64>(), 0..4), vec(any::<f64>(), 0..4));
    (attributes(), times(), proptest::option::of(any::<f64>()), buckets, any::<u64>()).prop_map(
        |(attributes, times, sum, (bucket_counts, explicit_bounds), count)| HistogramDataPoint {
            attributes,
            start_time_unix_nano: times.1,
            time_unix_nano: times.0,
            count,
            sum,
            bucket_counts,
            explicit_bounds,
            ..HistogramDataPoint::default()
        },
    )
}

fn exponential() -> impl Strategy<Value = ExponentialHistogramDataPoint> {
    let buckets = || {
        let buckets = (any::<i32>(), vec(any::<u64>(), 0..4)).prop_map(|(offset, bucket_counts)| {
            exponential_histogram_data_point::Buckets { offset, bucket_counts }
        });
        proptest::option::of(buckets)
    };
    let zero = (any::<u64>(), any::<f64>());
    (attributes(), times(), any::<i32>(), zero, buckets(), buckets()).prop_map(
        |(attributes, times, scale, (zero_count, zero_threshold), positive, negative)| {
            ExponentialHistogramDataPoint {
                attributes,
                start_time_unix_nano: times.1,
                time_unix_nano: times.0,
                count: zero_count,
                scale,
                zero_count,
                zero_threshold,
                positive,
                negative,
                flags: 1,
                ..ExponentialHistogramDataPoint::default()
            }
        },
    )
}

/// Packed numbers come in one piece from every encoder we know; the format allows more.
#[test]
fn numbers_in_pieces_are_put_together_as_by_the_generated_types() {
    let fixed = |number: u64| number.to_le_bytes().to_vec();
    let one_by_one = [vec![0x31], fixed(3), vec![0x31], fixed(4)].concat();
    let point = [field(6, &[fixed(1), fixed(2)].concat()), one_by_one, field(6, &fixed(5))].concat();
    let buckets = [field(2, &[0x80, 0x01, 7]), vec![0x10, 0xac, 0x02], field(2, &[9])].concat();
    for (metric, broken) in [
        (field(9, &field(1, &point)), field(9, &field(1, &field(6, &[1, 2, 3])))),
        (field(10, &field(1, &field(8, &buckets))), field(10, &field(1, &field(8, &field(2, &[0x80]))))),
    ] {
        let request = |metric: &[u8]| field(1, &field(2, &field(2, metric)));
        let body = request(&metric);
        let naive = twin::points(&ExportMetricsServiceRequest::decode(&body[..]).unwrap());
        assert_eq!(items(Signal::Metrics, Encoding::Protobuf, &body).unwrap().0, naive);
        let body = request(&broken);
        assert!(ExportMetricsServiceRequest::decode(&body[..]).is_err());
        assert!(items(Signal::Metrics, Encoding::Protobuf, &body).is_err());
    }
}

fn ids() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    (prop_oneof![vec(any::<u8>(), 16), Just(vec![])], prop_oneof![vec(any::<u8>(), 8), Just(vec![])])
}

fn times() -> impl Strategy<Value = (u64, u64)> {
    let time = || prop_oneof![Just(0), 1..10_u64, any::<u64>()];
    (time(), time())
}

fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    let key = prop_oneof![proptest::sample::select(&NAMES[..]).prop_map(str::to_owned), "[a-d]{0,2}"];
    vec(
        (key, proptest::option::weighted(0.9, any_value())).prop_map(|(key, value)| KeyValue { key, value }),
        0..5,
    )
}

fn any_value() -> impl Strategy<Value = AnyValue> {
    let value = prop_oneof![
        ".{0,9}".prop_map(any_value::Value::StringValue),
        any::<bool>().prop_map(any_value::Value::BoolValue),
        any::<i64>().prop_map(any_value::Value::IntValue),
        any::<f64>().prop_map(any_value::Value::DoubleValue),
        Just(any_value::Value::ArrayValue(ArrayValue { values: vec![AnyValue::default()] })),
        Just(any_value::Value::BytesValue(vec![0xff])),
    ];
    proptest::option::weighted(0.9, value).prop_map(|value| AnyValue { value })
}
