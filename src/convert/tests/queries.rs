//! Queries that are read, with the expressions and indicators that they become, and queries that are refused by name.

use super::super::indicator::{Found, Indicator, Part as Counts, of_error_ratio, of_total};
use super::super::promql::parse;
use super::super::series::{Style, sum};
use super::compiles;

const WINDOW: &str = "{{.window}}";

/// A query as templates write it: `W` is the window.
fn query(text: &str) -> String {
    text.replace("[W]", &format!("[{WINDOW}]"))
}

fn solved(bad: &str, total: &str) -> Result<Found, String> {
    let counts = |text: &str| parse(&query(text)).and_then(|expr| sum(&expr, Style::Rates));
    let (bad, total) = (counts(bad).map_err(|one| one.why)?, counts(total).map_err(|one| one.why)?);
    of_total(Counts::Bad, bad, total).map_err(|one| one.why)
}

/// The expression that a query's series become, `-` where it is refused.
fn expression(text: &str) -> String {
    let text = format!("sum(rate({text}[W]))");
    match solved(&text, &text) {
        Ok(Found { indicator: Indicator::Ratio { counted, .. }, .. }) => counted,
        _ => "-".to_owned(),
    }
}

#[test]
fn selectors_become_conditions_of_the_same_meaning() {
    for (selector, expected) in [
        ("x_total", r#"name == "x_total""#),
        ("x_total{}", r#"name == "x_total""#),
        (r#"x{a="b",}"#, r#"name == "x" && a == "b""#),
        (r#"x{a='b"c'}"#, r#"name == "x" && a == "b\"c""#),
        (r#"x{a!="b"}"#, r#"name == "x" && !(a == "b")"#),
        (r#"x{a=~"b|c"}"#, r#"name == "x" && a.matches("^(?:b|c)$")"#),
        (r#"x{a!~"b|c"}"#, r#"name == "x" && !a.matches("^(?:b|c)$")"#),
        (r#"x{a=""}"#, r#"name == "x" && !(a != "")"#),
        (r#"x{a!=""}"#, r#"name == "x" && a != """#),
        (r#"x{a=~".*"}"#, r#"name == "x""#),
        (r#"x{a=~".+"}"#, r#"name == "x" && a != """#),
        (r#"x{a=~"b|"}"#, r#"name == "x" && (!(a != "") || a.matches("^(?:b|)$"))"#),
        (r#"x{a!~"b|"}"#, r#"name == "x" && a != "" && !a.matches("^(?:b|)$")"#),
        (r#"x{a=~"b\\.c"}"#, r#"name == "x" && a.matches("^(?:b\\.c)$")"#),
        (
            r#"x{job="j",instance="h:1"}"#,
            r#"name == "x" && service.name == "j" && service.instance.id == "h:1""#,
        ),
        (r#"x{status="500"}"#, r#"name == "x" && attributes["status"] == "500""#),
        (r#"{__name__="x",a="b"}"#, r#"name == "x" && a == "b""#),
        (r#"{"http.requests","http.route"="/"}"#, r#"name == "http.requests" && http.route == "/""#),
        (r#"{"a b","c-d"="e"}"#, r#"name == "a b" && attributes["c-d"] == "e""#),
        ("http_seconds_count", r#"name == "http_seconds""#),
        (r#"http_seconds_bucket{le="+Inf"}"#, r#"name == "http_seconds""#),
    ] {
        let found = expression(selector);
        assert_eq!(found, expected, "{selector}");
        compiles(&found);
    }
}

#[test]
fn a_label_may_be_called_like_a_word_of_the_language() {
    for word in [
        "attributes",
        "body",
        "duration",
        "event",
        "false",
        "has",
        "in",
        "kind",
        "log",
        "metric",
        "name",
        "not",
        "null",
        "r",
        "b",
        "rb",
        "resource",
        "severity",
        "span",
        "status",
        "time",
        "true",
        "value",
        "and",
        "or",
        "namespace",
        "if",
        "matches",
        "size",
    ] {
        for matcher in ["=\"v\"", "!=\"v\"", "=~\"v.\"", "!~\"v.\"", "=\"\"", "=~\"v|\""] {
            let found = expression(&format!("x{{{word}{matcher}}}"));
            assert_ne!(found, "-", "{word}{matcher}");
            compiles(&found);
        }
    }
}

#[test]
fn sums_and_differences_of_series_become_one_expression() {
    let ratio = |bad: &str, total: &str| match solved(bad, total).map(|found| found.indicator) {
        Ok(Indicator::Ratio { part, counted, total }) => (part, counted, total),
        other => panic!("{bad}: {other:?}"),
    };
    let all = "sum(rate(a_total[W]))";
    for (bad, expected) in [
        ("sum(rate(e_total[W]))", r#"name == "e_total""#),
        ("(((sum((rate(e_total[W]))))))", r#"name == "e_total""#),
        ("sum(increase(e_total[5m])) # a comment", r#"name == "e_total""#),
        ("sum(irate(e_total[$__rate_interval]))", r#"name == "e_total""#),
        ("sum(sum by (a) (rate(e_total[W])))", r#"name == "e_total""#),
        ("sum(rate(e_total[W])) or vector(0)", r#"name == "e_total""#),
        ("sum(rate(e_total[W]) or vector(0))", r#"name == "e_total""#),
        ("sum(rate(e_total[W])) OR on() vector(0)", r#"name == "e_total""#),
        ("sum(rate(e_total[W])) + sum(rate(f_total[W]))", r#"(name == "e_total") || (name == "f_total")"#),
        (
            r#"sum(rate(a_total{c="1"}[W])) + sum(rate(a_total{c="2"}[W]))"#,
            r#"(name == "a_total" && c == "1") || (name == "a_total" && c == "2")"#,
        ),
        (
            r#"sum(rate(a_total{m="GET"}[W])) - sum(rate(a_total{m="GET",c="1"}[W]))"#,
            r#"name == "a_total" && m == "GET" && !(c == "1")"#,
        ),
        ("sum(rate(a_total[W])) - sum(rate(a_total[W])) + sum(rate(e_total[W]))", r#"name == "e_total""#),
    ] {
        let (part, counted, total) = ratio(bad, all);
        assert_eq!((part, &*counted, &*total), (Counts::Bad, expected, r#"name == "a_total""#), "{bad}");
        compiles(&counted);
    }
    let (part, counted, _) = ratio("sum(rate(a_total[W])) - sum(rate(good_total[W]))", all);
    assert_eq!((part, &*counted), (Counts::Good, r#"name == "good_total""#), "all less the good");
}

#[test]
fn values_up_to_a_bound_become_a_threshold() {
    let of = |bad: &str, total: &str| solved(bad, total).map(|found| found.indicator);
    let expected = |limit: &str| {
        let metrics = r#"name == "d" && m == "GET""#.to_owned();
        Ok(Indicator::Threshold { metrics, op: "lte", limit: limit.to_owned() })
    };
    let count = r#"sum(rate(d_count{m="GET"}[W]))"#;
    let slow = |le: &str| format!(r#"{count} - sum(rate(d_bucket{{le="{le}",m="GET"}}[W]))"#);
    for (le, limit) in
        [("0.25", "0.25"), ("5", "5"), ("5.0", "5"), ("1e+03", "1000"), ("2.5e-05", "0.000025")]
    {
        assert_eq!(of(&slow(le), count), expected(limit), "{le}");
    }
    let inf = r#"sum(rate(d_bucket{le="+Inf",m="GET"}[W]))"#;
    assert_eq!(of(&slow("1").replace(count, inf), inf), expected("1"));
    for (bad, total, why) in [
        (&*slow("1"), "sum(rate(d_count[W]))", "of buckets, bad is all values less those up to a bound"),
        (&*slow("x"), count, "the bound le=\"x\" is no number"),
        (
            r#"sum(rate(d_bucket{le="1",m="GET"}[W]))"#,
            count,
            "of buckets, bad is all values less those up to a bound",
        ),
        ("sum(rate(d_bucket[W]))", count, "`d_bucket` without `le` counts every value once for each bucket"),
        (r#"sum(rate(d_bucket{le=~"1|2"}[W]))"#, count, "`le` is not one bound"),
    ] {
        assert_eq!(of(bad, total), Err(why.to_owned()), "{bad}");
    }
    let by = "sum by (route) (rate(d_count[W])) - sum by (route) (rate(d_bucket{le='1'}[W]))";
    let found = solved(by, "sum(rate(d_count[W])) by (route)").expect("grouped");
    assert_eq!(found.group_by, ["route"]);
}

#[test]
fn what_is_no_plain_count_is_refused_by_name() {
    for (text, why) in [
        ("rate(a[W])", "`rate` without `sum`: each series would be a service level of its own"),
        ("sum(a)", "a sum of the counters themselves, without `rate`"),
        ("sum(rate(a))", "`rate` of something that is no window of a series"),
        ("sum(rate(sum(a)[5m:]))", "a subquery is not read"),
        ("sum(rate(a[5m:1m]))", "a subquery is not read"),
        ("sum(rate(a[W] offset 5m))", "`offset` and `@` ask for another time"),
        ("sum(rate(a[W] @ end()))", "`offset` and `@` ask for another time"),
        ("sum without (pod) (rate(a[W]))", "`without` leaves open which labels there are"),
        ("count(rate(a[W]))", "`count(…)` is no plain count"),
        ("sum(delta(a[W]))", "a `sum` of `delta(…)` is no plain count"),
        ("sum(rate(a[W])) * 2", "`… * …` is no plain count"),
        ("sum(rate(a[W])) > 0", "`… > …` is no plain count"),
        ("sum(rate(a[W])) or sum(rate(b[W]))", "`… or …` is no plain count"),
        ("sum(rate(a[W])) - on(x) sum(rate(b[W]))", "labels to match by are not converted"),
        ("sum by (x) (rate(a[W])) + sum(rate(b[W]))", "the two sides of `+` are grouped by different labels"),
        ("1", "the number 1 is no plain count"),
        ("\"a\"", "a text is no plain count"),
        ("-sum(rate(a[W]))", "`-…` is no plain count"),
        ("sum(rate({a=\"b\"}[W]))", "the metric is not named"),
        ("sum(rate({__name__=~\"a|b\"}[W]))", "the metric is chosen by a pattern"),
        (
            "sum(rate(a:b:rate5m[W]))",
            "`a:b:rate5m` is made by a recording rule: its counters are not named here",
        ),
        ("sum(rate(d_seconds_sum[W]))", "`d_seconds_sum` adds up values and counts nothing"),
        ("sum(rate(a{b=~\"(\"}[W]))", "the pattern `(` is not understood"),
        ("sum(rate(a{b=c}[W]))", "the value of `b` stands in quotes"),
        ("sum(rate(a{b}[W]))", "`b` is compared with nothing"),
        ("sum(rate(a{b=\"c}[W]))", "a quote is never closed"),
        ("sum(rate(a[W))", "a `[` is never closed"),
        ("sum(rate(a[W])", "`)` is missing"),
        ("sum(rate({{.metric}}[W]))", "a template outside of the window's brackets"),
        ("sum(rate(a[W])) sum", "an operator is missing"),
        ("sum(rate(a[W])) +", "the query ends too early"),
        ("sum(rate(a[W])) ~", "`~` has no meaning here"),
        ("", "the query ends too early"),
    ] {
        let read = parse(&query(text)).and_then(|expr| sum(&expr, Style::Rates));
        assert_eq!(read.map_err(|one| one.why), Err(why.to_owned()), "{text}");
    }
    let twice = r#"sum(rate(a{c=~"5.."}[W])) + sum(rate(a{r="/"}[W]))"#;
    let why = "two of the added parts may choose the same series, which would count twice";
    assert_eq!(solved(twice, "sum(rate(a[W]))"), Err(why.to_owned()));
    let number = r#"sum(rate({"a", "http.response.status_code"=~"5.."}[W]))"#;
    let why = "`http.response.status_code` is a number over OTLP and a text for Prometheus";
    assert_eq!(solved(number, "sum(rate(a[W]))"), Err(why.to_owned()));
    let apart = "sum(rate(a[W])) - sum(rate(b[W]))";
    let why = "what is taken away is no part of what it is taken from";
    assert_eq!(solved(apart, "sum(rate(c[W]))"), Err(why.to_owned()));
}

#[test]
fn quotients_of_counts_become_ratios() {
    let of =
        |text: &str| parse(&query(text)).and_then(|expr| of_error_ratio(&expr)).map(|found| found.indicator);
    let ratio = |part, counted: &str| {
        let (counted, total) = (format!("name == \"{counted}\""), "name == \"t\"".to_owned());
        Ok(Indicator::Ratio { part, counted, total })
    };
    let total = "sum(rate(t[W]))";
    assert_eq!(of(&format!("sum(rate(e[W])) / {total}")), ratio(Counts::Bad, "e"));
    assert_eq!(of(&format!("1 - (sum(rate(g[W])) / {total})")), ratio(Counts::Good, "g"));
    assert_eq!(of(&format!("1 - sum(rate(g[W])) / {total}")), ratio(Counts::Good, "g"));
    assert_eq!(of(&format!("({total} - sum(rate(g[W]))) / {total}")), ratio(Counts::Good, "g"));
    assert!(of("sum(rate(e[W]))").is_err() && of("100 * sum(rate(e[W])) / sum(rate(t[W]))").is_err());
}
