//! JSON objects by a mapping.

use super::{LIMITS, RECORD_MS, record, refusal, told};
use crate::decode::Limits;
use crate::decode::events::{
    Attributes, FieldOrConstant, FieldPath, Mapping, RecordView, TimeField, TimeUnit, json_event,
};

fn path(text: &str) -> FieldPath {
    FieldPath::new(text).expect("a path")
}

fn field(text: &str) -> FieldOrConstant {
    FieldOrConstant { field: Some(path(text)), value: None }
}

fn bare() -> Mapping {
    Mapping {
        time: None,
        service: field("app.name"),
        severity: None,
        name: None,
        body: None,
        attributes: Attributes::All,
    }
}

fn whole(unit: TimeUnit) -> Mapping {
    Mapping {
        time: Some(TimeField { field: path("ts"), unit }),
        severity: Some(field("level")),
        name: Some(FieldOrConstant { value: Some("order".to_owned()), ..field("event") }),
        body: Some(path("msg")),
        attributes: Attributes::Named(vec![
            ("http.route".to_owned(), path("request.route")),
            ("request".to_owned(), path("request")),
        ]),
        ..bare()
    }
}

#[track_caller]
fn check(mapping: &Mapping, json: &str, expected: &str) {
    let mut out = Vec::new();
    json_event(&record(&[], json), mapping, LIMITS, &mut out).expect(json);
    assert_eq!(told(&out), expected, "{json}");
}

#[track_caller]
fn refused(mapping: &Mapping, json: &str, why: &str) {
    let refusal = refusal(|out| json_event(&record(&[], json), mapping, LIMITS, out));
    assert!(refusal.starts_with(why), "{json}: {refusal}");
}

#[test]
fn a_mapped_record_is_a_log_record() {
    check(
        &whole(TimeUnit::Millis),
        r#"{"ts":1793491200500,"app":{"name":"shop"},"level":"warn","event":"order.late","msg":"5 min",
            "request":{"route":"/orders","status":503,"ok":false,"took":0.25,"tags":["a",{"b":1}],"none":null,"empty":{}}}"#,
        r#"shop 2026-11-01T00:00:00.500Z 13"warn" order.late "5 min"
  http.route = "/orders"
  request.route = "/orders"
  request.status = 503
  request.ok = false
  request.took = 0.25
  request.tags = "[\"a\",{\"b\":1}]"
"#,
    );
}

#[test]
fn what_is_absent_has_its_stand_in() {
    let never = "unknown_service 2026-11-01T00:00:00Z 0\"\" order\n";
    check(&whole(TimeUnit::Millis), "{}", never);
    check(
        &whole(TimeUnit::Millis),
        r#"{"ts":null,"level":null,"event":"","msg":null,"app":{"name":[]}}"#,
        never,
    );
    let constants = Mapping {
        service: FieldOrConstant { field: None, value: Some("shop".to_owned()) },
        severity: Some(FieldOrConstant { field: None, value: Some("error".to_owned()) }),
        ..bare()
    };
    check(&constants, "{}", "shop 2026-11-01T00:00:00Z 17\"error\"\n");
    let mut out = Vec::new();
    for time_ms in [None, Some(0), Some(-1), Some(i64::MAX)] {
        let timeless = RecordView { value: b"{}", headers: &[], time_ms };
        json_event(&timeless, &constants, LIMITS, &mut out).expect("readable");
    }
    assert_eq!(told(&out), "shop never 17\"error\"\n".repeat(4));
}

#[test]
fn without_named_attributes_every_field_is_one() {
    check(
        &bare(),
        r#"{"app.name":"whole","app":{"name":"part","id":7},"big":18446744073709551615,"e":1e3,"t":"\u00e9\n","":1,
            "a":{"b":{"c":true}},"l":[1,2.5,null],"n":-9223372036854775808,"twice":1,"twice":2}"#,
        r#"whole 2026-11-01T00:00:00Z 0""
  app.name = "whole"
  app.name = "part"
  app.id = 7
  big = 1.8446744073709552e19
  e = 1000.0
  t = "é\n"
  a.b.c = true
  l = "[1,2.5,null]"
  n = -9223372036854775808
  twice = 1
  twice = 2
"#,
    );
}

#[test]
fn a_path_finds_the_whole_name_before_its_parts() {
    for (json, service) in [
        (r#"{"app":{"name":"part"}}"#, "part"),
        (r#"{"app.name":"whole","app":{"name":"part"}}"#, "whole"),
        (r#"{"app.name":null,"app":{"name":"part"}}"#, "part"),
        (r#"{"app":{"name":"first"},"app":{"name":"last"}}"#, "last"),
        (r#"{"app":{"name":7}}"#, "7"),
        (r#"{"app":"x"}"#, "unknown_service"),
    ] {
        let mut out = Vec::new();
        json_event(&record(&[], json), &bare(), LIMITS, &mut out).expect(json);
        assert_eq!(told(&out).split(' ').next(), Some(service), "{json}");
    }
    let deep = Mapping { service: field("a.b.c.d"), ..bare() };
    check(&deep, r#"{"a":{"b.c":{"d":"x"}}}"#, "x 2026-11-01T00:00:00Z 0\"\"\n  a.b.c.d = \"x\"\n");
}

#[test]
fn times_are_read_in_every_unit() {
    use TimeUnit::{Micros, Millis, Nanos, Rfc3339, Seconds};
    for (unit, value, time) in [
        (Seconds, "1793491200", "2026-11-01T00:00:00Z"),
        (Seconds, "1793491200.123456", "2026-11-01T00:00:00.123456Z"),
        (Seconds, r#""1793491200.5""#, "2026-11-01T00:00:00.500Z"),
        (Millis, "1793491200123", "2026-11-01T00:00:00.123Z"),
        (Millis, "1793491200123.25", "2026-11-01T00:00:00.123250Z"),
        (Micros, r#""1793491200123456""#, "2026-11-01T00:00:00.123456Z"),
        (Nanos, "1793491200123456789", "2026-11-01T00:00:00.123456789Z"),
        (Rfc3339, r#""2026-11-01T01:00:00.5+01:00""#, "2026-11-01T00:00:00.500Z"),
        (Rfc3339, r#""2026-11-01 00:00:00Z""#, "2026-11-01T00:00:00Z"),
    ] {
        let mapping = Mapping { attributes: Attributes::Named(Vec::new()), ..whole(unit) };
        let expected = format!("unknown_service {time} 0\"\" order\n");
        check(&mapping, &format!(r#"{{"ts":{value}}}"#), &expected);
    }
}

#[test]
fn a_time_that_can_not_be_read_is_named() {
    use TimeUnit::{Millis, Nanos, Rfc3339, Seconds};
    for (unit, value, shown) in [
        (Rfc3339, "1793491200", "`1793491200`, not a time in RFC 3339"),
        (Rfc3339, r#""2026-11-01T00:00:00""#, "`2026-11-01T00:00:00`, not a time"),
        (Rfc3339, r#""1969-12-31T23:59:59Z""#, "`1969-12-31T23:59:59Z`, not"),
        (Seconds, r#""yesterday""#, "`yesterday`, not a number of seconds"),
        (Seconds, r#""NaN""#, "`NaN`, not"),
        (Seconds, "-1", "`-1`, not"),
        (Seconds, "0", "`0`, not"),
        (Seconds, "1e300", "a number, not"),
        (Millis, "9223372036854775807", "`9223372036854775807`, not a number of milliseconds"),
        (Nanos, "{}", "an object, not"),
        (Nanos, "true", "a boolean, not"),
    ] {
        refused(&whole(unit), &format!(r#"{{"ts":{value}}}"#), &format!("`ts` is {shown}"));
    }
}

#[test]
fn severities_are_known_by_number_and_by_name() {
    let mapping =
        Mapping { severity: Some(field("level")), attributes: Attributes::Named(Vec::new()), ..bare() };
    for (level, number) in [
        ("17", 17),
        (r#""9""#, 9),
        ("24", 24),
        ("0", 0),
        ("25", 0),
        ("-1", 0),
        ("300", 0),
        (r#""TRACE""#, 1),
        (r#""Debug""#, 5),
        (r#""info""#, 9),
        (r#"" notice ""#, 10),
        (r#""WARN""#, 13),
        (r#""Warning""#, 13),
        (r#""err""#, 17),
        (r#""ERROR2""#, 18),
        (r#""crit""#, 18),
        (r#""alert""#, 19),
        (r#""FATAL""#, 21),
        (r#""CRITICAL""#, 21),
        (r#""FATAL4""#, 24),
        (r#""error5""#, 0),
        (r#""crit2""#, 0),
        (r#""loud""#, 0),
        (r#""é2""#, 0),
    ] {
        let json = format!(r#"{{"level":{level}}}"#);
        let text = level.trim_matches('"');
        check(&mapping, &json, &format!("unknown_service 2026-11-01T00:00:00Z {number}\"{text}\"\n"));
    }
}

#[test]
fn what_is_no_object_is_malformed() {
    for (json, why) in [
        ("", "no JSON: "),
        ("{", "no JSON: "),
        ("{} {}", "no JSON: trailing"),
        ("[{}]", "the record is an array, not an object"),
        ("\"a\"", "the record is a text"),
        ("null", "the record is null"),
        ("{\"a\":1e999}", "no JSON: "),
        ("\u{feff}[]", "the record is an array"),
    ] {
        refused(&bare(), json, why);
    }
    let not_utf8 = RecordView { value: b"{\"a\":\"\xff\"}", headers: &[], time_ms: None };
    assert!(refusal(|out| json_event(&not_utf8, &bare(), LIMITS, out)).starts_with("no JSON: "));
}

#[test]
fn depth_values_and_bytes_are_bounded() {
    let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1));
    let mut out = Vec::new();
    json_event(&record(&[], &nested(64)), &bare(), LIMITS, &mut out).expect("as deep as may be");
    refused(&bare(), &nested(65), "JSON nested deeper than 64 levels at line 1 column 69");
    let values = |count: usize| format!("{{\"a\":[{}]}}", vec!["0"; count - 2].join(","));
    json_event(&record(&[], &values(65_536)), &bare(), LIMITS, &mut out).expect("as many as may be");
    refused(&bare(), &values(65_537), "more than 65536 values");
    // A long name before many short fields: each of them repeats it.
    let swelling = format!("{{\"{}\":{{{}}}}}", "n".repeat(9_000), vec!["\"a\":1"; 3_000].join(","));
    refused(&bare(), &swelling, "more than 20971520 bytes of protobuf");
    let small = Limits { bytes_max: 60, ..LIMITS };
    let alone = record(&[], r#"{"app.name":"some service of ours","a":"some text that is not short"}"#);
    assert_eq!(refusal(|out| json_event(&alone, &bare(), small, out)), "more than 60 bytes of protobuf");
}

#[test]
fn records_that_follow_each_other_are_one_request() {
    let mut out = Vec::new();
    for json in [r#"{"app":{"name":"a"}}"#, r#"{"app":{"name":"b"}}"#] {
        let record = RecordView { value: json.as_bytes(), headers: &[], time_ms: Some(RECORD_MS + 1) };
        let mapping = Mapping { attributes: Attributes::Named(Vec::new()), ..bare() };
        json_event(&record, &mapping, LIMITS, &mut out).expect(json);
    }
    let expected = "a 2026-11-01T00:00:00.001Z 0\"\"\nb 2026-11-01T00:00:00.001Z 0\"\"\n";
    assert_eq!(told(&out), expected);
}
