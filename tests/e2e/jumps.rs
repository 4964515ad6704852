//! Wall clocks that jump: by a shim that lies between the daemon and libc, while the senders' clocks are right.

use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::program::{Daemon, Scratch, assert_books_balance, shim, until};
use crate::sink::{Sink, send_outage, spans, wall_s};
use crate::stopped::{request, wall_ns};

const SPANS: u64 = 3;
const HOUR_S: i64 = 3_600;

fn documents(pages: &str) -> String {
    format!(
        "{}---
apiVersion: evenkeel/v1
kind: Config
spec:
  classify:
    - {{name: seen, when: 'span && has(host.name)', category: exception, alert: {{key: [host.name], quiet: 2s, priority: P2}}}}
  alerting:
    route: {{receiver: oncall}}
    receivers: [{{name: oncall, webhook_configs: [{{url: '{pages}', format: evenkeel}}]}}]
",
        include_str!("shop.yaml")
    )
}

/// A daemon with a wall clock of its own, and a state that outlives it.
struct World {
    folder: Scratch,
    shim: PathBuf,
    sink: Sink,
}

impl World {
    async fn new() -> Self {
        let folder = Scratch::new();
        let world = Self { shim: shim(&folder, "clock"), sink: Sink::start().await, folder };
        std::fs::write(world.clock(), 0_i64.to_le_bytes()).unwrap();
        world
    }

    fn clock(&self) -> PathBuf {
        self.folder.path("clock")
    }

    /// So much before or after the right time from now on.
    fn jump_to(&self, off_s: i64) {
        let clock = std::fs::OpenOptions::new().write(true).open(self.clock()).unwrap();
        clock.write_all_at(&(off_s * 1_000_000_000).to_le_bytes(), 0).unwrap();
    }

    async fn start(&self) -> Daemon {
        let scratch = Scratch::new();
        let config = scratch.write("evenkeel.yaml", &documents(&self.sink.url));
        let (clock, data) = (self.clock(), self.folder.path("data"));
        let env = [
            ("LD_PRELOAD", self.shim.as_os_str()),
            ("EVENKEEL_CLOCK_FILE", clock.as_os_str()),
            ("EVENKEEL_DATA_DIR", data.as_os_str()),
        ];
        let args = ["run".as_ref(), "-c".as_ref(), config.as_os_str()];
        Daemon::start_as(scratch, args, &env).await
    }

    /// The next page is about this host, and says that.
    async fn expect(&mut self, transition: &str, host: &str) -> Value {
        let body = self.sink.next().await.body;
        assert_eq!(
            (&body["transition"], &body["alert"]["labels"]["host_name"]),
            (&json!(transition), &json!(host)),
            "{body}"
        );
        body
    }
}

async fn send(daemon: &Daemon, body: &str) {
    assert_eq!(daemon.export("traces", "application/json", body.to_owned()).await.0, 200);
}

async fn send_trouble(daemon: &Daemon, number: u64, host: &str) {
    send(daemon, &request(number, wall_ns(), Some(host))).await;
}

/// `(accepted, duplicate)`, after the books balanced.
async fn counted(daemon: &Daemon) -> (u64, u64) {
    let counts = daemon.counts().await;
    assert_books_balance(&counts);
    let of = |what: &str| counts["items"]["spans"][what].as_u64().unwrap();
    assert_eq!(counts["slos"][0]["total"], of("accepted"), "{counts}");
    (of("accepted"), of("duplicate"))
}

/// Scenario: our wall clock goes back an hour under traffic, the daemon is started again, and the clock is put right.
/// Guarantees: intake, commits, pages and ends of alerts go on; what comes again is known; nothing is paged falsely.
#[tokio::test]
async fn a_wall_clock_that_goes_back_an_hour_stops_nothing() {
    let mut world = World::new().await;
    let daemon = world.start().await;
    let first = request(0, wall_ns(), None);
    send(&daemon, &first).await;
    send_trouble(&daemon, 1, "before").await;
    world.expect("trigger", "before").await;

    world.jump_to(-HOUR_S);
    world.expect("resolve", "before").await;
    send(&daemon, &first).await;
    assert_eq!(counted(&daemon).await, (2 * SPANS, SPANS));
    send_trouble(&daemon, 2, "back").await;
    let page = world.expect("trigger", "back").await;
    // Else it would be told again after the kill, with the same key.
    let key = &page["dedup_key"];
    until("it is known to be delivered", || async {
        let alerts = daemon.get("/api/v1/alerts").await;
        let alerts = alerts["alerts"].as_array().unwrap();
        alerts
            .iter()
            .any(|one| one["dedup_key"] == *key && one["receivers"]["oncall"] == "delivered")
            .then_some(())
    })
    .await;
    // Who sends from this machine has its clock.
    send(&daemon, &spans(wall_s() - 3_600..wall_s() - 3_595, false)).await;
    assert_eq!(counted(&daemon).await, (3 * SPANS + 5, SPANS));
    drop(daemon);

    let daemon = world.start().await;
    assert_eq!(counted(&daemon).await, (3 * SPANS + 5, SPANS));
    send(&daemon, &first).await;
    let resolve = world.expect("resolve", "back").await;
    assert_eq!(resolve["dedup_key"], page["dedup_key"]);
    send_trouble(&daemon, 3, "again").await;
    world.expect("trigger", "again").await;
    assert_eq!(daemon.stop().await, Some(0));

    world.jump_to(0);
    let daemon = world.start().await;
    world.expect("resolve", "again").await;
    send_trouble(&daemon, 4, "right").await;
    world.expect("trigger", "right").await;
    assert_eq!(counted(&daemon).await, (5 * SPANS + 5, 2 * SPANS));
    assert!(!daemon.said().contains("state.damaged"), "{}", daemon.said());
}

/// Scenario: an outage is paged and goes on; our wall clock goes an hour ahead, while the events say the right time; then
/// the clock is put right, and the daemon started again.
/// Guarantees: everything is counted once, and nobody hears that anything is over: silence by a clock that jumped means
/// nothing.
#[tokio::test]
async fn a_wall_clock_that_goes_ahead_an_hour_ends_no_outage_that_goes_on() {
    let mut world = World::new().await;
    let mut daemon = world.start().await;
    send_outage(&daemon).await;
    let page = world.sink.next().await.body;
    assert_eq!(page["transition"], "trigger");
    send_trouble(&daemon, 1, "before").await;
    world.expect("trigger", "before").await;
    world.jump_to(HOUR_S);
    let mut sent = 1;
    for _ in 0..100 {
        sent += fail(&daemon, sent + 1).await;
    }
    for post in world.sink.heard() {
        assert_eq!(post.body["transition"], "escalate", "{}", post.body);
    }
    assert_eq!(daemon.stop().await, Some(0));

    world.jump_to(0);
    daemon = world.start().await;
    for _ in 0..100 {
        sent += fail(&daemon, sent + 1).await;
    }
    let counts = daemon.counts().await;
    assert_books_balance(&counts);
    assert_eq!(counts["items"]["spans"]["accepted"], 3_600 + 120 + sent * SPANS);
    let alerts = daemon.get("/api/v1/alerts").await;
    let of_outage = |alert: &&Value| alert["dedup_key"] == page["dedup_key"];
    let outage = alerts["alerts"].as_array().unwrap().iter().find(of_outage).unwrap();
    assert_eq!(outage["state"], "open", "{outage}");
    for post in world.sink.heard() {
        assert_eq!(post.body["transition"], "escalate", "{}", post.body);
    }
}

/// One request of right now that fails.
async fn fail(daemon: &Daemon, number: u64) -> u64 {
    let failed = request(number, wall_ns(), None);
    send(daemon, &failed.replace("\"kind\":2", "\"kind\":2,\"status\":{\"code\":2}")).await;
    1
}
