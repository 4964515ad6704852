//! Another configuration while it runs: what is kept, what is told, and that a mistake changes nothing.

use serde_json::{Value, json};

use crate::events::log;
use crate::program::{Daemon, Ran, Scratch, assert_books_balance, program, ran, until};
use crate::sink::{Sink, send_outage};

const SHOP: &str = include_str!("shop.yaml");

/// A daemon with these documents, and the file they are in.
async fn start(documents: &str) -> (Daemon, std::path::PathBuf) {
    let scratch = Scratch::new();
    let file = scratch.write("evenkeel.yaml", documents);
    let daemon = Daemon::start_with(scratch, ["run".as_ref(), "-c".as_ref(), file.as_os_str()]).await;
    (daemon, file)
}

fn reload(daemon: &Daemon, args: &[&str]) -> Ran {
    ran(program().arg("reload").args(args).env("EVENKEEL_URL", daemon.url("")))
}

fn config(sink: &Sink, rules: &str) -> String {
    format!(
        "{SHOP}---\napiVersion: evenkeel/v1\nkind: Config\nspec:\n  classify: [{rules}]\n  alerting:\n    \
         route: {{receiver: oncall}}\n    receivers: [{{name: oncall, webhook_configs: [{{url: '{}', format: evenkeel}}]}}]\n",
        sink.url
    )
}

const RULE: &str = "{name: odd, when: 'log && severity == 9', category: warning}";

/// Scenario: an outage has been paged; the target, then a rule is changed, then the service level taken away.
/// Guarantees: nobody is paged again, counts go on, the answer is the difference, what is gone resolves.
#[tokio::test]
async fn a_reload_keeps_what_did_not_change_and_pages_nobody_again() {
    let mut sink = Sink::start().await;
    let (daemon, file) = start(&config(&sink, RULE)).await;
    send_outage(&daemon).await;
    log(&daemon, &[(5, "a", 9, "one")]).await;
    let page = sink.next().await.body;
    assert_eq!(page["transition"], "trigger");
    assert_eq!(reload(&daemon, &["--wait"]).out, "nothing differs\n");

    let before = daemon.counts().await;
    let stricter = config(&sink, RULE).replace("target: 0.999}", "target: 0.9995}");
    std::fs::write(&file, &stricter).unwrap();
    let told = reload(&daemon, &[]);
    assert_eq!((told.code, told.out.as_str()), (Some(0), "SLO shop-availability: changed\n"), "{}", told.err);
    let other_rules = "{name: new, when: 'log && severity == 1', category: warning}, ".to_owned() + RULE;
    std::fs::write(&file, stricter.replace(RULE, &other_rules)).unwrap();
    assert_eq!(reload(&daemon, &[]).out, "classify rule new: added\n");
    log(&daemon, &[(4, "a", 9, "two")]).await;

    let counts = daemon.counts().await;
    assert_books_balance(&counts);
    assert_eq!(counts["slos"], before["slos"]);
    let hits: Vec<String> = counts["rules"]["classify"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| format!("{} {}", one["name"].as_str().unwrap(), one["hits"]))
        .collect();
    assert_eq!(hits[..2], ["new 0", "odd 2"]);
    let slo = daemon.get("/api/v1/slos/shop-availability").await;
    assert_eq!(slo["objectives"][0]["target"], "0.9995");
    assert!(sink.is_quiet(), "nobody is told twice");

    let without = config(&sink, RULE);
    let (_, without) = without.split_once("---\n").unwrap();
    std::fs::write(&file, without).unwrap();
    let answer: Value = serde_json::from_str(&reload(&daemon, &["-o", "json"]).out).unwrap();
    assert_eq!(answer["changes"], json!(["classify rule new: removed", "SLO shop-availability: removed"]));
    let resolve = sink.next().await.body;
    assert_eq!((&resolve["transition"], &resolve["dedup_key"]), (&json!("resolve"), &page["dedup_key"]));
    assert!(resolve["explain"]["text"].as_str().unwrap().contains("it was taken away"), "{resolve}");
}

/// Guarantees: a mistake anywhere changes nothing and is told with its place, by the command and by SIGHUP.
#[tokio::test]
async fn a_mistake_changes_nothing_and_is_told_with_its_place() {
    let sink = Sink::start().await;
    let (daemon, file) = start(&config(&sink, RULE)).await;
    let rules = daemon.get("/api/v1/rules").await;
    let broken =
        config(&sink, "{name: odd, when: 'log &&', category: warning}").replace("target: 0.999", "target: 2");
    std::fs::write(&file, broken).unwrap();
    let told = reload(&daemon, &[]);
    assert_eq!((told.code, told.out.as_str()), (Some(78), ""));
    for words in [
        "nothing was changed",
        "evenkeel.yaml:15:49: E0307",
        "evenkeel.yaml:20:39: E0301",
        "a value is missing at the end",
    ] {
        assert!(told.err.contains(words), "{words}: {}", told.err);
    }
    assert_eq!(daemon.get("/api/v1/rules").await, rules);
    let metric = || async { daemon.text("/metrics").await };
    assert!(metric().await.contains("\nevenkeel_config_last_reload_successful 0\n"));

    std::fs::write(&file, config(&sink, "")).unwrap();
    let status = std::process::Command::new("kill").args(["-HUP", &daemon.pid().to_string()]).status();
    assert!(status.unwrap().success());
    let reloaded =
        || async { metric().await.contains("\nevenkeel_config_last_reload_successful 1\n").then_some(()) };
    until("the reload is in effect", reloaded).await;
    let names = daemon.get("/api/v1/rules").await.to_string();
    assert!(!names.contains("\"odd\""), "{names}");
}

/// Scenario: requests go on while the configuration changes back and forth.
/// Guarantees: each is answered with 200 and counted once.
#[tokio::test]
async fn no_request_is_lost_or_counted_twice_while_the_configuration_changes() {
    let sink = Sink::start().await;
    let (daemon, file) = start(&config(&sink, RULE)).await;
    let sending = async {
        for number in 0..300 {
            log(&daemon, &[(5, "a", 9, &format!("text {number}"))]).await;
        }
    };
    let changing = async {
        for turn in 0..20 {
            let rules = if turn % 2 == 0 { "" } else { RULE };
            std::fs::write(&file, config(&sink, rules)).unwrap();
            let client = evenkeel::respond::client().unwrap();
            let answer = client.post(daemon.url("/api/v1/reload")).send().await.unwrap();
            assert_eq!(answer.status().as_u16(), 200);
        }
    };
    tokio::join!(sending, changing);
    let counts = daemon.counts().await;
    assert_books_balance(&counts);
    assert_eq!(
        (&counts["items"]["logs"]["accepted"], &counts["items"]["logs"]["duplicate"]),
        (&json!(300), &json!(0))
    );
    assert_eq!(counts["events"]["received"], 300);
}

/// Guarantees: each setting that differs is told by its key, with what is for the next start, until nothing does.
#[tokio::test]
async fn settings_that_differ_are_told_by_their_keys() {
    let sink = Sink::start().await;
    let before = config(&sink, RULE);
    let (daemon, file) = start(&before).await;
    let settings = "spec:\n  external_url: https://evenkeel.example\n  dedup: items\n  classify";
    let after = before.replace("spec:\n  classify", settings);
    std::fs::write(&file, &after).unwrap();
    let told = reload(&daemon, &[]);
    assert_eq!(told.out, "dedup: not set -> items\nexternal_url: not set -> https://evenkeel.example\n");
    assert_eq!(reload(&daemon, &[]).out, "nothing differs\n");
    std::fs::write(&file, after.replace("  dedup: items", "  ack: memory")).unwrap();
    let told = reload(&daemon, &[]);
    assert_eq!(told.out, "dedup: items -> not set\nack differs and is in effect from the next start\n");
}
