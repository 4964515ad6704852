//! CloudEvents in both modes.

use super::{LIMITS, record, refusal, told};
use crate::decode::Limits;
use crate::decode::events::{RecordView, cloudevent};

type Headers<'a> = &'a [(&'a str, &'a [u8])];

const REQUIRED: Headers<'static> = &[
    ("ce_specversion", b"1.0"),
    ("ce_id", b"7"),
    ("ce_source", b"/services/checkout"),
    ("ce_type", b"shop.order.placed"),
];
/// The attributes that they become.
const NAMED: &str = r#"  cloudevents.event_spec_version = "1.0"
  cloudevents.event_id = "7"
  cloudevents.event_source = "/services/checkout"
  cloudevents.event_type = "shop.order.placed"
"#;
const JSON: Headers<'static> = &[("content-type", b"application/cloudevents+json; charset=utf-8")];

fn with<'a>(more: Headers<'a>) -> Vec<(&'a str, &'a [u8])> {
    REQUIRED.iter().chain(more).copied().collect()
}

#[track_caller]
fn check(headers: Headers<'_>, value: &str, expected: &str) {
    let mut out = Vec::new();
    cloudevent(&record(headers, value), LIMITS, &mut out).expect(value);
    assert_eq!(told(&out), expected, "{headers:?} {value}");
}

#[track_caller]
fn refused(headers: Headers<'_>, value: &str, why: &str) {
    let refusal = refusal(|out| cloudevent(&record(headers, value), LIMITS, out));
    assert!(refusal.starts_with(why), "{headers:?} {value}: {refusal}");
}

#[test]
fn an_event_in_binary_mode_is_a_log_record() {
    let headers = with(&[
        ("ce_time", b"2026-10-31T23:59:59.5Z"),
        ("ce_subject", b"order/9"),
        ("ce_traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        ("ce_severitytext", b"Error"),
        ("ce_partitionkey", b"k"),
        ("content-type", b"application/json"),
        ("other", b"\xff"),
    ]);
    check(
        &headers,
        r#"{"order":{"total":9.5,"lines":[1,2]},"paid":true}"#,
        &format!(
            r#"checkout 2026-10-31T23:59:59.500Z 17"Error" shop.order.placed 4bf92f3577b34da6a3ce929d0e0e4736/00f067aa0ba902b7
{NAMED}  cloudevents.event_subject = "order/9"
  cloudevents.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
  cloudevents.severitytext = "Error"
  cloudevents.partitionkey = "k"
  data.order.total = 9.5
  data.order.lines = "[1,2]"
  data.paid = true
"#
        ),
    );
}

#[test]
fn an_event_in_structured_mode_is_a_log_record() {
    let json = r#"{"specversion":"1.0","id":"7","source":"https://shop.example/a/b?c=/d#e","type":"t","datacontenttype":"application/json",
        "time":"2026-10-31T23:59:59Z","servicename":"orders","severitynumber":13,"sequence":5,"subject":null,"data":{"a":"b"},"data_base64":null}"#;
    let expected = r#"orders 2026-10-31T23:59:59Z 13"" t
  cloudevents.event_spec_version = "1.0"
  cloudevents.event_id = "7"
  cloudevents.event_source = "https://shop.example/a/b?c=/d#e"
  cloudevents.event_type = "t"
  cloudevents.datacontenttype = "application/json"
  cloudevents.servicename = "orders"
  cloudevents.severitynumber = 13
  cloudevents.sequence = 5
  data.a = "b"
"#;
    check(JSON, json, expected);
    check(&[("Content-Type", b"APPLICATION/CLOUDEVENTS+JSON")], json, expected);
    check(&[], json, expected);
    check(&[("content-type", b"application/json")], json, expected);
}

#[test]
fn a_batch_is_several_log_records() {
    let event = r#"{"specversion":"1.0","id":"7","source":"/services/checkout","type":"shop.order.placed"}"#;
    let one = format!("checkout 2026-11-01T00:00:00Z 0\"\" shop.order.placed\n{NAMED}");
    let batch: Headers<'_> = &[("content-type", b"application/cloudevents-batch+json")];
    for headers in [batch, JSON, &[]] {
        check(headers, &format!("[{event},{event}]"), &one.repeat(2));
    }
    check(batch, "[]", "");
    refused(
        batch,
        &format!("[{event},{{\"specversion\":\"1.0\"}}]"),
        "[1]: a CloudEvent needs `id`, this has none",
    );
    refused(batch, &format!("[{event},7]"), "[1]: no CloudEvent: a number, not an object");
    let (two, limits) = (format!("[{event},{event}]"), Limits { items_max: 1, ..LIMITS });
    assert_eq!(refusal(|out| cloudevent(&record(batch, &two), limits, out)), "more than 1 items");
}

#[test]
fn data_is_read_by_its_content_type() {
    let line = |body: &str| format!("checkout 2026-11-01T00:00:00Z 0\"\" shop.order.placed{body}\n{NAMED}");
    for (content_type, data, body) in [
        ("application/json", "\"a text\"", " \"a text\""),
        ("application/vnd.shop+json", "[1, 2]", " \"[1,2]\""),
        ("application/json", "7", " 7"),
        ("application/json", "null", ""),
        ("application/json", "", ""),
        ("text/plain; charset=utf-8", "{\"a\":1}", " \"{\\\"a\\\":1}\""),
        ("application/octet-stream", "{\"a\":1}", ""),
    ] {
        check(&with(&[("content-type", content_type.as_bytes())]), data, &line(body));
    }
    check(&with(&[]), "no json", &line(""));
    check(&with(&[]), "{\"a\":1}", &format!("{}  data.a = 1\n", line("")));
    refused(&with(&[("content-type", b"application/json")]), "no json", "no JSON: ");
    let image =
        RecordView { value: b"\xff\xd8", headers: &with(&[("content-type", b"text/plain")]), time_ms: None };
    let mut out = Vec::new();
    cloudevent(&image, LIMITS, &mut out).expect("data that is not read");
    assert_eq!(told(&out), line("").replace("2026-11-01T00:00:00Z", "never"));
}

#[test]
fn a_service_is_named_or_the_last_of_the_source() {
    for (source, service) in [
        ("/services/checkout/", "checkout"),
        ("https://shop.example/checkout?a=/b", "checkout"),
        ("https://checkout.example:8080", "checkout.example:8080"),
        ("urn:shop:checkout", "checkout"),
        ("checkout", "checkout"),
        ("mailto:shop@shop.example", "shop@shop.example"),
        ("#", "unknown_service"),
        ("///", "unknown_service"),
    ] {
        let headers = [&REQUIRED[..2], &[("ce_source", source.as_bytes())], &REQUIRED[3..]].concat();
        let mut out = Vec::new();
        cloudevent(&record(&headers, ""), LIMITS, &mut out).expect(source);
        assert_eq!(told(&out).split(' ').next(), Some(service), "{source}");
    }
    let mut out = Vec::new();
    cloudevent(&record(&with(&[("ce_service", b"")]), ""), LIMITS, &mut out).expect("an empty extension");
    assert!(told(&out).starts_with("checkout "));
}

#[test]
fn what_is_required_is_named_where_it_is_missing() {
    for (at, name) in ["specversion", "id", "source", "type"].into_iter().enumerate() {
        let mut headers = REQUIRED.to_vec();
        headers[at].1 = b"";
        refused(&headers, "", &format!("a CloudEvent needs `{name}`, this has an empty one"));
        headers.remove(at);
        refused(&headers, "", &format!("a CloudEvent needs `{name}`, this has none"));
    }
    refused(JSON, r#"{"specversion":"1.0","id":7}"#, "a CloudEvent needs `id`, this has a number there");
    refused(&[], "{}", "a CloudEvent needs `specversion`, this has none");
}

#[test]
fn what_is_no_cloudevent_is_malformed() {
    let version = |version: &'static [u8]| [&[("ce_specversion", version)][..], &REQUIRED[1..]].concat();
    for (headers, value, why) in [
        (version(b"0.3"), "", "`specversion` is `0.3`, only 1.0 is read"),
        (version(b"2.0"), "", "`specversion` is `2.0`"),
        (version(b"1.x"), "", "`specversion` is `1.x`"),
        (with(&[("ce_time", b"today")]), "", "`time` is `today`, not a time in RFC 3339"),
        (with(&[("ce_a", b"\xff")]), "", "the header `ce_a` is not UTF-8"),
        (with(&[("content-type", b"\xff")]), "", "the header `content-type` is not UTF-8"),
        (
            vec![("content-type", b"application/cloudevents+avro")],
            "",
            "CloudEvents are read in JSON, not in `application/cloudevents+avro`",
        ),
        (JSON.to_vec(), "{", "no JSON: "),
        (JSON.to_vec(), "7", "no CloudEvent: a number, not an object"),
        (vec![], "hello", "no JSON: "),
        (vec![], "", "no JSON: "),
    ] {
        refused(&headers, value, why);
    }
}

/// Guarantees: W3C's rule that what is not well formed is no trace; the event is read all the same.
#[test]
fn a_trace_that_is_not_well_formed_is_none() {
    for traceparent in [
        "",
        "00",
        "00-4bf92f3577b34da6a3ce929d0e0e4736",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e47zz-00f067aa0ba902b7-01",
    ] {
        let mut out = Vec::new();
        let more = [("ce_traceparent", traceparent.as_bytes())];
        let headers = with(&more);
        cloudevent(&record(&headers, ""), LIMITS, &mut out).expect(traceparent);
        let first = told(&out).lines().next().map(str::to_owned);
        assert_eq!(
            first.as_deref(),
            Some("checkout 2026-11-01T00:00:00Z 0\"\" shop.order.placed"),
            "{traceparent}"
        );
    }
}
