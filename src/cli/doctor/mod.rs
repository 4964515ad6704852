//! `doctor`: what would keep the daemon from its work on this machine, before it does. Pages nobody: a receiver is
//! connected to, and nothing is sent.

mod machine;
mod network;

use std::borrow::Cow;

use serde::Serialize;

use super::Exit;
use super::args::{DoctorArgs, Global, Output};
use super::count::counted;
use super::world::Machine;
use crate::config::{Config, Level, Loaded, load};
use crate::kafka::doctor as kafka;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    Warn,
    Fail,
}

/// One line of the answer.
#[derive(Debug, Serialize)]
struct Check {
    check: String,
    verdict: Verdict,
    detail: String,
    /// What to do; empty where there is nothing to do.
    #[serde(skip_serializing_if = "str::is_empty")]
    hint: Cow<'static, str>,
}

impl Check {
    fn ok(check: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { check: check.into(), verdict: Verdict::Ok, detail: detail.into(), hint: Cow::Borrowed("") }
    }

    fn warn(check: impl Into<String>, detail: impl Into<String>, hint: &'static str) -> Self {
        Self { check: check.into(), verdict: Verdict::Warn, detail: detail.into(), hint: hint.into() }
    }

    fn fail(check: impl Into<String>, detail: impl Into<String>, hint: &'static str) -> Self {
        Self { check: check.into(), verdict: Verdict::Fail, detail: detail.into(), hint: hint.into() }
    }
}

pub(super) async fn doctor(global: &Global, args: &DoctorArgs) -> Exit {
    let mut checks = Vec::new();
    if args.quick {
        checks.push(network::daemon(global, None).await.0.into_needed());
    } else {
        let mut loaded = load(&global.config, &Machine);
        if let (Some(config), Some(data_dir)) = (&mut loaded.config, &args.data_dir) {
            config.data_dir.clone_from(data_dir);
        }
        let (running, runs) = network::daemon(global, loaded.config.as_ref()).await;
        checks.push(configuration(&loaded));
        checks.push(running);
        if let Some(config) = &loaded.config {
            if args.what.is_none() {
                all(config, runs, &mut checks).await;
            }
            of_kafka(config, args.what.is_some(), &mut checks).await;
        }
    }
    tell(global, &checks);
    match checks.iter().any(|check| check.verdict == Verdict::Fail) {
        true => Exit::No,
        false => Exit::Done,
    }
}

async fn all(config: &Config, runs: bool, checks: &mut Vec<Check>) {
    let listen = &config.listen;
    for (name, address) in
        [("otlp_grpc", &listen.otlp_grpc), ("otlp_http", &listen.otlp_http), ("http", &listen.http)]
    {
        checks.push(network::listener(name, address, runs));
    }
    checks.extend(network::links(config));
    checks.push(machine::clock());
    checks.push(machine::open_files(config.entrance.limits.connections));
    checks.push(machine::folder(&config.data_dir));
    checks.extend(machine::runbooks(&config.plan));
    for receiver in &config.receivers {
        checks.extend(network::receiver(receiver).await);
    }
    if let Some(heartbeat) = &config.heartbeat {
        checks.push(network::reachable("heartbeat", heartbeat.url.reveal()).await);
    }
    if let Some(export) = &config.export {
        checks.push(network::reachable("telemetry.otlp", &export.endpoint).await);
    }
}

async fn of_kafka(config: &Config, asked_for: bool, checks: &mut Vec<Check>) {
    let Some(settings) = &config.kafka else {
        if asked_for {
            let hint = "add `kafka` to a document of kind Config";
            checks.push(Check::fail("kafka", "the configuration has none", hint));
        }
        return;
    };
    checks.extend(kafka::examine(settings).await.into_iter().map(|found| Check {
        check: found.check,
        verdict: match found.verdict {
            kafka::Verdict::Ok => Verdict::Ok,
            kafka::Verdict::Warn => Verdict::Warn,
            kafka::Verdict::Fail => Verdict::Fail,
        },
        detail: found.detail,
        hint: found.hint.into(),
    }));
}

fn configuration(loaded: &Loaded) -> Check {
    let of = |level: Level| loaded.findings.iter().filter(|one| one.level == level).count();
    let (errors, warnings) = (of(Level::Error), of(Level::Warning));
    let Some(config) = &loaded.config else {
        let first = loaded.findings.iter().find(|one| one.level == Level::Error);
        let first = first.map_or(String::new(), |one| {
            format!("; the first: {}:{}:{}: {}", one.file, one.line, one.column, one.message)
        });
        return Check::fail(
            "configuration",
            format!("{}{first}", counted(errors, "error")),
            "`evenkeel check` tells all of them",
        );
    };
    let plan = &config.plan;
    let held = [
        counted(plan.slos.len(), "SLO"),
        counted(config.receivers.len(), "receiver"),
        counted(plan.runbooks.len(), "runbook"),
    ]
    .join(", ");
    match warnings {
        0 => Check::ok("configuration", held),
        _ => Check::warn(
            "configuration",
            format!("{held}, {}", counted(warnings, "warning")),
            "`evenkeel check` tells them",
        ),
    }
}

fn tell(global: &Global, checks: &[Check]) {
    match global.output {
        Output::Human => {
            let paint = global.color.paint();
            for check in checks {
                let (word, word_padded) = match check.verdict {
                    Verdict::Ok => (Verdict::Ok, "ok  "),
                    Verdict::Warn => (Verdict::Warn, "warn"),
                    Verdict::Fail => (Verdict::Fail, "fail"),
                };
                if global.quiet && word == Verdict::Ok {
                    continue;
                }
                println!("{}  {:<18}  {}", paint.word(word_padded), check.check, check.detail);
                if !check.hint.is_empty() {
                    println!("      {:<18}  -> {}", "", check.hint);
                }
            }
        }
        Output::Json => println!("{}", serde_json::json!({ "checks": checks })),
        Output::Jsonl => {
            checks.iter().for_each(|check| println!("{}", serde_json::to_string(check).unwrap_or_default()));
        }
    }
}
