//! The verbs that talk to a daemon: what they say is what the daemon knows.

use std::io::Read;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::program::{Daemon, Ran, assert_books_balance, program, ran, until};
use crate::sink::{send_outage, spans, wall_s};

const SHOP: &str = include_str!("shop.yaml");

fn ask(daemon: &Daemon, args: &[&str]) -> Ran {
    ran(program().args(args).env("EVENKEEL_URL", daemon.url("")))
}

fn json(daemon: &Daemon, args: &[&str]) -> Value {
    let said = ask(daemon, &[args, &["-o", "json"]].concat());
    assert_eq!(said.code, Some(0), "{args:?}: {}", said.err);
    serde_json::from_str(&said.out).unwrap()
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

/// Scenario: both protocols, plain and compressed, each kind of signal, two services.
/// Guarantees: what `send` says that it sent is what the daemon has counted, of each service too.
#[tokio::test]
async fn what_send_says_it_sent_is_what_the_daemon_counts() {
    let daemon = Daemon::start(SHOP).await;
    let grpc = format!("http://{}", daemon.address("otlp_grpc"));
    let http = format!("http://{}", daemon.address("otlp_http"));
    let mut sent = json!({"traces": 0, "logs": 0, "metrics": 0});
    for (signal, endpoint, more) in [
        ("traces", &http, &["--errors", "20%"][..]),
        ("traces", &grpc, &["--protocol", "grpc", "--gzip"]),
        ("logs", &http, &["--gzip", "--errors", "20%"]),
        ("metrics", &grpc, &["--protocol", "grpc"]),
    ] {
        let flags = ["send", "--endpoint", endpoint, "--signal", signal, "--for", "500ms", "--rate", "200/s"];
        let services = ["--service", "shop", "--service", "stock", "--batch", "32", "-o", "json"];
        let send = ask(&daemon, &[&flags[..], &services, more].concat());
        assert_eq!(send.code, Some(0), "{}", send.err);
        let report: Value = serde_json::from_str(&send.out).unwrap();
        assert_eq!((&report["accepted"], &report["failed"]), (&report["sent"], &json!(0)), "{report}");
        assert!(send.err.contains(&format!("sent {} ", report["sent"])), "{}", send.err);
        sent[signal] = json!(sent[signal].as_u64().unwrap() + report["sent"].as_u64().unwrap());
    }
    let counts = daemon.counts().await;
    assert_books_balance(&counts);
    for (signal, items) in [("traces", "spans"), ("logs", "logs"), ("metrics", "metrics")] {
        let (sent, counted) = (&sent[signal], &counts["items"][items]);
        assert!(sent.as_u64() > Some(0), "{sent}");
        assert_eq!((&counted["offered"], &counted["accepted"]), (sent, sent), "{counts}");
        let services = counts["services"].as_array().unwrap();
        assert_eq!(services.len(), 2, "{counts}");
        let of_services: u64 = services.iter().map(|one| one[items].as_u64().unwrap()).sum();
        assert_eq!(Some(of_services), sent.as_u64());
    }
    let slo = &counts["slos"][0];
    let shop = counts["services"].as_array().unwrap().iter().find(|one| one["name"] == "shop").unwrap();
    assert_eq!(slo["total"], shop["spans"], "every span of shop is a request");
    assert!(slo["bad"].as_u64() > Some(0) && slo["good"].as_u64() > Some(0), "{slo}");
}

#[tokio::test]
async fn slo_list_and_show_tell_what_the_api_tells() {
    let daemon = Daemon::start(SHOP).await;
    send_outage(&daemon).await;
    let one = json(&daemon, &["slo", "show", "shop-availability"]);
    let group = &one["objectives"][0]["groups"][0];
    assert_eq!((&group["good"], &group["bad"], &group["total"]), (&json!(3600), &json!(120), &json!(3720)));
    let list = json(&daemon, &["slo", "list"]);
    assert_eq!(list["slos"].as_array().unwrap().len(), 1);
    assert_eq!(list["slos"][0]["name"], "shop-availability");
    let each = ask(&daemon, &["-o", "jsonl", "slo", "list"]);
    assert_eq!(lines(&each.out)[0]["objectives"], list["slos"][0]["objectives"]);

    let human = ask(&daemon, &["slo", "list"]);
    let painted = ask(&daemon, &["slo", "list", "--color", "always"]);
    assert!(painted.out.contains("\x1b[") && !ask(&daemon, &["slo", "list"]).out.contains("\x1b["));
    assert_eq!((human.code, human.out.lines().count()), (Some(0), 1));
    assert!(human.out.starts_with("shop-availability ") && human.out.contains("firing"), "{}", human.out);
    let human = ask(&daemon, &["slo", "show", "shop-availability"]);
    for words in [
        "3600 good, 120 bad of 3720",
        "target     no-errors 0.999",
        "window     28d, Occurrences",
        "1h/5m      firing",
    ] {
        assert!(human.out.contains(words), "{words}: {}", human.out);
    }
    let unknown = ask(&daemon, &["slo", "show", "no such/slo"]);
    assert_eq!((unknown.code, unknown.out.as_str()), (Some(1), ""));
    assert!(unknown.err.contains("no SLO is called `no such/slo`"), "{}", unknown.err);
}

#[tokio::test]
async fn alert_list_and_show_give_the_reason_for_each_decision() {
    let daemon = Daemon::start(SHOP).await;
    assert_eq!(ask(&daemon, &["alert", "list"]).out, "no alerts\n");
    assert_eq!(json(&daemon, &["alert", "list"]), json!({"alerts": []}));
    send_outage(&daemon).await;

    let list = json(&daemon, &["alert", "list"]);
    let id = list["alerts"][0]["id"].as_str().unwrap();
    assert!(id.starts_with("alt_") && list["alerts"][0]["state"] == "open", "{list}");
    let human = ask(&daemon, &["alert", "list"]).out;
    assert!(human.starts_with(id) && human.contains(" P2 page "), "{human}");
    let each = lines(&ask(&daemon, &["alert", "list", "-o", "jsonl"]).out);
    assert_eq!(Some(&each), list["alerts"].as_array());

    let one = json(&daemon, &["alert", "show", id]);
    let decision = &one["decisions"][0];
    assert_eq!((&decision["transition"], &decision["condition"]), (&json!("trigger"), &json!("1h/5m")));
    assert_eq!(decision["reason"], "fast burn on a tier 2 service");
    let human = ask(&daemon, &["alert", "show", id]).out;
    assert!(
        human.contains("because    fast burn on a tier 2 service") && human.contains("trigger #1"),
        "{human}"
    );
    assert_eq!(ask(&daemon, &["alert", "show", "alt_none"]).code, Some(1));

    let now = wall_s();
    let recovered = spans(now - 380..now, false);
    assert_eq!(daemon.export("traces", "application/json", recovered).await.0, 200);
    let one = json(&daemon, &["alert", "show", id]);
    assert_eq!((&one["state"], &one["decisions"][1]["transition"]), (&json!("closed"), &json!("resolve")));
}

#[tokio::test]
async fn tap_shows_events_and_ends_after_as_many_as_asked_for() {
    let daemon = Daemon::start(SHOP).await;
    let now = wall_s();
    for body in [spans(now - 40..now - 30, false), spans(now - 20..now - 15, true)] {
        assert_eq!(daemon.export("traces", "application/json", body).await.0, 200);
    }
    for output in ["json", "jsonl"] {
        let tap = ask(&daemon, &["tap", "--count", "1", "--category", "exception", "-o", output]);
        let events = lines(&tap.out);
        assert_eq!((tap.code, events.len()), (Some(0), 1), "{}", tap.err);
        for event in events {
            assert_eq!((&event["category"], &event["service"]), (&json!("exception"), &json!("shop")));
            assert_eq!(event["count"], 5, "like events are one record");
            assert!(event["decided_by"].as_str().is_some_and(|by| by.starts_with("default:")), "{event}");
        }
    }
    let human = ask(&daemon, &["tap", "--count", "5"]).out;
    assert_eq!(human.lines().count(), 5, "{human}");
    assert!(human.lines().all(|line| line.contains("shop") && line.contains("[default:")), "{human}");
    assert_eq!(ask(&daemon, &["tap", "--count", "1", "--category", "loud"]).code, Some(2));
}

#[test]
fn a_daemon_that_is_not_there_is_69() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{free}");
    for args in [
        &["slo", "list", "--url", &url][..],
        &["--url", &url, "slo", "show", "shop-availability"],
        &["alert", "list", "-o", "json", "--url", &url],
        &["alert", "show", "alt_1", "--url", &url],
        &["tap", "--count", "1", "--url", &url],
        &["send", "--for", "100ms", "--endpoint", &url],
        &["send", "--for", "100ms", "--protocol", "grpc", "--endpoint", &url],
    ] {
        let said = ran(program().args(args));
        assert_eq!(said.code, Some(69), "{args:?}: {}", said.err);
        assert!(said.err.starts_with("error: ") && said.err.contains(&url), "{args:?}: {}", said.err);
        assert_eq!(said.out, "", "{args:?}");
    }
}

/// Scenario: `evenkeel tap | head -1`, and `| head -0` of what prints once.
/// Guarantees: whoever reads no further gets no panic told, and a command without end has one.
#[tokio::test]
async fn a_reader_that_goes_away_is_no_fault() {
    let daemon = Daemon::start(SHOP).await;
    let now = wall_s();
    let good = spans(now - 100..now, false);
    assert_eq!(daemon.export("traces", "application/json", good).await.0, 200);
    for (args, head) in [
        (&["tap"][..], 1),
        (&["slo", "list"], 0),
        (&["slo", "show", "shop-availability"], 0),
        (&["version", "-o", "json"], 0),
    ] {
        let mut command = program();
        command.args(args).env("EVENKEEL_URL", daemon.url(""));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut out = child.stdout.take().unwrap();
        out.read_exact(&mut vec![0; head]).unwrap();
        drop(out);
        let mut next = now;
        let ended = until("the command has ended", || {
            next += 1;
            let (ended, more) = (child.try_wait().unwrap(), spans(next..next + 1, false));
            let told = daemon.export("traces", "application/json", more);
            async move {
                told.await;
                ended
            }
        });
        assert_eq!(ended.await.code(), Some(0), "{args:?}");
        let mut err = String::new();
        child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        assert!(!err.contains("panic"), "{args:?}: {err}");
    }
}
