//! `init`: what it writes can be checked and run, definitions of other systems count what they counted there, and
//! nothing that was there is lost.

use std::path::Path;

use crate::program::{Daemon, Ran, Scratch, program, ran, until};

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/testdata/convert");

fn init(folder: &Path, args: &[&str]) -> Ran {
    ran(program().arg("init").args(args).current_dir(folder))
}

#[tokio::test]
async fn an_empty_folder_becomes_a_configuration_that_runs() {
    let scratch = Scratch::new();
    let done = init(scratch.folder(), &[]);
    assert_eq!((done.code, &*done.out), (Some(0), ""), "{}", done.err);
    for line in ["wrote evenkeel.yaml", "wrote slos/example.yaml", "wrote evenkeel.schema.json", "next: "] {
        assert!(done.err.contains(line), "{}", done.err);
    }
    let settings = scratch.path("evenkeel.yaml");
    let check = ran(program().args(["check", "--deny-warnings", "-c"]).arg(&settings));
    assert_eq!((check.code, &*check.err), (Some(0), "ok: 2 SLOs, 0 receivers, 0 warnings\n"));
    let daemon = Daemon::start_with(scratch, ["run".as_ref(), "-c".as_ref(), settings.as_os_str()]).await;
    assert_eq!(daemon.status("/readyz").await.0, 200);
    assert_eq!(daemon.get("/api/v1/slos").await["slos"].as_array().unwrap().len(), 2);
    assert_eq!(daemon.stop().await, Some(0));
}

#[test]
fn nothing_is_overwritten() {
    let scratch = Scratch::new();
    std::fs::create_dir(scratch.path("slos")).unwrap();
    scratch.write("slos/example.yaml", "mine");
    let done = init(scratch.folder(), &[]);
    assert_eq!(done.code, Some(1), "{}", done.err);
    assert!(done.err.starts_with("error: slos/example.yaml exists already\n"), "{}", done.err);
    assert_eq!(std::fs::read_to_string(scratch.path("slos/example.yaml")).unwrap(), "mine");
    assert!(!scratch.path("evenkeel.yaml").exists(), "all or nothing");

    let sloth = format!("{CASES}/sloth/shop.yaml");
    let into = scratch.path("into");
    let args = ["--from", "sloth", &*sloth, "--into", into.to_str().unwrap()];
    assert_eq!(init(scratch.folder(), &args).code, Some(0));
    let first = std::fs::read_to_string(into.join("slos/shop.yaml")).unwrap();
    std::fs::write(into.join("evenkeel.yaml"), "mine").unwrap();
    let again = init(scratch.folder(), &args);
    assert_eq!(again.code, Some(1), "{}", again.err);
    std::fs::remove_file(into.join("slos/shop.yaml")).unwrap();
    assert_eq!(init(scratch.folder(), &args).code, Some(0));
    assert_eq!(std::fs::read_to_string(into.join("slos/shop.yaml")).unwrap(), first);
    assert_eq!(std::fs::read_to_string(into.join("evenkeel.yaml")).unwrap(), "mine", "settings stay");
}

/// Guarantees: whatever the definitions hold, what is written passes the check, and the exit code tells whether all of
/// it was carried over.
#[test]
fn converted_definitions_pass_the_check() {
    for (system, case, code) in [
        ("sloth", "shop.yaml", 0),
        ("sloth", "", 1),
        ("pyrra", "shop.yaml", 0),
        ("pyrra", "", 1),
        ("openslo", "set.yaml", 0),
        ("openslo", "", 1),
    ] {
        let scratch = Scratch::new();
        let done = init(scratch.folder(), &["--from", system, &format!("{CASES}/{system}/{case}")]);
        assert_eq!(done.code, Some(code), "{system} {case}: {}", done.err);
        let told = done.err.contains("could not be converted: ");
        assert_eq!(told, code == 1, "{system} {case}: {}", done.err);
        let check = ran(program().args(["check", "evenkeel.yaml"]).current_dir(scratch.folder()));
        assert_eq!(check.code, Some(0), "{system} {case}: {}", check.err);
    }
    let scratch = Scratch::new();
    let all = init(scratch.folder(), &["--from", "sloth", &format!("{CASES}/sloth"), "--into", "-", "-q"]);
    let one = scratch.write("all.yaml", &all.out);
    assert!(all.err.lines().all(|line| line.starts_with("could not be converted: ")), "{}", all.err);
    let check = ran(program().arg("check").arg(one));
    assert_eq!((check.code, &*check.err), (Some(0), "ok: 6 SLOs, 0 receivers, 0 warnings\n"));
}

/// Scenario: a counter and a histogram as a Collector's Prometheus receiver hands them on, for Sloth's definitions.
#[tokio::test]
async fn a_converted_level_counts_what_the_queries_counted() {
    let scratch = Scratch::new();
    assert_eq!(
        init(scratch.folder(), &["--from", "sloth", &format!("{CASES}/sloth/shop.yaml")]).code,
        Some(0)
    );
    let settings = scratch.path("evenkeel.yaml");
    let daemon = Daemon::start_with(scratch, ["run".as_ref(), "-c".as_ref(), settings.as_os_str()]).await;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    let (start, now) = ((now - 5_000_000_000).to_string(), now.to_string());
    let text = |key: &str, value: &str| serde_json::json!({ "key": key, "value": { "stringValue": value } });
    let point = |code: &str, number: &str| {
        serde_json::json!({ "attributes": [text("code", code)], "startTimeUnixNano": start, "timeUnixNano": now,
                            "asInt": number })
    };
    let values = |verb: &str| {
        serde_json::json!({ "attributes": [text("verb", verb)], "startTimeUnixNano": start, "timeUnixNano": now,
                            "count": "50", "sum": 9.0, "bucketCounts": ["30", "15", "5"],
                            "explicitBounds": [0.1, 0.25] })
    };
    let counter = serde_json::json!({ "name": "http_requests_total", "sum": {
        "aggregationTemporality": 1, "isMonotonic": true,
        "dataPoints": [point("200", "88"), point("429", "2"), point("503", "10")] } });
    let histogram = serde_json::json!({ "name": "http_request_duration_seconds", "histogram": {
        "aggregationTemporality": 1, "dataPoints": [values("GET"), values("WATCH")] } });
    let of_service = |service: &str| {
        serde_json::json!({ "resource": { "attributes": [text("service.name", service)] },
                            "scopeMetrics": [{ "metrics": [counter, histogram] }] })
    };
    let body = serde_json::json!({ "resourceMetrics": [of_service("web-shop"), of_service("another")] });
    let (status, answer) = daemon.export("metrics", "application/json", body.to_string()).await;
    assert_eq!(status, 200, "{answer}");
    let expected = serde_json::json!([
        { "name": "web-shop-availability", "group": {}, "good": 88, "bad": 12, "total": 100 },
        { "name": "web-shop-latency", "group": {}, "good": 45, "bad": 5, "total": 50 },
    ]);
    until("the counts are there", || async {
        let slos = daemon.counts().await["slos"].clone();
        (slos == expected).then_some(())
    })
    .await;
    assert_eq!(daemon.stop().await, Some(0));
}

#[test]
fn odd_input_is_answered_in_words() {
    let scratch = Scratch::new();
    scratch.write("broken.yaml", "slos: [1, 2\n");
    scratch.write("other.yaml", "apiVersion: v1\nkind: ConfigMap\n");
    std::fs::write(scratch.path("binary.yaml"), b"\xff\xfe\x00").unwrap();
    std::fs::write(scratch.path("huge.yaml"), vec![b'#'; 2 << 20]).unwrap();
    std::fs::create_dir(scratch.path("empty")).unwrap();
    for (args, code, told) in [
        (&["--from", "sloth", "broken.yaml"][..], 78, "--> broken.yaml:2:1"),
        (
            &["--from", "sloth", "other.yaml", "broken.yaml"],
            78,
            "nothing is converted while a file can not be read",
        ),
        (&["--from", "pyrra", "other.yaml"], 78, "error: there is no definition of Pyrra in what was given"),
        (&["--from", "pyrra", "binary.yaml"], 78, "error: binary.yaml can not be read: it is not UTF-8 text"),
        (
            &["--from", "openslo", "huge.yaml"],
            78,
            "error: huge.yaml can not be read: it has more than 1048576 bytes",
        ),
        (&["--from", "openslo", "empty"], 78, "error: there is no YAML file in empty"),
        (&["--from", "openslo", "nowhere"], 78, "error: nowhere can not be read: there is no such file"),
        (&["--from", "nagios", "other.yaml"], 2, "[possible values: sloth, pyrra, openslo]"),
        (&["--from", "sloth"], 2, "<PATH>..."),
        (&["other.yaml"], 2, "--from <SYSTEM>"),
        (&["--into", "-"], 2, "hint: --into DIR"),
        (&["--into", "other.yaml"], 1, "can not be written"),
    ] {
        let done = init(scratch.folder(), args);
        assert_eq!(done.code, Some(code), "{args:?}: {}", done.err);
        assert!(done.err.contains(told), "{args:?}: {}", done.err);
        assert!(!scratch.path("slos").exists(), "{args:?}");
    }
}

#[test]
fn scripts_are_answered_in_json() {
    let scratch = Scratch::new();
    let done =
        init(scratch.folder(), &["--from", "pyrra", &format!("{CASES}/pyrra/shop.yaml"), "-o", "json"]);
    let answer: serde_json::Value = serde_json::from_str(&done.out).unwrap();
    let written = ["evenkeel.yaml", "evenkeel.schema.json", "slos/shop.yaml"];
    assert_eq!(
        answer,
        serde_json::json!({ "written": written, "converted": 5, "failed": 0 }),
        "{}",
        done.err
    );
}
