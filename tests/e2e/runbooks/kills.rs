//! SIGKILL at any moment around runs: none is done twice, none is forgotten, and who has to look hears of it.
//!
//! `EVENKEEL_E2E_KILLS=100 cargo test --test e2e runbooks::kills -- --nocapture` does it a hundred times.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::canary::Canary;
use super::{RULE, in_trouble, runs};
use crate::program::{Daemon, Scratch, until};
use crate::sink::Sink;

const KILLS: u64 = 12;
const HOSTS: u64 = 6;

fn kills() -> u64 {
    std::env::var("EVENKEEL_E2E_KILLS").ok().map_or(KILLS, |text| text.parse().unwrap())
}

/// From the place of the kill: spread over the time that runs take.
fn moment(kill: u64) -> Duration {
    let mixed = kill.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    Duration::from_micros(mixed % 60_000)
}

/// Scenario: hosts in trouble, a program for each that takes a while, and the daemon killed in the midst of it, again and
/// again.
/// Guarantees: a program is called at most once for each alert; each alert has its run; a run of which nobody knows whether
/// it was done is `unknown`, and each of them is told; what has succeeded was called.
#[tokio::test]
async fn a_daemon_that_is_killed_runs_nothing_twice_and_forgets_nothing() {
    let (mut sink, canary, scratch) = (Sink::start().await, Canary::new(), Scratch::new());
    let more = "  triggers: [{match: ['rule=\"in-trouble\"']}]\n  params: {host: {from: label.host_name, pattern: '[a-z0-9-]{1,40}'}}\n  target: host\n  limits: {breaker: {failures: 100, pause: 1m}}\n";
    let documents = RULE.replace("RECEIVER", &sink.url).replace("CANARY", canary.program().to_str().unwrap())
        + &canary.runbook("restart", ", '{{ host }}'", "sleep 15", more);
    let mut hosts = BTreeSet::new();
    let mut daemon = Daemon::start_on(&scratch, &documents).await;
    for kill in 0..kills() {
        let of: Vec<_> = (0..HOSTS).map(|one| ("shop".to_owned(), format!("web-{kill}-{one}"))).collect();
        let (status, _) = daemon.export("traces", "application/json", in_trouble(&of)).await;
        assert_eq!(status, 200);
        hosts.extend(of.into_iter().map(|(_, host)| host));
        tokio::time::sleep(moment(kill)).await;
        daemon.signal("KILL");
        drop(daemon);
        daemon = Daemon::start_on(&scratch, &documents).await;
    }
    let all = until("all runs end", || async {
        let runs = runs(&daemon).await;
        let is_done = |state: &str| !["waiting", "running"].contains(&state);
        runs.iter().all(|run| is_done(run["state"].as_str().unwrap())).then_some(runs)
    })
    .await;
    // What was started by a daemon that is no more goes on by itself.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let calls = canary.calls();
    assert!(!calls.keys().any(|key| key.ends_with(".again")), "a key was used twice: {:?}", calls.keys());
    let mut called: BTreeMap<String, u64> = BTreeMap::new();
    for call in calls.values() {
        *called.entry(String::from_utf8(call.arguments[1].clone()).unwrap()).or_default() += 1;
    }
    assert!(called.values().all(|count| *count == 1), "{called:?}");
    let (mut unknown, mut seen) = (BTreeSet::new(), BTreeSet::new());
    for run in &all {
        let (host, state) = (run["target"].as_str().unwrap(), run["state"].as_str().unwrap());
        assert!(seen.insert(host.to_owned()), "one run for each host: {run}");
        match state {
            "succeeded" => assert!(called.contains_key(host), "{run}"),
            "unknown" => _ = unknown.insert(run["id"].as_str().unwrap().to_owned()),
            other => panic!("{other}: {run}"),
        }
    }
    assert_eq!(seen, hosts, "none is forgotten");
    let mut told = BTreeSet::new();
    while !unknown.is_subset(&told) {
        let post = sink.next().await.body;
        if post["alert"]["rule"] == "evenkeel-run-needs-a-person" {
            told.insert(post["alert"]["labels"]["run"].as_str().unwrap().to_owned());
        }
    }
    assert!(told.is_subset(&unknown), "and nothing else");
    println!(
        "{} kills, {} runs, {} calls, {} unknown, all told",
        kills(),
        seen.len(),
        called.len(),
        unknown.len()
    );
    assert!(!unknown.is_empty(), "the kills came in between");
    assert_eq!(daemon.stop().await, Some(0));
}
