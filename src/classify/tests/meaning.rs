//! What expressions say of items.

use super::*;

#[test]
fn operators_bind_as_in_cel() {
    for (text, expected) in [
        ("true || false && false", true),
        ("(true || false) && false", false),
        ("!true || true", true),
        ("!(true || true)", false),
        ("!!true", true),
        ("false ? false : true ? true : false", true),
        ("true ? false : true", false),
        ("true || false ? false : true", false),
        ("1 < 2 && 2 < 3 || false", true),
        ("!false == true", true),
        ("(1 == 1) == true", true),
        ("(true ? 1 : 2) == 1", true),
        ("(span ? 1 : 2) == (log ? 2 : 1)", true),
        ("(span ? \"a\" : \"b\") in [\"b\", \"c\"]", false),
        ("true // && false", true),
        ("true &&\n // a comment\n true", true),
    ] {
        check(text, &span(), expected);
    }
}

#[test]
fn literals_are_those_of_cel() {
    for text in [
        "255 == 0xFF",
        "-0x10 == -16",
        "5u == 5",
        "18446744073709551615u > 9223372036854775807",
        "-9223372036854775808 < 0",
        "1e3 == 1000 && .5 == 0.5 && 2.5e-1 == 0.25 && -1.5 < -1",
        r#"'a' == "a" && """a"b""" == 'a"b' && '''a
b''' == "a\nb""#,
        r#""\x41\u0042\U00000043\104\t\"\'\`\?\\" == "ABCD	\"'`?\\""#,
        r#"r"\d" == "\\d" && R'\' == "\\""#,
        "1 in [1, 2,] && !(1 in [])",
        r#"duration("1h30m") == duration("90m") && duration("1.5s") == duration("1500ms")"#,
        r#"duration("-1s") < duration("0") && duration("1µs") == duration("1000ns")"#,
        r#"timestamp("2026-01-31T09:30:00Z") == timestamp("2026-01-31T10:30:00+01:00")"#,
        r#""größe".size() == 5 && size("größe") == 5"#,
    ] {
        check(text, &span(), true);
    }
}

#[test]
fn names_find_variables_and_attributes() {
    for (text, expected) in [
        (r#"span && !log && !metric && !event"#, true),
        (r#"name == "GET /pay" && attributes["name"] == "an attribute""#, true),
        (r#"kind == "server" && kind != "client" && kind in ["server", "consumer"]"#, true),
        (r#"status == "error""#, true),
        (r#"duration > duration("1s") && duration <= duration("1500ms")"#, true),
        (r#"time >= timestamp("2026-01-31T09:30:00Z")"#, true),
        (r#"time > timestamp("2026-01-31T09:30:00Z")"#, false),
        (r#"service.name == "checkout" && resource["service.name"] == "checkout""#, true),
        (r#"attributes["service.name"] == "checkout""#, false),
        (r#"http.route == "/pay" && resource["http.route"] == "outer""#, true),
        (r#"http . response . status_code >= 500"#, true),
        (r#"event.name == "x" || status.code == 1"#, false),
        (r#"ratio < 0.5 && ratio == 0.25"#, true),
    ] {
        check(text, &span(), expected);
    }
    check(r#"span && service.name == "checkout" && http.response.status_code >= 500"#, &span(), true);
    check(r#"span && url.path == "/healthz""#, &span(), false);
    check(r#"severity >= 17 && body.contains("No space left") && name == "disk.full""#, &log(), true);
    check("metric && value < 1 && value == 0.5", &metric(), true);
}

#[test]
fn functions_work_on_text() {
    for (text, expected) in [
        (r#"http.route.startsWith("/p") && http.route.endsWith("ay") && http.route.contains("pa")"#, true),
        (r#"http.route.matches("^/[a-z]+$") && matches(http.route, "pay")"#, true),
        (r#"attributes["http.route"].startsWith("/p")"#, true),
        (r#"name.contains(http.route)"#, true),
        (r#""GET /pay later".startsWith(name)"#, true),
        (r#"size(name) == 8 && name.size() > http.route.size()"#, true),
        (r#"size(absent) >= 0"#, false),
        (r#"kind.startsWith("s")"#, true),
        (r#"http.route.contains("x") == false"#, true),
    ] {
        check(text, &span(), expected);
    }
}

#[test]
fn what_is_absent_makes_a_comparison_false_and_counts_nothing() {
    for text in [
        "absent == 1",
        "absent != 1",
        "absent < 1",
        "absent in [1, 2]",
        "absent == absent",
        "absent.contains(\"\")",
        "absent && true",
        "size(absent) != 3",
        "severity != 3",
        "body != \"x\"",
        "value < 1 || value >= 1",
        "has(absent)",
    ] {
        check_mismatches(text, &span(), 0);
    }
    check("!(absent == 1)", &span(), true);
    check("!absent && true", &span(), true);
    for text in ["kind != \"server\"", "status != \"ok\"", "duration >= duration(\"0s\")"] {
        check_mismatches(text, &log(), 0);
    }
}

#[test]
fn what_is_of_another_type_makes_a_comparison_false_and_is_counted() {
    for (text, count) in [
        ("http.route == 1", 1),
        ("http.route != 1", 1),
        ("http.response.status_code == \"503\"", 1),
        ("http.response.status_code.contains(\"5\")", 1),
        ("http.response.status_code in [\"503\", \"504\"]", 1),
        ("http.route in [\"/a\", ratio]", 0),
        ("http.route in [ratio, absent]", 1),
        ("http.response.status_code && true", 1),
        ("tags == 1 || tags.contains(\"x\") || size(tags) == 1", 3),
        ("feature.enabled > feature.off", 1),
        ("feature.enabled == 1", 1),
        ("http.route == http.response.status_code", 1),
        ("false && http.route == 1", 0),
    ] {
        check_mismatches(text, &span(), count);
    }
    check("!(http.route == 1)", &span(), true);
    let mut other = log();
    other.item.body = Some(Value::Int(3));
    check_mismatches("body == \"3\"", &other, 1);
    check("has(body)", &other, true);
}

#[test]
fn has_is_true_where_a_comparison_could_be() {
    for (text, expected) in [
        ("has(http.route) && has(tags) && has(attributes[\"http.route\"])", true),
        ("has(resource[\"ratio\"])", false),
        ("has(span) && has(name) && has(kind) && has(status) && has(duration) && has(time)", true),
        ("has(log) || has(severity) || has(body) || has(value)", false),
    ] {
        check(text, &span(), expected);
    }
    check("has(severity) && has(body) && !has(time) && !has(kind) && !has(duration)", &log(), true);
    let mut bare = log();
    bare.item = empty(ItemKind::Log);
    check("has(severity) || has(name) || has(body) || severity < 9 || name == \"\"", &bare, false);
}

#[test]
fn numbers_compare_exactly_and_nan_with_nothing() {
    for (text, expected) in [
        ("big == 9007199254740993", true),
        ("big == 9007199254740992.0", false),
        ("big > 9007199254740992.0", true),
        ("9007199254740992.0 < big", true),
        ("ratio > 0 && ratio < 1 && ratio > -1", true),
        ("-0.5 < 0 && 0 > -0.5 && -1 < -0.5", true),
        ("http.response.status_code == 503.0", true),
        ("http.response.status_code < 503.5", true),
        ("9223372036854775807 < 9223372036854775808.0", true),
        ("1 < 1e300 && -1e300 < 1", true),
    ] {
        check(text, &span(), expected);
    }
    for op in ["==", "!=", "<", "<=", ">", ">="] {
        check_mismatches(&format!("not.a.number {op} 1"), &span(), 0);
        check_mismatches(&format!("1.5 {op} not.a.number"), &span(), 0);
    }
}

#[test]
fn an_attribute_used_as_a_condition_must_be_true_itself() {
    check("feature.enabled && span", &span(), true);
    check("feature.off || false", &span(), false);
    check("!feature.off", &span(), true);
    check("feature.enabled ? span : log", &span(), true);
}

#[test]
fn measures_are_numbers_of_an_item() {
    assert_eq!(measured("duration", &span()), Some(1.5));
    assert_eq!(measured("http.response.status_code", &span()), Some(503.0));
    assert_eq!(measured("attributes[\"ratio\"]", &span()), Some(0.25));
    for text in ["not.a.number", "http.route", "absent", "value", "severity", "resource[\"ratio\"]"] {
        assert_eq!(measured(text, &span()), None, "{text}");
    }
    assert_eq!(measured("value", &metric()), Some(0.5));
    assert_eq!(measured("severity", &log()), Some(17.0));
    assert_eq!(measured("duration", &log()), None);
}

#[test]
fn long_chains_are_no_depth_and_the_deepest_nesting_is_evaluated() {
    check(&vec!["span"; 1_000].join("&&"), &span(), true);
    check(&format!("{}span{}", "(".repeat(64), ")".repeat(64)), &span(), true);
    check(&format!("{}span", "!".repeat(64)), &span(), true);
}
