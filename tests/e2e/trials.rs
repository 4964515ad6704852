//! `evenkeel test`: exit codes, what is printed, JUnit, recordings; and the shipped tests on the shipped configuration.

use std::path::Path;

use serde_json::Value;

use crate::program::{Ran, Scratch, program, ran};
use crate::requests::{Event, SECOND_NS, as_lines, spans};

const SHOP: &str = r#"
apiVersion: evenkeel/v1
kind: Config
spec:
  alerting:
    route: {receiver: oncall}
    receivers: [{name: oncall, webhook_configs: [{url: 'http://127.0.0.1:9/'}]}]
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: shop}
spec:
  service: shop
  indicator:
    metadata: {name: shop}
    spec:
      ratioMetric:
        bad: {metricSource: {type: evenkeel, spec: {spans: 'service.name == "shop" && status == "error"'}}}
        total: {metricSource: {type: evenkeel, spec: {spans: 'service.name == "shop"'}}}
  timeWindow: [{duration: 28d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.999}]
"#;

fn document(name: &str, traffic: &str, expect: &str) -> String {
    format!(
        "---\napiVersion: evenkeel/v1\nkind: Test\nmetadata: {{name: {name}}}\nspec:\n  traffic: [{traffic}]\n  expect: [{expect}]\n"
    )
}

fn passing() -> String {
    document(
        "an outage pages",
        "{for: 30m, service: shop, rate: 10/s, bad: 50%}",
        "{between: [0s, 30m], page: shop, to: [oncall]}",
    )
}

fn failing() -> String {
    document(
        "a calm day & <nobody> is told",
        "{for: 30m, service: shop, rate: 10/s, bad: 50%}",
        "{until: 30m, alerts: none}",
    )
}

fn broken() -> String {
    document("too late", "{for: 30m, service: shop, rate: 10/s}", "{at: 31m, slo: shop, state: ok}")
}

fn test(scratch: &Scratch, documents: &[String], args: &[&str]) -> Ran {
    let file = scratch.write("shop.yaml", &format!("{SHOP}{}", documents.concat()));
    ran(program().arg("test").args(args).arg(file))
}

#[test]
fn the_exit_code_tells_how_it_went() {
    let scratch = Scratch::new();
    let code = |documents: &[String], args: &[&str]| test(&scratch, documents, args).code;
    assert_eq!(code(&[passing()], &[]), Some(0));
    assert_eq!(code(&[passing(), failing()], &[]), Some(1));
    assert_eq!(code(&[passing(), failing()], &["--filter", "outage"]), Some(0));
    assert_eq!(code(&[passing()], &["--filter", "no such thing"]), Some(1));
    assert_eq!(code(&[], &[]), Some(1), "no test is no success");
    assert_eq!(code(&[passing(), broken()], &[]), Some(78));
    assert_eq!(code(&[passing()], &["--junit", "/no/such/folder/junit.xml"]), Some(1));
    assert_eq!(ran(program().arg("test")).code, Some(2), "nothing was named");
    let unread = ran(program().args(["test", "nowhere.yaml"]));
    assert_eq!(unread.code, Some(78), "{}", unread.err);
    let set = scratch.write("shop.yaml", &format!("{SHOP}{}", passing()));
    assert_eq!(ran(program().arg("test").arg("-c").arg(&set)).code, Some(0));
    assert_eq!(ran(program().arg("check").arg(&set)).code, Some(0));
}

#[test]
fn people_read_a_line_a_test_and_what_went_wrong() {
    let scratch = Scratch::new();
    let told = test(&scratch, &[passing(), failing(), broken()], &[]);
    assert_eq!(told.code, Some(78));
    let place = |line: usize| format!("({}:{line}:1)", scratch.path("shop.yaml").display());
    let lines: Vec<&str> = told.out.lines().collect();
    assert!(lines[0].starts_with("FAIL a calm day & <nobody> is told  (30m in "), "{}", told.out);
    assert!(lines[0].ends_with(&place(31)), "{}", told.out);
    assert!(lines[1].starts_with("  - 0s..30m  no alert  ("), "{}", told.out);
    assert!(
        lines[2].starts_with("  + ") && lines[2].contains("page shop P2 by 1h/5m, burn "),
        "{}",
        told.out
    );
    assert!(lines[2].ends_with(", to oncall"), "{}", told.out);
    assert!(lines[3].starts_with("ok   an outage pages  (30m in "), "{}", told.out);
    assert_eq!(lines[4], format!("BAD  too late  {}", place(38)), "{}", told.out);
    let all = "coverage: service levels 1 of 1, conditions 4 of 4, routes 1 of 1, receivers 1 of 1";
    assert_eq!(lines[5..], [all], "{}", told.out);
    assert!(told.err.contains("error[E0603]: 31m is after the end of the timeline, 30m"), "{}", told.err);
    assert!(told.err.ends_with("1 passed, 1 failed, 1 can not be run\n"), "{}", told.err);
    let calm = document("calm", "{for: 1m, service: shop, rate: 1/s}", "{until: 1m, alerts: none}");
    let calm = test(&scratch, &[calm], &[]);
    assert!(calm.out.contains("coverage: service levels 0 of 1, conditions 0 of 4, "), "{}", calm.out);
    assert!(calm.out.contains("\n  no test conditions: shop 3d/6h\n"), "{}", calm.out);
    let whole = test(&scratch, &[passing()], &["--coverage"]);
    assert!(whole.out.contains("\n  seen    conditions: shop 1h/5m\n"), "{}", whole.out);
}

#[test]
fn scripts_read_json_and_build_servers_junit() {
    let scratch = Scratch::new();
    let documents = [passing(), failing(), broken()];
    let xml = scratch.path("junit.xml");
    let told = test(&scratch, &documents, &["-o", "json", "--junit", xml.to_str().unwrap()]);
    let answer: Value = serde_json::from_str(&told.out).unwrap();
    let passed: Vec<(&str, bool)> = answer["tests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["test"].as_str().unwrap(), one["passed"].as_bool().unwrap()))
        .collect();
    let expected = [("a calm day & <nobody> is told", false), ("an outage pages", true), ("too late", false)];
    assert_eq!(passed, expected);
    assert_eq!(answer["tests"][0]["timeline"][0]["mark"], "missing");
    assert_eq!(answer["tests"][0]["timeline"][1]["mark"], "unexpected");
    assert_eq!(answer["coverage"][0]["what"], "service levels");
    let xml = std::fs::read_to_string(xml).unwrap();
    let elements = well_formed(&xml);
    let count = |name: &str| elements.iter().filter(|one| *one == name).count();
    assert_eq!((count("testcase"), count("failure"), count("error")), (3, 1, 1), "{xml}");
    assert!(xml.contains("tests=\"3\" failures=\"1\" errors=\"1\""), "{xml}");
    assert!(xml.contains("name=\"a calm day &amp; &lt;nobody&gt; is told\""), "{xml}");
    let lines = test(&scratch, &documents, &["-o", "jsonl"]);
    let lines: Vec<Value> = lines.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 4);
    assert!(lines[3]["coverage"].is_array());
}

/// The names of all elements, once each of them is closed where it must be and every `&` begins an entity.
fn well_formed(xml: &str) -> Vec<String> {
    let (mut open, mut names) = (Vec::new(), Vec::new());
    let mut rest = xml.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n").unwrap();
    while let Some((text, after)) = rest.split_once('<') {
        entities(text);
        let (tag, after) = after.split_once('>').unwrap();
        entities(tag);
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "{xml}");
            continue;
        }
        assert!(tag.matches('"').count().is_multiple_of(2), "{tag}");
        let name = tag.split(' ').next().unwrap().trim_end_matches('/').to_owned();
        if !tag.ends_with('/') {
            open.push(name.clone());
        }
        names.push(name);
    }
    assert!(open.is_empty() && rest.trim().is_empty(), "{xml}");
    names
}

fn entities(text: &str) {
    for after in text.split('&').skip(1) {
        let known = ["amp;", "lt;", "gt;", "quot;", "apos;"];
        assert!(known.iter().any(|entity| after.starts_with(entity)), "{text}");
    }
}

/// Scenario: half an hour of calls of which every second one fails, recorded; then calm that is made up.
/// Guarantees: the same page at the same time as `replay` tells, and what is made up follows the last event.
#[test]
fn a_recording_comes_before_what_is_made_up() {
    const START: u64 = 1_699_920_000;
    let scratch = Scratch::new();
    let call = |number: u64| Event {
        at_ns: (START + number / 4) * SECOND_NS,
        failed: number.is_multiple_of(2),
        number: number + 1,
    };
    let calls: Vec<Event> = (0..7_200).map(call).collect();
    let requests: Vec<_> = calls.chunks(100).map(|calls| spans("shop", calls)).collect();
    scratch.file("bad.otlp.jsonl", &as_lines(&requests));
    let spec = |expect: &str| {
        let spec = format!(
            "---\napiVersion: evenkeel/v1\nkind: Test\nmetadata: {{name: recorded}}\nspec:\n  replay: bad.otlp.jsonl\n  traffic: [{{for: 2h, service: shop, rate: 4/s}}]\n  expect:\n{expect}"
        );
        test(&scratch, &[spec], &["-v"])
    };
    let replayed = ran(program()
        .args(["replay", "-o", "jsonl"])
        .arg(scratch.path("bad.otlp.jsonl"))
        .arg("-c")
        .arg(scratch.write("slo.yaml", SHOP)));
    let opened = replayed.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let opened: Vec<Value> = opened.filter(|fact| fact["fact"] == "episode.opened").collect();
    assert_eq!(opened.len(), 1, "{}", replayed.out);
    let at = opened[0]["at"].as_str().unwrap();
    let told = spec(&format!(
        "    - {{at: {at}, page: shop, to: [oncall]}}\n    - {{at: 30m, slo: shop, total: 7200, bad: 3600}}\n    - {{at: 2h30m, slo: shop, total: 36000, state: firing}}\n"
    ));
    assert_eq!(told.code, Some(0), "{}{}", told.out, told.err);
    let early =
        spec("    - {until: 2023-11-13T23:59:59Z, alerts: none}\n    - {between: [0s, 30m], page: shop}\n");
    assert_eq!(early.code, Some(1), "{}{}", early.out, early.err);
    assert!(early.out.contains("no alert: before the beginning at 2023-11-14T00:00:00Z"), "{}", early.out);
    std::fs::remove_file(scratch.path("bad.otlp.jsonl")).unwrap();
    let gone = spec("    - {between: [0s, 30m], page: shop}\n");
    assert_eq!(gone.code, Some(1));
    assert!(gone.out.contains("the recording can not be read: "), "{}", gone.out);
}

#[test]
fn the_shipped_tests_pass() {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let told = ran(program().arg("test").arg(shipped.join("evenkeel.yaml")).arg(shipped.join("tests")));
    assert_eq!(told.code, Some(0), "{}{}", told.out, told.err);
    assert!(told.out.contains("service levels 2 of 2"), "{}", told.out);
}
