//! JSON that is broken, odd or unreasonable.

use super::{BAD, Case, JSON, OK, Right, TOO_LARGE, hold_out};

fn span(fields: &str) -> String {
    format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{{fields}}}]}}]}}]}}"#)
}

fn utf16(text: &str) -> Vec<u8> {
    [vec![0xff, 0xfe], text.encode_utf16().flat_map(u16::to_le_bytes).collect()].concat()
}

fn broken() -> Vec<Case> {
    let post = |name: &str, body: Vec<u8>| Case::post(name, JSON, body, BAD);
    let text = |name: &str, body: &str| Case::post(name, JSON, body, BAD);
    vec![
        post("UTF-16", utf16("{}")),
        post("protobuf as JSON", vec![0x0a, 0x00]),
        post("a zero byte behind", b"{}\0".to_vec()),
        text("two documents", "{}{}"),
        text("a number", "7"),
        text("a text", "\"spans\""),
        text("true", "true"),
        text("an array", "[{}]"),
        text("a comma too many", r#"{"resourceSpans":[],}"#),
        text("a comment", "{} // spans"),
        text("single quotes", "{'resourceSpans':[]}"),
        text("NaN", &span(r#""kind":NaN"#)),
        text("a number that is infinite", &span(r#""endTimeUnixNano":1e999"#)),
        text("a number with a leading zero", &span(r#""kind":02"#)),
        text("a hexadecimal number", &span(r#""kind":0x2"#)),
        text("a lone surrogate", &span(r#""name":"\ud800""#)),
        text("a cut escape", &span(r#""name":"\u12""#)),
        text("a line feed in a text", &span("\"name\":\"a\nb\"")),
        text("a time below zero", &span(r#""endTimeUnixNano":"-1""#)),
        text("a time with a fraction", &span(r#""endTimeUnixNano":"1.5""#)),
        text("a time beyond 64 bits", &span(r#""endTimeUnixNano":"18446744073709551616""#)),
        text("a time that is empty", &span(r#""endTimeUnixNano":"""#)),
        text("a time that is a list", &span(r#""endTimeUnixNano":[1]"#)),
        text("a kind that is a fraction", &span(r#""kind":2.5"#)),
        text("a kind that is a word nobody has", &span(r#""kind":"SPAN_KIND_CAT""#)),
        text("a name that is an object", &span(r#""name":{}"#)),
        text("attributes that are an object", &span(r#""attributes":{"a":1}"#)),
        text("an attribute that is a text", &span(r#""attributes":["a"]"#)),
        text("spans that are an object", r#"{"resourceSpans":[{"scopeSpans":[{"spans":{}}]}]}"#),
        text("a text that does not end", r#"{"resourceSpans":"#),
        text("arrays a million deep", &"[".repeat(1_000_000)),
        text("objects a million deep", &"{\"a\":".repeat(1_000_000)),
    ]
}

fn odd() -> Vec<Case> {
    const TAKEN: Right = OK;
    let taken = |name: &str, body: String| Case::post(name, JSON, body, TAKEN).items(1);
    let time = r#""endTimeUnixNano":"1790000000000000000""#;
    let many: String =
        (0..50_000).map(|n| format!(r#"{{"key":"k{n}","value":{{"intValue":"{n}"}}}},"#)).collect();
    vec![
        Case::post("an empty object", JSON, "{}", OK),
        Case::post("a byte order mark", JSON, b"\xef\xbb\xbf{}", OK),
        Case::post("what is no UTF-8 where nobody looks", JSON, b"{\"cats\":\"\xff\xfe\"}", OK),
        Case::post("fields nobody has", JSON, r#"{"cats":[{"name":"Tom"}],"resourceSpans":[]}"#, OK),
        Case::post("a field that is null", JSON, r#"{"resourceSpans":null}"#, OK),
        Case::post("white space of 10 MiB", JSON, " ".repeat(10 << 20) + "{}", OK),
        taken("a time that is a number", span(r#""endTimeUnixNano":1790000000000000000"#)),
        taken("a kind that is a number", span(&format!(r#""kind":2,{time}"#))),
        taken("a kind that is a word", span(&format!(r#""kind":"SPAN_KIND_SERVER",{time}"#))),
        taken("a kind beyond those there are", span(&format!(r#""kind":99,{time}"#))),
        taken(
            "ids in capitals",
            span(&format!(
                r#""traceId":"ABCDEF00112233445566778899AABBCC","spanId":"ABCDEF0011223344",{time}"#
            )),
        ),
        taken(
            "a text with each escape",
            span(&format!(r#""name":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00",{time}"#)),
        ),
        taken("a text with control characters", span(&format!(r#""name":"\u0000\u001b[31m",{time}"#))),
        taken("an attribute without a value", span(&format!(r#""attributes":[{{"key":"a"}}],{time}"#))),
        taken("50,000 attributes", span(&format!(r#""attributes":[{}],{time}"#, many.trim_end_matches(',')))),
        taken("a name of 1 MiB", span(&format!(r#""name":"{}",{time}"#, "n".repeat(1 << 20)))),
        taken("the same field twice", span(&format!(r#""name":"a","name":"b",{time}"#))),
        Case::post(
            "an id that is no hexadecimal",
            JSON,
            span(&format!(r#""traceId":"zz","spanId":"a",{time}"#)),
            BAD,
        ),
        Case::post(
            "2 million empty spans",
            JSON,
            format!(
                r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{}{{}}]}}]}}]}}"#,
                "{},".repeat(2_000_000)
            ),
            TOO_LARGE,
        ),
        Case::post(
            "5 million empty blocks",
            JSON,
            format!(r#"{{"resourceSpans":[{}{{}}]}}"#, "{},".repeat(5_000_000)),
            &[200, 413],
        ),
        Case::post(
            "10 million numbers where nobody looks",
            JSON,
            format!(r#"{{"cats":[{}1]}}"#, "1,".repeat(9_000_000)),
            OK,
        ),
    ]
}

#[tokio::test]
async fn json_that_is_broken_is_refused() {
    hold_out("JSON, broken", broken(), 30).await;
}

#[tokio::test]
async fn json_that_is_odd_does_no_harm() {
    hold_out("JSON, odd", odd(), 15).await;
}
