//! `doctor` on this machine: what is well, what would keep a daemon from its work, and nobody paged.

use serde_json::Value;

use crate::program::{Daemon, Ran, Scratch, program, ran};
use crate::sink::Sink;

fn config(http: &str, url: &str) -> String {
    format!(
        "apiVersion: evenkeel/v1\nkind: Config\nspec:\n  listen: {{otlp_grpc: '127.0.0.1:0', otlp_http: '127.0.0.1:0', http: '{http}'}}\n  \
         alerting:\n    route: {{receiver: oncall}}\n    receivers:\n      - {{name: oncall, webhook_configs: [{{url: '{url}'}}]}}\n"
    )
}

async fn doctor(scratch: &Scratch, args: &[&str]) -> Ran {
    let mut command = program();
    command.arg("doctor").args(args).env("EVENKEEL_DATA_DIR", scratch.path("data"));
    tokio::task::spawn_blocking(move || ran(&mut command)).await.unwrap()
}

fn verdict(answer: &Value, check: &str) -> String {
    let checks = answer["checks"].as_array().unwrap();
    let one = checks.iter().find(|one| one["check"] == check);
    one.unwrap_or_else(|| panic!("{check}: {answer}"))["verdict"].as_str().unwrap().to_owned()
}

/// A port where nobody listens.
fn free() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[tokio::test]
async fn what_is_well_is_said_and_a_receiver_hears_nothing_of_it() {
    let (mut sink, scratch) = (Sink::start().await, Scratch::new());
    let file = scratch.write("evenkeel.yaml", &config("127.0.0.1:0", &format!("{}/secret", sink.url)));
    let nobody = format!("http://127.0.0.1:{}", free());
    let told = doctor(&scratch, &["-c", file.to_str().unwrap(), "--url", &nobody, "-o", "json"]).await;
    assert_eq!(told.code, Some(0), "{}{}", told.out, told.err);
    let answer: Value = serde_json::from_str(&told.out).unwrap();
    for check in ["configuration", "listen.otlp_grpc", "listen.otlp_http", "listen.http", "clock", "data_dir"]
    {
        assert_ne!(verdict(&answer, check), "fail", "{answer}");
    }
    assert_eq!(verdict(&answer, "daemon"), "warn");
    assert_eq!(verdict(&answer, "receiver oncall"), "ok");
    assert!(!told.out.contains("secret"), "{}", told.out);
    assert!(sink.is_quiet());
    assert!(!scratch.path("data").exists(), "nothing is made");
}

#[tokio::test]
async fn each_fault_is_told_with_what_to_do_and_ends_with_1() {
    let scratch = Scratch::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = (taken.local_addr().unwrap(), taken);
    let url = format!("http://127.0.0.1:{}/hook", free());
    let file = scratch.write("evenkeel.yaml", &config(&taken.0.to_string(), &url));
    let nobody = format!("http://127.0.0.1:{}", free());
    let told = doctor(&scratch, &["-c", file.to_str().unwrap(), "--url", &nobody]).await;
    assert_eq!(told.code, Some(1), "{}{}", told.out, told.err);
    for words in
        ["is taken by another program", "ss -ltnp", "fail  receiver oncall", "ok    listen.otlp_grpc"]
    {
        assert!(told.out.contains(words), "{words}: {}", told.out);
    }
    let broken = scratch.write("broken.yaml", "apiVersion: evenkeel/v1\nkind: Config\nspec: {lisen: 1}\n");
    let told = doctor(&scratch, &["-c", broken.to_str().unwrap(), "--url", &nobody]).await;
    assert_eq!(told.code, Some(1));
    assert!(told.out.contains("broken.yaml:3:8: unknown field `lisen`"), "{}", told.out);
}

#[tokio::test]
async fn what_a_runbook_lacks_on_this_machine_is_told_before_the_incident() {
    let scratch = Scratch::new();
    let text = "apiVersion: evenkeel/v1\nkind: Config\nspec:\n  listen: {otlp_grpc: '127.0.0.1:0', otlp_http: '127.0.0.1:0', http: '127.0.0.1:0'}\n  \
                runbooks: {commands: [/bin/]}\n---\napiVersion: evenkeel/v1\nkind: Runbook\nmetadata: {name: restart}\n\
                spec: {steps: [{name: a, command: {argv: [/bin/true]}}, {name: b, command: {argv: [/bin/not-there], user: nobody-here}}]}\n";
    let file = scratch.write("evenkeel.yaml", text);
    let nobody = format!("http://127.0.0.1:{}", free());
    let told = doctor(&scratch, &["-c", file.to_str().unwrap(), "--url", &nobody]).await;
    assert_eq!(told.code, Some(1), "{}{}", told.out, told.err);
    for words in
        ["1 runbook\n", "step `b`: `/bin/not-there` is not there", "step `b`: its user `nobody-here` is not"]
    {
        assert!(told.out.contains(words), "{words}: {}", told.out);
    }
    assert!(!told.out.contains("step `a`"), "{}", told.out);
}

#[tokio::test]
async fn quick_asks_the_daemon_alone() {
    let (daemon, scratch) = (Daemon::start("").await, Scratch::new());
    let url = format!("http://{}", daemon.address("http"));
    let told = doctor(&scratch, &["--quick", "--url", &url]).await;
    assert_eq!((told.code, told.out.lines().count()), (Some(0), 1), "{}{}", told.out, told.err);
    drop(daemon);
    let told = doctor(&scratch, &["--quick", "--url", &url]).await;
    assert_eq!(told.code, Some(1));
    assert!(told.out.contains("none answers"), "{}", told.out);
}
