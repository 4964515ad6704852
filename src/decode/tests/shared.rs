//! Real requests in both encodings, where EVENKEEL_SHARED says there are any.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use prost::Message;

use super::{items, twin};
use crate::decode::json::to_protobuf;
use crate::decode::otlp::collector::logs::v1::ExportLogsServiceRequest;
use crate::decode::otlp::collector::metrics::v1::ExportMetricsServiceRequest;
use crate::decode::otlp::collector::trace::v1::ExportTraceServiceRequest;
use crate::decode::{Encoding, Limits, signal_of};
use crate::model::Signal;

const REQUESTS_MAX: usize = 200;

#[test]
fn the_examples_of_the_specification_mean_the_same_in_json() {
    let Some(data) = data() else { return };
    for (file, signal) in [
        ("trace", Signal::Traces),
        ("jaeger-otlp2jaeger-in", Signal::Traces),
        ("logs", Signal::Logs),
        ("events", Signal::Logs),
        ("metrics", Signal::Metrics),
    ] {
        let read = |ending: &str| fs::read(data.join(format!("otlp-examples/{file}.{ending}"))).unwrap();
        assert_same(signal, &read("json"), &read("pb"));
    }
}

#[test]
fn recorded_requests_mean_the_same_in_json() {
    let Some(data) = data() else { return };
    for (file, signal) in [
        ("trainticket-2023-01-29.traces", Signal::Traces),
        ("trainticket-2023-01-29.logs", Signal::Logs),
        ("onlineboutique-2022-08-22.traces", Signal::Traces),
    ] {
        let open = |ending: &str| {
            let file = File::open(data.join(format!("nezha/{file}.otlp.{ending}.gz"))).unwrap();
            BufReader::new(GzDecoder::new(file))
        };
        let mut protobuf = open("pb");
        for line in open("jsonl").lines().take(REQUESTS_MAX) {
            assert_same(signal, line.unwrap().as_bytes(), &next_request(&mut protobuf));
        }
    }
}

fn data() -> Option<PathBuf> {
    let shared = std::env::var_os("EVENKEEL_SHARED");
    if shared.is_none() {
        eprintln!("skipped: EVENKEEL_SHARED is not set, so there are no recorded requests");
    }
    shared.map(|shared| Path::new(&shared).join("data"))
}

/// Both encodings have the same items, these are those of the naive twin, and no field was lost on
/// the way from JSON.
fn assert_same(signal: Signal, json: &[u8], protobuf: &[u8]) {
    for (encoding, body) in [(Encoding::Json, json), (Encoding::Protobuf, protobuf)] {
        assert_eq!(signal_of(encoding, body), Ok(Some(signal)));
    }
    let from_json = items(signal, Encoding::Json, json).unwrap();
    assert_eq!(from_json, items(signal, Encoding::Protobuf, protobuf).unwrap());
    let converted = to_protobuf(signal, json, Limits::DEFAULT).unwrap();
    let naive = match signal {
        Signal::Traces => {
            let request: ExportTraceServiceRequest = same(&converted, protobuf);
            twin::spans(&request)
        }
        Signal::Logs => {
            let request: ExportLogsServiceRequest = same(&converted, protobuf);
            twin::logs(&request)
        }
        Signal::Metrics => {
            let request: ExportMetricsServiceRequest = same(&converted, protobuf);
            twin::points(&request)
        }
    };
    assert_eq!(from_json.0, naive);
}

fn same<M: Message + Default + PartialEq + std::fmt::Debug>(one: &[u8], other: &[u8]) -> M {
    let (one, other) = (M::decode(one).unwrap(), M::decode(other).unwrap());
    assert!(one == other, "{one:?}\n{other:?}");
    one
}

/// The request after its length.
fn next_request(stream: &mut impl Read) -> Vec<u8> {
    let (mut len, mut shift) = (0_usize, 0);
    loop {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        len |= usize::from(byte[0] & 0x7f) << shift;
        shift += 7;
        if byte[0] < 0x80 {
            break;
        }
    }
    let mut request = vec![0; len];
    stream.read_exact(&mut request).unwrap();
    request
}
