//! Recordings of real daemons: what they decided, again, from what the flight recorder kept and from what was tapped.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::events::log;
use crate::program::{Daemon, Ran, Scratch, program, ran, until};
use crate::sink::{Sink, send_outage, spans, wall_s};

const SHOP: &str = include_str!("shop.yaml");
const SECRET: &str = "Bearer hunter2";

fn documents(sink: &Sink, target: &str) -> String {
    let shop = SHOP.replace("target: 0.999}", &format!("target: {target}}}"));
    format!(
        "{shop}---\napiVersion: evenkeel/v1\nkind: Config\nspec:\n  classify:\n    \
         - {{name: full, when: 'log && body == \"full\"', category: exception, alert: {{key: [host.name], quiet: 1h, priority: P2}}}}\n    \
         - {{name: known, when: 'span && has(http.request.header.authorization)', category: warning}}\n  alerting:\n    \
         route: {{receiver: oncall}}\n    receivers: [{{name: oncall, webhook_configs: [{{url: '{}', format: evenkeel}}]}}]\n",
        sink.url
    )
}

/// Once so many episodes were opened and closed, and nothing is under way.
async fn facts(daemon: &Daemon, opened: usize, closed: usize) -> Vec<Value> {
    until("everything was decided and told", || async {
        let facts = daemon.get("/api/v1/facts?limit=1000").await["facts"].as_array().unwrap().clone();
        let of = |name: &str| facts.iter().filter(|fact| fact["fact"] == name).count();
        let told = of("notification.queued") == of("notification.settled");
        (of("episode.opened") == opened && of("episode.closed") == closed && told).then_some(facts)
    })
    .await
}

fn segments(folder: &Scratch) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder.path("data").join("recorder")).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn replay(files: &[PathBuf], args: &[&str]) -> Ran {
    ran(program().arg("replay").args(files).args(args))
}

fn lines(told: &Ran) -> Vec<Value> {
    told.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn secret_span() -> String {
    let at = (wall_s() - 3) * 1_000_000_000;
    let named = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    let span = json!({
        "traceId": "0102030405060708090a0b0c0d0e0f10", "spanId": "0102030405060708", "name": "GET", "kind": 2,
        "startTimeUnixNano": at.to_string(), "endTimeUnixNano": (at + 1_000_000).to_string(),
        "attributes": [named("http.request.header.authorization", SECRET)],
    });
    let resource = json!({"attributes": [named("service.name", "other")]});
    json!({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]}).to_string()
}

/// Scenario: an outage is paged and over; the program is killed, comes back, is tapped, takes another configuration, pages
/// for a rule, and stops.
/// Guarantees: what the flight recorder kept gives every fact again, as it was, in the same bytes each time; so does the
/// tap for its part; secrets are in neither.
#[tokio::test]
async fn what_was_decided_is_decided_again_from_recordings_through_a_kill_and_a_reload() {
    let mut sink = Sink::start().await;
    let folder = Scratch::new();
    let documents_before = documents(&sink, "0.999");
    let daemon = Daemon::start_on(&folder, &documents_before).await;
    let (status, answer) = daemon.export("traces", "application/json", secret_span()).await;
    assert_eq!(status, 200, "{answer}");
    send_outage(&daemon).await;
    assert_eq!(sink.next().await.body["transition"], "trigger");
    let now = wall_s();
    assert_eq!(daemon.export("traces", "application/json", spans(now - 380..now, false)).await.0, 200);
    assert_eq!(sink.next().await.body["transition"], "resolve");
    // Until silence is taken for what it is: nothing is to be decided between the question and the kill.
    tokio::time::sleep(std::time::Duration::from_secs(12)).await;
    let mut told = facts(&daemon, 1, 1).await;
    let live = daemon.get("/api/v1/events?limit=100").await.to_string();
    assert!(live.contains("\"masked\"") && !live.contains(SECRET), "{live}");
    drop(daemon);

    let daemon = Daemon::start_on(&folder, &documents_before).await;
    let tapped = folder.path("tapped.ekrec");
    let url = daemon.url("");
    let tap = program()
        .args(["record", "--for", "6s", "-o"])
        .arg(&tapped)
        .env("EVENKEEL_URL", &url)
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    until("the tap has begun", || async {
        std::fs::metadata(&tapped).ok().filter(|about| about.len() > 1_000)
    })
    .await;
    std::fs::write(daemon.scratch().path("evenkeel.yaml"), documents(&sink, "0.998")).unwrap();
    let reloaded = ran(program().arg("reload").env("EVENKEEL_URL", &url));
    assert_eq!(reloaded.out, "SLO shop-availability: changed\n", "{}", reloaded.err);
    log(&daemon, &[(3, "a", 9, "full")]).await;
    assert_eq!(sink.next().await.body["transition"], "trigger");
    let of_second_life = facts(&daemon, 1, 0).await;
    let mut tap = tap;
    let ended = until("the tap is over", || std::future::ready(tap.try_wait().unwrap())).await;
    assert_eq!(ended.code(), Some(0));
    assert_eq!(daemon.stop().await, Some(0));

    let of_tap = replay(std::slice::from_ref(&tapped), &["-o", "jsonl"]);
    assert_eq!((of_tap.code, lines(&of_tap)), (Some(0), of_second_life.clone()), "{}", of_tap.err);
    told.extend(of_second_life);
    let files = segments(&folder);
    assert_eq!(files.len(), 2, "one of each life: {files:?}");
    let first = replay(&files, &["-o", "jsonl", "--counts"]);
    assert_eq!(first.code, Some(0), "{}", first.err);
    let mut found = lines(&first);
    assert_eq!(found.pop().unwrap()["fact"], "counts");
    assert_eq!(found, told);
    assert_eq!(replay(&files, &["-o", "jsonl", "--counts"]).out, first.out, "the same bytes");
    for file in files.iter().chain([&tapped]) {
        let bytes = std::fs::read(file).unwrap();
        assert!(!contains(&bytes, SECRET), "{} holds a secret", file.display());
        assert!(contains(&bytes, "http.request.header.authorization"), "it is told that it was there");
    }
    answers_other_questions(&folder, &sink, &files);
}

/// Against other configurations, and against what was printed before.
fn answers_other_questions(folder: &Scratch, sink: &Sink, files: &[PathBuf]) {
    let write = |name: &str, text: String| folder.write(name, &text).display().to_string();
    let same = write("same.yaml", documents(sink, "0.999"));
    let loose = write("loose.yaml", documents(sink, "0.9"));
    let live = write("live.jsonl", replay(files, &["-o", "jsonl"]).out);
    let equal = replay(files, &["-c", &same, "--against", &same]);
    assert_eq!(equal.code, Some(0), "{}", equal.err);
    assert!(equal.out.starts_with("0 added, 0 removed, 0 earlier, 0 later, 0 changed;"), "{}", equal.out);
    let equal = replay(files, &["--against", &live]);
    assert_eq!(
        (equal.code, equal.out.contains("; 2 the same")),
        (Some(0), true),
        "{}{}",
        equal.out,
        equal.err
    );
    let fewer = replay(files, &["-c", &loose, "--against", &live, "-o", "jsonl"]);
    assert_eq!(fewer.code, Some(1), "{}", fewer.err);
    let removed: Vec<Value> = lines(&fewer)
        .into_iter()
        .filter(|one| one["difference"] == "removed" && one["slo"] == "shop-availability")
        .collect();
    assert_eq!(removed.len(), 1, "{}", fewer.out);
    let check = |config: &str, replay: &str| {
        let mut command = program();
        ran(command.args(["check", config, "--replay", replay]).env("EVENKEEL_DATA_DIR", folder.path("data")))
    };
    let equal = check(&same, "last-7d");
    assert_eq!(
        (equal.code, equal.out.contains("; 2 the same")),
        (Some(0), true),
        "{}{}",
        equal.out,
        equal.err
    );
    let fewer = check(&loose, "last-7d");
    assert!(fewer.code == Some(1) && fewer.out.contains("removed"), "{}{}", fewer.out, fewer.err);
    let other = check(&same, "monday.otlp.jsonl");
    assert!(other.code == Some(2) && other.err.contains("is no recording"), "{}", other.err);
    let unknown =
        write("unknown.yaml", documents(sink, "0.999").replace("kind == \"server\"", "kind == \"client\""));
    let open = replay(files, &["-c", &unknown]);
    let why =
        "can not be answered: SLO shop-availability: the recording did not count what its indicator counts";
    assert!(open.err.contains(why), "{}", open.err);
    are_the_beginning_of_tests(folder, sink, files);
}

/// Under the configuration that a test stands with, by the clock of the recordings.
fn are_the_beginning_of_tests(folder: &Scratch, sink: &Sink, files: &[PathBuf]) {
    let paths: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    let test = |set: &str, replay: &[String], more: &str| {
        let document = format!(
            "---\napiVersion: evenkeel/v1\nkind: Test\nmetadata: {{name: the outage}}\nspec:\n  strict: false\n  \
             replay: {replay:?}\n  expect:\n    - {{between: [0s, 1d], page: shop-availability, to: [oncall]}}\n{more}"
        );
        let file = folder.write("tested.yaml", &format!("{set}{document}"));
        ran(program().arg("test").arg(file))
    };
    let own = documents(sink, "0.999");
    let went_on =
        "    - {between: [0s, 1d], page: full}\n    - {at: 1d, slo: shop-availability, bad: '>0'}\n";
    let told = test(&own, &paths, went_on);
    assert_eq!(told.code, Some(0), "{}{}", told.out, told.err);
    let told = test(&documents(sink, "0.9"), &paths, "");
    assert!(told.code == Some(1) && told.out.contains("  - 0s..1d  page shop-availability"), "{}", told.out);
    let other = own.replace("kind == \"server\"", "kind == \"client\"");
    let told = test(&other, &paths, "    - {at: 1d, rule: known, hits: '>0'}\n");
    let place = |line: usize| {
        let line = other.lines().count() + line;
        format!("\n  - {}:{line}:7: ", folder.path("tested.yaml").display())
    };
    let why = format!(
        "{}{} can not answer it: SLO shop-availability: the recording did not count what its indicator counts\n",
        place(9),
        paths[0]
    );
    assert!(told.code == Some(1) && told.out.contains(&why), "{}{}", told.out, told.err);
    assert!(!told.out.contains(&place(10)), "the rule is as it was: {}", told.out);
    let otlp = folder.write("a.otlp.jsonl", "{}\n").display().to_string();
    let told = test(&own, &[paths[0].clone(), otlp], "");
    assert!(told.code == Some(1) && told.out.contains("a test takes one of the two"), "{}", told.out);
}

/// Guarantees: a recording that was cut is replayed up to there with where and what; one of another version is refused; both
/// end with 1. OTLP files and recordings are not mixed.
#[tokio::test]
async fn recordings_that_are_cut_or_of_another_version_say_so() {
    let sink = Sink::start().await;
    let folder = Scratch::new();
    let daemon = Daemon::start_on(&folder, &documents(&sink, "0.999")).await;
    log(&daemon, &[(3, "a", 9, "full")]).await;
    facts(&daemon, 1, 0).await;
    assert_eq!(daemon.stop().await, Some(0));
    let files = segments(&folder);
    let whole = std::fs::read(&files[0]).unwrap();
    let change = |name: &str, bytes: &[u8]| {
        let path = folder.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let cut = change("cut.ekrec", &whole[..whole.len() - 20]);
    let told = replay(std::slice::from_ref(&cut), &["-o", "jsonl"]);
    assert_eq!(told.code, Some(1));
    let at = format!("error: {}: it is cut: the file ends within the entry at byte ", cut.display());
    assert!(told.err.contains(&at), "{}", told.err);
    assert!(told.out.contains("episode.opened"), "what came before is printed");
    let mut other = whole.clone();
    other[5] = 9;
    let other = change("other.ekrec", &other);
    let told = replay(&[other, files[0].clone()], &["-o", "jsonl"]);
    assert_eq!(told.code, Some(1));
    assert!(told.err.contains("the recording has form 9"), "{}", told.err);
    assert!(told.out.contains("episode.opened"), "the rest is done");
    let otlp = change("a.otlp.jsonl", b"{}\n");
    let told = replay(&[otlp, files[0].clone()], &[]);
    assert_eq!(told.code, Some(2));
    assert!(told.err.contains("replay them apart"), "{}", told.err);
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Guarantees: nothing is kept where `recorder.folded` is false.
#[tokio::test]
async fn a_recorder_that_is_off_keeps_nothing() {
    let folder = Scratch::new();
    let off = "apiVersion: evenkeel/v1\nkind: Config\nspec:\n  recorder: {folded: false}\n";
    let daemon = Daemon::start_on(&folder, off).await;
    log(&daemon, &[(3, "a", 9, "full")]).await;
    assert!(!Path::new(&folder.path("data").join("recorder")).exists());
    assert!(daemon.text("/metrics").await.contains("evenkeel_recorder_on 0"));
    assert_eq!(daemon.stop().await, Some(0));
}
