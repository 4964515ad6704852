//! What is printed, whatever the files are written in and however many work on them.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{SHOP, WORKED, calls, cut, facts_and_counts, lines, mixed, replay};
use crate::golden::{CPU, DOCUMENTS, requests_and_failed, slo, spans_and_slow, spans_by_service};
use crate::program::{Daemon, Scratch, program, ran};
use crate::requests::{Request, as_frames, as_lines, gzip};
use crate::shared;

#[test]
fn every_run_prints_the_same_bytes_with_any_number_of_workers() {
    let scratch = Scratch::new();
    let config = scratch.write("shop.yaml", &format!("{SHOP}---{WORKED}"));
    let requests = mixed();
    let (first, second) = requests.split_at(requests.len() / 2);
    let files = |name: &str, write: fn(&[Request]) -> Vec<u8>| -> [PathBuf; 2] {
        let file = |part, requests| scratch.file(&format!("{part}.{name}"), &write(requests));
        [file(1, first), file(2, second)]
    };
    let frames = files("otlp.pb", as_frames);
    let once = replay(&frames, &config, &["-o", "jsonl", "--counts", "--workers", "1"]);
    let (facts, counts) = facts_and_counts(&once);
    let names: Vec<&str> = facts.iter().map(|fact| fact["fact"].as_str().unwrap()).collect();
    for name in [
        "alert.fired",
        "alert.resolved",
        "budget.amended",
        "episode.opened",
        "episode.closed",
        "notification.queued",
    ] {
        assert!(names.contains(&name), "{name}: {names:?}");
    }
    for subject in ["slo", "rule"] {
        assert!(facts.iter().any(|fact| fact.get(subject).is_some()), "{subject}");
    }
    assert!(counts["items"]["spans"]["duplicate"].as_u64() > Some(0), "{counts}");
    assert!(counts["events"]["filtered"].as_u64() > Some(0), "{counts}");
    assert_eq!((&counts["events"]["future"], &counts["notifications"]["delivered"]), (&0.into(), &0.into()));
    assert_eq!(
        counts["notifications"]["pending"].as_u64(),
        Some(names.iter().filter(|name| **name == "notification.queued").count() as u64)
    );
    for workers in ["1", "2", "8", "64"] {
        let again = replay(&frames, &config, &["-o", "jsonl", "--counts", "--workers", workers]);
        assert!(again.out == once.out, "{workers} workers");
    }
    let zipped = files("otlp.pb.gz", |requests| gzip(&as_frames(requests)));
    assert!(replay(&zipped, &config, &["-o", "jsonl", "--counts"]).out == once.out);
    for (name, write) in [
        ("otlp.jsonl", as_lines as fn(&[Request]) -> Vec<u8>),
        ("otlp.jsonl.gz", |requests| gzip(&as_lines(requests))),
        ("dos.jsonl", |requests| {
            String::from_utf8(as_lines(requests)).unwrap().replace('\n', "\r\n\r\n").into_bytes()
        }),
    ] {
        let in_json = replay(&files(name, write), &config, &["-o", "jsonl", "--counts"]);
        assert!(in_json.out == once.out, "{name}: {}", in_json.err);
    }
}

#[tokio::test]
async fn a_daemon_that_was_sent_the_same_has_the_same_counts() {
    let daemon = Daemon::start(SHOP).await;
    let requests = mixed();
    for request in &requests {
        let (status, answer) =
            daemon.export(request.signal, "application/x-protobuf", request.protobuf.clone()).await;
        assert_eq!(status, 200, "{answer}");
    }
    let live = daemon.counts().await;
    let scratch = Scratch::new();
    let config = scratch.write("shop.yaml", SHOP);
    let file = scratch.file("all.otlp.jsonl.gz", &gzip(&as_lines(&requests)));
    let (_, replayed) = facts_and_counts(&replay(&[file], &config, &["-o", "jsonl", "--counts"]));
    for part in ["slos", "items", "services"] {
        assert_eq!(replayed[part], live[part], "{part}");
    }
    // Whether likes are merged and alerts open depends on when they come.
    let hits = |counts: &Value| -> Vec<(Value, Value)> {
        let all = counts["rules"].as_object().unwrap().values().flat_map(|list| list.as_array().unwrap());
        all.map(|rule| (rule["name"].clone(), rule["hits"].clone())).collect()
    };
    assert_eq!(hits(&replayed), hits(&live));
    assert!(
        live["slos"][0]["total"].as_u64() > Some(1_000) && live["slos"][0]["bad"].as_u64() > Some(100),
        "{live}"
    );
    assert_eq!(
        live.as_object().unwrap().keys().collect::<Vec<_>>(),
        replayed.as_object().unwrap().keys().collect::<Vec<_>>()
    );
}

/// Facts and counts of both twins of a recorded file, which are the same.
fn of_twins(config: &Path, path: &Path, name: &str) -> (Vec<Value>, Value) {
    let file = |ending: &str| path.join(format!("{name}.otlp.{ending}.gz"));
    let json = replay(&[file("jsonl")], config, &["-o", "jsonl", "--counts"]);
    let protobuf = replay(&[file("pb")], config, &["-o", "jsonl", "--counts"]);
    assert!(json.out == protobuf.out, "{name}");
    facts_and_counts(&json)
}

#[test]
fn recorded_telemetry_counts_exactly_in_both_encodings() {
    let Some(shared) = shared() else { return };
    let scratch = Scratch::new();
    let (config, cpu) = (scratch.write("documents.yaml", DOCUMENTS), scratch.write("cpu.yaml", CPU));
    let access = of_twins(&config, &shared.join("data/access"), "apache-2015-05-17").1;
    let (total, failed) = requests_and_failed(&shared);
    let robots = access["events"]["filtered"].as_u64().unwrap();
    assert_eq!(slo(&access, "access")["total"].as_u64().unwrap() + robots, total);
    assert_eq!(slo(&access, "access")["bad"], failed);
    for system in ["onlineboutique-2022-08-22", "trainticket-2023-01-29"] {
        let counts = of_twins(&config, &shared.join("data/nezha"), &format!("{system}.traces")).1;
        let (services, slow) = spans_and_slow(&shared, system);
        assert_eq!(spans_by_service(&counts), services, "{system}");
        assert_eq!(slo(&counts, "fast")["bad"], slow, "{system}");
    }
    let logs = of_twins(&config, &shared.join("data/nezha"), "trainticket-2023-01-29.logs").1;
    assert_eq!((&logs["events"]["exception"], &logs["events"]["warning"]), (&245.into(), &1_633.into()));
    let (facts, counts) = of_twins(&cpu, &shared.join("data/nab"), "ec2_cpu_utilization_24ae8d");
    assert_eq!((&slo(&counts, "cpu")["total"], &slo(&counts, "cpu")["bad"]), (&4_032.into(), &24.into()));
    assert!(facts.iter().any(|fact| fact["fact"] == "alert.fired"), "its labelled windows are seen");
}

#[test]
fn all_outputs_tell_the_same_facts() {
    let scratch = Scratch::new();
    let config = scratch.write("shop.yaml", SHOP);
    let file = scratch.file("calls.otlp.pb", &as_frames(&cut(&calls(3), 60)));
    let of = |more: &[&str]| replay(&[&file], &config, more);
    let (facts, counts) = facts_and_counts(&of(&["-o", "jsonl", "--counts"]));
    let object: Value = serde_json::from_str(&of(&["-o", "json", "--counts"]).out).unwrap();
    assert_eq!((object["facts"].as_array(), &object["counts"]), (Some(&facts), &counts));
    let object: Value = serde_json::from_str(&of(&["-o", "json"]).out).unwrap();
    assert_eq!((object["facts"].as_array(), object.get("counts")), (Some(&facts), None));
    assert_eq!(lines(&of(&["-o", "jsonl"]).out), facts);
    let human = of(&["--counts"]);
    for (line, fact) in human.out.lines().zip(&facts) {
        let starts = line.starts_with(fact["at"].as_str().unwrap());
        assert!(starts && line.contains(fact["fact"].as_str().unwrap()), "{line}");
    }
    let shop = slo(&counts, "shop");
    let last = format!("slo        shop: {} good, {} bad of {}", shop["good"], shop["bad"], shop["total"]);
    assert!(human.out.contains(&last), "{}", human.out);
    assert!(human.err.starts_with("replayed ") && of(&["-q"]).err.is_empty(), "{}", human.err);
}

#[test]
fn without_a_configuration_the_defaults_classify() {
    let scratch = Scratch::new();
    let file = scratch.file("calls.otlp.pb", &as_frames(&cut(&calls(3), 60)));
    let empty = scratch.file("empty.otlp.jsonl", b"\n{}\n{\"resourceLogs\":[]}\n");
    let bare = ran(program().args(["replay", "-o", "jsonl", "--counts"]).args([&empty, &file, &empty]));
    let (facts, counts) = facts_and_counts(&bare);
    assert_eq!((facts.len(), &counts["slos"]), (0, &serde_json::json!([])));
    assert!(counts["events"]["exception"].as_u64() > Some(0), "{counts}");
    assert_eq!(ran(program().arg("replay").arg(&empty)).code, Some(0));
}
