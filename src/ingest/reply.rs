//! The bodies of answers: OTLP's `Export…ServiceResponse` and `google.rpc.Status`, in both encodings.
//! Four small messages; their protobuf is written by hand. The field numbers of the three responses agree.

use bytes::Bytes;
use serde_json::json;

use crate::decode::Encoding;
use crate::model::Signal;

/// Empty unless items were rejected: an exporter takes a partial success that is there for a warning.
pub(super) fn export_response(
    signal: Signal,
    encoding: Encoding,
    rejected: u64,
    reason: Option<&str>,
) -> Bytes {
    let reason = reason.unwrap_or("some items can never be accepted");
    match (encoding, rejected) {
        (Encoding::Protobuf, 0) => Bytes::new(),
        (Encoding::Json, 0) => Bytes::from_static(b"{}"),
        (Encoding::Protobuf, _) => {
            let mut partial = Vec::new();
            put_number(&mut partial, 1, rejected);
            put_bytes(&mut partial, 2, reason.as_bytes());
            let mut response = Vec::new();
            put_bytes(&mut response, 1, &partial);
            response.into()
        }
        (Encoding::Json, _) => {
            let count = match signal {
                Signal::Traces => "rejectedSpans",
                Signal::Logs => "rejectedLogRecords",
                Signal::Metrics => "rejectedDataPoints",
            };
            let partial = json!({ count: rejected.to_string(), "errorMessage": reason });
            json!({ "partialSuccess": partial }).to_string().into()
        }
    }
}

/// A `google.rpc.Status` without details.
pub(super) fn status(encoding: Encoding, code: tonic::Code, message: &str) -> Bytes {
    match encoding {
        Encoding::Protobuf => protobuf_status(code, message).into(),
        Encoding::Json => json!({ "code": code as i32, "message": message }).to_string().into(),
    }
}

/// A `google.rpc.Status` that tells when to come back, for `grpc-status-details-bin`.
pub(super) fn status_with_retry(code: tonic::Code, message: &str, retry_after_s: u32) -> Bytes {
    let mut delay = Vec::new();
    put_number(&mut delay, 1, u64::from(retry_after_s));
    let mut retry_info = Vec::new();
    put_bytes(&mut retry_info, 1, &delay);
    let mut detail = Vec::new();
    put_bytes(&mut detail, 1, b"type.googleapis.com/google.rpc.RetryInfo");
    put_bytes(&mut detail, 2, &retry_info);
    let mut status = protobuf_status(code, message);
    put_bytes(&mut status, 3, &detail);
    status.into()
}

fn protobuf_status(code: tonic::Code, message: &str) -> Vec<u8> {
    let mut status = Vec::new();
    put_number(&mut status, 1, code as u64);
    put_bytes(&mut status, 2, message.as_bytes());
    status
}

/// Protobuf leaves a zero out.
fn put_number(out: &mut Vec<u8>, field: u8, number: u64) {
    if number > 0 {
        out.push(field << 3);
        put_varint(out, number);
    }
}

fn put_bytes(out: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    out.push(field << 3 | 2);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_success_is_an_empty_message() {
        assert_eq!(export_response(Signal::Logs, Encoding::Protobuf, 0, Some("unused")), "");
        assert_eq!(export_response(Signal::Logs, Encoding::Json, 0, None), "{}");
    }

    #[test]
    fn a_partial_success_counts_and_says_why() {
        let protobuf = export_response(Signal::Traces, Encoding::Protobuf, 300, Some("bad id"));
        assert_eq!(&protobuf[..], b"\x0a\x0b\x08\xac\x02\x12\x06bad id");
        for (signal, field) in [
            (Signal::Traces, "rejectedSpans"),
            (Signal::Logs, "rejectedLogRecords"),
            (Signal::Metrics, "rejectedDataPoints"),
        ] {
            let json = export_response(signal, Encoding::Json, 2, Some("bad \"id\""));
            let expected = format!(r#"{{"partialSuccess":{{"{field}":"2","errorMessage":"bad \"id\""}}}}"#);
            assert_eq!(json, expected);
        }
    }

    #[test]
    fn a_status_carries_code_message_and_when_to_come_back() {
        assert_eq!(
            &status(Encoding::Protobuf, tonic::Code::InvalidArgument, "no")[..],
            b"\x08\x03\x12\x02no"
        );
        assert_eq!(
            status(Encoding::Json, tonic::Code::InvalidArgument, "no"),
            r#"{"code":3,"message":"no"}"#
        );
        let detail = b"\x0a\x28type.googleapis.com/google.rpc.RetryInfo\x12\x04\x0a\x02\x08\x07";
        let expected = [b"\x08\x0e\x12\x02no\x1a\x30", &detail[..]].concat();
        assert_eq!(&status_with_retry(tonic::Code::Unavailable, "no", 7)[..], expected);
    }
}
