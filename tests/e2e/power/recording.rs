//! A daemon's lives under the shim that notes what it does to its files, with one sender that waits for each answer: so
//! it is known for every place in the log what had been acknowledged, and who had been paged.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::disk::{self, Note};
use crate::kills::next;
use crate::program::{Life, PATIENCE, Scratch};
use crate::sink::{Sink, spans, wall_s};

/// Spans of a usual request, of which the first fails.
const SPANS: u64 = 10;
/// Of one in twelve, all with names of their own: they fill SQLite's log, so that it is written back.
const SPANS_MANY: u64 = 500;
/// One request of so many has a host in trouble.
const TROUBLE_EACH: usize = 4;

/// The requests of each life, and how that ends.
const LIVES: [(usize, End); 4] =
    [(14, End::Stop), (10, End::Kill), (14, End::KillAfterFault), (8, End::Stop)];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// In order.
    Stop,
    Kill,
    /// Writes fail meanwhile, so the state is put into a file of its own.
    KillAfterFault,
}

/// One request, and the lengths of the log when it was sent first and when it was acknowledged.
pub struct Sent {
    pub body: String,
    pub spans: u64,
    pub host: Option<String>,
    pub begun: u64,
    pub acknowledged: u64,
}

/// That somebody was told of an alert, and between which lengths of the log.
pub struct Told {
    pub labels: String,
    pub key: String,
    pub after: u64,
    pub before: u64,
}

pub struct Recording {
    pub notes: Vec<Note>,
    pub sent: Vec<Sent>,
    pub told: Vec<Told>,
    pub begun: Instant,
}

/// Where a recording is made.
pub struct Studio<'s> {
    pub scratch: &'s Scratch,
    pub config: &'s Path,
    pub client: &'s reqwest::Client,
    /// Notes, and failures.
    pub shims: (PathBuf, PathBuf),
}

impl Studio<'_> {
    pub async fn record(&self, sink: &mut Sink, chance: &mut u64) -> Recording {
        let begun = Instant::now();
        let _of_before = (std::fs::remove_dir_all(self.folder()), std::fs::remove_file(self.log()));
        let (mut sent, mut told, mut heard_at) = (Vec::new(), Vec::new(), 0);
        for (requests, end) in LIVES {
            let life = self.start(end, chance).await;
            for number in 0..requests {
                if number == requests / 2 {
                    reload(self.client, &life.1).await;
                }
                sent.push(self.send(&life.1, sent.len()).await);
                heard_at = self.hear(sink, heard_at, &mut told);
            }
            self.end(life.0, end).await;
            heard_at = self.hear(sink, heard_at, &mut told);
            self.assert_nothing_escaped();
        }
        Recording { notes: disk::read(&self.log()), sent, told, begun }
    }

    fn folder(&self) -> PathBuf {
        self.scratch.path("recorded")
    }

    fn log(&self) -> PathBuf {
        self.scratch.path("log")
    }

    fn length(&self) -> u64 {
        std::fs::metadata(self.log()).map_or(0, |log| log.len())
    }

    async fn start(&self, end: End, chance: &mut u64) -> (Life, Value) {
        let shims = [&self.shims.0, &self.shims.1].map(|shim| shim.to_str().unwrap()).join(":");
        let fault = match end {
            End::KillAfterFault => format!("EIO {} 3", 20 + next(chance) % 40),
            End::Stop | End::Kill => String::new(),
        };
        let (folder, log) = (self.folder(), self.log());
        let env: [(&str, &OsStr); 5] = [
            ("LD_PRELOAD", shims.as_ref()),
            ("EVENKEEL_FAULT", fault.as_ref()),
            ("EVENKEEL_POWER_FOLDER", folder.as_ref()),
            ("EVENKEEL_POWER_LOG", log.as_ref()),
            ("EVENKEEL_DATA_DIR", folder.as_ref()),
        ];
        let args = ["run".as_ref(), "-c".as_ref(), self.config.as_os_str()];
        let mut life = Life::begin(self.scratch, args, &env);
        match life.ready().await {
            Ok(ready) => (life, ready),
            Err(ended) => panic!("it ended by itself, {ended}: {}", life.said()),
        }
    }

    async fn end(&self, mut life: Life, end: End) {
        if end == End::Stop {
            life.signal("TERM");
            assert_eq!(life.ended().await.code(), Some(0), "{}", life.said());
        }
    }

    async fn send(&self, ready: &Value, number: usize) -> Sent {
        let (body, spans, host) = request(number);
        let (begun, began) = (self.length(), Instant::now());
        while post(self.client, ready, &body).await != 200 {
            assert!(began.elapsed() < PATIENCE, "it does not heal");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Sent { body, spans, host, begun, acknowledged: self.length() }
    }

    /// The length by which everything was heard.
    fn hear(&self, sink: &mut Sink, after: u64, told: &mut Vec<Told>) -> u64 {
        let before = self.length();
        told.extend(sink.heard().into_iter().map(|post| {
            let (labels, key) = of_page(&post.body);
            Told { labels, key, after, before: self.length() }
        }));
        before
    }

    /// Every change has been noted, or what the notes make is not what is there.
    fn assert_nothing_escaped(&self) {
        let made = disk::as_seen(&disk::read(&self.log()));
        for entry in std::fs::read_dir(self.folder()).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            // Room that is set aside has no bytes that anybody reads.
            if !name.ends_with("-shm") && name != "reserve" {
                let is_same = made.get(&name) == Some(&std::fs::read(entry.path()).unwrap());
                assert!(is_same, "something that changes {name} was not noted");
            }
        }
        let gone = made.keys().find(|name| *name != "reserve" && !self.folder().join(name).exists());
        assert_eq!(gone, None, "its end was not noted");
    }
}

/// What an alert is told apart by, and the key it has.
pub fn of_page(body: &Value) -> (String, String) {
    (body["alert"]["labels"].to_string(), body["dedup_key"].as_str().unwrap().to_owned())
}

pub async fn post(client: &reqwest::Client, ready: &Value, body: &str) -> u16 {
    let url = format!("http://{}/v1/traces", ready["otlp_http"].as_str().unwrap());
    let post = client.post(url).header("content-type", "application/json").body(body.to_owned());
    post.timeout(PATIENCE).send().await.unwrap().status().as_u16()
}

/// The same configuration, and an image.
async fn reload(client: &reqwest::Client, ready: &Value) {
    let url = format!("http://{}/api/v1/reload", ready["http"].as_str().unwrap());
    assert_eq!(client.post(url).send().await.unwrap().status(), 200);
}

/// First an outage that pages, then requests of another service.
fn request(number: usize) -> (String, u64, Option<String>) {
    let now = wall_s();
    match number {
        0 => return (spans(now - 4_100..now - 500, false), 3_600, None),
        1 => return (spans(now - 500..now - 380, true), 120, None),
        _ => {}
    }
    let host = number.is_multiple_of(TROUBLE_EACH).then(|| format!("h-{number}"));
    let count = if number % 12 == 3 { SPANS_MANY } else { SPANS };
    let span = |span: u64| {
        let id = (number as u64) << 32 | (span + 1);
        let mut one = json!({
            "traceId": format!("{id:032x}"), "spanId": format!("{id:016x}"), "kind": 2,
            "name": if count == SPANS { "GET /".to_owned() } else { format!("GET /{:0200}", id) },
            "startTimeUnixNano": format!("{}", now * 1_000_000_000 - 1_000_000),
            "endTimeUnixNano": format!("{}", now * 1_000_000_000),
            "status": {"code": if span == 0 || count == SPANS_MANY { 2 } else { 0 }},
        });
        if let (0, Some(host)) = (span, &host) {
            one["attributes"] = json!([{"key": "host.name", "value": {"stringValue": host}}]);
        }
        one
    };
    let all: Vec<Value> = (0..count).map(span).collect();
    let body = json!({"resourceSpans": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "till"}}]},
        "scopeSpans": [{"spans": all}],
    }]});
    (body.to_string(), count, host)
}
