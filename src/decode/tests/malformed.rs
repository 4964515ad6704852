//! Protobuf that is not, and requests whose items can only be rejected.

use prost::Message;

use super::{items, refusal, text};
use crate::decode::otlp::collector::trace::v1::ExportTraceServiceRequest;
use crate::decode::otlp::resource::v1::Resource;
use crate::decode::otlp::trace::v1::{ResourceSpans, ScopeSpans, Span};
use crate::decode::{Decoded, Encoding, Limits, Malformed, decode};
use crate::model::{Signal, Wanted};

#[test]
fn a_malformed_request_is_told_where_and_what() {
    for (bytes, why) in [
        (&[0x0a][..], "protobuf, byte 1: a truncated varint"),
        (&[0x0a, 0x05, 0x00], "protobuf, byte 2: a field of 5 bytes where 1 are left"),
        (&[0x0b], "protobuf, byte 1: a truncated varint"),
        (&[0x0c], "protobuf, byte 0: a group ends that never began"),
        (&[0x13, 0x1c], "protobuf, byte 1: a group ends that never began"),
        (&[0x00], "protobuf, byte 0: field number 0"),
        (&[0x0e], "protobuf, byte 0: wire type 6 does not exist"),
        (&[0x11, 0x01], "protobuf, byte 1: a field of 8 bytes where 1 are left"),
        (&[0x10, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2], "protobuf, byte 1: a varint above 64 bits"),
        (&[0x80, 0x80, 0x80, 0x80, 0x10], "protobuf, byte 0: a field number above 536870911"),
        (
            &[0x08, 0x01],
            "protobuf, byte 0: resource_spans, resource_logs or resource_metrics is a varint \
             instead of length-delimited bytes",
        ),
        (
            &[0x0a, 6, 0x12, 4, 0x12, 2, 0x32, 0],
            "protobuf, byte 6: Span.kind is length-delimited bytes instead of a varint",
        ),
    ] {
        assert_eq!(refusal(Encoding::Protobuf, bytes), why);
    }
}

#[test]
fn groups_nested_without_end_are_refused() {
    let bomb = vec![0x13; 100_000];
    assert_eq!(refusal(Encoding::Protobuf, &bomb), "protobuf, byte 64: groups nested too deep");
}

#[test]
fn an_empty_request_has_no_items_and_no_identity() {
    let empty = (Vec::new(), Decoded::default());
    assert_eq!(items(Signal::Logs, Encoding::Protobuf, b""), Ok(empty.clone()));
    assert_eq!(items(Signal::Logs, Encoding::Json, b"{}"), Ok(empty));
}

#[test]
fn an_id_of_the_wrong_length_rejects_its_item_alone() {
    let span = |trace_id: &[u8], span_id: &[u8]| Span {
        trace_id: trace_id.to_vec(),
        span_id: span_id.to_vec(),
        ..Span::default()
    };
    let body = request(&[], [span(&[1; 16], &[1; 8]), span(&[], &[1; 7]), span(&[1; 3], &[])]);
    let (seen, decoded) = items(Signal::Traces, Encoding::Protobuf, &body).unwrap();
    let reason = Some("span 1 of the request: span_id has 7 bytes instead of 8".to_owned());
    assert_eq!(decoded, Decoded { items: 3, rejected: 2, reason, identifiable: true });
    assert_eq!(seen.len(), 1);
}

#[test]
fn text_that_is_not_utf_8_rejects_the_items_it_is_read_for() {
    let named = |name: &str| Span { name: name.to_owned(), end_time_unix_nano: 1, ..Span::default() };
    let rejects = |body: Vec<u8>| {
        let decoded = items(Signal::Traces, Encoding::Protobuf, &broken(body)).unwrap().1;
        (decoded.rejected, decoded.reason)
    };
    let reason = |text: &str| Some(format!("span 0 of the request: {text} is not valid UTF-8"));
    let two = || [named("x"), named("y")];
    assert_eq!(rejects(request(&[], [named("BREAK"), named("y")])), (1, reason("Span.name")));
    let service = "resource attribute `service.name`";
    assert_eq!(rejects(request(&[("service.name", "BREAK")], two())), (2, reason(service)));
    assert_eq!(rejects(request(&[("a", "BREAK")], two())), (2, reason("resource attribute `a`")));
    // Nobody reads that one.
    assert_eq!(rejects(request(&[("unread", "BREAK")], two())), (0, None));
}

#[test]
fn more_items_than_allowed_end_the_request() {
    let limits = Limits { items_max: 2, ..Limits::DEFAULT };
    let mut handed_out = 0;
    let body = request(&[], [Span::default(), Span::default(), Span::default()]);
    let json = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{},{}]},{"spans":[{},"#;
    for (encoding, body) in [(Encoding::Protobuf, &body[..]), (Encoding::Json, json)] {
        let result =
            decode(Signal::Traces, encoding, body, &Wanted::default(), limits, &mut |_| handed_out += 1);
        assert_eq!(result, Err(Malformed::TooMuch("2 items".to_owned())));
    }
    assert_eq!(handed_out, 2, "JSON is refused before anything is handed out");
}

#[test]
fn more_empty_blocks_than_allowed_end_the_request() {
    let limits = Limits { blocks_max: 3, ..Limits::DEFAULT };
    let read = |signal, body: &[u8]| {
        decode(signal, Encoding::Protobuf, body, &Wanted::default(), limits, &mut |_| ()).map(|one| one.items)
    };
    let too_much = Err(Malformed::TooMuch("3 resources, scopes and metrics".to_owned()));
    assert_eq!(read(Signal::Traces, b"\x0a\0\x0a\0\x0a\0"), Ok(0));
    assert_eq!(read(Signal::Traces, b"\x0a\0\x0a\0\x0a\0\x0a\0"), too_much);
    assert_eq!(read(Signal::Logs, b"\x0a\x06\x12\0\x12\0\x12\0"), too_much);
    assert_eq!(read(Signal::Metrics, b"\x0a\x06\x12\x04\x12\0\x12\0"), too_much);
}

#[test]
fn a_request_is_identifiable_if_each_item_has_a_time_or_an_id() {
    let at = |start_time_unix_nano| Span { start_time_unix_nano, ..Span::default() };
    let identifiable =
        |spans| items(Signal::Traces, Encoding::Protobuf, &request(&[], spans)).unwrap().1.identifiable;
    assert!(identifiable([at(1), Span { trace_id: vec![1; 16], ..Span::default() }]));
    assert!(!identifiable([at(1), at(0)]));
}

fn request<const N: usize>(resource: &[(&str, &str)], spans: [Span; N]) -> Vec<u8> {
    let attributes = resource.iter().map(|(key, value)| text(key, value)).collect();
    let resource = Some(Resource { attributes, ..Resource::default() });
    let scope_spans = vec![ScopeSpans { spans: spans.to_vec(), ..ScopeSpans::default() }];
    let block = ResourceSpans { resource, scope_spans, ..ResourceSpans::default() };
    ExportTraceServiceRequest { resource_spans: vec![block] }.encode_to_vec()
}

/// Makes the word BREAK, which prost had to write as text, something that is none.
fn broken(mut body: Vec<u8>) -> Vec<u8> {
    let at = body.windows(5).position(|window| window == b"BREAK").unwrap();
    body[at] = 0xff;
    body
}
