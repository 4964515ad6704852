//! The command line by itself: what it prints, where, and the exit code that scripts go by.

use std::net::TcpListener;
use std::path::Path;

use serde_json::Value;

use crate::program::{Daemon, Ran, Scratch, program, ran};

const CONFIG: &str = "apiVersion: evenkeel/v1\nkind: Config\nspec:\n";

fn evenkeel(args: &[&str]) -> Ran {
    ran(program().args(args))
}

/// `shop.yaml` with something changed.
fn shop(from: &str, to: &str) -> String {
    let shop = include_str!("shop.yaml");
    assert!(shop.contains(from), "{from}");
    shop.replace(from, to)
}

#[test]
fn the_demo_shows_crossing_page_budget_and_recovery_in_this_order() {
    let demo = evenkeel(&["demo", "--once"]);
    assert_eq!(demo.code, Some(0), "{}{}", demo.out, demo.err);
    let mut steps = Vec::new();
    let mut before = 0.0;
    for line in demo.out.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let seconds: f64 = words[0].parse().unwrap();
        assert!(before <= seconds && words[1] == "s", "{line}");
        before = seconds;
        steps.push(words[2]);
    }
    let told = ["crossed", "page", "budget", "recovery"];
    steps.retain(|step| told.contains(step));
    assert_eq!(steps, told, "{}", demo.out);
    assert!(demo.out.contains("simulated: "), "history that was put in is said: {}", demo.out);
}

/// Scenario: a folder with one mistake a file, one file that is right, and one that is no YAML.
/// Guarantees: every mistake of every file is told in the same run, with its place.
#[test]
fn check_tells_all_mistakes_of_all_files_in_one_run() {
    let scratch = Scratch::new();
    scratch.write("a-right.yaml", include_str!("shop.yaml"));
    scratch.write("b-twice.yaml", include_str!("shop.yaml"));
    scratch.write("c-garbage.yaml", "spec: [1, 2\n%%%%\n");
    let unresolved = "  alerting:\n    route: {receiver: nobody}\n    receivers: [{name: oncall}]\n";
    scratch.write("d-unresolved.yaml", &format!("{CONFIG}  tenent: us\n{unresolved}"));
    let promised = "name: promised, annotations: {evenkeel.dev/sla: '99.95'}";
    scratch.write("e-sla.yaml", &shop("name: shop-availability", promised));
    let untyped = shop("status == \"error\"", "duration > \"long\"");
    scratch.write("f-untyped.yaml", &untyped.replace("shop-availability", "untyped"));
    std::fs::write(scratch.path("g-binary.yaml"), b"\xff\xfe\x00kind: SLO").unwrap();

    let folder = scratch.folder().to_str().unwrap();
    let check = evenkeel(&["check", folder]);
    assert_eq!((check.code, check.out.as_str()), (Some(78), ""), "{}", check.err);
    let found = findings(&check.err, scratch.folder());
    let expected = [
        ("error", "b-twice.yaml:3:18", "SLO `shop-availability` is declared twice"),
        ("error", "c-garbage.yaml:3:1", "this is not valid YAML"),
        ("error", "d-unresolved.yaml:4:3", "unknown field `tenent`"),
        ("error", "d-unresolved.yaml:6:23", "unknown receiver `nobody`"),
        ("error", "e-sla.yaml:15:49", "the target must be stricter than the SLA"),
        ("error", "f-untyped.yaml:11:98", "`duration` is a duration and does not compare with text"),
        ("error", "g-binary.yaml:1:1", "it is not UTF-8 text"),
    ];
    assert_eq!(found.len(), expected.len(), "{}", check.err);
    for ((level, place, message), expected) in found.iter().zip(expected) {
        assert_eq!((level.as_str(), place.as_str()), (expected.0, expected.1), "{}", check.err);
        assert!(message.contains(expected.2), "{message}");
    }
    assert!(check.err.ends_with("7 errors, 0 warnings\n"), "{}", check.err);
}

/// Level, place and message of each finding; fails where one is not written as the contract says.
fn findings(text: &str, folder: &Path) -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some((level, rest)) = line.split_once('[') else { continue };
        if level != "error" && level != "warning" {
            continue;
        }
        let (code, message) = rest.split_once("]: ").expect(line);
        assert!(code.len() == 5 && code[1..].bytes().all(|byte| byte.is_ascii_digit()), "{line}");
        let place = lines.next().and_then(|next| next.trim_start().strip_prefix("--> ")).expect(line);
        let place = place.strip_prefix(folder.to_str().unwrap()).expect(place).trim_start_matches('/');
        found.push((level.to_owned(), place.to_owned(), message.to_owned()));
    }
    found
}

#[test]
fn check_answers_scripts_in_json() {
    let scratch = Scratch::new();
    let bad = scratch.write("bad.yaml", &format!("{CONFIG}  tenent: us\n  ack: never\n"));
    let bad = bad.to_str().unwrap();
    let check = evenkeel(&["check", bad, "-o", "json"]);
    let answer: Value = serde_json::from_str(&check.out).unwrap();
    let found = answer["findings"].as_array().unwrap();
    let errors: Vec<_> = found.iter().filter(|one| one["level"] == "error").collect();
    assert_eq!((check.code, errors.len()), (Some(78), 2), "{answer}");
    assert_eq!((errors[0]["file"].as_str(), errors[0]["line"].as_u64()), (Some(bad), Some(4)));
    assert_eq!((errors[1]["line"].as_u64(), errors[1]["column"].as_u64()), (Some(5), Some(8)));

    let lines = evenkeel(&["-o", "jsonl", "check", bad]);
    let lines: Vec<Value> = lines.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(&lines, found, "the same findings, one a line");
}

#[test]
fn what_we_ship_is_sound() {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let check = ran(program().args(["check", "--deny-warnings"]).arg(shipped.join("evenkeel.yaml")));
    assert_eq!((check.code, check.err.as_str()), (Some(0), "ok: 2 SLOs, 0 receivers, 0 warnings\n"));
    for folder in [shipped.clone(), shipped.join("slos")] {
        let check = ran(program().arg("check").arg("--deny-warnings").arg(folder));
        assert_eq!(check.code, Some(0), "{}", check.err);
    }
}

#[test]
fn warnings_are_refused_only_where_that_is_asked_for() {
    let scratch = Scratch::new();
    let alerting = "  alerting:\n    route: {receiver: oncall, group_wait: 30s}\n    receivers:\n      \
                    - {name: oncall, email_configs: [{to: k}]}\n";
    let file = scratch.write("later.yaml", &format!("{CONFIG}{alerting}"));
    let file = file.to_str().unwrap();
    let check = evenkeel(&["check", file]);
    assert_eq!(check.code, Some(0), "{}", check.err);
    let found = findings(&check.err, scratch.folder());
    for named in ["`group_wait` is accepted", "`email_configs` is accepted"] {
        let warned = found.iter().any(|(level, _, text)| level == "warning" && text.contains(named));
        assert!(warned, "{named}: {}", check.err);
    }
    for args in [["check", file, "--deny-warnings"], ["check", "--deny-warnings", file]] {
        assert_eq!(evenkeel(&args).code, Some(3));
    }
    let worse = scratch.write("worse.yaml", &format!("{CONFIG}  tenent: us\n"));
    let both = evenkeel(&["check", "--deny-warnings", file, worse.to_str().unwrap()]);
    assert_eq!(both.code, Some(78), "a mistake weighs more than a warning");
}

/// Scenario: the three addresses are taken, by this test.
/// Guarantees: a bad configuration is refused before any of them is tried; a good one tries, and says
/// which address is taken.
#[test]
fn run_opens_nothing_under_a_bad_configuration() {
    let taken: Vec<TcpListener> = (0..3).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let scratch = Scratch::new();
    let good = scratch.write("good.yaml", include_str!("shop.yaml"));
    let bad = scratch.write("bad.yaml", &shop("service: shop", "servise: shop"));
    let run = |file: &Path, output: &str| {
        scratch.write("ready.json", "of a daemon that is no more");
        let mut command = program();
        command
            .args(["run", "-o", output, "-c"])
            .arg(file)
            .arg("--ready-file")
            .arg(scratch.path("ready.json"));
        command.arg("--data-dir").arg(scratch.path("data"));
        for (listener, holder) in ["OTLP_GRPC", "OTLP_HTTP", "HTTP"].iter().zip(&taken) {
            command.env(format!("EVENKEEL_LISTEN__{listener}"), holder.local_addr().unwrap().to_string());
        }
        ran(&mut command)
    };
    let refused = run(&bad, "human");
    assert_eq!(refused.code, Some(78), "{}", refused.err);
    assert!(refused.err.starts_with("error[") && refused.err.contains("servise"), "{}", refused.err);
    assert!(!refused.err.contains("listen on"), "{}", refused.err);

    let tried = run(&good, "human");
    assert_eq!(tried.code, Some(69), "{}", tried.err);
    let address = taken[0].local_addr().unwrap();
    assert!(tried.err.contains(&format!("listen on {address} for otlp_grpc")), "{}", tried.err);
    assert!(!scratch.path("ready.json").exists(), "never ready");

    for (file, code) in [(&bad, 78), (&good, 69)] {
        let told = run(file, "json");
        assert_eq!(told.code, Some(code));
        for line in told.err.lines() {
            assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "{line}");
        }
    }
}

#[tokio::test]
async fn without_a_file_it_listens_and_says_what_to_do_next() {
    let daemon = Daemon::start("").await;
    let said = daemon.said();
    let exports: Vec<&str> =
        said.lines().map(str::trim).filter(|line| line.starts_with("export OTEL_")).collect();
    let endpoint = format!("export OTEL_EXPORTER_OTLP_ENDPOINT=http://{}", daemon.address("otlp_http"));
    assert_eq!(exports.len(), 3, "{said}");
    assert_eq!(exports[0], endpoint);
    assert_eq!(exports[1], "export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf");
    assert!(exports[2].starts_with("export OTEL_SERVICE_NAME="), "{said}");
    for path in ["/livez", "/readyz"] {
        assert_eq!(daemon.status(path).await, (200, "ok\n".to_owned()), "{path}");
    }
    assert_eq!(daemon.stop().await, Some(0));
}

#[test]
fn usage_mistakes_end_with_2_and_say_why() {
    for (args, why) in [
        (&["slo"][..], "list"),
        (&["launch"], "unrecognized subcommand"),
        (&["check"], "nothing to check"),
        (&["slo", "show"], "<NAME>"),
        (&["-o", "xml", "version"], "invalid value 'xml'"),
        (&["tap", "--count", "many"], "invalid value 'many'"),
        (&["send", "--errors", "150%"], "invalid value '150%'"),
        (&["send", "--rate", "fast"], "invalid value 'fast'"),
        (&["send", "--endpoint", "ftp://127.0.0.1:1", "--for", "10ms"], "http://"),
        (&["run", "--loudly"], "unexpected argument '--loudly'"),
    ] {
        let mistake = evenkeel(args);
        assert_eq!(mistake.code, Some(2), "{args:?}: {}", mistake.err);
        assert!(mistake.err.contains(why) && mistake.out.is_empty(), "{args:?}: {}", mistake.err);
    }
    let nothing = evenkeel(&[]);
    assert_eq!(nothing.code, Some(2));
    assert!(format!("{}{}", nothing.out, nothing.err).contains("Usage: evenkeel"), "{}", nothing.out);
}

#[test]
fn flags_stand_before_or_after_the_verb() {
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(evenkeel(&["version"]).out, format!("evenkeel {version}\n"));
    for args in [["-o", "json", "version"], ["version", "-o", "json"], ["version", "--output", "jsonl"]] {
        let said = evenkeel(&args);
        let answer: Value = serde_json::from_str(&said.out).unwrap();
        assert_eq!((said.code, answer["version"].as_str()), (Some(0), Some(version)), "{args:?}");
    }
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/shop.yaml");
    for args in [["-c", file, "check"], ["check", "-c", file]] {
        assert_eq!(evenkeel(&args).code, Some(0), "{args:?}");
    }
}

#[test]
fn completions_and_manual_pages_know_every_verb() {
    for shell in ["bash", "zsh", "fish"] {
        let script = ran(program().args(["completions", shell]));
        assert_eq!(script.code, Some(0), "{shell}");
        assert!(
            ["demo", "check", "send", "deny-warnings"].iter().all(|word| script.out.contains(word)),
            "{shell}"
        );
    }
    let page = ran(program().arg("man"));
    assert!(page.out.contains(".TH evenkeel 1") && page.out.contains("evenkeel\\-check(1)"), "{}", page.out);
    let verb = ran(program().args(["man", "send"]));
    assert!(verb.out.contains("rate"), "{}", verb.out);
    assert_eq!(ran(program().args(["man", "sing"])).code, Some(2));
}
