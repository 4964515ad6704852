//! OTLP/JSON: what it may say, and how it is told what it may not.

use super::{Encoding, items, refusal};
use crate::decode::{Decoded, Limits, Malformed, decode};
use crate::model::{Signal, Wanted};

fn span(fields: &str) -> String {
    format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{{fields}}}]}}]}}]}}"#)
}

fn spans(fields: &str) -> (Vec<String>, Decoded) {
    items(Signal::Traces, Encoding::Json, span(fields).as_bytes()).unwrap()
}

/// All these ways to write a span mean the same one.
#[test]
fn a_span_may_be_written_in_many_ways() {
    let plain = spans(
        r#""traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","name":"x","kind":2,
        "startTimeUnixNano":"1544712660000000000","endTimeUnixNano":"1544712661000000000",
        "status":{"code":2},"attributes":[{"key":"a","value":{"intValue":"-5"}}]"#,
    );
    assert_eq!((plain.0.len(), plain.1.rejected), (1, 0));
    for other in [
        r#""trace_id":"5B8EFFF798038103D269B633813FC60C","span_id":"EEE19b7ec3c1b174","name":"x",
        "kind":"SPAN_KIND_SERVER","start_time_unix_nano":1544712660000000000,
        "end_time_unix_nano":1.544712661e18,"status":{"code":"STATUS_CODE_ERROR"},
        "attributes":[{"key":"a","value":{"int_value":-5}}]"#,
        r#""attributes":[{"value":{"intValue":-5.0,"stringValue":null},"key":"\u0061","future":{"x":[1e999]}}],
        "status":{"code":1,"code":2},"endTimeUnixNano":1544712661000000000,"name":"old","name":"x",
        "startTimeUnixNano":"1.54471266e18","spanId":"eee19b7ec3c1b174","kind":2.0,"parentSpanId":"",
        "traceId":"5b8efff798038103d269b633813fc60c","links":null,"flags":256,"tomorrow":[[{"a":[]}]]"#,
    ] {
        assert_eq!(spans(other), plain);
    }
}

#[test]
fn doubles_may_be_words_and_attributes_of_every_type() {
    for (value, seen) in [
        (r#"{"doubleValue":"NaN"}"#, "Double(NaN)"),
        (r#"{"doubleValue":"-Infinity"}"#, "Double(-inf)"),
        (r#"{"doubleValue":"1.5e3"}"#, "Double(1500.0)"),
        (r#"{"doubleValue":3}"#, "Double(3.0)"),
        (r#"{"boolValue":false}"#, "Bool(false)"),
        (r#"{"stringValue":"\u00e9\n"}"#, r#"Str("é\n")"#),
        (r#"{"bytesValue":"-_+/aGk="}"#, "Other"),
        (r#"{"arrayValue":{"values":[{"kvlistValue":{"values":[]}}]}}"#, "Other"),
    ] {
        let (seen_items, _) = spans(&format!(r#""attributes":[{{"key":"a","value":{value}}}]"#));
        assert!(seen_items[0].contains(&format!("Some({seen})")), "{value}: {}", seen_items[0]);
    }
}

#[test]
fn an_id_of_the_wrong_length_is_a_reject_but_wrong_hex_is_not_json_of_ours() {
    let (_, decoded) = spans(r#""traceId":"abcd""#);
    assert_eq!(decoded.rejected, 1);
    assert_eq!(
        refusal(Encoding::Json, span(r#""traceId":"xyz""#).as_bytes()),
        "resourceSpans[0].scopeSpans[0].spans[0].traceId: expected a string in hex, \
         found string \"xyz\" at line 1 column 59"
    );
}

#[test]
fn a_wrong_type_is_told_with_its_place() {
    let at = "resourceSpans[0].scopeSpans[0].spans[0]";
    for (fields, why) in [
        (r#""kind":[]"#, "kind: expected a number or an enum name, found array"),
        (r#""kind":"SERVER""#, "kind: expected a number or an enum name, found string \"SERVER\""),
        (r#""kind":2.5"#, "kind: expected a number or an enum name, found number 2.5"),
        (r#""name":7"#, "name: expected a string, found number 7"),
        (r#""name":{}"#, "name: expected a string, found object"),
        (r#""flags":-1"#, "flags: expected an unsigned 32-bit integer, found number -1"),
        (
            r#""endTimeUnixNano":"18446744073709551616""#,
            "endTimeUnixNano: expected an unsigned 64-bit integer, \
             found string \"18446744073709551616\"",
        ),
        (r#""endTimeUnixNano":true"#, "endTimeUnixNano: expected an unsigned 64-bit integer, found true"),
        (r#""attributes":{}"#, "attributes: expected an array, found object"),
        (r#""attributes":[{},null]"#, "attributes[1]: expected an object, found null"),
        (
            r#""attributes":[{"value":{"doubleValue":"inf"}}]"#,
            "attributes[0].value.doubleValue: expected a number, found string \"inf\"",
        ),
    ] {
        let told = refusal(Encoding::Json, span(fields).as_bytes());
        let (told, column) = told.split_once(" at line 1 column ").unwrap();
        assert_eq!(told, format!("{at}.{why}"));
        // Somewhere within the field, or right behind it.
        let begins = span("").len() - "}]}]}]}".len();
        let column: usize = column.parse().unwrap();
        assert!((begins..=begins + fields.len() + 2).contains(&column), "{fields}: column {column}");
    }
}

#[test]
fn what_is_not_json_is_refused() {
    for (body, why) in [
        (&b""[..], "EOF while parsing a value at line 1 column 0"),
        (
            b"[]",
            "invalid type: sequence, expected an OTLP export request, which is an object at line 1 column 0",
        ),
        (b"{} x", "trailing characters at line 1 column 4"),
        (
            b"{\"resourceSpans\":[\n{\"schemaUrl\":\"x\"",
            "resourceSpans[0]: EOF while parsing an object at line 2 column 16",
        ),
        (b"\xff\xfe{\0}\0", "JSON in UTF-16 or UTF-32; only UTF-8 is read"),
        (b"{\0}\0", "JSON in UTF-16 or UTF-32; only UTF-8 is read"),
    ] {
        assert_eq!(refusal(Encoding::Json, body), why);
    }
    assert!(
        items(Signal::Traces, Encoding::Json, b"\xef\xbb\xbf{}").is_ok(),
        "a byte order mark is harmless"
    );
}

#[test]
fn depth_is_limited_in_known_and_in_unknown_fields() {
    let deep = |levels: usize| {
        let (open, close) = ("[".repeat(levels - 1), "]".repeat(levels - 1));
        items(Signal::Traces, Encoding::Json, format!(r#"{{"x":"[{{\"","y":{open}{close}}}"#).as_bytes())
    };
    assert!(deep(64).is_ok());
    let why = "JSON nested deeper than 64 levels at line 1 column 80".to_owned();
    assert_eq!(deep(65), Err(Malformed::Undecodable(why)));
    let bomb = r#"{"arrayValue":{"values":["#.repeat(100_000);
    let body = span(&format!(r#""attributes":[{{"key":"a","value":{bomb}"#));
    assert!(refusal(Encoding::Json, body.as_bytes()).starts_with("JSON nested deeper than 64 levels"));
    let limits = Limits { depth_max: u32::MAX, ..Limits::DEFAULT };
    let result =
        decode(Signal::Traces, Encoding::Json, body.as_bytes(), &Wanted::default(), limits, &mut |_| {});
    assert!(
        matches!(result, Err(Malformed::Undecodable(why)) if why.starts_with("JSON nested deeper than 127"))
    );
}
