//! What is kept over a restart, what is refused, copies, and a volume that fills up.

use std::process::Command;

use serde_json::{Value, json};

use crate::program::{Daemon, PATIENCE, Ran, Scratch, assert_books_balance, program, ran, until};
use crate::sink::{Sink, send_outage, spans, wall_s};

pub fn documents(url: &str) -> String {
    format!(
        "{}---\napiVersion: evenkeel/v1\nkind: Config\nspec:\n  alerting:\n    route: {{receiver: oncall}}\n    receivers: [{{name: oncall, webhook_configs: [{{url: '{url}', format: evenkeel}}]}}]\n",
        include_str!("shop.yaml")
    )
}

/// Whatever was counted.
async fn counted(daemon: &Daemon) -> Value {
    let mut counts = daemon.counts().await;
    assert_books_balance(&counts);
    counts.as_object_mut().unwrap().remove("notifications");
    counts
}

/// Scenario: an outage is paged; the daemon is stopped, started, and the outage ends.
/// Guarantees: every count is as it was; nobody is paged again; the end is told under the same key, and only once; the
/// same bytes as before are a duplicate.
#[tokio::test]
async fn a_restart_changes_no_count_and_pages_nobody_again() {
    let mut sink = Sink::start().await;
    let (folder, documents) = (Scratch::new(), documents(&sink.url));
    let daemon = Daemon::start_on(&folder, &documents).await;
    send_outage(&daemon).await;
    let page = sink.next().await;
    until("the page is settled", || async {
        (daemon.counts().await["notifications"]["pending"] == 0).then_some(())
    })
    .await;
    let repeated = spans(wall_s() - 100..wall_s() - 90, false);
    assert_eq!(daemon.export("traces", "application/json", repeated.clone()).await.0, 200);
    let (before, alerts) = (counted(&daemon).await, daemon.get("/api/v1/alerts").await);
    assert_eq!(daemon.stop().await, Some(0));

    let daemon = Daemon::start_on(&folder, &documents).await;
    assert_eq!((counted(&daemon).await, daemon.get("/api/v1/alerts").await), (before, alerts));
    assert_eq!(daemon.export("traces", "application/json", repeated).await.0, 200);
    assert_eq!(daemon.counts().await["items"]["spans"]["duplicate"], 10);
    let now = wall_s();
    let good = spans(now - 370..now, false);
    assert_eq!(daemon.export("traces", "application/json", good).await.0, 200);
    let resolve = sink.next().await;
    assert_eq!(resolve.body["transition"], "resolve");
    assert_eq!((&resolve.body["dedup_key"], &resolve.body["sequence"]), (&page.body["dedup_key"], &json!(2)));
    assert!(sink.is_quiet());
}

/// Scenario: a stop, then a start with another configuration: one service level is changed, one is gone.
/// Guarantees: it is as a reload: what measures the same keeps its counts, what is gone is closed and told.
#[tokio::test]
async fn another_configuration_at_a_start_is_like_a_reload() {
    let mut sink = Sink::start().await;
    let (folder, documents) = (Scratch::new(), documents(&sink.url));
    let daemon = Daemon::start_on(&folder, &documents).await;
    send_outage(&daemon).await;
    let page = sink.next().await;
    let before = daemon.counts().await;
    assert_eq!(daemon.stop().await, Some(0));
    let daemon = Daemon::start_on(&folder, &documents.replace("target: 0.999", "target: 0.99")).await;
    let (slo, counts) = (daemon.get("/api/v1/slos/shop-availability").await, daemon.counts().await);
    assert_eq!((&slo["objectives"][0]["target"], &counts["slos"]), (&json!("0.99"), &before["slos"]));
    assert_eq!(daemon.stop().await, Some(0));
    let daemon = Daemon::start_on(&folder, &documents.replace("shop-availability", "another")).await;
    assert_eq!(sink.next().await.body["transition"], "resolve");
    let alerts = daemon.get("/api/v1/alerts").await;
    let closed =
        alerts["alerts"].as_array().unwrap().iter().find(|one| one["dedup_key"] == page.body["dedup_key"]);
    assert_eq!(closed.unwrap()["state"], "closed", "{alerts}");
}

fn run_again(folder: &Scratch) -> Ran {
    let mut command = program();
    for listener in ["OTLP_GRPC", "OTLP_HTTP", "HTTP"] {
        command.env(format!("EVENKEEL_LISTEN__{listener}"), "127.0.0.1:0");
    }
    ran(command.args(["run", "--data-dir"]).arg(folder.path("data")))
}

/// Guarantees: a folder in use, and one of a newer version, end `run` with 74 and what to do, and stay as they are.
#[tokio::test]
async fn a_folder_that_is_not_ours_to_use_is_refused() {
    let folder = Scratch::new();
    let daemon = Daemon::start_on(&folder, "").await;
    let refused = run_again(&folder);
    let says = format!("in use by process {}: stop that one, or set another `data_dir`", daemon.pid());
    assert_eq!(refused.code, Some(74), "{}", refused.err);
    assert!(refused.err.contains(&says), "{}", refused.err);
    assert_eq!(daemon.stop().await, Some(0));
    let database = rusqlite::Connection::open(folder.path("data/state.db")).unwrap();
    database.execute("UPDATE meta SET value = 999 WHERE name = 'format'", []).unwrap();
    drop(database);
    let refused = run_again(&folder);
    assert_eq!(refused.code, Some(74), "{}", refused.err);
    let says = format!("has format 999, and this Evenkeel knows {} at most", evenkeel::engine::FORMAT);
    assert!(refused.err.contains(&says), "{}", refused.err);
}

/// Scenario: a copy is taken while traffic comes in, and put in the place of the state later.
/// Guarantees: the copy can be verified; what is restored counts what was acknowledged before the copy began; a damaged
/// copy is told and not restored; a state in use is not replaced.
#[tokio::test]
async fn a_copy_of_a_running_state_can_be_verified_and_restored() {
    let folder = Scratch::new();
    let daemon = Daemon::start_on(&folder, "").await;
    let now = wall_s();
    let first = spans(now - 50..now - 40, false);
    assert_eq!(daemon.export("traces", "application/json", first).await.0, 200);
    let backup = |args: &[&str]| ran(program().args(args).env("EVENKEEL_DATA_DIR", folder.path("data")));
    let copy = folder.path("copy").to_str().unwrap().to_owned();
    let done = backup(&["backup", &copy]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(done.out.contains("with 10 items"), "{}", done.out);
    let second = spans(now - 30..now - 25, false);
    assert_eq!(daemon.export("traces", "application/json", second).await.0, 200);
    assert_eq!(backup(&["backup", "verify", &copy]).code, Some(0));
    assert_eq!(backup(&["restore", &copy]).code, Some(74), "a daemon is using the state");
    assert_eq!(daemon.stop().await, Some(0));
    let dry = backup(&["restore", &copy, "--dry-run"]);
    assert!(dry.code == Some(0) && dry.out.contains("nothing was changed"), "{}", dry.out);
    let restored = backup(&["restore", &copy]);
    assert!(restored.code == Some(0) && restored.out.contains("what was there is in"), "{}", restored.out);
    let daemon = Daemon::start_on(&folder, "").await;
    assert_eq!(daemon.counts().await["items"]["spans"]["accepted"], 10);
    assert_eq!(daemon.stop().await, Some(0));

    let file = folder.path("copy/state.db");
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.windows(4).position(|four| four == b"shop").expect("a name of a service");
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let damaged = backup(&["backup", "verify", &copy]);
    assert_eq!(damaged.code, Some(1), "{}", damaged.out);
    assert!(damaged.err.contains("is damaged"), "{}", damaged.err);
    assert_eq!(backup(&["restore", &copy]).code, Some(1));
}

/// A small volume of memory, unmounted at the end; `None` where this user may not mount.
struct Volume(std::path::PathBuf);

impl Volume {
    fn mount(scratch: &Scratch, mebibytes: u64) -> Option<Self> {
        let path = scratch.path("volume");
        std::fs::create_dir_all(&path).unwrap();
        let size = format!("size={mebibytes}m");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&path).output();
        mounted.is_ok_and(|mount| mount.status.success()).then_some(Self(path))
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        let _unmounted = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Scenario: the volume of the state fills up, and is freed.
/// Guarantees: senders hear 503 with a time, `/readyz` says why, the right person is paged; afterwards everything goes
/// on, the end is told, and what was acknowledged is there after a restart.
#[tokio::test]
async fn a_volume_that_fills_up_is_paged_and_goes_on_when_there_is_room_again() {
    let scratch = Scratch::new();
    let Some(volume) = Volume::mount(&scratch, 24) else {
        return println!("skipped: a tmpfs can not be mounted here");
    };
    let mut sink = Sink::start().await;
    let file = scratch.write("evenkeel.yaml", &documents(&sink.url));
    let data = volume.0.join("data");
    let args = ["run".as_ref(), "-c".as_ref(), file.as_os_str(), "--data-dir".as_ref(), data.as_os_str()];
    let daemon = Daemon::start_with(Scratch::new(), args).await;
    let (mut sent, begin) = (0, wall_s() - 3_000);
    let mut send = async || {
        sent += 1;
        let body = spans(begin - sent * 2..begin - sent * 2 + 2, false);
        daemon.export("traces", "application/json", body).await.0
    };
    assert_eq!(send().await, 200);
    let filler = volume.0.join("filler");
    let _full = std::fs::write(&filler, vec![1_u8; 64 << 20]);
    let mut acknowledged = 1;
    let begun = std::time::Instant::now();
    loop {
        match send().await {
            200 => acknowledged += 1,
            503 => break,
            other => panic!("{other}"),
        }
        assert!(begun.elapsed() < PATIENCE, "the volume is full and nobody says so");
    }
    let page = sink.next().await;
    assert_eq!(page.body["alert"]["labels"]["alertname"], "evenkeel-state-not-kept", "{}", page.body);
    assert!(
        page.body["explain"]["text"].as_str().unwrap().contains("the state volume is full"),
        "{}",
        page.body
    );
    let (status, text) = daemon.status("/readyz").await;
    assert!(status == 503 && text.contains("the state volume is full"), "{text}");
    std::fs::remove_file(&filler).unwrap();
    until("it is ready again", || async { (daemon.status("/readyz").await.0 == 200).then_some(()) }).await;
    let end = sink.next().await;
    assert_eq!(
        (&end.body["dedup_key"], &end.body["transition"]),
        (&page.body["dedup_key"], &json!("resolve"))
    );
    assert_eq!(send().await, 200);
    acknowledged += 1;
    drop(daemon);
    let args = ["run".as_ref(), "-c".as_ref(), file.as_os_str(), "--data-dir".as_ref(), data.as_os_str()];
    let daemon = Daemon::start_with(Scratch::new(), args).await;
    assert_eq!(daemon.counts().await["items"]["spans"]["accepted"], acknowledged * 2);
    drop(daemon);
}
