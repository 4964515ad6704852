//! Texts of events that would like to be more than text.

use std::process::{Command, Stdio};

use serde_json::Value;

use super::canary::Canary;
use super::{RULE, all_ended, in_trouble};
use crate::peer;
use crate::program::{Daemon, until};
use crate::sink::Sink;

/// Each would leave a file named `pwned` where it reached a shell.
fn texts(folder: &str) -> Vec<String> {
    let touch = format!("touch {folder}/pwned");
    let mut all: Vec<String> = [
        "; TOUCH",
        "| TOUCH",
        "& TOUCH",
        "&& TOUCH",
        "|| TOUCH",
        "`TOUCH`",
        "$(TOUCH)",
        "${IFS}TOUCH",
        "$(TOUCH)$(TOUCH)",
        "a\nTOUCH",
        "a\r\nTOUCH",
        "a\0TOUCH",
        "' ; TOUCH ; '",
        "\" ; TOUCH ; \"",
        "\\\"; TOUCH; \\\"",
        "> FOLDER/pwned",
        ">> FOLDER/pwned",
        "< /etc/passwd",
        "-oProxyCommand=TOUCH",
        "--config=FOLDER/pwned",
        "-e TOUCH",
        "\u{2010}rf",
        "\u{2212}rf",
        "--",
        "-",
        "../../../../bin/sh",
        "/bin/sh -c 'TOUCH'",
        "{{ host }}",
        "{{ run_id }}",
        "{{ `TOUCH` }}",
        "%s%s%s%n",
        "*",
        "~root",
        "a\tb",
        "\u{1b}[31mred",
        "\u{202e}evil",
        "$HOME",
        "!TOUCH",
        "#!/bin/sh",
        "é\u{301}\u{1f525}",
    ]
    .iter()
    .map(|text| text.replace("TOUCH", &touch).replace("FOLDER", folder))
    .collect();
    assert_eq!(all.len(), 40);
    all.push("x".repeat(1 << 20));
    all
}

/// Scenario: forty hostile texts, and one of a megabyte, as the service's name, as a label and in what a person reads, each
/// an alert that starts a program; the kernel's own account of what was executed.
/// Guarantees: each is an argument byte for byte as the alert has it, or the run is refused; one process a run, and none
/// that was not asked for.
#[tokio::test]
async fn forty_hostile_texts_stay_arguments_or_are_refused() {
    let Some(strace) = peer("strace") else { return };
    let (sink, canary) = (Sink::start().await, Canary::new());
    let more = "  triggers: [{match: ['rule=\"in-trouble\"']}]\n  params:\n    host: {from: label.host_name, pattern: '(?s).{1,256}'}\n    service: {from: service, pattern: '(?s).{1,256}'}\n  target: host\n";
    let documents = RULE.replace("RECEIVER", &sink.url).replace("CANARY", canary.program().to_str().unwrap())
        + &canary.runbook("restart", ", '{{ host }}', 'of={{ service }}', '{{ host }}'", "exit 0", more);
    let daemon = Daemon::start(&documents).await;
    let trace = canary.program().with_file_name("execve");
    let mut watching = Command::new(strace)
        .args(["-f", "-q", "-e", "trace=execve,execveat", "-o"])
        .arg(&trace)
        .args(["-p", &daemon.pid().to_string()])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let is_watched = || async {
        let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
        (!status.contains("TracerPid:\t0\n")).then_some(())
    };
    until("strace is there", is_watched).await;
    let folder = canary.calls_folder();
    let all = texts(folder.parent().unwrap().to_str().unwrap());
    let of: Vec<(String, String)> = all.iter().map(|text| (text.clone(), text.clone())).collect();
    assert_eq!(daemon.export("traces", "application/json", in_trouble(&of)).await.0, 200);
    let runs = all_ended(&daemon, all.len()).await;
    assert_eq!(runs.len(), all.len(), "none is forgotten");
    let calls = canary.calls();
    let mut begun = 0;
    for run in &runs {
        let (id, state) = (run["id"].as_str().unwrap(), run["state"].as_str().unwrap());
        let alert = daemon.get(&format!("/api/v1/alerts/{}", run["alert"].as_str().unwrap())).await;
        let host = alert["labels"]["host_name"].as_str().unwrap_or_default();
        match state {
            "succeeded" => {
                begun += 1;
                let call = &calls[&format!("{id}-1-1")];
                let of = format!("of={}", alert["service"].as_str().unwrap());
                assert_eq!(call.arguments[1..], [host.as_bytes(), of.as_bytes(), host.as_bytes()], "{run}");
                assert!(all.iter().any(|text| text == host), "as it was typed: {host:?}");
                let input: Value = serde_json::from_slice(&call.input).unwrap();
                assert_eq!(input["alert"]["labels"]["host_name"], host);
            }
            "refused" => assert!(!calls.contains_key(&format!("{id}-1-1")), "{run}"),
            other => panic!("{other}: {run}"),
        }
    }
    assert!(begun >= 20, "{begun} of {} were arguments", all.len());
    assert_eq!(calls.len(), begun);
    assert!(!folder.parent().unwrap().join("pwned").exists());
    assert_eq!(daemon.stop().await, Some(0));
    watching.wait().unwrap();
    let traced = std::fs::read_to_string(&trace).unwrap();
    let executed = traced.lines().filter(|line| line.contains("execve") && line.contains(" = 0")).count();
    assert_eq!(executed, begun, "{traced}");
}
