//! What becomes of events: alerts of rules, merging, correlation, and the questions about them.

use serde_json::{Value, json};

use crate::program::{Daemon, assert_books_balance, program, ran};
use crate::sink::{Sink, wall_s};

/// One request of log records: seconds ago, host, severity and text of each.
pub fn logs(records: &[(u64, &str, i32, &str)]) -> String {
    let record = |(ago, host, severity, text): &(u64, &str, i32, &str)| {
        json!({
            "timeUnixNano": ((wall_s() - ago) * 1_000_000_000).to_string(),
            "severityNumber": severity,
            "body": {"stringValue": text},
            "attributes": [{"key": "host.name", "value": {"stringValue": host}}]
        })
    };
    let records: Vec<Value> = records.iter().map(record).collect();
    let resource = json!({"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]});
    json!({"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": records}]}]}).to_string()
}

pub async fn log(daemon: &Daemon, records: &[(u64, &str, i32, &str)]) {
    let (status, answer) = daemon.export("logs", "application/json", logs(records)).await;
    assert_eq!(status, 200, "{answer}");
}

fn config(rules: &str, sink: &Sink) -> String {
    format!(
        "apiVersion: evenkeel/v1\nkind: Config\nspec:\n  classify:\n{rules}\n  alerting:\n    \
         route: {{receiver: oncall}}\n    receivers: [{{name: oncall, webhook_configs: [{{url: '{}', format: evenkeel}}]}}]\n",
        sink.url
    )
}

/// Scenario: two hosts report a full disk, one of them five times; later it reports that all is well.
/// Guarantees: one page a host with the rule, its key and the text; the other host's stays open.
#[tokio::test]
async fn a_rule_pages_once_a_key_and_closes_at_the_event_that_ends_it() {
    let mut sink = Sink::start().await;
    let rule = r#"    - {name: disk-full, when: 'log && body.contains("No space left")', category: exception,
       alert: {key: [service.name, host.name], quiet: 10m, priority: P2, until: 'log && body == "space again"'}}"#;
    let daemon = Daemon::start(&config(rule, &sink)).await;
    let full = "write /var/7: No space left on device";
    log(&daemon, &[(5, "a", 9, full), (4, "a", 9, full), (4, "b", 9, full)]).await;
    log(&daemon, &[(3, "a", 9, full), (2, "a", 9, full), (2, "a", 9, full)]).await;
    let mut posts = [sink.next().await.body, sink.next().await.body];
    posts.sort_by_key(|post| post["alert"]["labels"]["host_name"].to_string());
    let mut keys = Vec::new();
    for (host, post) in ["a", "b"].into_iter().zip(posts) {
        let labels = &post["alert"]["labels"];
        assert_eq!((&post["transition"], &labels["host_name"]), (&json!("trigger"), &json!(host)), "{post}");
        assert_eq!((&post["alert"]["rule"], &post["alert"]["slo"]), (&json!("disk-full"), &Value::Null));
        assert_eq!((&post["alert"]["priority"], &post["alert"]["severity"]), (&json!("P2"), &json!("page")));
        let said = post["explain"]["text"].as_str().unwrap();
        assert_eq!(
            said,
            format!("disk-full (host.name={host}, service.name=shop): an event came: \"{full}\"")
        );
        keys.push(post["dedup_key"].clone());
    }
    assert_ne!(keys[0], keys[1]);
    log(&daemon, &[(1, "a", 9, "space again"), (1, "c", 9, "space again")]).await;
    let post = sink.next().await.body;
    assert_eq!((&post["transition"], &post["dedup_key"]), (&json!("resolve"), &keys[0]), "{post}");
    let alerts = daemon.get("/api/v1/alerts").await;
    let state = |host: &str| {
        let all = alerts["alerts"].as_array().unwrap();
        all.iter().find(|one| one["group"]["host.name"] == host).map(|one| one["state"].clone())
    };
    assert_eq!((state("a"), state("b"), state("c")), (Some(json!("closed")), Some(json!("open")), None));
    assert!(sink.is_quiet());
    assert_books_balance(&daemon.counts().await);
}

fn failed_span(trace: &str, seconds_ago: u64) -> String {
    let ns = |ago: u64| ((wall_s() - ago) * 1_000_000_000).to_string();
    let span = json!({
        "traceId": trace, "spanId": "00f067aa0ba902b7", "name": "GET /cart", "kind": 2,
        "startTimeUnixNano": ns(seconds_ago), "endTimeUnixNano": ns(seconds_ago),
        "status": {"code": 2}
    });
    let resource = json!({"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]});
    json!({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]}).to_string()
}

/// Scenario: a hundred errors that differ in a number, a failed span, and the error log of its trace.
/// Guarantees: two records, every event counted; filters, rules and explain tell them apart and say why.
#[tokio::test]
async fn like_events_are_one_record_and_a_log_goes_into_the_record_of_its_span() {
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    let rules = r#"apiVersion: evenkeel/v1
kind: Config
spec:
  filter: [{name: debug, drop: 'log && severity < 9'}]
  classify: [{name: from-a, when: 'log && host.name == "a"', category: warning}]"#;
    let daemon = Daemon::start(rules).await;
    let texts: Vec<String> = (0..100).map(|number| format!("order {number} of 'x{number}' failed")).collect();
    let records: Vec<(u64, &str, i32, &str)> = texts.iter().map(|text| (9, "a", 17, text.as_str())).collect();
    log(&daemon, &records).await;
    log(&daemon, &[(8, "a", 17, "order 7 of 'y' failed"), (8, "b", 5, "noise"), (8, "b", 9, "fine")]).await;
    assert_eq!(daemon.export("traces", "application/json", failed_span(TRACE, 7)).await.0, 200);
    let with_trace = logs(&[(6, "b", 17, "no such cart")]).replacen(
        "\"body\"",
        &format!("\"traceId\": \"{TRACE}\", \"spanId\": \"00f067aa0ba902b7\", \"body\""),
        1,
    );
    assert_eq!(daemon.export("logs", "application/json", with_trace).await.0, 200);

    let counts = daemon.counts().await;
    assert_books_balance(&counts);
    let events = &counts["events"];
    let sums =
        ["received", "filtered", "warning", "exception", "informational", "merged"].map(|one| &events[one]);
    assert_eq!(sums, [&json!(105), &json!(1), &json!(101), &json!(2), &json!(1), &json!(101)], "{events}");

    let kept = daemon.get("/api/v1/events").await;
    let shown: Vec<String> = kept["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| format!("{} {} x{} logs {}", one["kind"], one["category"], one["count"], one["logs"]))
        .collect();
    assert_eq!(
        shown,
        [
            r#""log" "warning" x101 logs 0"#,
            r#""log" "informational" x1 logs 0"#,
            r#""span" "exception" x1 logs 1"#,
        ]
    );
    filters_tell_them_apart(&daemon).await;
    rules_and_records_say_why(&daemon, &kept).await;
    so_do_the_commands(&daemon, &kept).await;
}

async fn filters_tell_them_apart(daemon: &Daemon) {
    let of = |answer: Value| answer["events"].as_array().unwrap().len();
    for (filter, expected) in [
        ("category==exception", 1),
        ("log+%26%26+host.name==%22a%22", 1),
        ("count+%3E+100+%26%26+rule==%22from-a%22", 1),
        ("service.name==%22shop%22", 3),
        ("status==%22error%22+%7C%7C+body.contains(%22fine%22)", 2),
        ("false", 0),
    ] {
        assert_eq!(of(daemon.get(&format!("/api/v1/events?where={filter}")).await), expected, "{filter}");
    }
    for (filter, words) in
        [("http.target==%22x%22", "no event carries `http.target`"), ("severity+%3E", "character 11")]
    {
        let (status, answer) = daemon.status(&format!("/api/v1/events?where={filter}")).await;
        assert!(status == 400 && answer.contains(words), "{filter}: {answer}");
    }
}

async fn rules_and_records_say_why(daemon: &Daemon, kept: &Value) {
    let rules = daemon.get("/api/v1/rules").await;
    let line = |name: &str| {
        let all = rules["rules"].as_array().unwrap();
        let one = all.iter().find(|one| one["name"] == name).unwrap();
        format!("{} {} {} {}", one["kind"], one["hits"], one["merged"], one["declared_at"].is_string())
    };
    assert_eq!(line("debug"), "\"filter\" 1 0 true");
    assert_eq!(line("from-a"), "\"classify\" 101 100 true");
    assert_eq!(line("default:error-log"), "\"default\" 1 1 false");

    let span = &kept["events"][2];
    let one = daemon.get(&format!("/api/v1/events/{}", span["sequence"])).await;
    let words: Vec<&str> =
        one["explain"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    assert_eq!(words[1], "kept: none of the 1 filter rules dropped it");
    assert_eq!(
        words[2..],
        [
            "classified: exception by default:server-span-error",
            "correlated: 1 log records of its trace are in this record",
            "counted: by no service level",
        ]
    );
}

async fn so_do_the_commands(daemon: &Daemon, kept: &Value) {
    let (status, answer) = daemon.status("/api/v1/events/999999").await;
    assert!(status == 404 && answer.contains("no event 999999 is kept"), "{answer}");
    let tapped =
        ran(program().args(["tap", "count > 100", "--count", "1"]).env("EVENKEEL_URL", daemon.url("")));
    assert!(tapped.out.contains(" x101 [from-a]"), "{}", tapped.out);
    let told = ran(program().args(["rules"]).env("EVENKEEL_URL", daemon.url("")));
    assert!(told.out.contains("from-a") && told.out.starts_with("rule "), "{}", told.out);
    let sequence = kept["events"][0]["sequence"].to_string();
    let told = ran(program().args(["explain", "event", &sequence]).env("EVENKEEL_URL", daemon.url("")));
    assert!(
        told.out.contains("classified: warning by rule from-a (") && told.out.contains("merged: 101 like"),
        "{}",
        told.out
    );
}
