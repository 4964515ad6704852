//! A page, its runbook, and what the alert, the record and the commands say of it.

use serde_json::{Value, json};

use super::canary::Canary;
use super::{RULE, all_ended, in_trouble};
use crate::program::{Daemon, Scratch, program, ran, until};
use crate::sink::Sink;

/// Scenario: a host in trouble opens an alert that starts a runbook; a person runs it dry, and again.
/// Guarantees: one call with the typed argument, nothing else in its environment, what happened on its standard input; the
/// page names the run; the commands show it; a dry run shows the same call and makes none.
#[tokio::test]
async fn a_page_starts_a_program_once_and_everything_says_so() {
    let (mut sink, canary) = (Sink::start().await, Canary::new());
    let more = "  triggers: [{match: ['rule=\"in-trouble\"']}]\n  params: {host: {from: label.host_name, pattern: '[a-z0-9-]{1,40}'}}\n  target: host\n";
    let documents = RULE.replace("RECEIVER", &sink.url).replace("CANARY", canary.program().to_str().unwrap())
        + &canary.runbook("restart", ", '--host={{ host }}'", "exit 0", more);
    let daemon = Daemon::start(&documents).await;
    let body = in_trouble(&[("shop".to_owned(), "web-1".to_owned())]);
    assert_eq!(daemon.export("traces", "application/json", body).await.0, 200);
    let page = sink.next().await.body;
    let runs = all_ended(&daemon, 1).await;
    let run = &runs[0];
    assert_eq!((&run["state"], &run["target"]), (&json!("succeeded"), &json!("web-1")));
    let id = run["id"].as_str().unwrap();
    assert_eq!(daemon.get(&format!("/api/v1/runs/{id}")).await["steps"][0]["output"], "sang\n");
    let said = page["explain"]["text"].as_str().unwrap();
    assert!(said.contains(&format!("Next: restart on web-1 runs ({id}).")), "{page}");

    let calls = canary.calls();
    assert_eq!(calls.keys().collect::<Vec<_>>(), [&format!("{id}-1-1")]);
    let call = calls.values().next().unwrap();
    assert_eq!(call.arguments, [canary.program().to_str().unwrap().as_bytes(), b"--host=web-1"]);
    let names = call.environment.iter().map(|one| one.split(|byte| *byte == b'=').next().unwrap());
    let mut names: Vec<&[u8]> = names.collect();
    names.sort_unstable();
    assert_eq!(names, [&b"CANARY"[..], b"CANARY_FOLDER", b"EVENKEEL_RUN"]);
    let input: Value = serde_json::from_slice(&call.input).unwrap();
    assert_eq!((&input["run"], &input["parameters"]["host"]), (&json!(id), &json!("web-1")));
    assert_eq!(input["alert"]["dedup_key"], page["dedup_key"]);

    let ask = |args: &[&str]| ran(program().args(args).env("EVENKEEL_URL", daemon.url("")));
    let alert = page["alert"]["id"].as_str().unwrap();
    for (args, expected) in [
        (&["runbook", "list"][..], "1 run, 1 in 7 days, 0 refused"),
        (&["runbook", "runs"], "restart on web-1: succeeded"),
        (&["runbook", "runs", "--runbook", "restart", "--state", "succeeded"], id),
        (&["runbook", "runs", "--state", "failed"], "no runs"),
        (&["runbook", "show", id], "      sang"),
        (&["runbook", "show", "restart"], "sing (command)"),
        (&["alert", "show", alert], "restart on web-1: succeeded"),
        (&["explain", "alert", alert], "ran"),
        (&["runbook", "run", "restart", "--alert", alert, "--dry-run"], "argv[1]  \"--host=web-1\""),
    ] {
        let said = ask(args);
        assert_eq!(said.code, Some(0), "{args:?}: {}", said.err);
        assert!(said.out.contains(expected), "{args:?}: {}", said.out);
    }
    assert_eq!(canary.calls().len(), 1, "a dry run calls nothing");
    let run = ask(&["runbook", "run", "restart", "--param", "host=web-2"]);
    assert_eq!(run.code, Some(0), "{}", run.err);
    let refused = ask(&["runbook", "run", "restart", "--param", "host=-rf"]);
    assert!(refused.code == Some(1) && refused.err.contains("`host` begins with a dash"), "{}", refused.err);
    all_ended(&daemon, 2).await;
    runs_are_chosen_among(&daemon).await;
    assert_eq!(canary.calls().len(), 2);
    let metrics = daemon.text("/metrics").await;
    assert!(
        metrics.contains("evenkeel_runbook_runs_total{runbook=\"restart\",outcome=\"succeeded\"} 2\n"),
        "{metrics}"
    );
    let facts = daemon.get("/api/v1/facts?limit=200").await;
    let names: Vec<&str> =
        facts["facts"].as_array().unwrap().iter().filter_map(|one| one["fact"].as_str()).collect();
    for name in ["run.proposed", "run.step_began", "run.step_ended", "run.ended"] {
        assert!(names.contains(&name), "{name}: {names:?}");
    }
    assert_eq!(daemon.stop().await, Some(0));
}

/// Guarantees: a program that fails, is missing or hangs is a run that says so, and a person is told.
#[tokio::test]
async fn a_program_that_fails_is_told_to_a_person() {
    let (mut sink, canary) = (Sink::start().await, Canary::new());
    let gone = canary.program().with_file_name("gone");
    std::fs::copy(canary.program(), &gone).unwrap();
    let more = "  triggers: [{}]\n  params: {host: {from: label.host_name, pattern: '[a-z0-9-]{1,40}'}}\n";
    let allowed = format!("{}', '{}", canary.program().display(), gone.display());
    let missing = canary
        .runbook("missing", "", "exit 0", more)
        .replace(&format!("['{}'", canary.program().display()), &format!("['{}'", gone.display()));
    let slow = canary.runbook("slow", "", "sleep 60000", more) + "      timeout: 1s\n";
    let documents = RULE.replace("RECEIVER", &sink.url).replace("CANARY", &allowed)
        + &canary.runbook("failing", "", "exit 3", more)
        + &missing
        + &slow;
    let daemon = Daemon::start(&documents).await;
    std::fs::remove_file(&gone).unwrap();
    let body = in_trouble(&[("shop".to_owned(), "web-1".to_owned())]);
    assert_eq!(daemon.export("traces", "application/json", body).await.0, 200);
    let mut ended: Vec<String> =
        all_ended(&daemon, 3).await.iter().map(|run| run["text"].as_str().unwrap().to_owned()).collect();
    ended.sort();
    assert!(ended[0].starts_with("failing on shop: failed (sing: ended with code 3"), "{ended:?}");
    assert!(
        ended[1].starts_with("missing on shop: failed (sing: ") && ended[1].contains("gone"),
        "{ended:?}"
    );
    assert!(ended[2].starts_with("slow on shop: timed out ("), "{ended:?}");
    let mut told = Vec::new();
    while told.len() < 3 {
        let post = sink.next().await.body;
        if post["alert"]["rule"] == "evenkeel-run-needs-a-person" {
            told.push(post["alert"]["labels"]["runbook"].as_str().unwrap().to_owned());
        }
    }
    told.sort();
    assert_eq!(told, ["failing", "missing", "slow"]);
    assert_eq!(daemon.stop().await, Some(0));
}

/// Scenario: the daemon is told to stop while the first of two steps is under way, and is started again.
/// Guarantees: the step may end, the next one is put off and done after the start, and nobody is told of anything.
#[tokio::test]
async fn a_run_goes_on_after_a_stop_in_its_midst() {
    let (mut sink, canary, scratch) = (Sink::start().await, Canary::new(), Scratch::new());
    let more = "  triggers: [{}]\n  params: {host: {from: label.host_name, pattern: '[a-z0-9-]{1,40}'}}\n";
    let runbook = canary.runbook("restart", "", "sleep 700", more);
    let step = runbook.split("  steps:\n").nth(1).unwrap().replace("name: sing", "name: again");
    let documents = RULE.replace("RECEIVER", &sink.url).replace("CANARY", canary.program().to_str().unwrap())
        + &runbook
        + &step;
    let daemon = Daemon::start_on(&scratch, &documents).await;
    let body = in_trouble(&[("shop".to_owned(), "web-1".to_owned())]);
    assert_eq!(daemon.export("traces", "application/json", body).await.0, 200);
    until("the first step is called", || async { (canary.calls().len() == 1).then_some(()) }).await;
    assert_eq!(daemon.stop().await, Some(0));
    let daemon = Daemon::start_on(&scratch, &documents).await;
    let run = all_ended(&daemon, 1).await.remove(0);
    assert_eq!(run["state"], "succeeded", "{run}");
    assert_eq!((run["steps"].as_array().unwrap().len(), canary.calls().len()), (2, 2));
    let told = sink.heard();
    assert!(told.iter().all(|post| post.body["alert"]["rule"] == "in-trouble"));
    assert_eq!(daemon.stop().await, Some(0));
}

/// Of two runs and one that was refused.
async fn runs_are_chosen_among(daemon: &Daemon) {
    let ask = |args: &[&str]| ran(program().args(args).env("EVENKEEL_URL", daemon.url("")));
    for (args, said) in [
        (
            &["runbook", "run", "restart", "--param", "host=a", "--param", "host=b"][..],
            "`--param host=…` stands there twice",
        ),
        (&["runbook", "runs", "--state", "over"], "waits_for_approval"),
    ] {
        let refused = ask(args);
        assert!(refused.code == Some(2) && refused.err.contains(said), "{args:?}: {}", refused.err);
    }
    let short = ask(&["runbook", "runs", "--limit", "1"]);
    assert!(short.out.contains("and 1 more") || short.out.contains("and 2 more"), "{}", short.out);
    let unknown = reqwest::get(daemon.url("/api/v1/runs?state=over")).await.unwrap();
    assert_eq!(unknown.status(), 400);
}
